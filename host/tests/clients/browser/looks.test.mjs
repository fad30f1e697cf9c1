// The main pages of the tenant look as approved: see looks.mjs.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { PNG } from 'pngjs';

import { isAccessible } from './axe.mjs';
import { browsing, choose, http, logIn, sent, someone } from './harness.mjs';
import { TOLERANCE, difference, isInOrder, look } from './looks.mjs';

const visit = browsing({ applications: false });

const here = (link) => link.replace(/^https?:\/\/[^/]+/, http);
const heading = (page, name) => page.getByRole('heading', { name, level: 1 }).waitFor();

const login = (page) => page.goto(`${http}/dev/log-in?client_id=pages`);

// The first test: later logins change the list of users.
test('the start page', visit(async ({ page }) => {
  await page.goto(`${http}/`);
  await look(page, 'start', { fullPage: false });
}));

test('pages of a login', visit(async ({ page }) => {
  await login(page);
  await look(page, 'login');
  await page.getByText('Sign up').first().click();
  await look(page, 'sign-up');
  await logIn(page, { secret: 'wrong' });
  await page.getByRole('alert').waitFor();
  await look(page, 'login-wrong');
  await page.getByRole('link', { name: 'Continue with phone' }).click();
  await page.getByLabel('Phone number').fill('+12025550123');
  await page.keyboard.press('Enter');
  await page.getByLabel('Code sent to').waitFor();
  await look(page, 'code');
  await page.goto(`${http}/dev/outbox`);
  await look(page, 'outbox');
}, { expected: [/status of 40[03]/] }));

test('pages of a link and of a second factor', visit(async ({ page }) => {
  await login(page);
  await page.getByRole('link', { name: 'Continue with email' }).click();
  await page.getByLabel('Email').fill('looks@example.com');
  await page.getByRole('button', { name: 'Send me a link' }).click();
  await page.getByText('Link sent to').waitFor();
  await page.goto(here((await sent('looks@example.com', 'link')).link));
  await heading(page, 'Log in with a link');
  await look(page, 'link');
  await login(page);
  await logIn(page, { username: 'rosalind@example.com' });
  await heading(page, 'Your second factor');
  await look(page, 'second-factor');
}));

test('pages of a suggestion', visit(async ({ page }) => {
  await login(page);
  await page.getByRole('link', { name: 'Continue with Google' }).click();
  await heading(page, 'Google');
  await look(page, 'stand-in');
  await page.getByText('Somebody else').click();
  await page.getByLabel('Id at the provider').fill('looks');
  await page.getByLabel('Email', { exact: true }).fill('without-script@example.com');
  await page.getByLabel('The provider reports it as verified').check();
  await page.getByRole('button', { name: 'Continue' }).click();
  await heading(page, 'You already have an account');
  await look(page, 'suggestion');
  await page.getByRole('button', { name: 'Not now' }).click();
  await heading(page, 'You are logged in');
  await look(page, 'logged-in');
}));

test('pages of an account', visit(async ({ page }) => {
  await page.goto(`${http}/account`);
  await logIn(page);
  await heading(page, 'Your account');
  await page.getByRole('link', { name: 'Add another way to log in' }).click();
  await look(page, 'account-add');
  await page.getByRole('link', { name: 'Continue with Google' }).click();
  await choose(page);
  await page.getByRole('heading', { name: /^(Make these one account|Add this login)\?$/ }).waitFor();
  await look(page, 'account-link');
  await page.getByRole('button', { name: /^(Make them one account|Add it)$/ }).click();
  await page.getByRole('status').waitFor();
  await look(page, 'account');
  await page.getByRole('link', { name: 'Remove Google' }).click();
  await heading(page, 'Remove Google?');
  await look(page, 'account-remove');
  await page.goto(`${http}/account/history`);
  await look(page, 'account-history');
  await page.getByRole('link', { name: 'Undo the addition of' }).click();
  await heading(page, 'Undo this change?');
  await look(page, 'account-undo');
  await page.goto(here((await sent('ada@example.com', 'notice')).link));
  await heading(page, 'This was not me');
  await look(page, 'account-objection');
}));

test('pages without a picture are accessible and small, too', visit(async ({ page }) => {
  await login(page);
  await page.getByRole('link', { name: 'Forgot password?' }).click();
  await isInOrder(page);
  await page.getByLabel('Email').fill('ada@example.com');
  await page.keyboard.press('Enter');
  await page.getByRole('status').waitFor();
  await isInOrder(page);
  await page.goto(here((await sent('ada@example.com', 'reset')).link));
  await isInOrder(page);
  await login(page);
  await page.getByText('Sign up').first().click();
  const email = someone();
  await page.getByLabel('Email', { exact: true }).fill(email);
  await page.getByLabel('Password').last().fill('correct horse battery');
  await page.getByRole('button', { name: 'Sign up' }).click();
  await heading(page, 'You are logged in');
  const verification = here((await sent(email, 'verify')).link);
  await page.goto(verification);
  await isInOrder(page);
  // In another browser, the page asks for the password.
  await page.context().clearCookies();
  await page.goto(verification);
  await page.getByText('It was not you?').waitFor();
  await isInOrder(page);
  await page.goto(`${http}/u/login?state=unknown`);
  await isInOrder(page);
}, { expected: [/status of 400/] }));

