// `@modelcontextprotocol/sdk` 1.x

import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema, UrlElicitationRequiredError } from '@modelcontextprotocol/sdk/types.js';
import { run } from './sdk_client.mjs';

const clientOptions = { capabilities: { elicitation: { form: {}, url: {} } } };

await run({
  name: 'TypeScript SDK 1.x',
  UnauthorizedError,
  UrlElicitationRequiredError,
  createClient: () => new Client({ name: 'interop', version: '1.0.0' }, clientOptions),
  createTransport: (url, authProvider) => new StreamableHTTPClientTransport(url, { authProvider }),
  finishAuth: (transport, parameters) => transport.finishAuth(parameters.get('code')),
  protocolVersion: (_client, transport) => transport.protocolVersion,
  onQuestion: (client, handler) => client.setRequestHandler(ElicitRequestSchema, ({ params }) => handler(params)),
  subscribe: async (client, uri) => {
    await client.subscribeResource({ uri });
    return [uri];
  },
});
