// The program around a TypeScript SDK: runs the commands that suite/clients.py describes.

import { createInterface } from 'node:readline';
import { OAuthProvider } from './oauth_provider.mjs';

export const options = JSON.parse(process.env.INTEROP_OPTIONS ?? '{}');

/**
 * Runs the commands with one major version of the SDK.
 *
 * `createClient()` and `createTransport(url, authProvider)` make a new connection, `finishAuth(transport, parameters)`
 * passes the authorization response to the SDK, and `protocolVersion(client, transport)` returns the negotiated
 * version.
 */
export async function run({ name, UnauthorizedError, createClient, createTransport, finishAuth, protocolVersion }) {
  const url = new URL(process.argv[2]);
  const provider = await OAuthProvider.create(name, options.discardRefreshTokens);
  let client, transport;

  /** Makes a request. If the SDK opened the browser, finishes the login and repeats the request. */
  async function withLogin(request) {
    try {
      return await request();
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) throw error;
      await finishAuth(transport, await provider.authorizationResponse());
      return await request();
    }
  }

  const commands = {
    async connect() {
      await withLogin(() => {
        transport = createTransport(url, provider);
        client = createClient();
        return client.connect(transport);
      });
      return { protocol_version: protocolVersion(client, transport) };
    },
    async list() {
      const { tools } = await withLogin(() => client.listTools());
      return { tools: tools.map((tool) => tool.name) };
    },
    async call({ tool, arguments: args }) {
      const result = await withLogin(() => client.callTool({ name: tool, arguments: args }));
      if (result.isError) throw new Error(`the tool failed: ${JSON.stringify(result.content)}`);
      return { content: result.structuredContent };
    },
  };

  for await (const line of createInterface({ input: process.stdin })) {
    const message = JSON.parse(line);
    let response;
    try {
      response = { ok: true, ...(await commands[message.command](message)) };
    } catch (error) {
      response = { ok: false, error: `${error.name}: ${error.message}` };
    }
    process.stdout.write(`${JSON.stringify(response)}\n`);
  }
  process.exit(0);
}
