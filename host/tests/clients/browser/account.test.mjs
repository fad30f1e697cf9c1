// The account page, as people use it: they add a way to log in, remove it, undo it, and say that
// it was not them.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fitsTelephone, isAccessible } from './axe.mjs';
import { app, browsing, choose, claims, enterAccount, http, logIn, password, sent, tabTo, userOf } from './harness.mjs';

/** The application to which answers lead. */
const application = (request, response, next) =>
  request.url.startsWith('/spa?') ? response.writeHead(200, { 'content-type': 'text/html' }).end('<title>The application</title>') : next();
const visit = browsing({ middleware: application });
const REFUSED = { expected: [/status of 40[03]/] };
const PHONE = { javaScriptEnabled: false, viewport: { width: 375, height: 640 } };

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
    await fitsTelephone(page);
  }
}, { having: { javaScriptEnabled: false, viewport: { width: 320, height: 640 } } }));

/** Logs in to the account page by a password. */
async function open(page, username) {
  await page.goto(`${http}/account`);
  await logIn(page, { username });
  await heading(page, 'Your account');
}

/** Proves an account of Google, as far as the preview; the name of its button. */
async function prove(page, id, email) {
  await page.goto(`${http}/account/add`);
  await page.getByRole('link', { name: 'Continue with Google' }).click();
  await enterAccount(page, id, email);
  await heading(page, 'Make these one account?');
}

const confirm = (page) => page.getByRole('button', { name: 'Make them one account' });
const additions = async (page) => {
  await page.goto(`${http}/account/history`);
  return page.getByText('was added').count();
};

test('the account page is used by keyboard alone', visit(async ({ page }) => {
  const { keyboard } = page;
  const press = async (name) => {
    await tabTo(page, name);
    await keyboard.press('Enter');
  };
  const add = async () => {
    await press('Add another way to log in');
    await heading(page, 'Add another way to log in');
    await press('Continue with Google');
    await heading(page, 'Google');
    await press('Grace Hopper');
    await heading(page, 'Make these one account?');
    await press('Make them one account');
    await result(page, 'The way to log in was added.');
  };
  await page.goto(`${http}/account`);
  await heading(page, 'Log in to your account');
  await keyboard.type('grace@example.com');
  await keyboard.press('Tab');
  await keyboard.type(password);
  await keyboard.press('Enter');
  await heading(page, 'Your account');
  await add();
  await press('Remove Google');
  await heading(page, 'Remove Google?');
  await press('Remove Google');
  await result(page, 'The way to log in was removed.');
  await add();
  await press('Undo the addition of');
  await heading(page, 'Undo this change?');
  await press('Undo the change');
  await result(page, 'The change was undone.');
  await add();
  await page.goto(here((await sent('grace@example.com', 'notice')).link));
  await heading(page, 'This was not me');
  await press('This was not me');
  await result(page, 'The addition was undone, and everybody is logged out of both accounts.');
}));

test('a double click adds once and removes once', visit(async ({ page }) => {
  await open(page, 'katherine@example.com');
  await prove(page, '3002', 'katherine@example.com');
  await page.reload();
  await confirm(page).dblclick();
  await Promise.any([result(page, 'The way to log in was added.'), page.getByText('was used already').waitFor()]);
  assert.equal(await additions(page), 1);
  await page.goto(`${http}/account`);
  await page.getByRole('link', { name: 'Remove Google' }).click();
  await page.getByRole('button', { name: 'Remove Google' }).dblclick();
  await Promise.any([result(page, 'The way to log in was removed.'), page.getByText('no such login any more').waitFor()]);
  assert.equal(await additions(page), 1);
  assert.equal(await page.getByText('was removed').count(), 1);
}, REFUSED));

test('of two tabs, the second one changes nothing that the first one has changed', visit(async ({ page, visitor }) => {
  await open(page, 'katherine@example.com');
  const tab = await visitor.newPage();
  for (const it of [page, tab]) await prove(it, '3002', 'katherine@example.com');
  await confirm(page).click();
  await result(page, 'The way to log in was added.');
  await confirm(tab).click();
  await tab.getByText('You already log in to this account in that way.').waitFor();
  for (const it of [page, tab]) {
    await it.goto(`${http}/account`);
    await it.getByRole('link', { name: 'Remove Google' }).click();
    await heading(it, 'Remove Google?');
  }
  await page.getByRole('button', { name: 'Remove Google' }).click();
  await result(page, 'The way to log in was removed.');
  await tab.getByRole('button', { name: 'Remove Google' }).click();
  await tab.getByText('Your account has no such login any more.').waitFor();
}, REFUSED));

