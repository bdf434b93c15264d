// `@modelcontextprotocol/client` 2.x

import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';
import { Application, contentOf, options, serve, withLogin } from './application.mjs';

const url = new URL(process.argv[2]);
const application = await Application.create('TypeScript SDK 2.x');
const negotiation = options.negotiation ? { versionNegotiation: { mode: options.negotiation } } : {};
let client, transport;

const finish = (params) => transport.finishAuth(params);
const request = (attempt) => withLogin(application, UnauthorizedError, attempt, finish);

await serve({
  async connect() {
    await request(() => {
      transport = new StreamableHTTPClientTransport(url, { authProvider: application });
      client = new Client({ name: 'interop', version: '1.0.0' }, negotiation);
      return client.connect(transport);
    });
    return { protocol: client.getNegotiatedProtocolVersion() };
  },
  async list() {
    const { tools } = await request(() => client.listTools());
    return { tools: tools.map((tool) => tool.name) };
  },
  async call(order) {
    return contentOf(await request(() => client.callTool({ name: order.tool, arguments: order.arguments })));
  },
});
