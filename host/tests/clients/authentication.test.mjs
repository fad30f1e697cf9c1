// auth0 4's AuthenticationClient (auth0 7 offers it as `auth0/legacy`): logins
// without a browser, and what the tenant would send by mail.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { AuthenticationClient, UserInfoClient } from 'auth0-v4';

import { app, claims, database, domain, https, password, reader, sent, someone, web } from './tenant.mjs';

const { database: accounts, oauth, passwordless } = new AuthenticationClient({ domain, ...web });
const invalidGrant = { name: 'AuthApiError', statusCode: 403, error: 'invalid_grant' };
const realm = { realm: database, scope: 'openid profile email' };

/** Somebody who signed up just now. */
async function signedUp() {
  const email = someone();
  const { data } = await accounts.signUp({ connection: database, email, password });
  return { email, id: data.id };
}

test('a code that was sent to an address logs its reader in, once', async () => {
  const email = someone();
  assert.equal((await passwordless.sendEmail({ email, send: 'code' })).status, 200);
  const { code, connection } = await sent(email, 'code');
  assert.equal(connection, 'email');
  assert.match(code, /^\d{6}$/);
  const wrong = code === '000000' ? '000001' : '000000';
  await assert.rejects(passwordless.loginWithEmail({ email, code: wrong }), invalidGrant);
  // The client checks issuer, audience, times and signature of the ID token.
  const { data } = await passwordless.loginWithEmail({ email, code, scope: 'openid email' });
  const { sub, ...rest } = claims(data.id_token);
  assert.match(sub, /^email\|/);
  assert.deepEqual([rest.email, rest.email_verified], [email, true]);
  await assert.rejects(passwordless.loginWithEmail({ email, code }), invalidGrant);
});

test('a link is sent to an address where a link is asked for', async () => {
  const email = someone();
  const authParams = { redirect_uri: `${app}/callback`, response_type: 'code', scope: 'openid' };
  await passwordless.sendEmail({ email, send: 'link', authParams });
  const { link } = await sent(email, 'link');
  assert.equal(new URL(link).origin, https);
});

test('who signs up may log in, and is not verified', async () => {
  const { email, id } = await signedUp();
  const { data } = await oauth.passwordGrant({ username: email, password, ...realm });
  const token = claims(data.id_token);
  assert.equal(token.sub, `auth0|${id}`);
  assert.deepEqual([token.email, token.email_verified], [email, false]);
  assert.equal(data.token_type, 'Bearer');
  assert.equal((await new UserInfoClient({ domain }).getUserInfo(data.access_token)).data.sub, token.sub);
});

test('nobody signs up twice', async () => {
  const { email } = await signedUp();
  await assert.rejects(accounts.signUp({ connection: database, email, password }), {
    name: 'AuthApiError',
    statusCode: 400,
    error: /^(invalid_signup|user_exists)$/,
  });
});

test('a password that was forgotten is reset by mail', async () => {
  const { email } = await signedUp();
  const { status, data } = await accounts.changePassword({ connection: database, email });
  assert.equal(status, 200);
  assert.equal(data, "We've just sent you an email to reset your password.");
  assert.equal(new URL((await sent(email, 'reset')).link).origin, https);
  const nobody = await accounts.changePassword({ connection: database, email: someone() });
  assert.equal(nobody.data, data, 'who has no account is told the same');
});

test('a wrong password is refused, in the words for a wrong address', async () => {
  const { email } = await signedUp();
  for (const login of [{ username: email, password: 'wrong' }, { username: someone(), password }]) {
    await assert.rejects(oauth.passwordGrant({ ...login, ...realm }), {
      ...invalidGrant,
      error_description: 'Wrong email or password.',
    });
  }
});

test('a refresh token is worth new tokens, to its own client', async () => {
  const { email } = await signedUp();
  const first = await oauth.passwordGrant({ username: email, password, ...realm, scope: 'openid offline_access' });
  const { refresh_token } = first.data;
  const other = new AuthenticationClient({ domain, ...reader });
  await assert.rejects(other.oauth.refreshTokenGrant({ refresh_token }), { name: 'AuthApiError' });
  const { data } = await oauth.refreshTokenGrant({ refresh_token });
  assert.equal(claims(data.id_token).sub, claims(first.data.id_token).sub);
  assert.ok(data.access_token && data.expires_in > 0);
  await assert.rejects(oauth.refreshTokenGrant({ refresh_token: 'none' }), invalidGrant);
});

test('without offline_access there is no refresh token', async () => {
  const { email } = await signedUp();
  assert.equal((await oauth.passwordGrant({ username: email, password, ...realm })).data.refresh_token, undefined);
});

test('a token of the Management API says whose it is and what it may', async () => {
  const audience = `${https}/api/v2/`;
  const { data } = await oauth.clientCredentialsGrant({ audience });
  const token = claims(data.access_token);
  assert.deepEqual(
    [token.iss, token.aud, token.sub, token.azp, token.gty],
    [`${https}/`, audience, 'web@clients', 'web', 'client-credentials'],
  );
  assert.deepEqual(token.scope.split(' ').sort(), ['create:users', 'delete:users', 'read:users', 'update:users']);
});

test('a client with a wrong secret gets nothing', async () => {
  const stranger = new AuthenticationClient({ domain, clientId: 'web', clientSecret: 'another secret' });
  await assert.rejects(stranger.oauth.clientCredentialsGrant({ audience: `${https}/api/v2/` }), {
    name: 'AuthApiError',
    statusCode: 401,
  });
});

test('a bad access token says nothing about anybody', async () => {
  await assert.rejects(new UserInfoClient({ domain }).getUserInfo('no.such.token'), { statusCode: 401 });
});
