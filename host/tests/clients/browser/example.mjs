// People for the examples' tenant, and the pages that all examples have in common.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

import { app, database, http, logIn, password, someone } from './harness.mjs';

const post = (path, body, headers = {}) =>
  fetch(`${http}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

/** Makes a request of the Management API as the web application's server. */
export async function manage(method, path, body) {
  const asked = await post('/oauth/token', {
    grant_type: 'client_credentials',
    client_id: 'web',
    client_secret: 'the public secret of the example',
    audience: `${http}/api/v2/`,
  });
  const { access_token } = await asked.json();
  const response = await fetch(`${http}/api/v2/${path}`, {
    method,
    headers: { authorization: `Bearer ${access_token}`, ...(body && { 'content-type': 'application/json' }) },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text && JSON.parse(text);
}

export const userOf = (id) => manage('GET', `users/${encodeURIComponent(id)}`);
export const change = (id, changes) => manage('PATCH', `users/${encodeURIComponent(id)}`, changes);
export const identitiesOf = async (id) => (await userOf(id)).identities.map(({ provider, user_id }) => `${provider}|${user_id}`);

/** Signs a person up with a password. Their address is verified unless `verified` is false. */
export async function person({ verified = true, user_metadata = {}, email = someone() } = {}) {
  const signed = await post('/dbconnections/signup', { client_id: 'spa', connection: database, email, password, user_metadata });
  const { _id } = await signed.json();
  assert.ok(_id, `${signed.status}`);
  const id = `auth0|${_id}`;
  if (verified) await change(id, { email_verified: true });
  return { id, email };
}

/** An account at a stand-in provider that nobody has yet. */
export const stranger = (more = {}) => ({
  user_id: randomBytes(6).toString('hex'),
  email: someone(),
  name: 'Somebody else',
  verified: true,
  ...more,
});

/** Logs in at a stand-in provider as this account. */
export async function enter(page, { user_id, email, name, verified }) {
  await page.waitForURL(/\/u\/stand-in\?/);
  await page.getByText('Somebody else', { exact: true }).click();
  await page.getByLabel('Id at the provider').fill(user_id);
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Email', { exact: true }).fill(email);
  await page.getByLabel('The provider reports it as verified').setChecked(verified);
  await page.getByRole('button', { name: 'Continue', exact: true }).click();
}

/** Chooses a provider on the login page, and logs in there. */
export async function through(page, provider, account) {
  await page.waitForURL(/\/u\/login\?/);
  await page.getByRole('link', { name: `Continue with ${provider}` }).click();
  await enter(page, account);
}

/** Has an account exist already, with these settings. */
export async function existing(visitor, account, user_metadata) {
  const page = await visitor.newPage();
  await page.goto(`${http}/dev/log-in?client_id=web`);
  await through(page, 'Google', account);
  await page.waitForURL(/\/dev\/logged-in/);
  await page.close();
  await visitor.clearCookies();
  if (user_metadata) await change(`google-oauth2|${account.user_id}`, { user_metadata });
}

/** Opens the example, and logs in with a password. */
export async function arrive(page, { email }) {
  await page.goto(`${app}/`);
  await page.getByRole('button', { name: 'Log in' }).click();
  await logIn(page, { username: email });
  await page.getByRole('button', { name: 'Log out' }).waitFor();
}

/** Waits until the page says this. */
export const says = (page, words) => page.locator('#message').getByText(words).waitFor();

/**
 * The lines below a heading. Until the stylesheet has arrived, Chromium puts a form on a line of
 * its own, so that the kind of white space says nothing.
 */
export async function lines(page, id) {
  const texts = await page.locator(`#${id} li`).allInnerTexts();
  return texts.map((text) => text.replaceAll(/\s+/g, ' ').trim());
}
