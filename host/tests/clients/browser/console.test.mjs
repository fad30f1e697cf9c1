// The operators' console, as people use it: they find users, see decisions, merge, undo, and settle
// conflicts. Persons log in beside them.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isAccessible } from './axe.mjs';
import { browsing, choose, http, logIn as logInByPassword, tabTo } from './harness.mjs';

const visit = browsing({ applications: false });
const REFUSED = { expected: [/status of 40[049]/] };

const heading = (page, name) => page.getByRole('heading', { name, level: 1 }).waitFor();
const result = (page, words) => page.getByRole('status').getByText(words).waitFor();
const fault = (page, words) => page.getByRole('alert').getByText(words).waitFor();
const mergeOf = (keep, move) => `${http}/console/merge?${new URLSearchParams({ keep, move })}`;
const userPage = (id) => `${http}/console/users/${encodeURIComponent(id)}`;

/** Another browser, for the time of `body`. */
async function beside(visitor, body, having) {
  const other = await visitor.browser().newContext(having);
  try {
    return await body(await other.newPage());
  } finally {
    await other.close();
  }
}

/** A person logs in with an account of Google. */
const logIn = (visitor, name) =>
  beside(visitor, async (page) => {
    await page.goto(`${http}/dev/log-in?client_id=pages`);
    await page.getByRole('link', { name: 'Continue with Google' }).click();
    await choose(page, name);
    await heading(page, 'You are logged in');
  });

/** Ada has logged in with her password: an account that nobody has used is not linked. */
const logInAda = (visitor) =>
  beside(visitor, async (page) => {
    await page.goto(`${http}/dev/log-in?client_id=pages`);
    await logInByPassword(page);
    await heading(page, 'You are logged in');
  });

/** Opens a page again until it has this: decisions are written shortly after their login. */
async function opened(page, address, locate) {
  for (let times = 0; ; times += 1) {
    await page.goto(address);
    if ((await locate(page).count()) > 0) return;
    assert.ok(times < 100, `${address} does not show it`);
    await page.waitForTimeout(50);
  }
}

const linksInto = async (page, id) => {
  await page.goto(`${http}/console/journal?user=${encodeURIComponent(id)}`);
  return page.getByText('was linked into').count();
};

test('every page is accessible, small, guarded, and fits a telephone', visit(async ({ page, visitor }) => {
  await logInAda(visitor);
  await logIn(visitor, 'Ada Lovelace');
  await logIn(visitor, 'Grace Hopper');
  await opened(page, `${http}/console/conflicts`, (it) => it.getByRole('article'));
  await opened(page, `${http}/console/decisions?kind=linked`, (it) => it.getByRole('cell', { name: 'linked' }));
  const decision = await page.getByRole('row').nth(1).getByRole('link').first().getAttribute('href');
  await page.goto(`${http}${decision}`);
  const entry = await page.getByRole('link', { name: 'The link in the journal' }).getAttribute('href');
  for (const path of [
    '/console',
    '/console/users?q=auth0',
    '/console/users?q=nobody',
    '/console/users/auth0%7Cada',
    '/console/users/auth0%7Cnobody',
    '/console/journal',
    entry,
    `${entry}/undo`,
    '/console/decisions',
    decision,
    '/console/conflicts',
    '/console/live',
    '/console/merge',
    '/console/merge?keep=auth0%7Cmary&move=google-oauth2%7C3001',
    '/console/merge?keep=auth0%7C&move=nobody',
  ]) {
    const response = await page.goto(`${http}${path}`);
    assert.ok((await response.body()).length <= 30_000, path);
    const policy = response.headers()['content-security-policy'];
    const scripts = path === '/console/live' ? /script-src 'self'/ : /^((?!script-src).)*$/;
    assert.match(policy, /default-src 'none'/, path);
    assert.match(policy, scripts, path);
    assert.doesNotMatch(policy, /unsafe/, path);
    try {
      await isAccessible(page);
    } catch (error) {
      throw new Error(`${path}: ${error.message}`, { cause: error });
    }
  }
}, REFUSED));

