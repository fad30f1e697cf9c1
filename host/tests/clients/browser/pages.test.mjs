// The tenant's own pages, as people use them. Its policy asks them which of two
// accounts is meant.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fitsTelephone, isAccessible } from './axe.mjs';
import { app, browsing, choose, enterAccount, http, logIn, password, sent, someone, userOf } from './harness.mjs';

const visit = browsing();
const REFUSED = { expected: [/status of 40[03]/] };

/** The login page, asked for by the application; `params` go along. */
async function asked(page, params = {}) {
  await page.goto(`${app}/spa`);
  await page.evaluate((params) => void window.client(params).loginWithRedirect(), params);
  await page.waitForURL(/\/u\//);
}

/** Who is logged in once it is back. */
async function who(page) {
  await page.waitForURL(`${app}/spa?code=*`);
  return page.evaluate(async () => {
    const client = window.client();
    await client.handleRedirectCallback();
    return client.getUser();
  });
}

test('the login page is used by keyboard alone', visit(async ({ page }) => {
  await asked(page);
  await page.getByRole('heading', { name: 'Log in to Pages' }).waitFor();
  // The page begins at its first field.
  await page.keyboard.type('ada@example.com');
  await page.keyboard.press('Tab');
  await page.keyboard.type(password);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  assert.equal((await who(page)).sub, 'auth0|ada');
}));

/** After the last one comes the page itself, or the browser's own. */
const isOver = (name, reached) => reached.length > 20 || reached.includes(name) || !name || name.includes('\n');

test('what is reached by keyboard is seen, and says what it is', visit(async ({ page }) => {
  await asked(page);
  const reached = [];
  for (;;) {
    const { name, outline } = await page.evaluate(() => {
      const it = document.activeElement;
      const name = it.labels?.[0]?.innerText.trim() || it.innerText?.trim();
      return { name, outline: getComputedStyle(it).outlineStyle };
    });
    if (isOver(name, reached)) break;
    assert.notEqual(outline, 'none', name);
    reached.push(name);
    await page.keyboard.press('Tab');
  }
  assert.deepEqual(reached, [
    'Email or username',
    'Password',
    'Log in',
    'Forgot password?',
    'Sign up',
    'Continue with Google',
    'Continue with GitHub',
    'Continue with email',
    'Continue with phone',
  ]);
}));

test('a wrong password shows the error and keeps the address', visit(async ({ page }) => {
  await asked(page);
  await logIn(page, { secret: 'wrong' });
  await page.getByRole('alert').getByText('Wrong email or password.').waitFor();
  assert.equal(await page.getByLabel('Email or username').inputValue(), 'ada@example.com');
  // Every other way is still there, and the cursor stands where one goes on.
  for (const name of ['Continue with Google', 'Continue with GitHub', 'Continue with email', 'Forgot password?']) {
    await page.getByRole('link', { name }).waitFor();
  }
  await page.keyboard.type(password);
  await page.keyboard.press('Enter');
  assert.equal((await who(page)).sub, 'auth0|ada');
}, REFUSED));

test('whoever has forgotten their password chooses another one', visit(async ({ page, visitor }) => {
  const email = someone();
  await asked(page);
  await page.getByText('Sign up').first().click();
  await page.getByLabel('Email', { exact: true }).fill(email);
  await page.getByLabel('Password').last().fill(password);
  await page.getByRole('button', { name: 'Sign up' }).click();
  await who(page);

  await asked(page, { prompt: 'login' });
  await page.getByRole('link', { name: 'Forgot password?' }).click();
  await page.getByRole('heading', { name: 'Forgot your password?' }).waitFor();
  await page.keyboard.type(email);
  await page.keyboard.press('Enter');
  await page.getByRole('status').getByText('If there is an account').waitFor();
  const mail = await visitor.newPage();
  await mail.goto((await sent(email, 'reset')).link.replace(/^https?:\/\/[^/]+/, http));
  // The page begins at its field; a tab behind another one is slower to do so.
  await mail.locator('input:focus').waitFor();
  await mail.keyboard.type('another battery horse');
  await mail.keyboard.press('Enter');
  await mail.getByText('Your password is changed.').waitFor();
  await page.getByRole('link', { name: 'Back to all ways to log in' }).click();
  await logIn(page, { username: email, secret: 'another battery horse' });
  assert.equal((await who(page)).email, email);
}));

test('a hint of the application fills the address in', visit(async ({ page }) => {
  await asked(page, { login_hint: 'ada@example.com' });
  assert.equal(await page.getByLabel('Email or username').inputValue(), 'ada@example.com');
}));

test('somebody signs up on the login page', visit(async ({ page }) => {
  const email = someone();
  await asked(page);
  await page.getByText('Sign up').first().click();
  await page.getByLabel('Email', { exact: true }).fill(email);
  await page.getByLabel('Password').last().fill(password);
  await page.getByRole('button', { name: 'Sign up' }).click();
  const user = await who(page);
  assert.deepEqual([user.email, user.email_verified], [email, false]);
}));

test('a failed sign-up is shown where it was typed', visit(async ({ page }) => {
  await asked(page);
  await page.getByText('Sign up').first().click();
  await page.getByLabel('Email', { exact: true }).fill('ada@example.com');
  await page.getByLabel('Password').last().fill(password);
  await page.getByRole('button', { name: 'Sign up' }).click();
  const email = page.getByLabel('Email', { exact: true });
  await page.locator('details').getByRole('alert').getByText('No account was created').waitFor();
  assert.equal(await email.inputValue(), 'ada@example.com');
  assert.equal(await email.evaluate((it) => document.getElementById(it.getAttribute('aria-describedby')).innerText), 'No account was created. If you have one already, log in, or choose “Forgot password?”.');
  assert.equal(await email.evaluate((it) => it === document.activeElement), true);
  assert.equal(await page.getByLabel('Email or username').inputValue(), '');
}, REFUSED));

test('a bad phone number is asked for again', visit(async ({ page }) => {
  await asked(page);
  await page.getByRole('link', { name: 'Continue with phone' }).click();
  await page.getByLabel('Phone number').fill('0155 50100');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('Expected + and the code of the country').waitFor();
  assert.equal(await page.getByLabel('Phone number').inputValue(), '0155 50100');
  await page.getByRole('link', { name: 'Back to all ways to log in' }).click();
  await logIn(page);
  assert.equal((await who(page)).sub, 'auth0|ada');
}, REFUSED));

/** A login page without an application of its own. */
const login = (params = {}) =>
  `${http}/authorize?${new URLSearchParams({
    client_id: 'pages',
    response_type: 'code',
    redirect_uri: `${app}/spa`,
    scope: 'openid',
    // Of RFC 7636, appendix B. Nobody redeems the code.
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
    ...params,
  })}`;

test('pages need no script', visit(async ({ page }) => {
  await page.goto(login());
  await logIn(page);
  await page.waitForURL(`${app}/spa?code=*`);
  await page.goto(login({ prompt: 'login', connection: 'google-oauth2' }));
  await enterAccount(page, 'without-script', 'without-script@example.com');
  await page.getByRole('button', { name: 'Not now' }).click();
  await page.waitForURL(`${app}/spa?code=*`);
  // Not even the one that a script submits.
  await page.goto(login({ response_mode: 'form_post', prompt: 'login' }));
  await logIn(page);
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.waitForURL(`${app}/spa`);
}, { having: { javaScriptEnabled: false }, expected: [/status of 404/] }));

for (const colorScheme of ['light', 'dark']) {
  test(`long addresses fit a narrow page, ${colorScheme}`, visit(async ({ page }) => {
    const long = `${colorScheme}${'long'.repeat(14)}@example.com`;
    const fits = async (name) => {
      const { wide, lightness } = await page.evaluate(() => ({
        wide: document.documentElement.scrollWidth,
        lightness: getComputedStyle(document.body).color.match(/\d+/g).slice(0, 3).reduce((sum, it) => sum + Number(it), 0) / 3,
      }));
      assert.ok(wide <= 320, `${name}: ${wide} px`);
      assert.ok(colorScheme === 'dark' ? lightness > 200 : lightness < 55, `${name}: ${lightness}`);
    };
    await page.goto(login({ login_hint: long }));
    await fits('login');
    await page.getByRole('link', { name: 'Continue with email' }).click();
    await fits('address');
    await page.getByRole('button', { name: 'Send a code' }).click();
    await page.getByText('Code sent to').waitFor();
    await fits('code');
    await page.getByRole('button', { name: 'Send me a link' }).click();
    await page.getByText('Link sent to').waitFor();
    const asked = page.url();
    await page.goto(here((await sent(long, 'link')).link));
    await fits('link');
    await page.goto(asked);
    await page.getByRole('link', { name: 'Back to all ways' }).click();
    await page.getByRole('link', { name: 'Forgot password?' }).click();
    await page.getByLabel('Email').fill(long);
    await page.keyboard.press('Enter');
    await page.getByRole('status').waitFor();
    await fits('forgotten');
    await page.goto(login({ connection: 'google-oauth2' }));
    await fits('stand-in');
    await enterAccount(page, colorScheme, long);
    await page.getByRole('heading', { name: 'You already have an account' }).waitFor();
    await fits('question');
    await page.goto(`${http}/`);
    await page.getByText(long).first().waitFor();
    await fits('start');
    await page.getByRole('link', { name: '/dev/outbox', exact: false }).first().click();
    await page.getByText(`To ${long}`).first().waitFor();
    await fits('outbox');
    await page.goto(`${http}/dev/log-in?client_id=pages`);
    await page.getByRole('link', { name: 'Continue with Google' }).click();
    await enterAccount(page, `own-${colorScheme}`, `o${long}`);
    await page.getByRole('heading', { name: 'You are logged in as' }).waitFor();
    await fits('logged in');
    // Two letters, drawn.
    assert.equal(await page.locator('img').evaluate((it) => it.complete && it.naturalWidth > 0), true);
  }, { having: { viewport: { width: 320, height: 640 }, colorScheme } }));
}

test('a code of the outbox logs in', visit(async ({ page }) => {
  const email = someone();
  await asked(page);
  await page.getByRole('link', { name: 'Continue with email' }).click();
  await page.getByLabel('Email').fill(email);
  await page.keyboard.press('Enter');
  const code = page.getByLabel(`Code sent to ${email}`);
  await code.fill('000000');
  const { code: right } = await sent(email, 'code');
  await code.fill(right);
  await page.keyboard.press('Enter');
  assert.deepEqual([(await who(page)).email], [email]);
}));

test('the page that stands in for a provider lets one be somebody else', visit(async ({ page }) => {
  const email = someone();
  await asked(page, { connection: 'google-oauth2' });
  await page.getByText('Somebody else').click();
  await page.getByLabel('Id at the provider').fill('4242');
  await page.getByLabel('Email', { exact: true }).fill(email);
  await page.getByRole('button', { name: 'Continue' }).click();
  const user = await who(page);
  assert.deepEqual([user.sub, user.email, user.email_verified], ['google-oauth2|4242', email, false]);
}));

test('whose account it is, too, proves it and has one account from then on', visit(async ({ page }) => {
  await asked(page, { connection: 'google-oauth2' });
  await choose(page, 'Grace Hopper');
  await page.getByRole('heading', { name: 'You already have an account' }).waitFor();
  await page.getByText('You have just logged in with Google, as Grace Hopper (grace@example.com).').waitFor();
  await page.getByText('There is already an account with the address grace@example.com.').waitFor();
  // A proof of an account that was not in question is none.
  await logIn(page);
  await page.getByRole('alert').getByText('That was a different account').waitFor();
  await logIn(page, { username: 'grace@example.com' });
  assert.equal((await who(page)).sub, 'auth0|grace');

  await asked(page, { connection: 'google-oauth2', prompt: 'login' });
  await choose(page, 'Grace Hopper');
  // There is a third account, but that one is hers already.
  await page.getByRole('button', { name: 'Not now' }).click();
  assert.equal((await who(page)).sub, 'auth0|grace');
}, REFUSED));

test('who does not want to prove it is logged in all the same', visit(async ({ page }) => {
  await asked(page, { connection: 'google-oauth2' });
  await choose(page, 'Emmy Noether');
  await page.getByRole('heading', { name: 'You already have an account' }).waitFor();
  await page.getByRole('button', { name: 'Not now' }).press('Enter');
  assert.equal((await who(page)).sub, 'google-oauth2|1815');
}));

const MULTI_FACTOR = 'http://schemas.openid.net/pape/policies/2007/06/multi-factor';
const PHONE = { javaScriptEnabled: false, viewport: { width: 320, height: 640 } };
const here = (link) => link.replace(/^https?:\/\/[^/]+/, http);

/** Begins a login of the application without a script of it; it ends with a code. */
async function begun(page, params = {}) {
  const usual = { client_id: 'pages', response_type: 'code', redirect_uri: `${app}/spa`, scope: 'openid' };
  // RFC 7636, appendix B.
  const proof = { code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256' };
  await page.goto(`${http}/authorize?${new URLSearchParams({ ...usual, ...proof, ...params })}`);
}

/** Asks for a link on the page of a mailed code. */
async function askForLink(page, email) {
  await page.getByRole('link', { name: 'Continue with email' }).click();
  await page.getByLabel('Email').fill(email);
  await page.getByRole('button', { name: 'Send me a link' }).click();
  await page.getByRole('status').getByText(`Link sent to ${email}.`).waitFor();
  return here((await sent(email, 'link')).link);
}

test('a mailed link logs in once, where it was asked for', visit(async ({ page, visitor }) => {
  const email = someone();
  await asked(page);
  const link = await askForLink(page, email);
  await isAccessible(page);
  const other = await visitor.newPage();
  await other.goto(link);
  await other.getByRole('heading', { name: 'Log in with a link' }).waitFor();
  await isAccessible(other);
  await other.close();
  await page.goto(link);
  await page.reload();
  await page.getByRole('button', { name: `Continue as ${email}` }).click();
  assert.equal((await who(page)).email, email);
  await page.goto(link);
  await page.getByText('This link has expired, or was used already.').waitFor();
}, REFUSED));

test('a mailed link of another browser logs nobody in', visit(async ({ page }) => {
  const email = someone();
  await asked(page);
  const link = await askForLink(page, email);
  await page.context().clearCookies();
  await page.goto(link);
  await page.getByText('Open this link in the browser in which you have asked for it.').waitFor();
}, REFUSED));

test('a mailed link needs no script, and fits a telephone', visit(async ({ page }) => {
  await begun(page);
  const link = await askForLink(page, someone());
  await fitsTelephone(page);
  await page.goto(link);
  await fitsTelephone(page);
  await page.getByRole('button', { name: 'Continue as' }).click();
  await page.waitForURL(`${app}/spa?code=*`);
}, { having: PHONE }));

test('an application asks for a second factor', visit(async ({ page }) => {
  await asked(page, { acr_values: MULTI_FACTOR, prompt: 'login' });
  await logIn(page);
  await page.getByRole('heading', { name: 'Your second factor' }).waitFor();
  await isAccessible(page);
  await page.keyboard.type('1');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('This code is wrong, was used already, or has expired.').waitFor();
  await isAccessible(page);
  await page.getByRole('button', { name: 'Send a new code' }).click();
  await page.getByRole('alert').waitFor({ state: 'detached' });
  await page.reload();
  await page.getByLabel('Code of your second factor').fill((await sent('ada@example.com', 'factor')).code);
  await page.getByRole('button', { name: 'Continue' }).press('Enter');
  assert.equal((await who(page)).sub, 'auth0|ada');
}, REFUSED));

test('a second factor needs no script, and fits a telephone', visit(async ({ page }) => {
  await begun(page, { acr_values: MULTI_FACTOR });
  await logIn(page, { username: 'grace@example.com' });
  await page.getByRole('heading', { name: 'Your second factor' }).waitFor();
  await fitsTelephone(page);
  // Whoever goes back logs in anew.
  await page.getByRole('link', { name: 'Back to all ways to log in' }).click();
  await logIn(page, { username: 'grace@example.com' });
  await page.getByLabel('Code of your second factor').fill((await sent('grace@example.com', 'factor')).code);
  await page.getByRole('button', { name: 'Continue' }).press('Enter');
  await page.waitForURL(`${app}/spa?code=*`);
}, { having: PHONE }));

test('whoever signs up and chooses another password needs no script', visit(async ({ page }) => {
  const email = someone();
  await begun(page);
  await page.getByText('Sign up').first().click();
  await fitsTelephone(page);
  await page.getByLabel('Email', { exact: true }).fill(email);
  await page.getByLabel('Password').last().fill(password);
  await page.getByRole('button', { name: 'Sign up' }).click();
  await page.waitForURL(`${app}/spa?code=*`);
  await begun(page, { prompt: 'login' });
  await page.getByRole('link', { name: 'Forgot password?' }).click();
  await fitsTelephone(page);
  await page.getByLabel('Email').fill(email);
  await page.keyboard.press('Enter');
  await page.getByRole('status').getByText('If there is an account').waitFor();
  await page.goto(here((await sent(email, 'reset')).link));
  await fitsTelephone(page);
  await page.getByLabel('password').first().fill('another battery horse');
  await page.keyboard.press('Enter');
  await page.getByText('Your password is changed.').waitFor();
  await begun(page, { prompt: 'login' });
  await logIn(page, { username: email });
  await page.getByRole('alert').getByText('Wrong email or password.').waitFor();
  await logIn(page, { username: email, secret: 'another battery horse' });
  await page.waitForURL(`${app}/spa?code=*`);
}, { ...REFUSED, having: PHONE }));

/** Clicks twice. The second form is one too many, and its page says so; the first one counts. */
async function clickTwice(page, name) {
  await page.getByRole('button', { name }).dblclick();
  await Promise.any([page.waitForURL(`${app}/spa?code=*`), page.getByText('was used already').waitFor()]);
}

/** The connections of an account, once it has two. A browser may lose the response to the first of two
 * clicks, and the session with it: only the account tells that the click had its effect. */
async function untilLinked(id) {
  for (const end = Date.now() + 10_000; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const connections = (await userOf(id)).identities.map((identity) => identity.connection);
    if (connections.length === 2 || Date.now() > end) return connections;
  }
}

/** The ways to log in of whoever is logged in. */
async function ways(page) {
  await page.goto(`${http}/account`);
  await page.getByRole('heading', { name: 'Your account' }).waitFor();
  return page.locator('h2:has-text("Ways to log in") + ul strong').allInnerTexts();
}

test('a mailed link proves the account of a suggestion, without a script', visit(async ({ page }) => {
  const email = 'mailbox@example.com';
  await begun(page, { connection: 'google-oauth2' });
  await enterAccount(page, 'of-a-mailbox', email);
  await page.getByRole('heading', { name: 'You already have an account' }).waitFor();
  const first = await askForLink(page, email);
  const second = await (async () => {
    await page.goBack();
    await page.goBack();
    return askForLink(page, email);
  })();
  await page.goto(first);
  await page.goto(second);
  await page.goBack();
  await page.goForward();
  await clickTwice(page, `Continue as ${email}`);
  const id = 'email|4cb64ac65d3dccc8ed8d1815';
  assert.deepEqual(await untilLinked(id), ['email', 'google-oauth2']);
  for (const used of [first, second]) {
    await page.goto(used);
    await page.getByText('This link has expired, or was used already.').waitFor();
  }
  // The used links changed nothing.
  assert.equal((await userOf(id)).identities.length, 2);
}, { ...REFUSED, having: PHONE }));

test('a policy asks for the second factor of the account of a suggestion', visit(async ({ page }) => {
  const email = 'rosalind@example.com';
  await begun(page, { connection: 'google-oauth2' });
  await enterAccount(page, 'with-a-factor', email);
  await page.getByRole('heading', { name: 'You already have an account' }).waitFor();
  await isAccessible(page);
  await logIn(page, { username: email });
  const code = page.getByLabel('Code of your second factor');
  await code.waitFor();
  await isAccessible(page);
  // The page before asks for the first factor again, and nothing is linked by it.
  await page.goBack();
  await logIn(page, { username: email });
  await code.fill((await sent(email, 'factor')).code);
  await clickTwice(page, 'Continue');
  assert.deepEqual(await untilLinked('auth0|rosalind'), ['Username-Password-Authentication', 'google-oauth2']);
}, REFUSED));

test('a second factor that is declined links nothing, without a script', visit(async ({ page }) => {
  const email = 'lise@example.com';
  await begun(page, { connection: 'google-oauth2' });
  await enterAccount(page, 'without-a-factor', email);
  await page.getByRole('heading', { name: 'You already have an account' }).waitFor();
  await logIn(page, { username: email });
  await page.getByLabel('Code of your second factor').fill('0');
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('alert').waitFor();
  const { code } = await sent(email, 'factor');
  await page.getByRole('link', { name: 'Back to' }).click();
  await page.getByRole('button', { name: 'Not now' }).click();
  await page.waitForURL(`${app}/spa?code=*`);
  assert.deepEqual(await ways(page), ['Google']);
  // The code that was left over passes no other login of another browser.
  await page.context().clearCookies();
  await begun(page, { acr_values: MULTI_FACTOR });
  await logIn(page, { username: email });
  await page.getByLabel('Code of your second factor').fill(code);
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('alert').getByText('This code is wrong, was used already, or has expired.').waitFor();
}, { ...REFUSED, having: PHONE }));

test('a page that was used already says so', visit(async ({ page }) => {
  await asked(page);
  const used = page.url();
  await logIn(page);
  await who(page);
  await page.goto(used);
  await page.getByText('This page has expired, or was used already.').waitFor();
}, REFUSED));

test('no other site may show the login page in a frame, or send its form', visit(async ({ page }) => {
  await asked(page);
  const login = page.url();
  await page.goto(`${app}/spa`);
  const shown = await page.evaluate(
    (login) =>
      new Promise((resolve) => {
        const frame = document.body.appendChild(document.createElement('iframe'));
        // Nothing of a refused page can be read: an error page has an origin of its own.
        frame.onload = () => resolve(frame.contentDocument?.body?.innerText ?? '');
        frame.src = login;
      }),
    login,
  );
  assert.equal(shown, '');
  await page.evaluate(
    ([http, state]) => {
      const form = document.body.appendChild(document.createElement('form'));
      Object.assign(form, { method: 'post', action: `${http}/u/login` });
      const fields = { state, username: 'ada@example.com', password: 'correct horse battery' };
      for (const [name, value] of Object.entries(fields)) {
        form.append(Object.assign(document.createElement('input'), { name, value }));
      }
      form.submit();
    },
    [http, new URL(login).searchParams.get('state')],
  );
  await page.getByText('sent by another site').waitFor();
}, { expected: [/status of 403/, /frame-ancestors/, /ERR_BLOCKED_BY_RESPONSE/] }));

// The last test: it ends the logins of all others.
test('pages of a login that has expired say so', visit(async ({ page, visitor }) => {
  await begun(page);
  const link = await askForLink(page, someone());
  await page.goto(link);
  const factor = await visitor.newPage();
  await begun(factor, { acr_values: MULTI_FACTOR });
  await logIn(factor);
  await factor.getByLabel('Code of your second factor').fill((await sent('ada@example.com', 'factor')).code);
  assert.equal((await fetch(`${http}/dev/reset`, { method: 'POST' })).status, 204);
  await page.getByRole('button', { name: 'Continue as' }).click();
  await page.getByText('This link has expired, or was used already. Go back to the application and log in again.').waitFor();
  await factor.getByRole('button', { name: 'Continue' }).click();
  await factor.getByText('This page has expired, or was used already. Go back to the application and log in again.').waitFor();
}, { ...REFUSED, having: { javaScriptEnabled: false } }));
