// The listings of document 001, with two Locks 11 and Lock 14: docs/seeds.md says what was changed.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { browsing, secureApp } from './harness.mjs';
import { alerts, close, enter, fill, giveUp, person, social } from './seeds.mjs';

const visit = browsing();
// Chromium reports a refused request although the listing handles it.
const REFUSED = { expected: [/status of 400/] };

for (const [page001, version] of [['seed-001-early', '11.2.3'], ['seed-001', '11.35.1'], ['seed-001-14', '14.3.0']]) {
  test(`001: a second Lock ${version}, told apart by local storage, links and unlinks`, visit(async ({ page }) => {
    const shown = alerts(page);
    const ada = await person();
    await page.goto(`${secureApp}/${page001}`);
    await page.locator('#login').click();
    await fill(page, ada);
    await page.locator('#identities li').getByText(ada.id).waitFor();
    await page.locator('#link-google').click();
    await social(page);
    const google = `google-oauth2|${await enter(page)}`;
    const second = page.locator('#identities li').filter({ hasText: google });
    await second.waitFor();
    assert.deepEqual(shown, ['linked!']);
    await second.getByRole('button', { name: 'Unlink' }).click();
    await second.waitFor({ state: 'detached' });
    assert.deepEqual(shown, ['linked!', 'unlinked!']);
  }));

  test(`001: the same account again is refused with the listing's own alert, with Lock ${version}`, visit(async ({ page }) => {
    const shown = alerts(page);
    const ada = await person();
    await page.goto(`${secureApp}/${page001}`);
    await page.locator('#login').click();
    await fill(page, ada);
    await page.locator('#identities li').getByText(ada.id).waitFor();
    await page.locator('#link').click();
    const alerted = page.waitForEvent('dialog');
    await fill(page, ada);
    await alerted;
    assert.match(shown.join(), /^Error linking Accounts: 400 \{/);
  }, REFUSED));
}

test('001: whoever closes the second Lock, or goes back, links nothing', visit(async ({ page }) => {
  const shown = alerts(page);
  const ada = await person();
  await page.goto(`${secureApp}/seed-001`);
  await page.locator('#login').click();
  await fill(page, ada);
  await page.locator('#identities li').getByText(ada.id).waitFor();
  await giveUp(page, ada, { open: () => page.locator('#link-google').click(), close, social });
  assert.deepEqual(shown, []);
  // The listing takes the next login for the link.
  assert.ok(await page.evaluate(() => localStorage.getItem('linking')));
}));
