// `@modelcontextprotocol/client` 2.x

import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';
import { options, run } from './sdk_client.mjs';

const clientOptions = options.versionNegotiation ? { versionNegotiation: { mode: options.versionNegotiation } } : {};

await run({
  name: 'TypeScript SDK 2.x',
  UnauthorizedError,
  createClient: () => new Client({ name: 'interop', version: '1.0.0' }, clientOptions),
  createTransport: (url, authProvider) => new StreamableHTTPClientTransport(url, { authProvider }),
  finishAuth: (transport, parameters) => transport.finishAuth(parameters),
  protocolVersion: (client) => client.getNegotiatedProtocolVersion(),
});
