// examples/spa: a person links a second account by popup and by redirect, and unlinks it.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isAccessible } from './axe.mjs';
import { arrive, change, existing, identitiesOf, lines, person, says, stranger, through, userOf } from './example.mjs';
import { app, browsing, http, logIn, sent, someone } from './harness.mjs';

const visit = browsing({ applications: false });
// Chromium reports a refused request although the application handles it.
const REFUSED = { expected: [/status of 40[0139]/] };
const HOSTILE = `</script><img src=x onerror="fetch('/taken-over')">`;

const button = (page, name) => page.getByRole('button', { name, exact: true });

/** Clicks on a link by popup; the popup. */
async function popup(page, visitor) {
  const opened = visitor.waitForEvent('page');
  await button(page, 'Link in a new window').click();
  return opened;
}

/** Clicks on a link by redirect. */
const redirect = (page) => button(page, 'Link on this page').click();

test('a second account is linked by popup, its settings are kept, and it is unlinked', visit(async ({ page, visitor }) => {
  const ada = await person({ user_metadata: { theme: 'dark' } });
  const google = stranger();
  const second = `google-oauth2|${google.user_id}`;
  await existing(visitor, google, { theme: 'light', language: 'en' });
  await arrive(page, ada);
  assert.deepEqual(await lines(page, 'settings'), ['theme: "dark"']);

  await through(await popup(page, visitor), 'Google', google);
  await says(page, 'The accounts are linked.');
  assert.equal(visitor.pages().length, 1, 'the window is closed');
  assert.deepEqual(await lines(page, 'identities'), [`Password, ${ada.email}`, `Google, ${google.email} Unlink Google`]);
  assert.deepEqual(await lines(page, 'settings'), ['language: "en"', 'theme: "dark"']);
  assert.deepEqual(await identitiesOf(ada.id), [ada.id, second]);

  await button(page, 'Unlink Google').click();
  await says(page, 'Google is a separate account again.');
  assert.deepEqual(await lines(page, 'identities'), [`Password, ${ada.email}`]);
  assert.deepEqual(await identitiesOf(second), [second]);
}));

test('a mailed link proves the second account in the window that asked for it', visit(async ({ page, visitor }) => {
  const [ada, email] = [await person(), someone()];
  await arrive(page, ada);
  const login = await popup(page, visitor);
  await login.getByRole('link', { name: 'Continue with email' }).click();
  await login.getByLabel('Email').fill(email);
  await login.getByRole('button', { name: 'Send me a link' }).click();
  await login.getByRole('status').getByText(`Link sent to ${email}.`).waitFor();
  await login.goto((await sent(email, 'link')).link);
  await login.getByRole('button', { name: `Continue as ${email}` }).click();
  await says(page, 'The accounts are linked.');
  assert.equal(visitor.pages().length, 1, 'the window is closed');
  assert.equal((await identitiesOf(ada.id)).length, 2);
}));

test('a second account is linked on the same page, and a reload does not repeat it', visit(async ({ page, visitor }) => {
  const ada = await person();
  const google = stranger();
  await existing(visitor, google, { language: 'en' });
  await arrive(page, ada);
  await redirect(page);
  await through(page, 'Google', google);
  await says(page, 'The accounts are linked.');
  assert.equal(page.url(), `${app}/`);
  assert.deepEqual(await identitiesOf(ada.id), [ada.id, `google-oauth2|${google.user_id}`]);
  assert.deepEqual((await userOf(ada.id)).user_metadata, { language: 'en' });
  assert.equal(await page.evaluate(() => sessionStorage.getItem('linking')), null, 'no token is left behind');

  await page.reload();
  await button(page, 'Unlink Google').waitFor();
  assert.equal(await page.locator('#user-id').innerText(), ada.id);
  assert.equal(await page.locator('#message').isVisible(), false);
}));

test('a person who unlinks the login of the session is told why they have to log in again', visit(async ({ page, visitor }) => {
  const ada = await person();
  await arrive(page, ada);
  await through(await popup(page, visitor), 'Google', stranger());
  await says(page, 'The accounts are linked.');
  // The tenant's session is now the one of the Google login.
  await page.reload();
  await button(page, 'Unlink Google').click();
  await says(page, 'Google is a separate account again. You were logged in with it: log in again.');
  await button(page, 'Log in').waitFor();
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
}, REFUSED));

