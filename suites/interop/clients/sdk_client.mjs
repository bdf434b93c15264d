// The program around a TypeScript SDK: runs the commands that suite/clients.py describes.

import { createInterface } from 'node:readline';
import { OAuthProvider, openBrowser } from './oauth_provider.mjs';

/** Notifications about lists and resources that the server has sent. */
class Notifications {
  #received = [];
  #notify = () => {};

  add({ method, params }) {
    if (!/list_changed$|resources\/updated$/.test(method)) return;
    this.#received.push({ method, uri: params?.uri });
    this.#notify();
  }

  /** Waits for this number of notifications and removes them. */
  async take(count) {
    while (this.#received.length < count) await new Promise((resolve) => (this.#notify = resolve));
    return this.#received.splice(0, count);
  }
}

export const options = JSON.parse(process.env.INTEROP_OPTIONS ?? '{}');

/**
 * Runs the commands with one major version of the SDK.
 *
 * `createClient()` and `createTransport(url, authProvider)` make a new connection, `finishAuth(transport, parameters)`
 * passes the authorization response to the SDK, and `protocolVersion(client, transport)` returns the negotiated
 * version. `onQuestion(client, handler)` sets the handler of `elicitation/create`. `subscribe(client, uri)` subscribes
 * to a resource and to the lists, and returns the URIs that the server accepted. `callTask(client, params, handler)`
 * calls a tool as a task.
 */
export async function run(sdk) {
  const { name, UnauthorizedError, createClient, createTransport, finishAuth, protocolVersion } = sdk;
  const url = new URL(process.argv[2]);
  const provider = await OAuthProvider.create(name, options.discardRefreshTokens);
  const notifications = new Notifications();
  let client, transport;
  let answer, asked;

  /** Opens a URL in the browser. Fills in a form with the answer of the current command, or declines it. */
  function answerQuestion({ message, mode, url }) {
    asked.push(message);
    if (mode === 'url') {
      openBrowser(url);
      return { action: 'accept' };
    }
    return answer ? { action: 'accept', content: answer } : { action: 'decline' };
  }

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
        sdk.onQuestion(client, answerQuestion);
        client.fallbackNotificationHandler = async (notification) => notifications.add(notification);
        return client.connect(transport);
      });
      return { protocol_version: protocolVersion(client, transport) };
    },
    async list() {
      const { tools } = await withLogin(() => client.listTools());
      return { tools: tools.map((tool) => tool.name) };
    },
    async call({ tool, arguments: args, answer: newAnswer }) {
      [answer, asked] = [newAnswer, []];
      const call = () => withLogin(() => client.callTool({ name: tool, arguments: args }));
      const result = await call().catch((error) => {
        // The error with which 2025-11-25 requests URLs to open.
        if (!(error instanceof sdk.UrlElicitationRequiredError)) throw error;
        error.elicitations.forEach(answerQuestion);
        return call();
      });
      if (result.isError) throw new Error(`the tool failed: ${JSON.stringify(result.content)}`);
      return { content: result.structuredContent, asked };
    },
    async call_task({ tool, arguments: args, answer: newAnswer }) {
      [answer, asked] = [newAnswer, []];
      const { kind, result } = await sdk.callTask(client, { name: tool, arguments: args }, answerQuestion);
      if (result.isError) throw new Error(`the tool failed: ${JSON.stringify(result.content)}`);
      return { kind, content: result.structuredContent, asked };
    },
    async list_resources() {
      const { resources } = await withLogin(() => client.listResources());
      const { resourceTemplates } = await withLogin(() => client.listResourceTemplates());
      return {
        resources: resources.map((resource) => resource.uri),
        templates: resourceTemplates.map((template) => template.uriTemplate),
      };
    },
    async read({ uri }) {
      const { contents } = await withLogin(() => client.readResource({ uri }));
      const [{ text, blob, mimeType }] = contents;
      return { text, blob, mime_type: mimeType };
    },
    async list_prompts() {
      const { prompts } = await withLogin(() => client.listPrompts());
      return { prompts: prompts.map((prompt) => prompt.name) };
    },
    async get_prompt({ prompt, arguments: args }) {
      const { messages } = await withLogin(() => client.getPrompt({ name: prompt, arguments: args }));
      return { messages: messages.map((message) => message.content.text) };
    },
    async complete({ prompt, template, argument, value }) {
      const ref = prompt ? { type: 'ref/prompt', name: prompt } : { type: 'ref/resource', uri: template };
      const { completion } = await withLogin(() => client.complete({ ref, argument: { name: argument, value } }));
      return { values: completion.values };
    },
    async subscribe({ uri }) {
      return { accepted: await sdk.subscribe(client, uri) };
    },
    async receive_notifications({ count }) {
      return { notifications: await notifications.take(count) };
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
