// auth0-spa-js: a single-page application, and Auth0's linking sample of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { app, browsing, choose, claims, http, logIn } from './harness.mjs';

const visit = browsing();
const ADA = 'auth0|ada';
const GOOGLE = '115014287643218005122';
const SILENT = /\/authorize\?.*prompt=none/;

/** Logs in by redirect; the page is the application's again afterwards. */
async function redirected(page, { params = {}, options = {}, through = logIn } = {}) {
  await page.goto(`${app}/spa`);
  await page.evaluate(({ params, options }) => void window.client(params, options).loginWithRedirect(), { params, options });
  await through(page);
  await page.waitForURL(`${app}/spa?code=*`);
  return page.evaluate(
    async ({ params, options }) => {
      window.auth0 = window.client(params, options);
      await window.auth0.handleRedirectCallback();
      return { user: await window.auth0.getUser(), claims: await window.auth0.getIdTokenClaims() };
    },
    { params, options },
  );
}

/** What a call is refused with. */
const refused = (page, call) => page.evaluate(call).then(() => 'nothing', (error) => error.message);

test('a login by redirect goes through the login page, with a code and PKCE', visit(async ({ page, asked }) => {
  const { user, claims } = await redirected(page);
  assert.deepEqual([user.sub, user.email, user.email_verified], [ADA, 'ada@example.com', true]);
  assert.equal(claims.iss, `${http}/`);
  assert.ok(asked.some((url) => /\/authorize\?.*code_challenge_method=S256/.test(url)));
}));

test('a token is had silently from an iframe, after a reload too', visit(async ({ page, asked }) => {
  await redirected(page, { params: { audience: `${http}/api/v2/`, scope: 'openid profile email read:current_user' } });
  await page.evaluate(() => window.auth0.getTokenSilently());
  assert.ok(!asked.some((url) => SILENT.test(url)), 'the first one is cached');
  await page.evaluate(() => window.auth0.getTokenSilently({ cacheMode: 'off' }));
  assert.ok(asked.some((url) => SILENT.test(url) && url.includes('response_mode=web_message')));

  await page.goto(`${app}/spa`);
  const token = await page.evaluate(() => window.client().getTokenSilently());
  assert.equal(claims(token).sub, ADA);
}));

test('nobody is logged in silently who is not logged in', visit(async ({ page }) => {
  await page.goto(`${app}/spa`);
  assert.match(await refused(page, () => window.client().getTokenSilently()), /login required/i);
}));

test('a login by popup goes through the page that stands in for the provider', visit(async ({ page, visitor }) => {
  await page.goto(`${app}/spa`);
  const opened = visitor.waitForEvent('page');
  const user = page.evaluate(async () => {
    const client = window.client();
    await client.loginWithPopup({ authorizationParams: { connection: 'google-oauth2' } });
    return client.getUser();
  });
  await choose(await opened);
  assert.equal((await user).sub, `google-oauth2|${GOOGLE}`);
  assert.equal(visitor.pages().length, 1, 'the popup is closed');
}));

test('a refresh token gets new tokens without an iframe', visit(async ({ page, asked }) => {
  const options = { useRefreshTokens: true, cacheLocation: 'localstorage' };
  await redirected(page, { options });
  await page.goto(`${app}/spa`);
  const grants = [];
  page.on('request', (request) => grants.push(new URLSearchParams(request.postData() ?? '').get('grant_type')));
  const [first, second] = await page.evaluate(async (options) => {
    const client = window.client({}, options);
    const token = () => client.getTokenSilently({ cacheMode: 'off' });
    return [await token(), await token()];
  }, options);
  assert.deepEqual([claims(first).sub, claims(second).sub], [ADA, ADA]);
  assert.deepEqual(grants.filter(Boolean), ['refresh_token', 'refresh_token']);
  assert.ok(!asked.some((url) => SILENT.test(url)));
}));

test('after a logout the login page asks again', visit(async ({ page }) => {
  await redirected(page);
  await page.evaluate((returnTo) => void window.auth0.logout({ logoutParams: { returnTo } }), `${app}/spa`);
  await page.waitForURL(`${app}/spa`);
  assert.match(await refused(page, () => window.client().getTokenSilently()), /login required/i);
  await page.evaluate(() => void window.client().loginWithRedirect());
  await page.waitForURL(/\/u\/login\?/);
}));

test('a refusal of the login page returns to the application', visit(async ({ page }) => {
  await page.goto(`${app}/spa`);
  await page.evaluate(() => void window.client({ connection: 'nowhere' }).loginWithRedirect());
  await page.waitForURL(`${app}/spa?error=*`);
  assert.match(await refused(page, () => window.client().handleRedirectCallback()), /nowhere was not found/);
}));

test('a second account logs in by popup and is linked, then unlinked', visit(async ({ page, visitor }) => {
  const params = {
    audience: `${http}/api/v2/`,
    scope: 'openid email profile read:current_user update:current_user_identities',
  };
  await redirected(page, { params });
  const opened = visitor.waitForEvent('page');
  const linking = page.evaluate(async ({ http }) => {
    const started = Math.floor(Date.now() / 1000);
    const second = window.client();
    await second.loginWithPopup({ authorizationParams: { max_age: 0, scope: 'openid email' } });
    const { __raw, email_verified, auth_time, sub } = await second.getIdTokenClaims();
    const token = await window.auth0.getTokenSilently();
    const { sub: own } = await window.auth0.getUser();
    const response = await fetch(`${http}/api/v2/users/${own}/identities`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ link_with: __raw }),
    });
    return { status: response.status, identities: await response.json(), sub, email_verified, fresh: auth_time >= started - 1 };
  }, { http });
  // Ada is logged in, and is asked all the same.
  const popup = await opened;
  await popup.waitForURL(/\/u\/login\?/);
  await popup.getByRole('link', { name: 'Continue with Google' }).click();
  await choose(popup);
  const { status, identities, sub, email_verified, fresh } = await linking;
  assert.deepEqual([status, sub, email_verified, fresh], [201, `google-oauth2|${GOOGLE}`, true, true]);
  assert.deepEqual(identities.map(({ user_id }) => user_id), ['ada', GOOGLE]);

  const { shown, unlinked } = await page.evaluate(async ({ http, GOOGLE }) => {
    const headers = { authorization: `Bearer ${await window.auth0.getTokenSilently()}` };
    const user = `${http}/api/v2/users/${(await window.auth0.getUser()).sub}`;
    const shown = await (await fetch(user, { headers })).json();
    const gone = await fetch(`${user}/identities/google-oauth2/${GOOGLE}`, { method: 'DELETE', headers });
    return { shown, unlinked: { status: gone.status, identities: await gone.json() } };
  }, { http, GOOGLE });
  assert.equal(shown.identities[1].profileData.name, 'Ada Lovelace');
  assert.equal(unlinked.status, 200);
  assert.deepEqual(unlinked.identities.map(({ user_id }) => user_id), ['ada']);
}));
