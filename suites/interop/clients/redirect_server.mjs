// An HTTP server on a free loopback port for an OAuth client's redirect URI (RFC 8252, section 7.3).

import { once } from 'node:events';
import { createServer } from 'node:http';

/** Calls `handle` with the URL of each request and the response to write. */
export async function startRedirectServer(handle) {
  const server = createServer((request, response) => handle(new URL(request.url, redirectUri), response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const redirectUri = `http://127.0.0.1:${server.address().port}/callback`;
  return { server, redirectUri };
}
