// The listings of document 000, with Lock 9, LockPasswordless, and auth0-js 7 and 8 alone:
// docs/seeds.md says what was changed. The tenant lets older applications in.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';

import { browsing, password, secureApp, sent } from './harness.mjs';
import { alerts, close9, enter, fill9, giveUp, person, social9 } from './seeds.mjs';

const visit = browsing();
const REFUSED = { expected: [/status of 400/] };

/** Somebody who is logged in, at the page of their settings; their alerts. */
async function arrive(page) {
  const shown = alerts(page);
  const ada = await person();
  await page.goto(`${secureApp}/seed-000`);
  await page.getByRole('button', { name: 'Login' }).click();
  await fill9(page, ada);
  await page.locator('#user').getByText(ada.id).waitFor();
  await page.goto(`${secureApp}/seed-000-settings`);
  return { ada, shown };
}

test('000: a second Lock 9 links an account of a provider, and unlinks it', visit(async ({ page }) => {
  const { shown } = await arrive(page);
  await page.getByRole('button', { name: 'Link Account' }).click();
  await page.getByText('Link another account').waitFor();
  await social9(page);
  const google = `google-oauth2|${await enter(page)}`;
  const second = page.locator('#identities li').filter({ hasText: google });
  await second.waitFor();
  assert.deepEqual(shown, ['linked!']);
  await second.getByRole('button', { name: 'Unlink' }).click();
  await second.waitFor({ state: 'detached' });
  assert.deepEqual(shown, ['linked!', 'unlinked!']);
}));

test('000: a second Lock 9 links an account with a password', visit(async ({ page }) => {
  const { shown } = await arrive(page);
  const other = await person();
  await page.getByRole('button', { name: 'Link Account' }).click();
  await fill9(page, other);
  await page.locator('#identities').getByText(other.id).waitFor();
  assert.deepEqual(shown, ['linked!']);
}));

test('000: whoever closes the second Lock 9, or goes back, links nothing', visit(async ({ page }) => {
  const { ada, shown } = await arrive(page);
  const open = async () => {
    await page.getByRole('button', { name: 'Link Account' }).click();
    await page.getByText('Link another account').waitFor();
  };
  await giveUp(page, ada, { open, close: close9, social: social9 });
  assert.deepEqual(shown, []);
}));

test('000: LockPasswordless links a phone', visit(async ({ page }) => {
  const { shown } = await arrive(page);
  await page.getByRole('button', { name: 'SMS' }).click();
  const local = `202${randomInt(2_000_000, 10_000_000)}`;
  await page.locator('input[name=phoneNumber]').fill(local);
  await page.locator('.auth0-lock-submit').click();
  await page.locator('input[name=vcode]').waitFor();
  await page.locator('input[name=vcode]').fill((await sent(`+1${local}`, 'code')).code);
  await page.locator('.auth0-lock-submit').click();
  await page.locator('#identities').getByText(/^sms\|/).waitFor();
  assert.deepEqual(shown, ['linked!']);
}));

test("000: the same account again is refused with the listing's own alert", visit(async ({ page }) => {
  const { ada, shown } = await arrive(page);
  await page.getByRole('button', { name: 'Link Account' }).click();
  const alerted = page.waitForEvent('dialog');
  await fill9(page, ada);
  await alerted;
  assert.match(shown.join(), /^Error linking Accounts: 400 \{/);
}, REFUSED));

for (const version of [7, 8]) {
  test(`000: a form of one's own with auth0-js ${version} logs in, and links a second login`, visit(async ({ page }) => {
    const shown = alerts(page);
    const [ada, other] = [await person(), await person()];
    await page.goto(`${secureApp}/seed-000-auth0-js-${version}`);
    await submit(page, ada);
    await page.locator('#user').getByText(/./).waitFor();
    assert.equal(await page.evaluate(() => localStorage.getItem('user_id')), ada.id);
    await page.goto(`${secureApp}/seed-000-auth0-js-${version}`);
    await submit(page, other);
    const second = page.locator('#identities li').filter({ hasText: other.id });
    await second.waitFor();
    await second.getByRole('button', { name: 'Unlink' }).click();
    await second.waitFor({ state: 'detached' });
    assert.deepEqual(shown, ['linked!', 'unlinked!']);
  }));
}

async function submit(page, { email }) {
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Login' }).click();
}
