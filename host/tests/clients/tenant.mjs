// Where the tenants are that host/tests/clients/main.rs started, and who is in them.
import { randomBytes } from 'node:crypto';

const address = (name) => {
  const url = process.env[name];
  if (!url) throw new Error(`${name} is not set: these files are run by host/tests/clients/main.rs`);
  return new URL(url);
};

export const http = address('LIGATURE_HTTP').origin;
export const https = address('LIGATURE_HTTPS').origin;
/** What the SDKs call `domain`: they put https:// before it themselves. */
export const domain = address('LIGATURE_HTTPS').host;
/** A second tenant, whose Management API allows one request a second. */
export const narrow = address('LIGATURE_NARROW').host;
/** Where the tenants let an application be. */
export const app = address('LIGATURE_APP').origin;

export const database = 'Username-Password-Authentication';
export const password = 'correct horse battery';
export const web = { clientId: 'web', clientSecret: 'the secret of the web application' };
export const reader = { clientId: 'reader', clientSecret: 'the secret of the reader' };

/** An address that no user has. */
export const someone = () => `someone+${randomBytes(6).toString('hex')}@example.com`;

/** The claims of a token, unverified. */
export const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());

/** The ID token of a user of the database, as this client gets it. */
export async function idToken(email, { clientId, clientSecret }) {
  const response = await fetch(`${https}/oauth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      grant_type: 'http://auth0.com/oauth/grant-type/password-realm',
      client_id: clientId,
      client_secret: clientSecret,
      username: email,
      password,
      realm: database,
      scope: 'openid email',
    }),
  });
  const body = await response.json();
  if (!body.id_token) throw new Error(`no ID token: ${response.status} ${JSON.stringify(body)}`);
  return body.id_token;
}

/** The newest thing that the tenant sent to this address. */
export async function sent(to, kind) {
  const outbox = await (await fetch(`${https}/dev/outbox`)).json();
  const found = outbox.find((message) => message.to === to && message.kind === kind);
  if (!found) throw new Error(`no ${kind} was sent to ${to}: ${JSON.stringify(outbox)}`);
  return found;
}
