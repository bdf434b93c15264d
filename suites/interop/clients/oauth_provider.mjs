// The part of an OAuth client that both TypeScript SDKs leave to the application.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { startRedirectServer } from './redirect_server.mjs';

const REDIRECT_TIMEOUT = 30_000; // milliseconds

export function openBrowser(url) {
  spawn(process.env.BROWSER, [url], { stdio: 'ignore' });
}

/** An `OAuthClientProvider` of both SDKs that keeps its credentials in memory and opens the `BROWSER`. */
export class OAuthProvider {
  #responses = [];
  #notify = null;

  static async create(name, discardRefreshTokens = false) {
    const provider = new OAuthProvider();
    Object.assign(provider, { name, discardRefreshTokens });
    const { redirectUri } = await startRedirectServer((url, response) => provider.#receive(url.searchParams, response));
    provider.redirectUrl = redirectUri;
    return provider;
  }

  get clientMetadata() {
    return {
      client_name: this.name,
      redirect_uris: [this.redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    };
  }

  state() {
    return (this.expectedState = randomBytes(16).toString('hex'));
  }

  clientInformation() {
    return this.information;
  }

  saveClientInformation(information) {
    this.information = information;
  }

  tokens() {
    return this.savedTokens;
  }

  saveTokens(tokens) {
    if (this.discardRefreshTokens) delete tokens.refresh_token;
    this.savedTokens = tokens;
  }

  saveCodeVerifier(verifier) {
    this.verifier = verifier;
  }

  codeVerifier() {
    return this.verifier;
  }

  discoveryState() {
    return this.discovered;
  }

  saveDiscoveryState(state) {
    this.discovered = state;
  }

  redirectToAuthorization(url) {
    this.#responses = [];
    openBrowser(url.href);
  }

  #receive(parameters, response) {
    // The browser of an earlier client may still retry a redirect URI with this port.
    if (parameters.get('state') !== this.expectedState) return response.writeHead(400).end();
    response.end('You can close this window.');
    this.#responses.push(parameters);
    this.#notify?.();
  }

  /** Waits for the authorization response and returns its query parameters. */
  async authorizationResponse() {
    if (!this.#responses.length) {
      await new Promise((resolve, reject) => {
        this.#notify = resolve;
        setTimeout(() => reject(new Error('the browser did not open the redirect URI')), REDIRECT_TIMEOUT).unref();
      });
    }
    const parameters = this.#responses.shift();
    if (parameters.has('error')) throw new Error(`the login ended with the error ${parameters.get('error')}`);
    return parameters;
  }
}
