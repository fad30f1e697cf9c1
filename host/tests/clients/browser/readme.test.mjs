// The clicks that the README gives to whoever tries the tenant first, read from
// it: what is bold is clicked, or stands on the page; what is code is opened,
// typed, or stands there.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { browsing, http } from './harness.mjs';

const visit = browsing({ applications: false });

function steps() {
  const readme = readFileSync(process.env.LIGATURE_README, 'utf8');
  const section = readme.split('\n## ').find((section) => section.startsWith('A local tenant\n'));
  const numbered = section.match(/^\d\. .*(?:\n {3}.*)*/gm);
  const words = numbered.flatMap((step) => [...step.replaceAll(/\s+/g, ' ').matchAll(/\*\*(.+?)\*\*|`(.+?)`/g)]);
  return words.map(([, bold, code]) => ({ bold, code }));
}

test('the clicks of the README end with two accounts linked', visit(async ({ page }) => {
  const all = steps();
  assert.ok(all.length >= 8, JSON.stringify(all));
  for (const { bold, code } of all) {
    if (code?.startsWith('http://')) {
      await page.goto(code.replace('http://localhost:4480', http));
    } else if (code && (await page.evaluate(() => document.activeElement.tagName)) === 'INPUT') {
      await page.keyboard.type(code);
    } else if (code) {
      await page.getByText(code).first().waitFor();
    } else {
      const named = { name: bold, exact: true };
      const control = page.getByRole('link', named).or(page.getByRole('button', named)).first();
      await control.or(page.getByRole('heading', named)).first().waitFor();
      if (await control.isVisible()) await control.click();
    }
  }
  await page.getByRole('heading', { name: 'One user, 2 identities' }).waitFor();
  // The start page has them, too.
  await page.getByRole('link', { name: 'Start page of this tenant' }).click();
  await page.getByText('linked with google-oauth2|100000000000000000002').waitFor();
}));
