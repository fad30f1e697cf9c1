// examples/spa-lock: a person links a second account with a second Lock, by a password, a
// provider, a phone, a mailed code and a mailed link, and unlinks it.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isAccessible } from './axe.mjs';
import { change, enter, existing, identitiesOf, lines, manage, person, says, stranger, userOf } from './example.mjs';
import { app, browsing, http, password, sent, someone } from './harness.mjs';

const visit = browsing({ applications: false });
// Chromium reports a refused request although the application handles it.
const REFUSED = { expected: [/status of 40[0139]/] };

// A mistake of Lock's own, once it has sent a link.
const MAILED = { expected: [...REFUSED.expected, /node\.querySelector is not a function/, /reading 'focusError'/] };

const button = (page, name) => page.getByRole('button', { name, exact: true });
const phone = () => `+1555${String(Math.floor(Math.random() * 1e7)).padStart(7, '0')}`;

/** The widget of Lock that is open. */
async function widget(page) {
  const shown = page.locator('.auth0-lock.auth0-lock-opened .auth0-lock-widget').last();
  await shown.waitFor();
  return shown;
}

async function fill(page, { email, secret = password }) {
  const lock = await widget(page);
  await lock.locator('input[name=email]').fill(email);
  await lock.locator('input[name=password]').fill(secret);
  await lock.locator('.auth0-lock-submit').click();
}

/** Opens the application, and logs in with Lock. */
async function arrive(page, { email }) {
  await page.goto(`${app}/`);
  await button(page, 'Log in').click();
  await fill(page, { email });
  await button(page, 'Log out').waitFor();
}

/** Begins a link with a provider. */
async function provider(page, name) {
  await button(page, 'Password, Google or GitHub').click();
  await (await widget(page)).locator('.auth0-lock-social-button').filter({ hasText: name }).click();
}

/** Begins a link by something that is sent. */
async function start(page, name, field, address) {
  await button(page, name).click();
  const lock = await widget(page);
  await lock.locator(`input[name=${field}]`).fill(address);
  await lock.locator('.auth0-lock-submit').click();
  return lock;
}

/** Has Lock mail a link. */
async function askForLink(page, address) {
  const answered = page.waitForResponse(/\/passwordless\/start$/);
  await start(page, 'Email with a link', 'email', address);
  await answered;
  await says(page, 'A link will be mailed to the address that you typed. Open it in this browser within ten minutes, and leave this page open.');
}

async function enterCode(lock, code) {
  await lock.locator('input[name=vcode]').fill(code);
  await lock.locator('.auth0-lock-submit').click();
}

/** Neither the link nor a token is kept. */
const isUnused = async (page) =>
  assert.deepEqual(await page.evaluate(() => [localStorage.getItem('linking'), sessionStorage.getItem('linking-token')]), [null, null]);

/** Local storage outlives the browser: no token may get into it. */
const keepsNoToken = async (page) =>
  assert.doesNotMatch(await page.evaluate(() => JSON.stringify({ ...localStorage })), /token|eyJ/);

test('an account of a provider is linked, its settings are kept, and it is unlinked', visit(async ({ page, visitor }) => {
  const ada = await person({ user_metadata: { theme: 'dark' } });
  const google = stranger();
  const second = `google-oauth2|${google.user_id}`;
  await existing(visitor, google, { theme: 'light', language: 'en' });
  await arrive(page, ada);
  await provider(page, 'Google');
  await enter(page, google);
  await says(page, 'The accounts are linked.');
  assert.deepEqual(await lines(page, 'identities'), [`Password, ${ada.email}`, `Google, ${google.email} Unlink Google`]);
  assert.deepEqual(await lines(page, 'settings'), ['language: "en"', 'theme: "dark"']);
  assert.deepEqual(await identitiesOf(ada.id), [ada.id, second]);
  await isUnused(page);

  await button(page, 'Unlink Google').click();
  await says(page, 'Google is a separate account again.');
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
}));

test('an account with a password is linked', visit(async ({ page }) => {
  const warned = [];
  page.on('console', (message) => warned.push(message.text()));
  const [ada, other] = [await person(), await person({ user_metadata: { language: 'en' } })];
  await arrive(page, ada);
  await button(page, 'Password, Google or GitHub').click();
  await fill(page, other);
  await says(page, 'The accounts are linked.');
  assert.deepEqual(await identitiesOf(ada.id), [ada.id, other.id]);
  assert.deepEqual(warned.filter((text) => text.includes('language does not have')), [], 'Lock has all of its texts');
  assert.deepEqual((await userOf(ada.id)).user_metadata, { language: 'en' });
}));

