// `@modelcontextprotocol/sdk` 1.x

import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Application, contentOf, serve, withLogin } from './application.mjs';

const url = new URL(process.argv[2]);
const application = await Application.create('TypeScript SDK 1.x');
let client, transport;

const finish = (params) => transport.finishAuth(params.get('code'));
const request = (attempt) => withLogin(application, UnauthorizedError, attempt, finish);

await serve({
  async connect() {
    await request(() => {
      transport = new StreamableHTTPClientTransport(url, { authProvider: application });
      client = new Client({ name: 'interop', version: '1.0.0' });
      return client.connect(transport);
    });
    return { protocol: transport.protocolVersion };
  },
  async list() {
    const { tools } = await request(() => client.listTools());
    return { tools: tools.map((tool) => tool.name) };
  },
  async call(order) {
    return contentOf(await request(() => client.callTool({ name: order.tool, arguments: order.arguments })));
  },
});
