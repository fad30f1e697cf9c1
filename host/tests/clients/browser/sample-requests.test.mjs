// The requests of Auth0's sample of linked accounts, with its version of auth0-spa-js:
// sample.test.mjs runs the sample itself, if there is a checkout of it.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';

import { app, browsing, choose, claims, http, logIn } from './harness.mjs';

const CALLBACKS = ['/callback', '/link/callback'];
const posted = [];

/** The callbacks of the web application, to which the tenant posts a form. */
async function callbacks(request, response, next) {
  if (request.method !== 'POST' || !CALLBACKS.includes(request.url)) return next();
  posted.push({ path: request.url, ...Object.fromEntries(new URLSearchParams(await text(request))) });
  response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Back</title><p>Back</p>');
}

const visit = browsing({ middleware: callbacks });

test('the requests of the single-page application', visit(async ({ page }) => {
  await page.goto(app);
  await page.evaluate(() => void window.client.loginWithRedirect({ redirect_uri: window.location.origin }));
  await logIn(page);
  await page.waitForURL(`${app}/?code=*`);
  await page.evaluate(() => window.client.handleRedirectCallback());
  // By the session of the tenant, in a frame.
  assert.ok(await page.evaluate(() => window.client.getTokenSilently({ ignoreCache: true })));

  const opened = page.waitForEvent('popup');
  const authenticated = page.evaluate(() => window.authenticate());
  const popup = await opened;
  await popup.getByRole('link', { name: 'Continue with Google' }).click();
  await choose(popup, 'Emmy Noether');
  const { __raw: token, email_verified: verified, email } = await authenticated;
  assert.deepEqual([verified, email], [true, 'emmy@example.com']);

  const identities = (method, path, body) =>
    page.evaluate(
      async ([method, path, body]) => {
        const [token, { sub }] = [await window.client.getTokenSilently(), await window.client.getUser()];
        const headers = { Authorization: `Bearer ${token}`, ...(body && { 'Content-Type': 'application/json' }) };
        const response = await fetch(`https://${window.domain}/api/v2/users/${sub}${path}`, { method, headers, body });
        const answer = await response.json();
        return [response.status, (answer.identities ?? answer).map((it) => `${it.provider}|${it.user_id}`)];
      },
      [method, path, body && JSON.stringify(body)],
    );
  const both = ['auth0|ada', 'google-oauth2|1815'];
  assert.deepEqual(await identities('POST', '/identities', { link_with: token }), [201, both]);
  assert.deepEqual(await identities('GET', ''), [200, both]);
  assert.deepEqual(await identities('DELETE', '/identities/google-oauth2/1815'), [200, ['auth0|ada']]);

  await page.evaluate(() => void window.client.logout({ returnTo: window.location.origin }));
  await page.waitForURL(`${app}/`);
  const refused = await page.evaluate(() => window.client.getTokenSilently().catch(({ error }) => error));
  assert.equal(refused, 'login_required');
}, { foreignCookies: true }));

/** A login of the web application: an ID token alone, in a form that is posted. */
async function authorize(page, path, does, params = {}) {
  const asked = { state: randomBytes(16).toString('hex'), nonce: randomBytes(16).toString('hex') };
  const query = new URLSearchParams({
    client_id: 'sample-web',
    scope: 'openid profile email',
    response_type: 'id_token',
    response_mode: 'form_post',
    redirect_uri: app + path,
    ...asked,
    ...params,
  });
  await page.goto(`${http}/authorize?${query}`);
  await does();
  await page.waitForURL(app + path);
  const { path: where, state, id_token: token } = posted.pop();
  assert.deepEqual([where, state, claims(token).nonce], [path, asked.state, asked.nonce]);
  return { token, ...claims(token) };
}

/** A request of the Management API with the application's own token. */
async function management(token, method, path, body) {
  const headers = { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) };
  const response = await fetch(`${http}/api/v2/${path}`, { method, headers, body: body && JSON.stringify(body) });
  return [response.status, await response.json()];
}

test('the requests of the web application', visit(async ({ page }) => {
  const { sub, email } = await authorize(page, '/callback', async () => {
    await page.getByRole('link', { name: 'Continue with Google' }).click();
    await choose(page);
  });
  assert.deepEqual([sub, email], ['google-oauth2|115014287643218005122', 'ada@example.com']);

  const granted = await fetch(`${http}/oauth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_id: 'sample-web',
      client_secret: 'the-secret-of-the-sample',
      grant_type: 'client_credentials',
      audience: `${http}/api/v2/`,
    }),
  });
  const { access_token: own } = await granted.json();
  const q = `email:"${email}" AND email_verified:true -user_id:"${sub}"`;
  const [, found] = await management(own, 'GET', `users?${new URLSearchParams({ search_engine: 'v3', q })}`);
  assert.deepEqual(found.map((user) => [user.user_id, user.identities[0].connection]), [
    ['auth0|ada', 'Username-Password-Authentication'],
  ]);

  const again = { max_age: 0, login_hint: email, connection: 'Username-Password-Authentication' };
  const target = await authorize(page, '/link/callback', () => logIn(page), again);
  assert.equal(target.sub, 'auth0|ada');
  const [, secondary] = await management(own, 'GET', `users/${target.sub}`);
  const merged = { user_metadata: secondary.user_metadata, app_metadata: secondary.app_metadata ?? {} };
  assert.equal((await management(own, 'PATCH', `users/${sub}`, merged))[0], 200);
  assert.equal((await management(own, 'POST', `users/${sub}/identities`, { link_with: target.token }))[0], 201);
  const [, primary] = await management(own, 'GET', `users/${sub}`);
  assert.deepEqual([primary.identities.length, primary.user_metadata], [2, { theme: 'dark' }]);
  assert.equal((await management(own, 'DELETE', `users/${sub}/identities/auth0/ada`))[0], 200);
}));
