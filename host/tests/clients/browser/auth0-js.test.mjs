// auth0-js: logins by redirect, popup and within the application's own page,
// and a user's own account by its Management.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { app, browsing, choose, claims, database, http, https, logIn, password, secureApp, sent, someone } from './harness.mjs';

const visit = browsing();
const ADA = 'auth0|ada';
const GOOGLE = '115014287643218005122';
const HOME = `${app}/auth0-js`;

/** Opens the application's page and does something there that leaves it. */
async function leaving(page, does, argument, home = HOME) {
  await page.goto(home);
  await page.evaluate(does, argument);
}

/** Waits until it is back; what is in the fragment, checked by the library. */
async function back(page, home = HOME) {
  await page.waitForURL((url) => url.href.startsWith(`${home}#`));
  return page.evaluate(() => window.call(window.webAuth(), 'parseHash', {}));
}

/** A call of WebAuth on the page that is open. */
const call = (page, method, ...args) =>
  page.evaluate(([method, args]) => window.call(window.webAuth(), method, ...args), [method, args]);

const REFUSED = { expected: [/status of 40[013]/] };

test('authorize returns tokens that parseHash accepts, and userInfo and checkSession go on from there', visit(async ({ page }) => {
  await leaving(page, () => window.webAuth().authorize());
  await logIn(page);
  const { accessToken, idTokenPayload } = await back(page);
  assert.deepEqual([idTokenPayload.sub, idTokenPayload.iss], [ADA, `${http}/`]);
  const user = await page.evaluate((token) => window.call(window.webAuth().client, 'userInfo', token), accessToken);
  assert.deepEqual([user.sub, user.email], [ADA, 'ada@example.com']);
  const silent = await call(page, 'checkSession', {});
  assert.equal(silent.idTokenPayload?.sub, ADA, JSON.stringify(silent));
}));

test('checkSession says login_required to who is not logged in', visit(async ({ page }) => {
  await page.goto(HOME);
  assert.equal((await call(page, 'checkSession', {})).failed.code, 'login_required');
}));

test('login takes the password within the application, and begins a session', visit(async ({ page }) => {
  await leaving(page, (options) => void window.call(window.webAuth(), 'login', options), {
    realm: database,
    username: 'ada@example.com',
    password,
  });
  assert.equal((await back(page)).idTokenPayload.sub, ADA);
  assert.equal((await call(page, 'checkSession', {})).idTokenPayload.sub, ADA);
}));

test('login says that a password is wrong', visit(async ({ page }) => {
  await page.goto(HOME);
  const { failed } = await call(page, 'login', { realm: database, username: 'ada@example.com', password: 'wrong' });
  assert.deepEqual([failed.code, failed.description], ['access_denied', 'Wrong email or password.']);
}, REFUSED));

test('popup.authorize goes through the page that stands in for the provider', visit(async ({ page, visitor }) => {
  await page.goto(HOME);
  const opened = visitor.waitForEvent('page');
  const result = page.evaluate(
    (redirectUri) => window.call(window.webAuth().popup, 'authorize', { connection: 'google-oauth2', redirectUri }),
    `${app}/popup`,
  );
  await choose(await opened);
  assert.equal((await result).idTokenPayload?.sub, `google-oauth2|${GOOGLE}`);
}));

test('popup.loginWithCredentials takes the password without a popup of ours', visit(async ({ page }) => {
  await page.goto(HOME);
  const result = await page.evaluate(
    (options) => window.call(window.webAuth().popup, 'loginWithCredentials', options),
    { realm: database, username: 'ada@example.com', password },
  );
  assert.equal(result.idTokenPayload?.sub, ADA, JSON.stringify(result));
}));

test('passwordlessStart mails a code that passwordlessLogin takes', visit(async ({ page }) => {
  const email = someone();
  await page.goto(HOME);
  const started = await call(page, 'passwordlessStart', { connection: 'email', send: 'code', email });
  assert.equal(started.failed, undefined);
  const { code } = await sent(email, 'code');
  await page.evaluate((options) => void window.call(window.webAuth(), 'passwordlessLogin', options), {
    connection: 'email',
    email,
    verificationCode: code,
  });
  const { idTokenPayload } = await back(page);
  assert.deepEqual([idTokenPayload.email, idTokenPayload.email_verified], [email, true]);
}));

