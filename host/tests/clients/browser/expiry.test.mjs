// Pages whose time is over while a person looks at them: the clock of the tenant is moved.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { browsing, enterAccount, http, logIn } from './harness.mjs';

const visit = browsing({ applications: false });
const EXPIRED = { expected: [/status of 40[03]/] };

/** Moves the tenant's clock on. */
const pass = async (seconds) => assert.ok((await fetch(`${process.env.LIGATURE_CLOCK}/${seconds}`)).ok);

const heading = (page, name) => page.getByRole('heading', { name, exact: true, level: 1 }).waitFor();

test('a preview of a link is valid for five minutes', visit(async ({ page }) => {
  const prove = async () => {
    await page.goto(`${http}/account/add`);
    await page.getByRole('link', { name: 'Continue with Google' }).click();
    await enterAccount(page, 'late', 'late@example.com');
    await heading(page, 'Add this login?');
  };
  await page.goto(`${http}/account`);
  await logIn(page);
  await heading(page, 'Your account');
  await prove();
  await pass(299);
  await page.reload();
  await heading(page, 'Add this login?');
  const preview = page.url();
  await pass(1);
  await page.getByRole('button', { name: 'Add it' }).click();
  await page.getByText('This page has expired, or was used already: it is valid for five minutes.').waitFor();
  await page.goto(preview);
  await page.getByText('This page has expired, or was used already: it is valid for five minutes.').waitFor();
  await page.getByRole('link', { name: 'Your account' }).click();
  await heading(page, 'Your account');
  assert.equal(await page.getByRole('link', { name: 'Remove Google' }).count(), 0);
}, EXPIRED));

test('a suggestion that nobody answers links nothing', visit(async ({ page }) => {
  await page.goto(`${http}/dev/log-in?client_id=pages`);
  await page.getByRole('link', { name: 'Continue with Google' }).click();
  await enterAccount(page, 'later', 'rosalind@example.com');
  await heading(page, 'You already have an account');
  await pass(600);
  await logIn(page, { username: 'rosalind@example.com' });
  await page.getByText('This page has expired, or was used already.').waitFor();
  await page.goto(`${http}/dev/logged-in`);
  await heading(page, 'Nobody is logged in');
  await page.goto(`${http}/`);
  assert.match(await page.getByRole('listitem').filter({ hasText: 'auth0|rosalind:' }).innerText(), /^[^\n]*$/);
}, EXPIRED));
