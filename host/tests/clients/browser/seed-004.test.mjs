// The listings of document 004, with Lock 9, LockPasswordless and a server: docs/seeds.md says
// what was changed. The tenant lets older applications in.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { before, test } from 'node:test';

import { browsing, secureApp, sent } from './harness.mjs';
import { alerts, close9, enter, fill9, giveUp, person, social9 } from './seeds.mjs';
import { application, takeToken } from './seed-004-server.mjs';

const { app, refused } = await application();
const visit = browsing({ middleware: app });
before(takeToken);

/** Somebody who is logged in, at the page of their settings; their alerts. */
async function arrive(page) {
  const shown = alerts(page);
  const ada = await person();
  await page.goto(`${secureApp}/seed-004`);
  await page.getByRole('button', { name: 'Login' }).click();
  await fill9(page, ada);
  await page.waitForURL(`${secureApp}/seed-004-settings`);
  await page.locator('#identities').getByText(ada.id).waitFor();
  return { ada, shown };
}

// The listing reloads the page with the login's fragment, and so asks for the same link again.
const AGAIN = { expected: [/status of 500/] };

test('004: the second login of a provider is linked by the server, and unlinked', visit(async ({ page }) => {
  const { shown } = await arrive(page);
  await page.getByRole('button', { name: 'Link to another Account' }).click();
  await page.getByText('Link another account').waitFor();
  await social9(page);
  const again = page.waitForEvent('dialog', (dialog) => dialog.message().startsWith('error'));
  const google = `google-oauth2|${await enter(page)}`;
  const second = page.locator('#identities li').filter({ hasText: google });
  await second.waitFor();
  await again;
  assert.deepEqual(shown.map((words) => words.split(' ')[0]), ['linked!!', 'error']);
  assert.match(refused.pop(), /^Error linking accounts\. Status code: 4\d\d\./);
  await second.getByRole('button', { name: 'Unlink' }).click();
  await second.waitFor({ state: 'detached' });
}, AGAIN));

test('004: whoever closes the second Lock 9, or goes back, links nothing', visit(async ({ page }) => {
  const { ada, shown } = await arrive(page);
  const open = async () => {
    await page.getByRole('button', { name: 'Link to another Account' }).click();
    await page.getByText('Link another account').waitFor();
  };
  await giveUp(page, ada, { open, close: close9, social: social9 });
  assert.deepEqual(shown, []);
}));

test('004: a phone is linked by the server', visit(async ({ page }) => {
  const { shown } = await arrive(page);
  await page.getByRole('button', { name: 'Link to SMS account' }).click();
  const local = `202${randomInt(2_000_000, 10_000_000)}`;
  await page.locator('input[name=phoneNumber]').fill(local);
  await page.locator('.auth0-lock-submit').click();
  await page.locator('input[name=vcode]').waitFor();
  await page.locator('input[name=vcode]').fill((await sent(`+1${local}`, 'code')).code);
  await page.locator('.auth0-lock-submit').click();
  await page.locator('#identities').getByText(/^sms\|/).waitFor();
  assert.deepEqual(shown, ['linked!!']);
}));

test('004: whoever is not logged in links nothing', visit(async ({ page }) => {
  await page.goto(`${secureApp}/seed-004`);
  const other = await person();
  const asked = await page.evaluate(async (id) => {
    const response = await fetch(`/user/link-accounts/${id}`, { method: 'POST' });
    return [response.redirected, new URL(response.url).pathname];
  }, other.id);
  assert.deepEqual(asked, [true, '/login']);
}, { expected: [/status of 404/] }));

// This is why the listing is not to be copied: the browser names the account, without a proof.
test("004: a visitor takes over a stranger's account", visit(async ({ page }) => {
  await arrive(page);
  const stranger = await person();
  const status = await page.evaluate(async (id) => {
    return (await fetch(`/user/link-accounts/${id}`, { method: 'POST' })).status;
  }, stranger.id);
  assert.equal(status, 200);
  await page.reload();
  await page.locator('#identities').getByText(stranger.id).waitFor();
}));