test('a link that was mailed logs in where it was asked for', visit(async ({ page }) => {
  const email = someone();
  await page.goto(HOME);
  await call(page, 'passwordlessStart', { connection: 'email', send: 'link', email });
  const { link } = await sent(email, 'link');
  await page.goto(link);
  const { idTokenPayload, failed } = await back(page);
  assert.equal(idTokenPayload?.email, email, JSON.stringify(failed));
}));

test('signup makes an account whose address the mailed link verifies', visit(async ({ page }) => {
  const email = someone();
  await page.goto(HOME);
  const made = await call(page, 'signup', { connection: database, email, password });
  assert.deepEqual([made.email, made.emailVerified], [email, false]);
  const { link } = await sent(email, 'verify');
  await page.goto(link);
  // Nobody is logged in here yet.
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'It was me' }).click();
  await page.getByText('Your address is verified.').waitFor();
  await leaving(page, (options) => void window.call(window.webAuth(), 'login', options), { realm: database, username: email, password });
  assert.equal((await back(page)).idTokenPayload.email_verified, true);
}));

test('signup says that an account is there already', visit(async ({ page }) => {
  await page.goto(HOME);
  const { failed } = await call(page, 'signup', { connection: database, email: 'ada@example.com', password });
  assert.equal(failed.code, 'invalid_signup');
}, REFUSED));

test('changePassword mails a link to a page where the new password is set', visit(async ({ page }) => {
  const email = someone();
  const changed = 'battery horse correct';
  await page.goto(HOME);
  await call(page, 'signup', { connection: database, email, password });
  assert.match(await call(page, 'changePassword', { connection: database, email }), /sent you an email/);
  const { link } = await sent(email, 'reset');
  await page.goto(link);
  await page.getByLabel('Password').fill(changed);
  await page.keyboard.press('Enter');
  await page.getByText('Your password is changed.').waitFor();
  assert.ok((await page.goto(link)).status() === 400, 'the link is good once');

  await page.goto(HOME);
  const { failed } = await call(page, 'login', { realm: database, username: email, password });
  assert.equal(failed.code, 'access_denied');
  await leaving(page, (options) => void window.call(window.webAuth(), 'login', options), { realm: database, username: email, password: changed });
  assert.equal((await back(page)).idTokenPayload.email, email);
}, REFUSED));

test('over https, Management reads and changes a user, and links a second account', visit(async ({ page, visitor }) => {
  const home = `${secureApp}/auth0-js`;
  const audience = `${https}/api/v2/`;
  const scope = 'openid email read:current_user update:current_user_metadata update:current_user_identities';
  await leaving(page, (options) => window.webAuth(options).authorize(), { audience, scope }, home);
  await logIn(page);
  const { accessToken } = await back(page, home);
  const managed = (method, ...args) =>
    page.evaluate(([token, method, args]) => window.call(window.management(token), method, ...args), [accessToken, method, args]);
  assert.equal((await managed('getUser', ADA)).email, 'ada@example.com');
  const patched = await managed('patchUserMetadata', ADA, { lang: 'en' });
  assert.deepEqual(patched.user_metadata, { theme: 'dark', lang: 'en' });

  const opened = visitor.waitForEvent('page');
  const second = page.evaluate(
    (redirectUri) => window.call(window.webAuth().popup, 'authorize', { connection: 'google-oauth2', prompt: 'login', redirectUri }),
    `${secureApp}/popup`,
  );
  await choose(await opened);
  const { idToken } = await second;
  assert.equal(claims(idToken).iss, `${https}/`);
  const identities = await managed('linkUser', ADA, idToken);
  assert.deepEqual(Array.isArray(identities) && identities.map(({ user_id }) => user_id), ['ada', GOOGLE], JSON.stringify(identities));
}));

test('logout ends the session and returns to the application', visit(async ({ page }) => {
  await leaving(page, () => window.webAuth().authorize());
  await logIn(page);
  await back(page);
  await page.evaluate((returnTo) => window.webAuth().logout({ returnTo }), HOME);
  await page.waitForURL(HOME);
  assert.equal((await call(page, 'checkSession', {})).failed.code, 'login_required');
}));
