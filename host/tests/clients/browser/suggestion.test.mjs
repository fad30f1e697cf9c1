// The page of a suggestion, as people use it beside pages.test.mjs: by keyboard alone, with several
// accounts to choose from, and with names that somebody has chosen to do harm.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fitsTelephone, isAccessible } from './axe.mjs';
import { browsing, choose, enterAccount, http, logIn, password, tabTo } from './harness.mjs';

const visit = browsing({ applications: false });

const heading = (page, name) => page.getByRole('heading', { name, level: 1 }).waitFor();

/** The identities of whoever is logged in. */
async function identities(page) {
  await heading(page, 'You are logged in as');
  return page.locator('h2:has-text("One user") + ul li').evaluateAll((all) => all.map((it) => it.firstChild.data.trim()));
}

test('a suggestion is answered by keyboard alone', visit(async ({ page }) => {
  const { keyboard } = page;
  const press = async (name) => {
    await tabTo(page, name);
    await keyboard.press('Enter');
  };
  const begin = async () => {
    await page.goto(`${http}/dev/log-in?client_id=pages`);
    await press('Continue with Google');
    await heading(page, 'Google');
  };
  await begin();
  await press('Somebody else');
  for (const [label, words] of [['Id at the provider', 'by-keyboard'], ['Email', 'lise@example.com'], ['The provider reports', ' ']]) {
    await tabTo(page, label);
    await keyboard.type(words);
  }
  await press('Continue');
  await heading(page, 'You already have an account');
  await press('Not now');
  assert.deepEqual(await identities(page), ['google-oauth2|by-keyboard']);
  await press('Log out');
  await heading(page, 'Nobody is logged in');
  await begin();
  await press('Grace Hopper');
  await heading(page, 'You already have an account');
  await tabTo(page, 'Email or username');
  await keyboard.type('grace@example.com');
  await tabTo(page, 'Password');
  await keyboard.type(password);
  await keyboard.press('Enter');
  assert.deepEqual(await identities(page), ['auth0|grace', 'google-oauth2|1906']);
}));

test('of several accounts, the one that is proved is linked', visit(async ({ page }) => {
  await page.goto(`${http}/dev/log-in?client_id=pages`);
  await page.getByRole('link', { name: 'Continue with Google' }).click();
  await choose(page, 'Emmy Noether');
  await heading(page, 'You already have an account');
  await page.reload();
  await page.getByText('If you have several accounts, log in to the one that you want to use.').waitFor();
  await isAccessible(page);
  await page.getByRole('link', { name: 'Continue with GitHub' }).click();
  await enterAccount(page, 'emmy', 'emmy@example.com');
  assert.deepEqual(await identities(page), ['github|emmy', 'google-oauth2|1815']);
  // The other one is as it was.
  await page.goto(`${http}/`);
  assert.match(await page.getByRole('listitem').filter({ hasText: 'auth0|emmy:' }).innerText(), /^[^\n]*$/);
}));

test('of two tabs with one suggestion, the second one changes nothing', visit(async ({ page, visitor }) => {
  const USED = 'This page has expired, or was used already.';
  const suggested = async (id, email) => {
    await visitor.clearCookies();
    await page.goto(`${http}/dev/log-in?client_id=pages`);
    await page.getByRole('link', { name: 'Continue with GitHub' }).click();
    await enterAccount(page, id, email);
    await heading(page, 'You already have an account');
    const tab = await visitor.newPage();
    await tab.goto(page.url());
    await heading(tab, 'You already have an account');
    return tab;
  };
  let tab = await suggested('tabs-1', 'christine@example.com');
  await logIn(page, { username: 'christine@example.com' });
  assert.deepEqual(await identities(page), ['auth0|christine', 'github|tabs-1']);
  await tab.getByRole('button', { name: 'Not now' }).click();
  await tab.getByText(USED).waitFor();
  await tab.goto(`${http}/dev/logged-in`);
  assert.deepEqual(await identities(tab), ['auth0|christine', 'github|tabs-1']);

  tab = await suggested('tabs-2', 'dorothy@example.com');
  await page.getByRole('button', { name: 'Not now' }).click();
  assert.deepEqual(await identities(page), ['github|tabs-2']);
  await logIn(tab, { username: 'dorothy@example.com' });
  await tab.getByText(USED).waitFor();
  await tab.goto(`${http}/dev/logged-in`);
  assert.deepEqual(await identities(tab), ['github|tabs-2'], 'the answer of the first tab stays');
}, { expected: [/status of 40[03]/] }));

test('hostile names are text', visit(async ({ page, visitor }) => {
  page.on('dialog', () => assert.fail('a script runs'));
  const script = '</script><img src=x onerror=alert(1)>\u202e';
  const name = script + 'W'.repeat(500 - script.length);
  const isText = async (words) => {
    const at = page.url();
    assert.ok((await page.getByText(words).count()) > 0, at);
    assert.equal(await page.locator('img[onerror]').count(), 0, at);
    assert.ok(!(await page.locator('body').innerText()).includes('\u202e'), at);
    await fitsTelephone(page);
  };
  await page.goto(`${http}/dev/log-in?client_id=pages`);
  await page.getByRole('link', { name: 'Continue with Google' }).click();
  await enterAccount(page, '<img>', 'rosalind@example.com', name);
  await heading(page, 'You already have an account');
  await isText(script.slice(0, -1));
  await page.getByRole('button', { name: 'Not now' }).click();
  await heading(page, 'You are logged in as');
  await isText(script.slice(0, -1));
  await page.goto(`${http}/account`);
  await isText(script.slice(0, -1));
  await visitor.clearCookies();
  await page.goto(`${http}/account`);
  await logIn(page);
  await page.getByRole('link', { name: 'Add another way to log in' }).click();
  await page.getByRole('link', { name: 'Continue with Google' }).click();
  await enterAccount(page, '<b>', 'mallory@example.com', name);
  await heading(page, 'Add this login?');
  await isText(script.slice(0, -1));
  await page.getByRole('button', { name: 'Add it' }).click();
  await page.getByRole('status').waitFor();
  await page.goto(`${http}/`);
  await isText('google-oauth2|<b>');
  await page.goto(`${http}/dev/outbox`);
  await isText('mallory@example.com');
}));
