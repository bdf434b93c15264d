// A minimal OAuth client for the page checks: registration, a redirect URI and PKCE.

import { createHash, randomBytes } from 'node:crypto';
import { startRedirectServer } from '../clients/redirect_server.mjs';

const base64url = (bytes) => bytes.toString('base64url');

export class OAuthClient {
  /** Query parameters of each authorization response, oldest first. */
  responses = [];

  /** Registers a client. `redirectUri` replaces the address of a server on loopback. */
  static async register(authUrl, resource, name, redirectUri = null) {
    const client = new OAuthClient();
    Object.assign(client, { authUrl, resource });
    Object.assign(client, await startRedirectServer((url, response) => {
      // Chromium also requests an icon.
      if (url.pathname !== '/callback') return response.writeHead(204).end();
      client.responses.push(Object.fromEntries(url.searchParams));
      response.setHeader('content-type', 'text/html');
      response.end('<!doctype html><html lang="en"><title>Application</title><h1>Application</h1></html>');
    }));
    client.redirectUri = redirectUri ?? client.redirectUri;
    const response = await fetch(`${authUrl}/oauth/2.1/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        client_name: name,
        redirect_uris: [client.redirectUri],
        token_endpoint_auth_method: 'none',
      }),
    });
    client.clientId = (await response.json()).client_id;
    return client;
  }

  /** Starts a new login and returns the authorization URL. */
  authorizationUrl(scopes, extraParameters = {}) {
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
      ...extraParameters,
    });
    return `${this.authUrl}/oauth/2.1/authorize?${query}`;
  }

  /** Redeems the code of the latest authorization response. Returns the token's scopes, sorted, or the error. */
  async grantedScopes() {
    const response = await fetch(`${this.authUrl}/oauth/2.1/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        code: this.responses.at(-1)?.code ?? '',
        redirect_uri: this.redirectUri,
        code_verifier: this.verifier,
        client_id: this.clientId,
        resource: this.resource,
      }),
    });
    const document = await response.json();
    return response.status === 200 ? document.scope.split(' ').sort() : { status: response.status, ...document };
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}