test('a window that is closed links nothing, and the next one works', visit(async ({ page, visitor }) => {
  const ada = await person();
  await arrive(page, ada);
  const first = await popup(page, visitor);
  await first.waitForURL(/\/u\/login\?/);
  await first.close();
  await says(page, 'The window was closed before the login was complete. Nothing was linked.');
  await through(await popup(page, visitor), 'GitHub', stranger());
  await says(page, 'The accounts are linked.');
}));

test('a window that the browser blocks is explained', visit(async ({ page }) => {
  await arrive(page, await person());
  await page.evaluate(() => { window.open = () => null; });
  await button(page, 'Link in a new window').click();
  await says(page, 'The browser blocked the window. Allow windows of this page, or link on this page.');
}));

test('a double click opens one window', visit(async ({ page, visitor }) => {
  const ada = await person();
  await arrive(page, ada);
  const opened = visitor.waitForEvent('page');
  await button(page, 'Link in a new window').dblclick();
  await through(await opened, 'GitHub', stranger());
  await says(page, 'The accounts are linked.');
  assert.equal((await identitiesOf(ada.id)).length, 2);
  assert.equal(visitor.pages().length, 1);
}));

for (const [way, begin] of [['by popup', popup], ['on the same page', async (page) => (await redirect(page), page)]]) {
  test(`the same account again is not linked, ${way}`, visit(async ({ page, visitor }) => {
    const ada = await person();
    await arrive(page, ada);
    await logIn(await begin(page, visitor), { username: ada.email });
    await says(page, 'You logged in to this same account again.');
    assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
    assert.equal(await page.locator('#user-id').innerText(), ada.id);
  }));

  test(`an account whose address is not verified is not linked, ${way}`, visit(async ({ page, visitor }) => {
    const ada = await person();
    await arrive(page, ada);
    await through(await begin(page, visitor), 'Google', stranger({ verified: false }));
    await says(page, 'The address of that account is not verified.');
    assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
    assert.equal(await page.locator('#user-id').innerText(), ada.id, 'the account in use stays');

    // The tenant's session is now the other account's, which is not taken for the person's own.
    await page.reload();
    await says(page, 'This browser is now logged in to another account');
    await button(page, 'Log in').click();
    await logIn(page, { username: ada.email });
    await button(page, 'Log out').waitFor();
    assert.equal(await page.locator('#user-id').innerText(), ada.id);
  }));

  test(`a link that is refused leaves no setting behind, ${way}`, visit(async ({ page, visitor }) => {
    const ada = await person({ user_metadata: { theme: 'dark' } });
    const google = stranger();
    const second = `google-oauth2|${google.user_id}`;
    await existing(visitor, google, { language: 'en' });
    await arrive(page, ada);
    const login = await begin(page, visitor);
    // The link is refused after the settings were written.
    await visitor.route(/\/api\/v2\/users\/[^/]+\/identities$/, (route) =>
      route.request().method() === 'POST'
        ? route.fulfill({ status: 409, headers: { 'access-control-allow-origin': app }, json: { statusCode: 409, error: 'Conflict', message: 'conflict' } })
        : route.continue(),
    );
    await through(login, 'Google', google);
    await says(page, 'That login belongs to another account already.');
    assert.deepEqual((await userOf(ada.id)).user_metadata, { theme: 'dark' });
    assert.deepEqual((await userOf(second)).user_metadata, { language: 'en' });
  }, REFUSED));
}

test('the back button cancels a link, and the account stays as it is', visit(async ({ page }) => {
  const ada = await person();
  await arrive(page, ada);
  await redirect(page);
  await page.waitForURL(/\/u\/login\?/);
  await page.goBack();
  await says(page, 'You came back without a login to the other account. Nothing was linked.');
  assert.equal(await page.locator('#user-id').innerText(), ada.id);
  assert.equal(await page.evaluate(() => sessionStorage.getItem('linking')), null);
}));

test('the address of a link that is done links nothing again', visit(async ({ page, asked }) => {
  const ada = await person();
  await arrive(page, ada);
  await redirect(page);
  await through(page, 'GitHub', stranger());
  await says(page, 'The accounts are linked.');
  const used = asked.findLast((url) => url.startsWith(`${app}/?`));
  await button(page, 'Unlink GitHub').click();
  await says(page, 'GitHub is a separate account again.');
  await page.goto(used);
  await says(page, 'This step was used before or has expired. Begin again.');
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
}));

