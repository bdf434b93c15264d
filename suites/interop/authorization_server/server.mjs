// An authorization server: `oidc-provider` with dynamic registration, resource indicators, introspection, and a login and
// a consent page like those of the development tenant, so that `scripted_browser.py` and `chromium/log_in.mjs` use both.
//
//   server.mjs FORMAT   FORMAT of the access tokens: `opaque`, or `jwt` (RFC 9068)
//
// It prints its issuer. `POST /test/revoke` revokes every token that it has issued.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const CLIENT = { id: 'mcp server', secret: 'secret: 100%+' };
const PERSON = 'harriet';
const SCOPES = ['employees:read', 'handbook:read', 'handbook:write', 'payroll:read'];

const [, , format] = process.argv;
const server = createServer();
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const key = { ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig', kid: randomBytes(8).toString('hex') };
const grants = new Set();

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: CLIENT.id,
      client_secret: CLIENT.secret,
      grant_types: [],
      redirect_uris: [],
      response_types: [],
    },
  ],
  clientDefaults: { id_token_signed_response_alg: 'ES256' },
  cookies: { keys: [randomBytes(16).toString('hex')] },
  features: {
    devInteractions: { enabled: false },
    introspection: {
      enabled: true,
      // The default lets a client introspect only its own opaque tokens.
      allowedPolicy: (ctx, client) => client.clientId === CLIENT.id,
    },
    registration: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (ctx, resource) => ({
        scope: SCOPES.join(' '),
        audience: resource,
        accessTokenFormat: format,
        accessTokenTTL: 300,
        jwt: { sign: { alg: 'ES256' } },
      }),
      useGrantedResource: () => true,
    },
  },
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  extraTokenClaims: () => ({ tenant: 'sample', department: 'HR' }),
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  issueRefreshToken: () => true,
  jwks: { keys: [key] },
  // Every login has a consent page, so that a client can request more scopes.
  loadExistingGrant: ({ oidc }) => oidc.result?.consent && oidc.provider.Grant.find(oidc.result.consent.grantId),
  pkce: { required: () => true },
  scopes: ['openid', 'offline_access', ...SCOPES],
});

const page = (title, form) => `<!doctype html><html lang="en"><title>${title}</title><h1>${title}</h1>${form}</html>`;

async function readForm(request) {
  let body = '';
  for await (const chunk of request) body += chunk;
  return new URLSearchParams(body);
}

/** Shows the page of an interaction, or finishes it with the choices of its form. */
async function interact(request, response) {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (request.method === 'GET') {
    const requested = (params.scope ?? '').split(' ').filter((scope) => SCOPES.includes(scope));
    const boxes = requested.map((scope) => `<input type="checkbox" name="scope" value="${scope}" checked>${scope}`);
    const form =
      prompt.name === 'login'
        ? page('Log in', `<form method="post" action=""><button name="person" value="${PERSON}">Harriet</button></form>`)
        : page(
            'Allow access',
            `<form method="post" action="">${boxes.join('')}<button name="decision" value="allow">Allow</button></form>`,
          );
    response.setHeader('content-type', 'text/html');
    return response.end(form);
  }
  const form = await readForm(request);
  if (prompt.name === 'login') {
    return provider.interactionFinished(request, response, { login: { accountId: form.get('person') } });
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  const { missingOIDCScope = [], missingResourceScopes = {} } = prompt.details;
  const granted = form.getAll('scope');
  // Scopes of resources are also scopes of the provider.
  const oidc = missingOIDCScope.filter((scope) => !SCOPES.includes(scope) || granted.includes(scope));
  grant.addOIDCScope(oidc.join(' '));
  grant.rejectOIDCScope(missingOIDCScope.filter((scope) => !oidc.includes(scope)).join(' '));
  for (const [resource, scopes] of Object.entries(missingResourceScopes)) {
    grant.addResourceScope(resource, scopes.filter((scope) => granted.includes(scope)).join(' '));
    grant.rejectResourceScope(resource, scopes.filter((scope) => !granted.includes(scope)).join(' '));
  }
  const grantId = await grant.save();
  grants.add(grantId);
  return provider.interactionFinished(request, response, { consent: { grantId } });
}

async function revokeAll(response) {
  for (const id of grants) {
    await Promise.all(
      [provider.AccessToken, provider.RefreshToken].map((token) => token.revokeByGrantId(id)),
    );
  }
  response.end('{}');
}

const callback = provider.callback();
server.on('request', (request, response) => {
  const { pathname } = new URL(request.url, issuer);
  const handled =
    pathname === '/test/revoke'
      ? revokeAll(response)
      : pathname.startsWith('/interaction/')
        ? interact(request, response)
        : callback(request, response);
  Promise.resolve(handled).catch((error) => {
    console.error(error);
    response.writeHead(500).end();
  });
});

provider.on('server_error', (ctx, error) => console.error(error));
console.log(`ISSUER: ${issuer}`);