test('of two persons, the second one gets nothing of what the first one has added', visit(async ({ page, visitor }) => {
  const context = await visitor.browser().newContext();
  const other = await context.newPage();
  await open(page, 'dorothy@example.com');
  await open(other, 'christine@example.com');
  for (const it of [page, other]) await prove(it, '3003', 'dorothy@example.com');
  // The page of one is of no use to the other.
  const theirs = await context.newPage();
  await theirs.goto(page.url());
  await theirs.getByText('This page belongs to another browser or to an earlier login.').waitFor();
  await confirm(page).click();
  await result(page, 'The way to log in was added.');
  await confirm(other).click();
  await other.getByText('This login belongs to another account').waitFor();
  await other.goto(`${http}/account`);
  assert.equal(await other.getByRole('link', { name: 'Remove' }).count(), 0);
  await context.close();
}, REFUSED));

test('another account at “Log in again” changes nothing', visit(async ({ page }) => {
  await page.goto(`${http}/account`);
  await page.getByRole('link', { name: 'Continue with Google' }).click();
  await enterAccount(page, '3003', 'dorothy@example.com');
  await page.getByRole('link', { name: 'Remove Google' }).click();
  await heading(page, 'Log in again');
  await page.getByRole('button', { name: 'Continue' }).click();
  await logIn(page, { username: 'christine@example.com' });
  await page.getByRole('alert').getByText('This login belongs to another account.').waitFor();
  await page.goto(`${http}/account`);
  assert.equal(await page.getByRole('link', { name: 'Remove Google' }).count(), 1);
}, REFUSED));

test('the other account stays, with the settings of this one', visit(async ({ page }) => {
  await open(page, 'annie@example.com');
  await prove(page, '3006', 'annie@example.com');
  await page.getByLabel('2, the other one').check();
  await page.getByLabel('prefer those of the other one').check();
  await page.getByRole('button', { name: 'Show what changes' }).click();
  await page.waitForURL(/#changes$/);
  await page.getByRole('listitem').filter({ hasText: 'Setting: theme' }).waitFor();
  await confirm(page).click();
  await result(page, 'The way to log in was added.');
  const { user_id, identities, user_metadata } = await userOf('google-oauth2|3006');
  assert.deepEqual([user_id, identities.map((it) => it.user_id)], ['google-oauth2|3006', ['3006', 'annie']]);
  assert.deepEqual(user_metadata, { theme: 'dark', language: 'en' });
}));

test('without a script, a way to log in is removed, undone and objected to', visit(async ({ page }) => {
  const add = async () => {
    await prove(page, '3008', 'valerie@example.com');
    await confirm(page).click();
    await result(page, 'The way to log in was added.');
  };
  await open(page, 'valerie@example.com');
  await add();
  await page.getByRole('link', { name: 'Remove Google' }).click();
  await fitsTelephone(page);
  await page.getByRole('button', { name: 'Remove Google' }).click();
  await result(page, 'The way to log in was removed.');
  await add();
  await page.getByRole('link', { name: 'Undo the addition of' }).click();
  await fitsTelephone(page);
  await page.getByRole('button', { name: 'Undo the change' }).click();
  await result(page, 'The change was undone.');
  await add();
  await page.goto(here((await sent('valerie@example.com', 'notice')).link));
  await fitsTelephone(page);
  await page.getByRole('button', { name: 'This was not me' }).click();
  await result(page, 'The addition was undone, and everybody is logged out of both accounts.');
  await page.goto(`${http}/account`);
  await heading(page, 'Log in to your account');
}, { having: PHONE }));

// RFC 7636, appendix B.
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';

test('an application asks to link an account, and to unlink it', visit(async ({ page }) => {
  const ask = (params) => {
    const usual = { client_id: 'pages', response_type: 'code', redirect_uri: `${app}/spa`, code_challenge: CHALLENGE, code_challenge_method: 'S256' };
    return page.goto(`${http}/authorize?${new URLSearchParams({ ...usual, ...params })}`);
  };
  const answered = async () => {
    await page.waitForURL(`${app}/spa?*`);
    return new URL(page.url()).searchParams;
  };
  await ask({ scope: 'openid' });
  await logIn(page, { username: 'evelyn@example.com' });
  const redeemed = await fetch(`${http}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'authorization_code', client_id: 'pages', code: (await answered()).get('code'), redirect_uri: `${app}/spa`, code_verifier: VERIFIER }),
  });
  const { id_token: hint } = await redeemed.json();
  assert.equal(claims(hint).sub, 'auth0|evelyn');

  const link = { scope: 'openid link_account', id_token_hint: hint, requested_connection: 'google-oauth2' };
  await ask(link);
  await page.getByText('is to be linked to evelyn@example.com').waitFor();
  await isAccessible(page);
  await page.getByRole('button', { name: 'Cancel' }).click();
  assert.equal((await answered()).get('error'), 'access_denied');
  await ask(link);
  await enterAccount(page, '3005', 'evelyn@example.com');
  assert.ok((await answered()).get('code'));
  assert.equal((await userOf('auth0|evelyn')).identities.length, 2);

  await ask({ ...link, scope: 'openid unlink_account' });
  await page.getByText('asks to').waitFor();
  await isAccessible(page);
  await logIn(page, { username: 'evelyn@example.com' });
  assert.ok((await answered()).get('code'));
  assert.equal((await userOf('auth0|evelyn')).identities.length, 1);
}));