test('a link that began too long ago is not completed', visit(async ({ page }) => {
  const ada = await person();
  await arrive(page, ada);
  await redirect(page);
  await page.waitForURL(/\/u\/login\?/);
  await page.addInitScript(() => {
    const begun = JSON.parse(sessionStorage.getItem('linking'));
    if (begun) sessionStorage.setItem('linking', JSON.stringify({ ...begun, started: begun.started - 601 }));
  });
  await through(page, 'GitHub', stranger());
  await says(page, 'This step was used before or has expired. Begin again.');
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
}));

test('a reload while the window is open links nothing', visit(async ({ page, visitor }) => {
  const ada = await person();
  await arrive(page, ada);
  const login = await popup(page, visitor);
  await login.waitForURL(/\/u\/login\?/);
  await page.reload();
  await button(page, 'Log out').waitFor();
  await through(login, 'GitHub', stranger());
  await login.waitForLoadState();
  await page.reload();
  await says(page, 'This browser is now logged in to another account');
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
}));

test('a session that is over is explained, and nothing changes', visit(async ({ page, visitor }) => {
  const ada = await person();
  const google = stranger();
  await arrive(page, ada);
  const login = await popup(page, visitor);
  // A new password ends the tokens of the account.
  await change(ada.id, { password: 'another battery horse' });
  await through(login, 'Google', google);
  await says(page, 'Your session is over. Log in again.');
  await button(page, 'Log in').waitFor();
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
}, REFUSED));

test('a blocked account is not linked', visit(async ({ page, visitor }) => {
  const ada = await person();
  await arrive(page, ada);
  const login = await popup(page, visitor);
  await change(ada.id, { blocked: true });
  await through(login, 'Google', stranger());
  await says(page, 'One of the accounts is blocked.');
  assert.deepEqual(await identitiesOf(ada.id), [ada.id]);
}, REFUSED));

test('a service that cannot be reached is explained', visit(async ({ page, visitor }) => {
  await arrive(page, await person());
  await visitor.route(`${http}/api/v2/**`, (route) => route.abort());
  await through(await popup(page, visitor), 'Google', stranger());
  await says(page, 'The service cannot be reached.');
}, { expected: [/ERR_FAILED/] }));

test('every state of the page is accessible, on a telephone too', visit(async ({ page, visitor }) => {
  await page.goto(`${app}/`);
  await button(page, 'Log in').waitFor();
  await isAccessible(page);
  await arrive(page, await person());
  await through(await popup(page, visitor), 'GitHub', stranger());
  await says(page, 'The accounts are linked.');
  await isAccessible(page);
}));

test('hostile names and settings are shown as text', visit(async ({ page, visitor, asked }) => {
  const ada = await person();
  await change(ada.id, { user_metadata: { [HOSTILE]: HOSTILE } });
  await arrive(page, ada);
  const names = { name: HOSTILE + '\u202e' + 'x'.repeat(400) };
  await through(await popup(page, visitor), 'Google', stranger(names));
  await says(page, 'The accounts are linked.');
  assert.equal(await page.locator('img').count(), 0);
  assert.ok(!asked.some((url) => url.endsWith('/taken-over')));
  assert.ok((await lines(page, 'settings'))[0].includes(HOSTILE));
}));

test('after the logout nobody is logged in', visit(async ({ page }) => {
  await arrive(page, await person());
  await button(page, 'Log out').click();
  await button(page, 'Log in').waitFor();
  await page.reload();
  await button(page, 'Log in').waitFor();
  assert.equal(await page.locator('#message').isVisible(), false);
}));

test('the page allows no script but its own', async () => {
  const { headers } = await fetch(`${app}/`);
  const policy = headers.get('content-security-policy');
  assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self';/);
  assert.doesNotMatch(policy, /unsafe/);
  for (const path of ['/package.json', '/../tenant.toml', '/%2e%2e/tenant.toml', '/constructor']) {
    assert.equal((await fetch(`${app}${path}`)).status, 404, path);
  }
  assert.equal((await fetch(`${app}/`, { method: 'POST' })).status, 405);
});