test('an operator merges and undoes by keyboard alone', visit(async ({ page }) => {
  const { keyboard } = page;
  await page.goto(`${http}/console`);
  await keyboard.press('Tab');
  await keyboard.press('Enter'); // To the content.
  await tabTo(page, 'User id');
  await keyboard.type('mary@example.com');
  await keyboard.press('Enter');
  await result(page, '2 users');
  await tabTo(page, 'auth0|mary');
  await keyboard.press('Enter');
  await heading(page, 'auth0|mary');
  await tabTo(page, 'Merge another account into this one');
  await keyboard.press('Enter');
  await heading(page, 'Merge two accounts');
  await tabTo(page, 'The account that becomes');
  await keyboard.type('google-oauth2|3001');
  await keyboard.press('Enter');
  await page.getByText('The identities will be: auth0|mary, google-oauth2|3001.').waitFor();
  await tabTo(page, 'Reason');
  await keyboard.type('ticket 7');
  await tabTo(page, 'Merge the accounts');
  await keyboard.press('Enter');
  await result(page, 'The accounts were merged.');
  await tabTo(page, 'Undo this link');
  await keyboard.press('Enter');
  await heading(page, 'Undo this link?');
  await tabTo(page, 'Undo the link');
  await keyboard.press('Enter');
  await result(page, 'The link was undone.');
}));

test('of two operators, one merges and one settles', visit(async ({ page, visitor }) => {
  await logIn(visitor, 'Emmy Noether');
  await beside(visitor, async (other) => {
    for (const it of [page, other]) await it.goto(mergeOf('auth0|katherine', 'google-oauth2|3002'));
    for (const it of [page, other]) await it.getByLabel('Reason').fill('she called');
    await page.getByRole('button', { name: 'Merge the accounts' }).click();
    await result(page, 'The accounts were merged.');
    await other.getByRole('button', { name: 'Merge the accounts' }).click();
    await fault(other, 'There is no user google-oauth2|3002 any more. It may have been merged meanwhile.');
    assert.equal(await linksInto(other, 'auth0|katherine'), 1);

    const emmys = (it) => it.getByRole('article').filter({ hasText: 'auth0|emmy' });
    for (const it of [page, other]) await opened(it, `${http}/console/conflicts`, emmys);
    for (const it of [page, other]) await emmys(it).getByLabel('Note').fill('one person');
    await emmys(page).getByRole('button', { name: 'Settle without a mark' }).click();
    await result(page, 'The conflict was settled.');
    await emmys(other).getByRole('button', { name: 'Not the same person' }).click();
    await fault(other, 'The conflict was settled meanwhile. Nothing was changed.');
    await other.goto(userPage('auth0|emmy'));
    assert.equal(await other.getByText('linking.unlinked').count(), 0);
    await page.goto(`${http}/console/conflicts?settled=yes`);
    assert.equal(await emmys(page).count(), 1);
    await isAccessible(page);
  });
}, REFUSED));

test('double click, back and reload change nothing twice', visit(async ({ page }) => {
  await page.goto(mergeOf('auth0|dorothy', 'google-oauth2|3003'));
  await page.getByLabel('Reason').fill('lost');
  await page.reload();
  await page.getByLabel('Reason').fill('she called');
  await page.getByRole('button', { name: 'Merge the accounts' }).dblclick();
  await page.waitForURL((url) => !url.search.includes('move='));
  assert.equal(await linksInto(page, 'auth0|dorothy'), 1);
  await page.goto(mergeOf('auth0|evelyn', 'google-oauth2|3005'));
  await page.getByLabel('Reason').fill('he called');
  await page.getByRole('button', { name: 'Merge the accounts' }).click();
  await result(page, 'The accounts were merged.');
  await page.reload();
  await result(page, 'The accounts were merged.');
  await page.goBack();
  await heading(page, 'Merge two accounts');
  await page.getByRole('alert').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Merge the accounts' }).count(), 0);
  assert.equal(await linksInto(page, 'auth0|evelyn'), 1);
}, REFUSED));