test('a phone is linked by its code, after a wrong one', visit(async ({ page }) => {
  const ada = await person();
  const number = phone();
  await arrive(page, ada);
  const lock = await start(page, 'Phone', 'phoneNumber', number.slice(2));
  await lock.locator('input[name=vcode]').waitFor();
  const { code } = await sent(number, 'code');
  await enterCode(lock, code === '000000' ? '000001' : '000000');
  await lock.locator('.auth0-global-message-error').waitFor();
  await enterCode(lock, code);
  await says(page, 'The accounts are linked.');
  const [, { provider, profileData }] = (await userOf(ada.id)).identities;
  assert.deepEqual([provider, profileData.phone_number], ['sms', number]);
}, REFUSED));

test('a mailbox is linked by its code', visit(async ({ page }) => {
  const ada = await person();
  const address = someone();
  await arrive(page, ada);
  const lock = await start(page, 'Email with a code', 'email', address);
  await lock.locator('input[name=vcode]').waitFor();
  await enterCode(lock, (await sent(address, 'code')).code);
  await says(page, 'The accounts are linked.');
  assert.equal((await userOf(ada.id)).identities[1].profileData.email, address);
}));

test('a mailbox is linked by a mailed link in another tab, after a reload of the first', visit(async ({ page, visitor }) => {
  const ada = await person();
  const address = someone();
  await arrive(page, ada);
  await askForLink(page, address);
  await keepsNoToken(page);
  await page.reload();
  await button(page, 'Log out').waitFor();

  const mail = await visitor.newPage();
  await mail.goto((await sent(address, 'link')).link);
  await says(mail, 'The accounts are linked.');
  assert.equal(await mail.locator('#user-id').innerText(), ada.id);
  assert.equal((await userOf(ada.id)).identities[1].profileData.email, address);
  await isUnused(mail);
  await isUnused(page);
}, MAILED));

test('a mailed link whose first page was closed links nothing, and no token is left', visit(async ({ page, visitor }) => {
  const ada = await person();
  const address = someone();
  await arrive(page, ada);
  await askForLink(page, address);
  await page.close();
  const mail = await visitor.newPage();
  await mail.goto((await sent(address, 'link')).link);
  await says(mail, 'The page on which you began has been closed.');
  await isUnused(mail);
  await keepsNoToken(mail);
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
}, MAILED));

test('a mailed link that was used links nothing again', visit(async ({ page, visitor }) => {
  const ada = await person();
  const address = someone();
  await arrive(page, ada);
  await askForLink(page, address);
  const { link } = await sent(address, 'link');
  await page.goto(link);
  await says(page, 'The accounts are linked.');
  await button(page, 'Unlink Email').click();
  await says(page, 'Email is a separate account again.');
  await (await visitor.newPage()).goto(link);
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
}, MAILED));

test('a mailed link that is opened in another browser links nothing', visit(async ({ page, visitor }) => {
  const ada = await person();
  const address = someone();
  await arrive(page, ada);
  await askForLink(page, address);
  const other = await visitor.browser().newContext();
  const mail = await other.newPage();
  await mail.goto((await sent(address, 'link')).link);
  await mail.waitForLoadState('networkidle');
  await other.close();
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
}, MAILED));

test('a link is announced only once an address is typed', visit(async ({ page }) => {
  await arrive(page, await person());
  await button(page, 'Email with a link').click();
  await widget(page);
  assert.equal(await page.locator('#message').isVisible(), false);
}));

test('a person who unlinks the login of the session is told why they have to log in again', visit(async ({ page, visitor }) => {
  const ada = await person();
  const google = stranger();
  await arrive(page, ada);
  await provider(page, 'Google');
  await enter(page, google);
  await says(page, 'The accounts are linked.');
  // The tenant's session is now the one of the Google login.
  await page.reload();
  await button(page, 'Unlink Google').click();
  await says(page, 'Google is a separate account again. You were logged in with it: log in again.');
  await button(page, 'Log in').waitFor();
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
}, REFUSED));

