// A reverse proxy that makes a server advertise other scopes than its own: a baseline for the first login.
//
//     node baseline_proxy.mjs UPSTREAM OPTIONS
//
// UPSTREAM is the URL of the server, and OPTIONS a JSON object: `challenge` are the scopes in the challenge of a 401
// response, and `metadata` those in `scopes_supported` of the protected resource metadata and of the authorization
// server metadata that the server serves. A part that is not given is forwarded unchanged. The proxy prints its URL and
// logs each response as a line of JSON on standard error.

import { once } from 'node:events';
import { createServer, request as sendRequest } from 'node:http';

const upstream = process.argv[2];
const options = JSON.parse(process.argv[3]);

const server = createServer(async (request, response) => {
  const body = await readAll(request);
  const { method, url, headers } = request;
  const forwarded = sendRequest(new URL(url, upstream), { method, headers }, async (incoming) => {
    log(request, body, incoming);
    narrowChallenge(incoming);
    if (incoming.statusCode === 200 && url.startsWith('/.well-known/')) {
      const document = narrowMetadata(await readAll(incoming));
      response.writeHead(200, { ...incoming.headers, 'content-length': document.length }).end(document);
    } else {
      response.writeHead(incoming.statusCode, incoming.headers);
      incoming.pipe(response);
    }
  });
  forwarded.on('error', () => response.destroy());
  // Ends a stream of the server when the client closes it.
  response.on('close', () => forwarded.destroy());
  forwarded.end(body);
});

function narrowChallenge({ statusCode, headers }) {
  if (statusCode !== 401 || !options.challenge || headers['www-authenticate'].includes('error=')) return;
  const unchanged = headers['www-authenticate'].replace(/, scope="[^"]*"/, '');
  headers['www-authenticate'] = `${unchanged}, scope="${options.challenge.join(' ')}"`;
}

function narrowMetadata(body) {
  const document = JSON.parse(body);
  if (options.metadata) document.scopes_supported = options.metadata;
  return Buffer.from(JSON.stringify(document));
}

function log({ method, url }, body, { statusCode, headers }) {
  const message = method === 'POST' && body.length ? JSON.parse(body) : {};
  const record = { method, url, rpc: message.method, tool: message.params?.name, status: statusCode };
  console.error(JSON.stringify({ ...record, challenge: headers['www-authenticate'] }));
}

async function readAll(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

server.listen(0, '127.0.0.1');
await once(server, 'listening');
console.log(`http://127.0.0.1:${server.address().port}`);
