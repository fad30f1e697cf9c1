// The listings of document 002, with two Locks 11: docs/seeds.md says what was changed. The tenant
// lets older applications in.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';

import { browsing, secureApp, sent } from './harness.mjs';
import { alerts, close, enter, fill, giveUp, person, social } from './seeds.mjs';

const visit = browsing();
const REFUSED = { expected: [/status of 400/] };

/** Somebody who is logged in; their alerts. */
async function arrive(page, name) {
  const shown = alerts(page);
  const ada = await person();
  await page.goto(`${secureApp}/${name}`);
  await page.getByRole('button', { name: 'Log in', exact: true }).click();
  await fill(page, ada);
  await page.locator('#identities').getByText(ada.id).waitFor();
  return { ada, shown };
}

test('002: a second Lock links an account with a password', visit(async ({ page }) => {
  const { shown } = await arrive(page, 'seed-002');
  const second = await person();
  await page.getByRole('button', { name: 'Link Account' }).click();
  await page.locator('.auth0-lock-opened').getByText('Link with another account').first().waitFor();
  await fill(page, second);
  await page.locator('#identities').getByText(second.id).waitFor();
  assert.deepEqual(shown, ['linked!']);
}));

for (const [name, version] of [['seed-002-early', '11.2.3'], ['seed-002', '11.35.1']]) {
  test(`002: a second Lock ${version} links an account of a provider`, visit(async ({ page }) => {
    const { shown } = await arrive(page, name);
    await page.getByRole('button', { name: 'Link Account' }).click();
    await page.locator('.auth0-lock-opened').getByText('Link with another account').first().waitFor();
    await social(page);
    const google = await enter(page);
    await page.locator('#identities').getByText(`google-oauth2|${google}`).waitFor();
    assert.deepEqual(shown, ['linked!']);
  }));

  test(`002: a second Lock ${version} links a phone`, visit(async ({ page }) => {
    const { shown } = await arrive(page, name);
    await page.getByRole('button', { name: 'SMS' }).click();
    const local = `202${randomInt(2_000_000, 10_000_000)}`;
    const lock = page.locator('.auth0-lock-opened .auth0-lock-widget').last();
    await lock.locator('input[name=phoneNumber]').fill(local);
    await lock.locator('.auth0-lock-submit').click();
    await lock.locator('input[name=vcode]').waitFor();
    await lock.locator('input[name=vcode]').fill((await sent(`+1${local}`, 'code')).code);
    await lock.locator('.auth0-lock-submit').click();
    await page.locator('#identities').getByText(/^sms\|/).waitFor();
    assert.deepEqual(shown, ['linked!']);
  }));

  test(`002: the same account again is refused with the listing's own alert, with Lock ${version}`, visit(async ({ page }) => {
    const { ada, shown } = await arrive(page, name);
    await page.getByRole('button', { name: 'Link Account' }).click();
    await page.locator('.auth0-lock-opened').getByText('Link with another account').first().waitFor();
    const alerted = page.waitForEvent('dialog');
    await fill(page, ada);
    await alerted;
    assert.match(shown.join(), /^Error linking Accounts: 400 \{/);
  }, REFUSED));
}

test('002: whoever closes the second Lock, or goes back, links nothing', visit(async ({ page }) => {
  const { ada, shown } = await arrive(page, 'seed-002');
  const open = async () => {
    await page.getByRole('button', { name: 'Link Account' }).click();
    await page.locator('.auth0-lock-opened').getByText('Link with another account').first().waitFor();
  };
  await giveUp(page, ada, { open, close, social });
  assert.deepEqual(shown, []);
}));
