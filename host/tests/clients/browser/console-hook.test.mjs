// The console of a hook: operators log in at an issuer, which the tenant is here.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { isAccessible } from './axe.mjs';
import { app, browsing, http, logIn } from './harness.mjs';
import { startHook } from './hook.mjs';

const visit = browsing({ applications: false });
const { LIGATURE_PROGRAM: program, LIGATURE_PLACE: place } = process.env;
const directory = `sqlite:${join(place, 'users.db')}`;
const environment = {
  ...process.env,
  LIGATURE_DIRECTORY: directory,
  LIGATURE_CONSOLE_CLIENT_ID: 'console',
  LIGATURE_CONSOLE_CLIENT_SECRET: 'the-secret-of-the-console',
};
let hook;

before(async () => {
  const account = (provider, id, connection) => ({
    user_id: `${provider}|${id}`, email: 'eve@corp.com', email_verified: true,
    identities: [{ provider, user_id: id, connection, isSocial: provider !== 'auth0' }],
  });
  const users = [account('auth0', '1', 'Username-Password-Authentication'), account('google-oauth2', '2', 'google-oauth2')];
  writeFileSync(join(place, 'users.ndjson'), users.map((user) => JSON.stringify(user)).join('\n'));
  execFileSync(program, ['users', 'import', join(place, 'users.ndjson')], { env: environment, stdio: 'pipe' });
  hook = await startHook(['--console-url', app, '--console-issuer', `${http}/`, '--console-operator', 'ada@example.com'], environment);
});
after(() => hook?.kill());

const heading = (page, name) => page.getByRole('heading', { name, level: 1 }).waitFor();

test('an operator logs in at the issuer, merges, and logs out', visit(async ({ page }) => {
  await page.goto(`${app}/console/merge?keep=auth0%7C1&move=google-oauth2%7C2`);
  await logIn(page);
  // The login leads to the page that was asked for.
  await heading(page, 'Merge two accounts');
  await page.getByText('Operator: ada@example.com').waitFor();
  await isAccessible(page);
  await page.getByLabel('Reason').fill('she called');
  await page.getByRole('button', { name: 'Merge the accounts' }).click();
  await page.getByRole('status').getByText('The accounts were merged.').waitFor();
  await isAccessible(page);
  await page.goto(`${app}/console`);
  await isAccessible(page);
  await page.getByRole('button', { name: 'Log out' }).click();
  await heading(page, 'You are logged out');
  await isAccessible(page);
  await page.goBack();
  await page.reload();
  // The session of the issuer goes on.
  await page.getByText('Operator: ada@example.com').waitFor();
}));

test('somebody else does not enter', visit(async ({ page }) => {
  await page.goto(`${app}/console`);
  await logIn(page, { username: 'emmy@example.com' });
  await heading(page, 'You are not logged in');
  await page.getByText('You may not enter the console.').waitFor();
  await isAccessible(page);
  await page.reload();
  await page.getByText('This login has expired, was used already').waitFor();
  await isAccessible(page);
}, { expected: [/status of 40[03]/] }));
