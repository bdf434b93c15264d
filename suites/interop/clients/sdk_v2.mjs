// `@modelcontextprotocol/client` 2.x, and `@modelcontextprotocol/ext-tasks` for tasks

import {
  Client,
  StreamableHTTPClientTransport,
  UnauthorizedError,
  UrlElicitationRequiredError,
} from '@modelcontextprotocol/client';
import {
  createApplicationInputHandler,
  createTaskSessionFromClient,
  resultFromTaskOutcome,
} from '@modelcontextprotocol/ext-tasks/client';
import { options, run } from './sdk_client.mjs';

const clientInfo = { name: 'interop', version: '1.0.0' };
const capabilities = { elicitation: { form: {}, url: {} } };
const versionNegotiation = options.versionNegotiation && { mode: options.versionNegotiation };

await run({
  name: 'TypeScript SDK 2.x',
  UnauthorizedError,
  UrlElicitationRequiredError,
  createClient: () => new Client(clientInfo, { capabilities, ...(versionNegotiation && { versionNegotiation }) }),
  createTransport: (url, authProvider) => new StreamableHTTPClientTransport(url, { authProvider }),
  finishAuth: (transport, parameters) => transport.finishAuth(parameters),
  protocolVersion: (client) => client.getNegotiatedProtocolVersion(),
  onQuestion: (client, handler) => client.setRequestHandler('elicitation/create', ({ params }) => handler(params)),
  async subscribe(client, uri) {
    if (client.getProtocolEra() !== 'modern') {
      await client.subscribeResource({ uri });
      return [uri];
    }
    const lists = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true };
    const subscription = await client.listen({ ...lists, resourceSubscriptions: [uri] });
    return subscription.honoredFilter.resourceSubscriptions ?? [];
  },
  async callTask(client, { name, arguments: args }, answerQuestion) {
    const session = createTaskSessionFromClient(client, {
      endpointId: 'interop',
      rawDispatch: rawDispatch(client.transport),
      v2RequestFraming: {
        protocolVersion: client.getNegotiatedProtocolVersion(),
        clientInfo,
        clientCapabilities: capabilities,
      },
      onInputRequest: createApplicationInputHandler({ elicitation: async ({ params }) => answerQuestion(params) }),
    });
    try {
      const execution = await session.callTool(name, args);
      const { outcome } = await execution.settle();
      return { kind: execution.kind, result: resultFromTaskOutcome(outcome) };
    } finally {
      await session.close();
    }
  },
});

/** Returns a function that sends requests past the SDK's client, whose schemas do not have the results of tasks. */
function rawDispatch(transport) {
  const pending = new Map();
  const forward = transport.onmessage;
  transport.onmessage = (message, extra) => {
    const resolve = pending.get(message.id);
    if (!resolve) return forward(message, extra);
    pending.delete(message.id);
    resolve('error' in message ? { kind: 'error', error: message.error } : { kind: 'result', result: message.result });
  };
  return (request) =>
    new Promise((resolve, reject) => {
      const id = crypto.randomUUID();
      pending.set(id, resolve);
      transport.send({ jsonrpc: '2.0', id, ...request }).catch(reject);
    });
}
