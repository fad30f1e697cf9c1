// The listings of document 003, with Lock 10: docs/seeds.md says what was changed. The tenant
// lets older applications in.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { browsing, database, secureApp } from './harness.mjs';
import { alerts, close, enter, fill, giveUp, person, social } from './seeds.mjs';

const visit = browsing();

/** Logs a new person in by the first Lock. */
async function loggedIn(page) {
  const someone = await person();
  await page.goto(`${secureApp}/seed-003`);
  await page.locator('#btn-login').click();
  await fill(page, someone);
  await page.locator('#logged').waitFor();
  return someone;
}

/** Opens the second Lock. */
async function openSecond(page) {
  await page.locator('#btn-link-account').click();
  await page.locator('.auth0-lock-opened').getByText('Link with:').first().waitFor();
}

test('003: a second Lock, told apart by its state, links an account of a provider and unlinks it', visit(async ({ page }) => {
  const shown = alerts(page);
  const ada = await loggedIn(page);
  assert.equal(await page.evaluate(() => localStorage.getItem('user_id')), ada.id);

  await openSecond(page);
  await social(page);
  const google = await enter(page);
  const linked = page.locator('#linked-accounts-list li');
  await linked.getByText('google-oauth2').waitFor();
  const identity = JSON.parse(await linked.locator('button').getAttribute('data-identity'));
  assert.deepEqual([identity.provider, identity.user_id], ['google-oauth2', google]);

  await linked.getByRole('button', { name: 'Unlink' }).click();
  await linked.waitFor({ state: 'detached' });
  assert.deepEqual(shown, []);
}));

test('003: the second Lock links an account with a password', visit(async ({ page }) => {
  await loggedIn(page);
  await openSecond(page);
  await fill(page, await person());
  await page.locator('#linked-accounts-list li').getByText(database).waitFor();
}));

test('003: whoever closes the second Lock, or goes back, links nothing', visit(async ({ page }) => {
  const shown = alerts(page);
  const ada = await loggedIn(page);
  await giveUp(page, ada, { open: () => openSecond(page), close, social });
  assert.deepEqual(shown, []);
}));
