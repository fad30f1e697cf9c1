// The shared parts of the suites of the linking documents.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

import { database, https, password, secureApp, someone, userOf } from './harness.mjs';

/** Somebody with a password. */
export async function person(email = someone()) {
  const response = await fetch(`${https}/dbconnections/signup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_id: 'pages', connection: database, email, password }),
  });
  const { _id } = await response.json();
  assert.ok(_id, `${response.status}`);
  return { id: `auth0|${_id}`, email };
}

/** Fills the Lock that is open. */
export async function fill(page, { email }) {
  const lock = page.locator('.auth0-lock-opened .auth0-lock-widget').last();
  await lock.locator('input[name=email]').fill(email);
  await lock.locator('input[name=password]').fill(password);
  await lock.locator('.auth0-lock-submit').click();
}

/** Enters an account at the stand-in for Google; its id. */
export async function enter(page) {
  const id = randomBytes(6).toString('hex');
  await page.waitForURL(/\/u\/stand-in\?/);
  await page.getByText('Somebody else', { exact: true }).click();
  await page.getByLabel('Id at the provider').fill(id);
  await page.getByLabel('Email', { exact: true }).fill(someone());
  await page.getByLabel('The provider reports it as verified').check();
  await page.getByRole('button', { name: 'Continue', exact: true }).click();
  return id;
}

/** The alerts of the listings, in order. */
export function alerts(page) {
  const shown = [];
  page.on('dialog', (dialog) => {
    shown.push(dialog.message());
    dialog.accept();
  });
  return shown;
}

/** Clicks on Google in the Lock that is open. */
export const social = (page) => page.locator('.auth0-lock-opened .auth0-lock-social-button[data-provider=google-oauth2]').last().click();

/** Fills Lock 9. */
export async function fill9(page, { email }) {
  await page.locator('#a0-signin_easy_email').fill(email);
  await page.locator('#a0-signin_easy_password').fill(password);
  await page.locator('.a0-notloggedin button.a0-primary').click();
}

/** Clicks on Google in Lock 9. */
export const social9 = (page) => page.locator('.a0-notloggedin [data-strategy=google-oauth2]').first().click();

/** Closes the Lock that is open, and waits until it is gone. */
export async function close(page) {
  await page.locator('.auth0-lock-opened .auth0-lock-close-button').last().click();
  await page.locator('.auth0-lock-overlay').filter({ visible: true }).first().waitFor({ state: 'hidden' });
}

/** Closes Lock 9. */
export const close9 = (page) => page.locator('#a0-lock a.a0-close').last().click();

/**
 * Opens the second Lock and closes it; opens it again, and goes back from the page of the provider.
 * Nothing is linked.
 */
export async function giveUp(page, ada, { open, close, social }) {
  await open();
  await close(page);
  await open();
  await social(page);
  await page.waitForURL(/\/u\/stand-in\?/);
  await page.goBack();
  await page.waitForURL(`${secureApp}/**`);
  const { identities } = await userOf(ada.id);
  assert.deepEqual(identities.map(({ provider, user_id }) => `${provider}|${user_id}`), [ada.id]);
}
