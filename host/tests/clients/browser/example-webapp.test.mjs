// examples/webapp: a person links an account that is suggested, or any other one, and unlinks it.
import assert from 'node:assert/strict';
import { createDecipheriv } from 'node:crypto';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import { isAccessible } from './axe.mjs';
import { change, enter, existing, identitiesOf, lines, person, says, stranger, through, userOf } from './example.mjs';
import { app, browsing, http, logIn } from './harness.mjs';

const visit = browsing({ applications: false });
// Chromium reports a refused page although it is shown.
const REFUSED = { expected: [/status of 40[03]/] };

const button = (page, name) => page.getByRole('button', { name, exact: true });

async function arrive(page, { email }) {
  await page.goto(`${app}/`);
  await page.getByRole('link', { name: 'Log in' }).click();
  await logIn(page, { username: email });
  await page.getByRole('link', { name: 'Log out' }).waitFor();
}

/** Sets the time of the login in the session, as if the person had logged in `seconds` ago. */
async function age(visitor, seconds) {
  // The copy of the example, beside this file.
  const require = createRequire(import.meta.url);
  const { encryptSync, getKeyStore } = require('./examples/webapp/node_modules/express-openid-connect/lib/crypto.js');
  const [key] = getKeyStore(process.env.SESSION_SECRET, true);
  const cookie = (await visitor.cookies(app)).find(({ name }) => name === 'appSession');
  const [header, , iv, sealed, tag] = cookie.value.split('.');
  const bytes = (text) => Buffer.from(text, 'base64url');
  const decipher = createDecipheriv('aes-256-gcm', key, bytes(iv)).setAAD(Buffer.from(header)).setAuthTag(bytes(tag));
  const session = JSON.parse(Buffer.concat([decipher.update(bytes(sealed)), decipher.final()]));
  const [head, body, signature] = session.id_token.split('.');
  const claims = JSON.parse(bytes(body));
  claims.auth_time -= seconds;
  session.id_token = [head, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
  const { iat, uat, exp } = JSON.parse(bytes(header));
  await visitor.addCookies([{ ...cookie, value: encryptSync(JSON.stringify(session), key, { iat, uat, exp }) }]);
}

const linkAnother = (page) => button(page, 'Link another account').click();

/** A person, and an account at Google with the same address. */
async function twice(visitor, more = {}) {
  const ada = await person({ user_metadata: { theme: 'dark' }, ...more });
  const google = stranger({ email: ada.email, name: 'Ada at Google' });
  await existing(visitor, google, { theme: 'light', language: 'en' });
  return { ada, google, second: `google-oauth2|${google.user_id}` };
}

test('an account with the same verified address is suggested, linked with its settings, and unlinked', visit(async ({ page, visitor }) => {
  const { ada, google, second } = await twice(visitor);
  await arrive(page, ada);
  assert.deepEqual(await lines(page, 'suggested'), [`Google, ${ada.email} Link Google`]);
  await button(page, 'Link Google').click();
  // The person is logged in, and is asked all the same: at that provider.
  await enter(page, google);
  await says(page, 'The accounts are linked.');
  assert.equal(page.url(), `${app}/`);
  assert.deepEqual(await identitiesOf(ada.id), [ada.id, second]);
  assert.deepEqual((await userOf(ada.id)).user_metadata, { theme: 'dark', language: 'en' });
  assert.equal(await page.locator('#suggested').count(), 0);
  await page.reload();
  assert.equal(await page.locator('#message').count(), 0, 'a message is shown once');

  await button(page, 'Unlink Google').click();
  await says(page, 'Google is a separate account again.');
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
  assert.deepEqual(await identitiesOf(second), [second]);
}));

test('a session whose login is not recent links and unlinks only after a login again', visit(async ({ page, visitor }) => {
  const ada = await person();
  const github = stranger();
  await arrive(page, ada);
  await age(visitor, 301);
  await linkAnother(page);
  // Although the tenant has a session, it asks: for the own account first.
  await page.waitForURL(/\/u\/login\?/);
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
  await logIn(page, { username: ada.email });
  await says(page, 'You have logged in again. Now you can link and unlink.');
  await linkAnother(page);
  await through(page, 'GitHub', github);
  await says(page, 'The accounts are linked.');

  await page.goto(`${app}/`);
  await age(visitor, 301);
  await button(page, 'Unlink GitHub').click();
  await page.waitForURL(/\/u\/login\?/);
  assert.equal((await identitiesOf(ada.id)).length, 2);
  await logIn(page, { username: ada.email });
  await button(page, 'Unlink GitHub').click();
  await says(page, 'GitHub is a separate account again.');
}));

test('a stolen session is of no use: the login again is the own of whoever stole it', visit(async ({ page, visitor }) => {
  const [ada, mallory] = [await person(), await person()];
  await arrive(page, ada);
  await age(visitor, 301);
  const stolen = await visitor.cookies(app);
  const other = await visitor.browser().newContext();
  await other.addCookies(stolen);
  const thief = await other.newPage();
  await thief.goto(`${app}/`);
  await linkAnother(thief);
  await logIn(thief, { username: mallory.email });
  await says(thief, 'You have logged in again.');
  assert.equal(await thief.locator('#user-id').innerText(), mallory.id, 'the session is of another account now');
  await linkAnother(thief);
  await through(thief, 'GitHub', stranger());
  await says(thief, 'The accounts are linked.');
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
  await other.close();
}));

test('a login is recent for five minutes, to the second', async () => {
  const { isRecent } = await import('./examples/webapp/recent.mjs');
  const now = 1_800_000_000;
  for (const [ago, recent] of [[0, true], [299, true], [300, false], [-60, true], [-61, false]]) {
    assert.equal(isRecent({ auth_time: now - ago }, now), recent, `${ago} s`);
  }
  for (const claims of [{}, { auth_time: null }, { auth_time: String(now) }, { auth_time: now - 0.5 }]) {
    assert.equal(isRecent(claims, now), false, JSON.stringify(claims));
  }
});

test('an account with another address is linked', visit(async ({ page }) => {
  const ada = await person();
  const github = stranger();
  await arrive(page, ada);
  await linkAnother(page);
  await through(page, 'GitHub', github);
  await says(page, 'The accounts are linked.');
  assert.deepEqual(await identitiesOf(ada.id), [ada.id, `github|${github.user_id}`]);
}));

test('nothing is suggested to a person whose own address is not verified', visit(async ({ page, visitor }) => {
  const { ada } = await twice(visitor, { verified: false });
  await arrive(page, ada);
  assert.equal(await page.locator('#suggested').count(), 0);
}));

test('an account that has not verified the address is not suggested', visit(async ({ page, visitor }) => {
  const ada = await person();
  await existing(visitor, stranger({ email: ada.email, verified: false }));
  await arrive(page, ada);
  assert.equal(await page.locator('#suggested').count(), 0);
}));

test('a login to another account than the suggested one links nothing', visit(async ({ page, visitor }) => {
  const { ada } = await twice(visitor);
  await arrive(page, ada);
  await button(page, 'Link Google').click();
  await enter(page, stranger());
  await says(page, 'You logged in to another account than the suggested one. Nothing was linked.');
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
  assert.equal(await page.locator('#user-id').innerText(), ada.id, 'the account in use stays');
}));

test('the same account again is not linked', visit(async ({ page }) => {
  const ada = await person();
  await arrive(page, ada);
  await linkAnother(page);
  await logIn(page, { username: ada.email });
  await says(page, 'You logged in to this same account again.');
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
}));

test('an account whose address is not verified is not linked', visit(async ({ page }) => {
  const ada = await person();
  await arrive(page, ada);
  await linkAnother(page);
  await through(page, 'Google', stranger({ verified: false }));
  await says(page, 'The address of that account is not verified.');
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
}));

test('a blocked account is not linked, and no setting is left behind', visit(async ({ page, visitor }) => {
  const { ada, google, second } = await twice(visitor);
  await arrive(page, ada);
  await button(page, 'Link Google').click();
  await page.waitForURL(/\/u\/stand-in\?/);
  await change(ada.id, { blocked: true });
  await enter(page, google);
  await says(page, 'One of the accounts is blocked.');
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
  assert.deepEqual((await userOf(ada.id)).user_metadata, { theme: 'dark' });
  assert.deepEqual(await identitiesOf(second), [second]);
}));

test('the back button cancels a link, and a later one works', visit(async ({ page }) => {
  const ada = await person();
  await arrive(page, ada);
  await linkAnother(page);
  await page.waitForURL(/\/u\/login\?/);
  await page.goBack();
  assert.equal(await page.locator('#user-id').innerText(), ada.id);
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
  await linkAnother(page);
  await through(page, 'GitHub', stranger());
  await says(page, 'The accounts are linked.');
}));

test('a double click links once', visit(async ({ page }) => {
  const ada = await person();
  await arrive(page, ada);
  await button(page, 'Link another account').dblclick();
  await through(page, 'GitHub', stranger());
  await says(page, 'The accounts are linked.');
  assert.equal((await identitiesOf(ada.id)).length, 2);
}));

test('the address of a link that is done links nothing again', visit(async ({ page, asked }) => {
  const ada = await person();
  await arrive(page, ada);
  await linkAnother(page);
  await through(page, 'GitHub', stranger());
  await says(page, 'The accounts are linked.');
  await button(page, 'Unlink GitHub').click();
  await says(page, 'GitHub is a separate account again.');
  await page.goto(asked.findLast((url) => url.startsWith(`${app}/link/callback?`)));
  await says(page, 'This step was used before or has expired. Begin again.');
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
}, REFUSED));

test('a link that another browser began is not completed', visit(async ({ page, visitor }) => {
  const [ada, grace] = [await person(), await person()];
  await arrive(page, ada);
  const other = await visitor.browser().newContext();
  const victim = await other.newPage();
  await arrive(victim, grace);
  await linkAnother(page);
  // The callback of this browser is opened in the other one.
  let callback;
  await page.route(`${http}/u/stand-in`, async (route) => {
    callback = (await route.fetch({ maxRedirects: 0 })).headers().location;
    await route.fulfill({ body: 'stopped' });
  });
  await through(page, 'GitHub', stranger());
  await page.getByText('stopped').waitFor();
  assert.ok(callback.startsWith(`${app}/link/callback?code=`), callback);
  await victim.goto(callback);
  await says(victim, 'This step was used before or has expired. Begin again.');
  assert.deepEqual(await identitiesOf(grace.id), [grace.id]);
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
  await other.close();
}, REFUSED));

test('whoever logs out meanwhile links nothing', visit(async ({ page, visitor }) => {
  const ada = await person();
  await arrive(page, ada);
  await linkAnother(page);
  await page.waitForURL(/\/u\/login\?/);
  const tab = await visitor.newPage();
  await tab.goto(`${app}/logout`);
  await tab.getByRole('link', { name: 'Log in' }).waitFor();
  await through(page, 'GitHub', stranger());
  await says(page, 'This step was used before or has expired. Begin again.');
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
}));

test('whoever logs in as somebody else meanwhile links nothing', visit(async ({ page, visitor }) => {
  const [ada, grace] = [await person(), await person()];
  await arrive(page, ada);
  await linkAnother(page);
  await page.waitForURL(/\/u\/login\?/);
  const tab = await visitor.newPage();
  await tab.goto(`${app}/logout`);
  await arrive(tab, grace);
  await through(page, 'GitHub', stranger());
  await says(page, 'This step was used before or has expired. Begin again.');
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
  assert.deepEqual(await identitiesOf(grace.id), [grace.id]);
}));

test('a form without the token of the session changes nothing', visit(async ({ page, visitor }) => {
  const ada = await person();
  await arrive(page, ada);
  await linkAnother(page);
  await through(page, 'GitHub', stranger());
  await says(page, 'The accounts are linked.');
  const identity = await page.locator('input[name=identity]').inputValue();
  // From Playwright, with the cookies of the browser: the page's own policy allows no script.
  for (const csrf of [undefined, '', 'x'.repeat(43)]) {
    for (const [path, fields] of [['/unlink', { identity }], ['/link', {}]]) {
      const form = csrf === undefined ? fields : { ...fields, csrf };
      const response = await visitor.request.post(`${app}${path}`, { form, maxRedirects: 0 });
      assert.equal(response.status(), 403, path);
    }
  }
  const csrf = await page.locator('input[name=csrf]').first().inputValue();
  const foreign = { origin: 'http://localhost:1' };
  const response = await visitor.request.post(`${app}/unlink`, { form: { identity, csrf }, headers: foreign, maxRedirects: 0 });
  assert.equal(response.status(), 403);
  assert.equal((await identitiesOf(ada.id)).length, 2);
}));

test('the browser cannot name an account to link or to unlink', visit(async ({ page, visitor }) => {
  const [ada, grace] = [await person(), await person()];
  await arrive(page, ada);
  const csrf = await page.locator('input[name=csrf]').first().inputValue();
  for (const [path, field, words] of [['/link', 'suggestion', 'That account is not suggested any more.'], ['/unlink', 'identity', 'That login is not linked any more.']]) {
    for (const value of [grace.id, ada.id, '', '__proto__']) {
      const response = await visitor.request.post(`${app}${path}`, { form: { csrf, [field]: value } });
      assert.ok((await response.text()).includes(words), `${path} ${value}`);
    }
  }
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
}));

test('a form of a session that is over is explained', visit(async ({ page, visitor }) => {
  const ada = await person();
  await arrive(page, ada);
  await visitor.clearCookies();
  await linkAnother(page);
  await says(page, 'Your session is over. Log in again.');
  await page.getByRole('link', { name: 'Log in' }).waitFor();
}));

test('a suggestion that is over is explained', visit(async ({ page, visitor }) => {
  const { ada, google } = await twice(visitor);
  await arrive(page, ada);
  await change(ada.id, { email: stranger().email });
  await button(page, 'Link Google').click();
  await says(page, 'That account is not suggested any more.');
  assert.deepEqual(await identitiesOf(`google-oauth2|${google.user_id}`), [`google-oauth2|${google.user_id}`]);
}));

test('every state of the page is accessible, on a telephone too', visit(async ({ page }) => {
  await page.goto(`${app}/`);
  await page.getByRole('link', { name: 'Log in' }).waitFor();
  await isAccessible(page);
  await arrive(page, await person());
  await linkAnother(page);
  await through(page, 'GitHub', stranger());
  await says(page, 'The accounts are linked.');
  await isAccessible(page);
}));

test('hostile names and settings are shown as text', visit(async ({ page, asked }) => {
  const hostile = `</li></main><img src="/taken-over" onerror='x'>&amp;`;
  const ada = await person();
  await change(ada.id, { user_metadata: { hostile } });
  await arrive(page, ada);
  await linkAnother(page);
  await through(page, 'GitHub', stranger({ name: `${hostile}\u202e${'x'.repeat(200)}`, email: '', verified: false }));
  await says(page, 'The accounts are linked.');
  assert.deepEqual(await lines(page, 'settings'), [`hostile: ${JSON.stringify(hostile)}`]);
  assert.ok((await lines(page, 'identities'))[1].includes(hostile));
  assert.ok(!asked.some((url) => url.endsWith('/taken-over')));
}));

test('every page forbids scripts and frames', async () => {
  for (const path of ['/', '/nowhere', '/link/callback', '/callback?error=x&state=y']) {
    const { headers } = await fetch(`${app}${path}`);
    assert.match(headers.get('content-security-policy'), /^default-src 'none'; style-src 'self'; form-action 'self' [^;]+; base-uri 'none'; frame-ancestors 'none'$/, path);
  }
});

test('after the logout nobody is logged in', visit(async ({ page }) => {
  await arrive(page, await person());
  await page.getByRole('link', { name: 'Log out' }).click();
  await page.getByRole('link', { name: 'Log in' }).click();
  await page.waitForURL(new RegExp(`^${http}/u/login`));
}));
