// An application that logs people in, reduced to what the pages need: a registration, a callback address, PKCE.

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';

const base64url = (bytes) => bytes.toString('base64url');

export class Application {
  /** What the browser brought back, oldest first. */
  answers = [];

  static async register(authUrl, resource, name) {
    const application = new Application();
    Object.assign(application, { authUrl, resource });
    application.server = createServer((request, response) => {
      const url = new URL(request.url, application.redirectUri);
      // Browsers ask for an icon as well.
      if (url.pathname !== '/callback') return response.writeHead(204).end();
      application.answers.push(Object.fromEntries(url.searchParams));
      response.setHeader('content-type', 'text/html');
      response.end('<!doctype html><html lang="en"><title>Back</title><h1>Back at the application</h1></html>');
    });
    application.server.listen(0, '127.0.0.1');
    await once(application.server, 'listening');
    application.redirectUri = `http://127.0.0.1:${application.server.address().port}/callback`;
    const registered = await fetch(`${authUrl}/oauth/2.1/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        client_name: name,
        redirect_uris: [application.redirectUri],
        token_endpoint_auth_method: 'none',
      }),
    });
    application.clientId = (await registered.json()).client_id;
    return application;
  }

  /** The address that a new login starts at. */
  start(scopes, extra = {}) {
    this.verifier = base64url(randomBytes(32));
    this.state = base64url(randomBytes(12));
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: this.clientId,
      redirect_uri: this.redirectUri,
      code_challenge: base64url(createHash('sha256').update(this.verifier).digest()),
      code_challenge_method: 'S256',
      state: this.state,
      resource: this.resource,
      ...(scopes ? { scope: scopes.join(' ') } : {}),
      ...extra,
    });
    return `${this.authUrl}/oauth/2.1/authorize?${query}`;
  }

  /** Redeems the code of the newest answer: status and document. */
  async redeem() {
    const response = await fetch(`${this.authUrl}/oauth/2.1/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        code: this.answers.at(-1)?.code ?? '',
        redirect_uri: this.redirectUri,
        code_verifier: this.verifier,
        client_id: this.clientId,
        resource: this.resource,
      }),
    });
    return { status: response.status, ...(await response.json()) };
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}
