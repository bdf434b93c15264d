// `@modelcontextprotocol/sdk` 1.x

import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { run } from './sdk_client.mjs';

await run({
  name: 'TypeScript SDK 1.x',
  UnauthorizedError,
  createClient: () => new Client({ name: 'interop', version: '1.0.0' }),
  createTransport: (url, authProvider) => new StreamableHTTPClientTransport(url, { authProvider }),
  finishAuth: (transport, parameters) => transport.finishAuth(parameters.get('code')),
  protocolVersion: (_client, transport) => transport.protocolVersion,
});