test('the report of a backfill', visit(async ({ page, asked }) => {
  const folder = join(process.env.LIGATURE_PLACE, 'backfill');
  mkdirSync(folder);
  const account = (provider, id, email, connection, more = {}) => ({
    user_id: `${provider}|${id}`, email, email_verified: true, created_at: `202${id}-01-01T00:00:00.000Z`, last_login: '2026-01-01T00:00:00.000Z',
    logins_count: 1, identities: [{ provider, user_id: `${id}`, connection, isSocial: provider !== 'auth0' }], ...more,
  });
  const database = 'Username-Password-Authentication';
  const users = [
    account('auth0', 1, 'ada@corp.com', database), account('google-oauth2', 2, 'ada@corp.com', 'google-oauth2'),
    account('auth0', 3, 'bob@corp.com', database, { email_verified: false }), account('google-oauth2', 4, 'bob@corp.com', 'google-oauth2'),
    account('auth0', 5, 'cy@corp.com', database), account('auth0', 6, 'cy@corp.com', 'family'),
    account('auth0', 7, 'di@corp.com', database, { app_metadata: { privileged: true } }), account('google-oauth2', 8, 'di@corp.com', 'google-oauth2'),
  ];
  writeFileSync(join(folder, 'users.ndjson'), users.map((user) => JSON.stringify(user)).join('\n'));
  writeFileSync(join(folder, 'policy.json'), JSON.stringify({ mode: 'auto', trusted_connections: ['google-oauth2', database] }));
  const preview = ['backfill', 'preview', '--users', 'users.ndjson', '--policy', 'policy.json', '--report', 'report', '--now', '2026-01-01T12:00:00Z'];
  execFileSync(process.env.LIGATURE_PROGRAM, preview, { cwd: folder, stdio: 'pipe' });
  await page.goto(pathToFileURL(join(folder, 'report/report.html')).href);
  await heading(page, 'Accounts with the same address');
  await isAccessible(page);
  await page.emulateMedia({ media: 'print' });
  assert.ok((await page.pdf({ format: 'A4' })).length > 10_000, 'it can be printed');
  await page.emulateMedia({ media: 'screen' });
  await look(page, 'backfill-report');
  assert.deepEqual(asked.map((url) => new URL(url).protocol), ['file:'], 'the page asks for nothing else');
}));

// The base is generated by tests/backfill/user_base.rs: 105 groups of each kind, of which two kinds are conflicts.
test('the report of a known user base', visit(async ({ page, asked }) => {
  const folder = join(process.env.LIGATURE_PLACE, 'base');
  const preview = ['backfill', 'preview', '--users', 'users.ndjson', '--policy', 'policy.json', '--report', 'report'];
  execFileSync(process.env.LIGATURE_PROGRAM, preview, { cwd: folder, stdio: 'pipe' });
  await page.goto(pathToFileURL(join(folder, 'report/report.html')).href);
  await heading(page, 'Accounts with the same address');
  for (const [title, bars] of [['Links by pair of connections', 1], ['Decided logins by reason', 10]]) {
    const chart = page.locator('ul.bars').and(page.getByRole('heading', { name: title }).locator('xpath=following-sibling::*[1]'));
    assert.equal(await chart.locator('rect').count(), bars, title);
    for (const { width, height } of await chart.locator('rect').evaluateAll((all) => all.map((it) => it.getBoundingClientRect().toJSON()))) {
      assert.ok(width > 100 && height > 5, `a bar of ${title} has ${width} × ${height} px`);
    }
  }
  await page.getByText('The table has 10 more.').waitFor();
  assert.equal(await page.locator('section.group').count(), 200 + 3 * 5);
  await isAccessible(page);
  await page.emulateMedia({ media: 'print' });
  const pages = (await page.pdf({ format: 'A4' })).toString('latin1').match(/\/Type\s*\/Page\b/g);
  assert.ok(pages.length > 10, `${pages.length} pages are printed`);
  assert.deepEqual(asked.map((url) => new URL(url).protocol), ['file:'], 'the page asks for nothing else');
}));

test('without its stylesheet, a page looks otherwise', visit(async ({ page }) => {
  await login(page);
  const shot = async () => PNG.sync.read(await page.screenshot({ fullPage: true }));
  const [first, second] = [await shot(), await shot()];
  assert.equal(difference(first, second), 0);
  await page.evaluate(() => document.querySelector('style').remove());
  assert.ok(difference(first, await shot()) > 2 * TOLERANCE);
}));

test('a picture of another size is compared, too', () => {
  const white = (width, height) => Object.assign(new PNG({ width, height }), { data: Buffer.alloc(width * height * 4, 255) });
  const [small, large] = [white(10, 10), white(10, 20)];
  assert.equal(difference(small, large), 0);
  for (let at = 4 * 100; at < 4 * 200; at += 4) large.data.writeUInt32BE(0xff, at);
  assert.ok(difference(small, large) > 0.9);
});
