// The Management API, with a token of this application itself.
import { clientId, clientSecret, tenant } from './config.mjs';

/** A failure that is explained to the person. */
export class Refused extends Error {}

const path = encodeURIComponent;
let cached;

async function fetchToken() {
  const response = await fetch(`${tenant}/oauth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: clientSecret,
      audience: `${tenant}/api/v2/`,
    }),
  });
  const { access_token, expires_in, error } = await response.json();
  if (!access_token) throw new Error(`the application got no token for the Management API: ${response.status} ${error}`);
  return { token: access_token, until: Date.now() + (expires_in - 60) * 1000 };
}

async function token() {
  if (!cached || cached.until < Date.now()) cached = await fetchToken();
  return cached.token;
}

async function request(method, target, body) {
  const response = await fetch(`${tenant}/api/v2/${target}`, {
    method,
    headers: { authorization: `Bearer ${await token()}`, ...(body && { 'content-type': 'application/json' }) },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  if (response.ok) return text ? JSON.parse(text) : undefined;
  // A token that was revoked is not used again.
  if (response.status === 401) cached = undefined;
  const { errorCode, message } = parse(text);
  if (response.status === 409) throw new Refused('That login belongs to another account already.');
  if (response.status === 429) throw new Refused('Too many requests. Try again in a minute.');
  if (errorCode === 'user_blocked') throw new Refused('One of the accounts is blocked.');
  if (errorCode === 'inexistent_user') throw new Refused('The account does not exist any more.');
  if (errorCode === 'invalid_link_with') {
    throw new Refused('The login to the other account has expired or was used before. Log in to it again.');
  }
  throw new Error(`${method} ${target}: ${response.status} ${message}`);
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

export const userOf = (id) => request('GET', `users/${path(id)}`);
export const writeMetadata = (id, user_metadata) => request('PATCH', `users/${path(id)}`, { user_metadata });
/** Links the account that an ID token of this client proves. */
export const link = (id, link_with) => request('POST', `users/${path(id)}/identities`, { link_with });
export const unlink = (id, { provider, user_id }) =>
  request('DELETE', `users/${path(id)}/identities/${path(provider)}/${path(user_id)}`);

/** Other users who have verified the same address. */
export async function sameAddress({ user_id, email, email_verified }) {
  if (!email || email_verified !== true) return [];
  const quoted = (text) => `"${text.replace(/["\\]/g, '\\$&')}"`;
  const q = `email:${quoted(email)} AND email_verified:true -user_id:${quoted(user_id)}`;
  return request('GET', `users?${new URLSearchParams({ search_engine: 'v3', q })}`);
}
