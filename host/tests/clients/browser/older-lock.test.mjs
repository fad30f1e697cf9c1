// Lock 9, Lock 10 (with auth0-js 7 and with auth0-js 8) and LockPasswordless,
// where the tenant lets older applications in. All of them speak https only.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { browsing, claims, https, password, secureApp, sent, someone } from './harness.mjs';

const visit = browsing();
const ADA = 'auth0|ada';

/** What the page's application was told. */
async function told(page) {
  await page.waitForFunction(() => window.told?.length > 0);
  return page.evaluate(() => window.told[0]);
}

async function shown(page, name, rest = '') {
  await page.goto(`${secureApp}/${name}${rest}`);
  await page.evaluate(() => window.show());
}

// Chromium reports it although the library handles it.
const REFUSED = { expected: [/status of 40[013]/] };

async function fill9(page, secret = password) {
  await page.locator('#a0-signin_easy_email').fill('ada@example.com');
  await page.locator('#a0-signin_easy_password').fill(secret);
  await page.locator('.a0-notloggedin button.a0-primary').click();
}

for (const fragment of ['', '#', '#/login']) {
  test(`Lock 9 takes a password by redirect, from ${fragment || 'a page without a fragment'}`, visit(async ({ page, asked }) => {
    await shown(page, 'lock-9', fragment);
    await fill9(page);
    const { id_token, access_token, state } = await told(page);
    assert.deepEqual([claims(id_token).sub, claims(id_token).iss, state], [ADA, `${https}/`, 'the state']);
    assert.ok(access_token);
    assert.ok(asked.includes(`${https}/usernamepassword/login`), asked.join('\n'));
    const profile = await page.evaluate((token) => window.profile(token), id_token);
    assert.deepEqual([profile.user_id, profile.user_metadata], [ADA, { theme: 'dark' }]);
  }));
}

test('Lock 9 takes a password without leaving the page', visit(async ({ page, asked }) => {
  await shown(page, 'lock-9', '?callback');
  await fill9(page);
  const { profile, id_token } = await told(page);
  assert.deepEqual([claims(id_token).sub, profile.user_id, profile.email], [ADA, ADA, 'ada@example.com']);
  assert.ok(asked.includes(`${https}/oauth/ro`), asked.join('\n'));
}));

for (const how of ['', '?callback']) {
  test(`Lock 9 says that a password is wrong${how && ', without leaving the page'}`, visit(async ({ page }) => {
    await shown(page, 'lock-9', how);
    await fill9(page, 'wrong password');
    await page.getByText('Wrong email or password.').waitFor();
  }, REFUSED));
}

async function fill10(page, secret = password) {
  await page.locator('.auth0-lock-widget input[name=email]').fill('ada@example.com');
  await page.locator('.auth0-lock-widget input[name=password]').fill(secret);
  await page.locator('.auth0-lock-submit').click();
}

for (const name of ['lock-10', 'lock-10-early']) {
  test(`${name} takes a password by redirect`, visit(async ({ page, asked }) => {
    await shown(page, name);
    await fill10(page);
    const { idToken, accessToken } = await told(page);
    assert.equal(claims(idToken).sub, ADA);
    assert.ok(asked.includes(`${https}/usernamepassword/login`), asked.join('\n'));
    const profile = await page.evaluate((token) => window.profile(token), idToken);
    const user = await page.evaluate((token) => window.userInfo(token), accessToken);
    for (const shown of [profile, user]) {
      assert.deepEqual([shown.user_id, shown.user_metadata, shown.identities?.length], [ADA, { theme: 'dark' }, 1]);
    }
  }));

  test(`${name} takes a password without leaving the page`, visit(async ({ page, asked }) => {
    await shown(page, name, '?popup');
    await fill10(page);
    assert.equal(claims((await told(page)).idToken).sub, ADA);
    assert.ok(asked.includes(`${https}/oauth/ro`), asked.join('\n'));
  }));

  for (const how of ['', '?popup']) {
    test(`${name} says that a password is wrong${how && ', without leaving the page'}`, visit(async ({ page }) => {
      await shown(page, name, how);
      await fill10(page, 'wrong password');
      await page.getByText(/wrong email or password/i).first().waitFor();
    }, REFUSED));
  }
}

test('Lock 10 asks whether somebody is logged in, with a slash at the end', visit(async ({ page }) => {
  const answered = page.waitForResponse((response) => new URL(response.url()).pathname === '/user/ssodata/');
  await shown(page, 'lock-10', '?sso');
  assert.equal((await answered).status(), 200);
  await page.locator('.auth0-lock-widget input[name=password]').waitFor();
}));

let number = 100;
for (const how of ['', '?redirect']) {
  test(`LockPasswordless takes a code by sms${how && ', and redirects'}`, visit(async ({ page, asked }) => {
    await shown(page, 'lock-passwordless', how);
    const local = `2015550${number++}`;
    await page.locator('input[name=phoneNumber]').fill(local);
    await page.locator('.auth0-lock-submit').click();
    await page.locator('input[name=vcode]').waitFor();
    await page.locator('input[name=vcode]').fill((await sent(`+1${local}`, 'code')).code);
    await page.locator('.auth0-lock-submit').click();
    const { id_token, profile } = await told(page);
    assert.match(claims(id_token).sub, /^sms\|/);
    if (!how) assert.equal(profile.phone_number, `+1${local}`);
    const path = how ? '/passwordless/verify_redirect' : '/oauth/ro';
    assert.ok(asked.some((url) => url.startsWith(https + path)), asked.join('\n'));
  }));
}

test('LockPasswordless takes a code by mail', visit(async ({ page }) => {
  await shown(page, 'lock-passwordless', '?mail');
  const email = someone();
  await page.locator('input[name=email]').fill(email);
  await page.locator('.auth0-lock-submit').click();
  await page.locator('input[name=vcode]').waitFor();
  await page.locator('input[name=vcode]').fill((await sent(email, 'code')).code);
  await page.locator('.auth0-lock-submit').click();
  assert.equal((await told(page)).profile.email, email);
}));

test('LockPasswordless says that a code is wrong', visit(async ({ page }) => {
  await shown(page, 'lock-passwordless');
  await page.locator('input[name=phoneNumber]').fill('2015550199');
  await page.locator('.auth0-lock-submit').click();
  await page.locator('input[name=vcode]').waitFor();
  await page.locator('input[name=vcode]').fill('000000');
  await page.locator('.auth0-lock-submit').click();
  await page.getByText('Wrong phone number or verification code').waitFor();
  assert.equal((await told(page)).error.error, 'invalid_user_password');
}, REFUSED));
