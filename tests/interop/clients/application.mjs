// What every application around the TypeScript SDK has to bring along: where credentials are kept (in memory here),
// a browser, a callback address, and, for these tests, the loop that suite/client.py describes.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const CALLBACK_TIMEOUT = 30_000; // milliseconds

export const options = JSON.parse(process.env.INTEROP_OPTIONS ?? '{}');

/** The `OAuthClientProvider` of both SDKs. */
export class Application {
  #callbacks = [];
  #waiting = null;

  static async create(name) {
    const application = new Application();
    application.name = name;
    application.server = createServer((request, response) => application.#answered(request, response));
    application.server.listen(0, '127.0.0.1');
    await once(application.server, 'listening');
    application.redirectUrl = `http://127.0.0.1:${application.server.address().port}/callback`;
    return application;
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
    if (options.forgetRefreshTokens) delete tokens.refresh_token;
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
    this.#callbacks = [];
    spawn(process.env.BROWSER, [url.href], { stdio: 'ignore' });
  }

  #answered(request, response) {
    const params = new URL(request.url, this.redirectUrl).searchParams;
    // A browser may still be looking for an application that had this port before.
    if (params.get('state') !== this.expectedState) return response.writeHead(400).end();
    response.end('You can close this window.');
    this.#callbacks.push(params);
    this.#waiting?.();
  }

  /** What the browser came back with. */
  async answer() {
    if (!this.#callbacks.length) {
      await new Promise((resolve, reject) => {
        this.#waiting = resolve;
        setTimeout(() => reject(new Error('the browser did not come back')), CALLBACK_TIMEOUT).unref();
      });
    }
    const params = this.#callbacks.shift();
    if (params.has('error')) throw new Error(`the login ended with ${params.get('error')}`);
    return params;
  }
}

/** Answers each line of the standard input. */
export async function serve(steps) {
  for await (const line of createInterface({ input: process.stdin })) {
    const order = JSON.parse(line);
    let answer;
    try {
      answer = { ok: true, ...(await steps[order.do](order)) };
    } catch (error) {
      answer = { ok: false, error: `${error.name}: ${error.message}` };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  process.exit(0);
}

/** Does it; where the SDK sent the browser off, waits for it to come back, hands the answer over, and does it again. */
export async function withLogin(application, UnauthorizedError, attempt, finish) {
  try {
    return await attempt();
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
    await finish(await application.answer());
    return await attempt();
  }
}

export function contentOf(result) {
  if (result.isError) throw new Error(`the tool failed: ${JSON.stringify(result.content)}`);
  return { content: result.structuredContent };
}