test('hostile names are text', visit(async ({ page, visitor }) => {
  const script = '</script><img src=x onerror=alert(1)>\u202e';
  const name = script + 'W'.repeat(500 - script.length);
  await beside(visitor, async (person) => {
    await person.goto(`${http}/dev/log-in?client_id=pages`);
    await person.getByRole('link', { name: 'Continue with Google' }).click();
    await person.getByText('Somebody else').click();
    await person.getByLabel('Id at the provider').fill('<img>');
    await person.getByLabel('Name').fill(name);
    await person.getByLabel('Email', { exact: true }).fill('eve@example.com');
    await person.getByRole('button', { name: 'Continue', exact: true }).click();
    await heading(person, 'You are logged in');
  }, { userAgent: script.slice(0, -1) });
  page.on('dialog', () => assert.fail('a script runs'));
  const id = 'google-oauth2|<img>';
  const eves = (it) => it.getByRole('link', { name: id });
  await page.setViewportSize({ width: 375, height: 667 });
  await opened(page, `${http}/console/decisions?user=${encodeURIComponent(id)}`, eves);
  const decision = await page.getByRole('row').nth(1).getByRole('link').first().getAttribute('href');
  for (const address of [
    page.url(),
    `${http}${decision}`,
    `${http}/console`,
    `${http}/console/users?q=${encodeURIComponent(id)}`,
    userPage(id),
    mergeOf(id, 'auth0|ada'),
    `${http}/console/live`,
  ]) {
    await page.goto(address);
    assert.ok((await page.getByText('<img>').count()) > 0, address);
    assert.equal(await page.locator('img').count(), 0, address);
    const [needed, width, text] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth, document.body.innerText]);
    assert.ok(needed <= width, `${address}: ${needed} of ${width} px`);
    assert.ok(!text.includes('\u202e'), address);
  }
}));

test('without a script, only the live tail stands still, and says so', visit(async ({ page }) => {
  await page.goto(`${http}/console`);
  await page.getByRole('searchbox').fill('christine@example.com');
  await page.getByRole('button', { name: 'Find' }).click();
  await page.getByRole('link', { name: 'auth0|christine' }).click();
  await page.getByRole('link', { name: 'Merge another account into this one' }).click();
  await page.getByLabel('The account that becomes a part of it').fill('google-oauth2|3004');
  await page.getByRole('button', { name: 'Show what changes' }).click();
  await page.getByLabel('Reason').fill('she called');
  await page.getByRole('button', { name: 'Merge the accounts' }).click();
  await result(page, 'The accounts were merged.');
  await page.getByRole('link', { name: 'Undo this link…' }).click();
  await page.getByRole('button', { name: 'Undo the link' }).click();
  await result(page, 'The link was undone.');
  await page.getByRole('link', { name: 'Conflicts' }).click();
  await page.getByRole('article').getByLabel('Note').first().fill('two persons');
  await page.getByRole('button', { name: 'Not the same person' }).first().click();
  await result(page, 'The conflict was settled.');
  await page.getByRole('link', { name: 'Decisions' }).click();
  await heading(page, 'Decisions');
  await page.getByRole('combobox').selectOption('linked');
  await page.getByRole('button', { name: 'Filter' }).click();
  await page.getByRole('row').nth(1).getByRole('link').first().click();
  await heading(page, 'Decision about a login');
  await page.getByRole('link', { name: 'Live' }).click();
  assert.match(await page.locator('#state').innerText(), /^This page needs a script to show further decisions\./);
  assert.ok((await page.getByText('LINKED_VERIFIED_BOTH').count()) > 0);
}, { having: { javaScriptEnabled: false, viewport: { width: 375, height: 667 } } }));

test('the live tail shows logins, each with its trace', visit(async ({ page, visitor }) => {
  await page.goto(`${http}/console/live`);
  await result(page, 'Waiting for decisions.');
  const rows = page.locator('#rows > li');
  const before = await rows.count();
  await logIn(visitor, 'Ada Lovelace');
  await page.waitForFunction((before) => document.querySelectorAll('#rows > li').length > before, before);
  const newest = rows.first();
  assert.match(await newest.innerText(), /auth0\|ada/);
  await newest.getByText('Trace').press('Enter');
  await newest.getByRole('listitem').first().waitFor();
  await isAccessible(page);
  // The page shows the missed decisions when it is opened again.
  await page.goto('about:blank');
  await logIn(visitor, 'Ada Lovelace');
  await opened(page, `${http}/console/live`, (it) => it.locator('#rows > li').nth(before + 1));
}));
