// The example Action with the whole redirect, as a person sees it: a login that the policy
// asks about, the page of the hook, the login to the other account at the tenant, and the
// way back. `/continue`, which the local tenant does not have, is a stand-in for Auth0's
// pipeline here: it runs the Action with the request of the browser.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { fitsTelephone, isAccessible } from './axe.mjs';
import { app, browsing, http, password } from './harness.mjs';
import { SECRET, startHook } from './hook.mjs';
import { FONT, look } from './looks.mjs';

const visit = browsing({ applications: false });
const { LIGATURE_PROGRAM: program, LIGATURE_SOURCES: sources, LIGATURE_PLACE: place } = process.env;
const actionFile = join(sources, '../examples/auth0-action/action.js');
const { onExecutePostLogin, onContinuePostLogin } = createRequire(import.meta.url)(actionFile);
const standIns = pathToFileURL(join(sources, 'tests/hook/stand_in.mjs'));
const { Api, LocalTenant, loginEvent, runLogin } = await import(standIns.href);

const LINKER = ['confirm-linker', 'the-secret-of-the-linker'];
const directory = http.replace('http', 'auth0');
const environment = {
  ...process.env,
  LIGATURE_DIRECTORY: directory,
  LIGATURE_JOURNAL: `sqlite:${place}/journal.db`,
  LIGATURE_AUTH0_CLIENT_ID: LINKER[0],
  LIGATURE_AUTH0_CLIENT_SECRET: LINKER[1],
  LIGATURE_CONFIRM_CLIENT_ID: 'confirm',
  LIGATURE_CONFIRM_CLIENT_SECRET: 'the-secret-of-the-confirmation',
};
let hook;
let tenant;

before(async () => {
  hook = await startHook(['--confirm-url', app], environment);
  tenant = await LocalTenant.connect(http, ...LINKER);
});
after(() => hook?.kill());

const userOf = (userId) => tenant.user(userId);
const identitiesOf = (userId) => tenant.identities(userId);

/** The transactions that wait for their user, by their `state`. */
const waiting = new Map();

/** Begins a login of a user, as the tenant's pipeline does: runs the Action, and follows its redirect. */
async function begin(page, userId, transaction) {
  const event = loginEvent(await userOf(userId), { LIGATURE_URL: app, LIGATURE_SECRET: SECRET });
  event.client.client_id = 'pages';
  event.request.user_agent = await page.evaluate(() => navigator.userAgent);
  const api = new Api(event, transaction);
  const { said } = await runLogin(onExecutePostLogin, event, identitiesOf, api);
  assert.ok(api.redirect.sentTo, said);
  waiting.set(transaction, event);
  await page.goto(api.redirect.sentTo.href);
  await page.getByRole('heading', { name: 'You already have an account' }).waitFor();
}

/**
 * Answers `/continue` in the tenant's place: resumes the transaction once, and shows how the
 * login ended. `alter` changes the token on its way.
 */
async function answerContinue(page, alter = (token) => token) {
  await page.route(`${http}/continue?*`, async (route) => {
    const request = route.request();
    const transaction = new URL(request.url()).searchParams.get('state');
    const event = waiting.get(transaction);
    if (request.method() !== 'POST' || !event) return route.fulfill({ status: 400, body: 'invalid state' });
    waiting.delete(transaction);
    const body = Object.fromEntries(new URLSearchParams(request.postData() ?? ''));
    if (body.ligature_token) body.ligature_token = alter(body.ligature_token);
    event.request = { ...event.request, method: 'POST', query: { state: transaction }, body };
    event.user = await userOf(event.user.user_id);
    const api = new Api(event, transaction);
    const { said } = await runLogin(onContinuePostLogin, event, identitiesOf, api);
    const user = api.denied ? `nobody: ${api.denied}` : (api.primary ?? event.user.user_id);
    const html = `<!doctype html><html lang="en"><title>Application</title><h1>You are ${user}</h1><p>${said}</p></html>`;
    return route.fulfill({ status: 200, contentType: 'text/html; charset=utf-8', body: html });
  });
}

/** Logs in to the other account on the tenant's page. */
async function proveByPassword(page, email) {
  await page.getByRole('button', { name: 'Log in to that account' }).click();
  await page.waitForURL(/\/u\/login/);
  const typed = page.getByLabel('Email or username');
  await typed.fill(email);
  await page.getByLabel('Password').first().fill(password);
  await page.getByRole('button', { name: 'Log in', exact: true }).click();
}

const ends = (page, user) => page.getByRole('heading', { name: `You are ${user}` }).waitFor();

test('a user who logs in to the other account continues as one user', visit(async ({ page }) => {
  await answerContinue(page);
  await begin(page, 'google-oauth2|3001', 'a-first-transaction');
  await page.getByText('You have just logged in with Google, as Mary Jackson (mary@example.com).').waitFor();
  await proveByPassword(page, 'mary@example.com');
  await ends(page, 'auth0|mary');
  assert.deepEqual(await identitiesOf('auth0|mary'), ['auth0|mary', 'google-oauth2|3001']);
  const listed = execFileSync(program, ['journal', 'list', '--json'], { env: environment, encoding: 'utf8' });
  const [entry] = listed.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  assert.deepEqual([entry.primary, entry.secondary, entry.state], ['auth0|mary', 'google-oauth2|3001', 'done']);
}));

