// The account page, as people use it: they add a way to log in, remove it, undo it, and say that
// it was not them.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isAccessible } from './axe.mjs';
import { browsing, choose, http, logIn, sent } from './harness.mjs';

const visit = browsing({ applications: false });

const heading = (page, name) => page.getByRole('heading', { name, exact: true, level: 1 }).waitFor();
const result = (page, words) => page.getByRole('status').getByText(words).waitFor();
const here = (link) => link.replace(/^https?:\/\/[^/]+/, http);

/** Adds Google to the account of whoever is logged in. */
async function addGoogle(page, name) {
  await page.getByRole('link', { name: 'Add another way to log in' }).click();
  await heading(page, 'Add another way to log in');
  await page.getByRole('link', { name: 'Continue with Google' }).click();
  await choose(page, name);
  // An account that exists becomes one with this one; a login without an account is added.
  await page.getByRole('heading', { name: /^(Make these one account|Add this login)\?$/ }).waitFor();
  await page.getByRole('button', { name: /^(Make them one account|Add it)$/ }).click();
  await result(page, 'The way to log in was added.');
}

test('a way to log in is added, removed, undone and objected to', visit(async ({ page, visitor }) => {
  await page.goto(`${http}/account`);
  await heading(page, 'Log in to your account');
  await logIn(page);
  await heading(page, 'Your account');
  await isAccessible(page);

  await page.getByRole('link', { name: 'Add another way to log in' }).click();
  await isAccessible(page);
  await page.getByRole('button', { name: 'Cancel' }).click();
  await heading(page, 'Your account');
  await page.getByRole('link', { name: 'Add another way to log in' }).click();
  await page.getByRole('link', { name: 'Continue with Google' }).click();
  await choose(page);
  await heading(page, 'Add this login?');
  await isAccessible(page);
  const preview = page.url();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await heading(page, 'Your account');
  await page.goto(preview);
  await page.getByText('This page has expired, or was used already: it is valid for five minutes.').waitFor();
  await page.getByRole('link', { name: 'Begin again' }).waitFor();
  await page.goto(`${http}/account`);
  await addGoogle(page);

  await page.getByRole('link', { name: 'Remove Google a***@example.com' }).press('Enter');
  await heading(page, 'Remove Google?');
  await isAccessible(page);
  await page.getByRole('button', { name: 'Remove Google' }).press('Enter');
  await result(page, 'The way to log in was removed.');

  await addGoogle(page);
  await page.getByRole('link', { name: 'Undo the addition of' }).click();
  await heading(page, 'Undo this change?');
  await isAccessible(page);
  await page.getByRole('button', { name: 'Undo the change' }).click();
  await result(page, 'The change was undone.');
  await page.getByRole('link', { name: 'All of the history' }).click();
  await page.getByText('The addition of Google was undone by you').waitFor();
  await isAccessible(page);
  await page.getByRole('link', { name: 'Back to your account' }).click();

  await addGoogle(page);
  const mail = await visitor.newPage();
  await mail.goto(here((await sent('ada@example.com', 'notice')).link));
  await heading(mail, 'This was not me');
  await isAccessible(mail);
  await mail.getByRole('button', { name: 'This was not me' }).click();
  await result(mail, 'The addition was undone, and everybody is logged out of both accounts.');
  await page.reload();
  await heading(page, 'Log in to your account');
}, { expected: [/status of 400/] }));

test('a login that is to go does not decide, and the back button repeats nothing', visit(async ({ page }) => {
  await page.goto(`${http}/account`);
  await logIn(page, { username: 'grace@example.com' });
  await addGoogle(page, 'Grace Hopper');
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByRole('link', { name: 'Continue with Google' }).click();
  await choose(page, 'Grace Hopper');
  await page.getByRole('link', { name: 'Remove Google g***@example.com' }).click();
  await heading(page, 'Log in again');
  await isAccessible(page);
  await page.getByRole('button', { name: 'Continue' }).click();
  await logIn(page, { username: 'grace@example.com' });
  await heading(page, 'Remove Google?');
  await page.getByRole('button', { name: 'Remove Google' }).click();
  await result(page, 'The way to log in was removed.');
  await page.goBack();
  await page.getByText('Your account has no such login any more.').waitFor();
}, { expected: [/status of 400/] }));

test('whoever chooses something else than the page shows sees it first', visit(async ({ page }) => {
  await page.goto(`${http}/account`);
  await logIn(page, { username: 'grace@example.com' });
  await page.getByRole('link', { name: 'Add another way to log in' }).click();
  await page.getByRole('link', { name: 'Continue with Google' }).click();
  await choose(page, 'Grace Hopper');
  await heading(page, 'Make these one account?');
  await page.getByLabel('2, the other one: Google grace@example.com').check();
  await page.getByRole('button', { name: 'Make them one account' }).click();
  await page.getByRole('alert').getByText('You have chosen something else. This is what changes now:').waitFor();
  assert.equal(new URL(page.url()).hash, '#changes');
  assert.equal(await page.getByLabel('2, the other one').isChecked(), true);
  await page.getByRole('button', { name: 'Cancel' }).click();
  await heading(page, 'Your account');
  assert.equal(await page.getByText('Remove Google').count(), 0);
}, { having: { javaScriptEnabled: false, viewport: { width: 375, height: 640 } } }));

test('the account page needs no script, and fits a telephone', visit(async ({ page }) => {
  await page.goto(`${http}/account`);
  await logIn(page, { username: 'emmy@example.com' });
  await addGoogle(page, 'Emmy Noether');
  for (const name of ['/account', '/account/history']) {
    const response = await page.goto(`${http}${name}`);
    assert.ok((await response.body()).length <= 30_000, name);
    await page.screenshot();
  }
}, { having: { javaScriptEnabled: false, viewport: { width: 320, height: 640 } } }));