test('the same account again is not linked', visit(async ({ page }) => {
  const ada = await person();
  await arrive(page, ada);
  await button(page, 'Password, Google or GitHub').click();
  await fill(page, ada);
  await says(page, 'You logged in to this same account again.');
  assert.equal(await page.locator('#user-id').innerText(), ada.id);
  await isUnused(page);
}));

test('an account whose address is not verified is not linked, and the account in use stays', visit(async ({ page }) => {
  const ada = await person();
  await arrive(page, ada);
  await provider(page, 'Google');
  await enter(page, stranger({ verified: false }));
  await says(page, 'The address of that account is not verified.');
  assert.equal(await page.locator('#user-id').innerText(), ada.id);
  await page.reload();
  await says(page, 'This browser is now logged in to another account');
  await button(page, 'Log in').click();
  await fill(page, ada);
  await button(page, 'Log out').waitFor();
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
}));

test('the back button cancels a link', visit(async ({ page }) => {
  const ada = await person();
  await arrive(page, ada);
  await provider(page, 'GitHub');
  await page.waitForURL(/\/u\/stand-in\?/);
  await page.goBack();
  await says(page, 'You came back without a login to the other account. Nothing was linked.');
  assert.equal(await page.locator('#user-id').innerText(), ada.id);
  await isUnused(page);
}));

test('a Lock that is closed links nothing, and a login afterwards is a login', visit(async ({ page }) => {
  const [ada, grace] = [await person(), await person()];
  await arrive(page, ada);
  await button(page, 'Phone').click();
  const lock = await widget(page);
  await page.locator('.auth0-lock-close-button').last().click();
  await lock.waitFor({ state: 'hidden' });
  await button(page, 'Log out').click();
  await button(page, 'Log in').click();
  await fill(page, grace);
  await button(page, 'Log out').waitFor();
  assert.equal(await page.locator('#user-id').innerText(), grace.id);
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
  assert.deepEqual(await identitiesOf(grace.id), [grace.id]);
}));

test('a result that nobody began is refused, even with the state of a link', visit(async ({ page }) => {
  const ada = await person();
  await arrive(page, ada);
  await page.goto('about:blank');
  await page.goto(`${app}/#state=linking&access_token=a&id_token=a.b.c&token_type=Bearer`);
  await says(page, 'This step was used before or has expired. Begin again.');
  assert.equal(await page.locator('#user-id').innerText(), ada.id);
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
}));

test('a link that began too long ago is not completed', visit(async ({ page }) => {
  const ada = await person();
  await arrive(page, ada);
  await provider(page, 'GitHub');
  await page.waitForURL(/\/u\/stand-in\?/);
  await page.addInitScript(() => {
    const begun = JSON.parse(localStorage.getItem('linking'));
    if (begun) localStorage.setItem('linking', JSON.stringify({ ...begun, started: begun.started - 601 }));
  });
  await enter(page, stranger());
  await page.locator('#message[role=alert]').waitFor();
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
}));

test('a session that is over is explained, and nothing changes', visit(async ({ page }) => {
  const ada = await person();
  await arrive(page, ada);
  await provider(page, 'GitHub');
  await page.waitForURL(/\/u\/stand-in\?/);
  await change(ada.id, { password: 'another battery horse' });
  await enter(page, stranger());
  await says(page, 'Your session is over. Log in again.');
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
}, REFUSED));

test('every state of the page is accessible, on a telephone too', visit(async ({ page }) => {
  await page.goto(`${app}/`);
  await button(page, 'Log in').waitFor();
  await isAccessible(page);
  await arrive(page, await person());
  await provider(page, 'GitHub');
  await enter(page, stranger());
  await says(page, 'The accounts are linked.');
  await isAccessible(page);
}));

test('hostile names are shown as text', visit(async ({ page, asked }) => {
  const ada = await person();
  await arrive(page, ada);
  await provider(page, 'GitHub');
  await enter(page, stranger({ name: `</script><img src=x onerror="fetch('/taken-over')">` }));
  await says(page, 'The accounts are linked.');
  assert.equal(await page.locator('main img').count(), 0);
  assert.ok(!asked.some((url) => url.endsWith('/taken-over')));
}));

test('the page allows no inline script and no inline style but that of Lock', async () => {
  const policy = (await fetch(`${app}/`)).headers.get('content-security-policy');
  assert.match(policy, new RegExp(`default-src 'none'; script-src 'self' ${http}; style-src 'self' 'sha256-[^']+' 'sha256-[^']+';`));
  assert.doesNotMatch(policy, /unsafe/);
});