test('a user who chooses “Not now” continues unlinked', visit(async ({ page }) => {
  await answerContinue(page);
  await begin(page, 'google-oauth2|3002', 'a-second-transaction');
  await page.getByRole('button', { name: 'Not now' }).click();
  await ends(page, 'google-oauth2|3002');
  await page.getByText('proceed DECLINED').waitFor();
  assert.deepEqual(await identitiesOf('auth0|katherine'), ['auth0|katherine']);
}));

test('a user who logs in to a foreign account is asked again', visit(async ({ page }) => {
  await answerContinue(page);
  await begin(page, 'google-oauth2|3003', 'a-third-transaction');
  await proveByPassword(page, 'katherine@example.com');
  await page.getByText('This login belongs to another account').waitFor();
  await page.getByRole('button', { name: 'Not now' }).click();
  await ends(page, 'google-oauth2|3003');
  assert.deepEqual(await identitiesOf('auth0|dorothy'), ['auth0|dorothy']);
}));

const altered = [
  ['altered', 'google-oauth2|3004', (token) => `${token.slice(0, -2)}${token.endsWith('AA') ? 'BB' : 'AA'}`],
  ['dropped', 'google-oauth2|3005', () => undefined],
];
for (const [name, user, alter] of altered) {
  test(`a token that is ${name} on its way links nothing`, visit(async ({ page }) => {
    await answerContinue(page, alter);
    await begin(page, user, `a-transaction-of-${user}`);
    const { email } = await userOf(user);
    await proveByPassword(page, email);
    await ends(page, user);
    await page.getByText('proceed CONFIRMATION_REFUSED').waitFor();
    assert.equal((await identitiesOf(user)).length, 1);
  }));
}

test('the token of another transaction links nothing', visit(async ({ page }) => {
  let kept;
  await answerContinue(page, (token) => {
    const sent = kept ?? token;
    kept ??= token;
    // The first login comes back without it, so that it is not used up.
    return sent === token ? undefined : sent;
  });
  await begin(page, 'google-oauth2|3006', 'one-transaction');
  await proveByPassword(page, 'annie@example.com');
  await ends(page, 'google-oauth2|3006');
  await begin(page, 'google-oauth2|3007', 'another-transaction');
  await proveByPassword(page, 'melba@example.com');
  await ends(page, 'google-oauth2|3007');
  await page.getByText('proceed CONFIRMATION_REFUSED').waitFor();
}));

const skip = !existsSync(FONT) && `there is no ${FONT}`;
test('the page of the question looks as approved', { skip }, visit(async ({ page }) => {
  await begin(page, 'google-oauth2|3009', 'a-transaction-to-look-at');
  await look(page, 'confirm');
}));

test('every page of a confirmation is accessible, and back leads to no second answer', visit(async ({ page }) => {
  await answerContinue(page);
  await begin(page, 'google-oauth2|3011', 'a-transaction-to-go-back-in');
  await isAccessible(page);
  const url = page.url();
  await page.goto(url.replace('token=', 'token=x'));
  await page.getByText('This question cannot be read. Nothing was linked.').waitFor();
  await isAccessible(page);
  await page.goto(url);
  await page.getByRole('button', { name: 'Log in to that account' }).click();
  await page.waitForURL(/\/u\/login/);
  await page.goBack();
  await page.getByRole('heading', { name: 'You already have an account' }).waitFor();
  await proveByPassword(page, 'dana@example.com');
  await ends(page, 'auth0|dana');
  // Chromium keeps the page that sends the browser back, unless its script comes before the end of
  // the page's load.
  const notNow = page.getByRole('button', { name: 'Not now' });
  for (let steps = 0; steps < 4 && await notNow.count() === 0; steps++) await page.goBack();
  await notNow.click();
  await page.getByText('invalid state').waitFor();
  assert.deepEqual(await identitiesOf('auth0|dana'), ['auth0|dana', 'google-oauth2|3011']);
}, { expected: [/status of 40[03]/] }));

test('a double click confirms once', visit(async ({ page }) => {
  await answerContinue(page);
  await begin(page, 'google-oauth2|3010', 'a-transaction-with-two-clicks');
  await page.getByRole('button', { name: 'Log in to that account' }).dblclick();
  await page.waitForURL(/\/u\/login/);
  await page.getByLabel('Email or username').fill('gladys@example.com');
  await page.getByLabel('Password').first().fill(password);
  await page.getByRole('button', { name: 'Log in', exact: true }).dblclick();
  await ends(page, 'auth0|gladys');
  assert.deepEqual(await identitiesOf('auth0|gladys'), ['auth0|gladys', 'google-oauth2|3010']);
}, { expected: [/status of 40[03]/] }));

test('the page fits a telephone, and needs no script', visit(async ({ page }) => {
  await answerContinue(page);
  await begin(page, 'google-oauth2|3008', 'a-transaction-on-a-telephone');
  const url = page.url();
  const context = await page.context().browser().newContext({
    javaScriptEnabled: false,
    viewport: { width: 320, height: 640 },
    userAgent: await page.evaluate(() => navigator.userAgent),
  });
  const small = await context.newPage();
  await answerContinue(small);
  await small.goto(url);
  await fitsTelephone(small);
  await small.getByRole('button', { name: 'Not now' }).click();
  await small.getByRole('heading', { name: 'Back to your login' }).waitFor();
  // axe needs a script, and the script of this page leaves it at once.
  await page.goto('about:blank');
  await page.setContent((await small.content()).replace(/<script[^]*<\/script>/, ''));
  await isAccessible(page);
  await small.getByRole('button', { name: 'Continue' }).click();
  await ends(small, 'google-oauth2|3008');
  await context.close();
}));
