// Auth0's sample of linked accounts, from the checkout that LIGATURE_SAMPLE names, with changes of
// its configuration alone: docs/seeds.md says how to run it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { app, browsing, choose, http, https, logIn } from './harness.mjs';

const visit = browsing({ applications: false });
const port = new URL(app).port;

/** A copy of a part of the sample, with the packages of the checkout. */
function copied(name) {
  const from = join(process.env.LIGATURE_SAMPLE, name);
  const folder = mkdtempSync(join(process.env.LIGATURE_PLACE, 'sample-'));
  cpSync(from, folder, { recursive: true, filter: (path) => !path.startsWith(join(from, 'node_modules')) });
  symlinkSync(join(from, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

const running = new Set();
after(() => running.forEach((child) => child.kill()));

/** Runs a part of the sample while a test needs it. */
async function during(folder, args, body) {
  const child = spawn('node', args, { cwd: folder, stdio: 'inherit' });
  running.add(child);
  try {
    for (;;) {
      assert.equal(child.exitCode, null, 'the sample has ended');
      if (await fetch(app).catch(() => {})) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await body();
  } finally {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill();
    await ended;
    running.delete(child);
  }
}

// The sample's page takes its libraries from elsewhere: here they come from npm.
const spaJs = createRequire(import.meta.url).resolve('auth0-spa-js-v1/dist/auth0-spa-js.production.js');
const HIGHLIGHT = 'window.hljs = { highlightBlock() {} };';

test('the single-page application logs in, links by popup, unlinks and logs out', visit(async ({ page, visitor }) => {
  const folder = copied('SPA');
  writeFileSync(join(folder, 'auth_config.json'), JSON.stringify({ domain: new URL(https).host, clientId: 'sample-spa' }));
  await during(folder, ['-e', `require('./server').listen(${port})`], async () => {
    await visitor.addInitScript({ content: readFileSync(spaJs, 'utf8') + HIGHLIGHT });
    const ada = page.getByText('ada@example.com(Username-Password-Authentication)');
    await page.goto(app);
    await page.getByRole('button', { name: 'Log in' }).click();
    await logIn(page);
    await ada.waitFor();
    // The session of the tenant logs in again, in a frame.
    await page.reload();
    await ada.waitFor();

    const second = page.locator('table.accounts tbody tr').filter({ hasText: '1815' });
    await link();
    await second.getByRole('button', { name: 'Unlink' }).click();
    await second.waitFor({ state: 'detached' });
    await link();
    await page.reload();
    await ada.waitFor();
    await second.waitFor();

    async function link() {
      const opened = page.waitForEvent('popup');
      await page.getByRole('button', { name: 'Link Account' }).click();
      const popup = await opened;
      await popup.getByRole('link', { name: 'Continue with Google' }).click();
      await choose(popup, 'Emmy Noether');
      await second.waitFor();
    }

    await page.getByText('Log out').click();
    await page.getByRole('button', { name: 'Log in' }).waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'Log in' }).waitFor();
  });
}, { foreignCookies: true }));

/** Runs the web application. By https, its session would not be sent with the form that the tenant posts. */
function webApplication(body) {
  const folder = copied('RegularWebApp');
  const settings = {
    ISSUER_BASE_URL: http,
    CLIENT_ID: 'sample-web',
    CLIENT_SECRET: 'the-secret-of-the-sample',
    BASE_URL: app,
    APP_SESSION_SECRET: randomBytes(32).toString('hex'),
    PORT: port,
  };
  writeFileSync(join(folder, '.env'), Object.entries(settings).map(([name, value]) => `${name}=${value}\n`).join(''));
  return during(folder, ['bin/www'], body);
}

test('the web application suggests, links with a proof, merges and unlinks', visit(async ({ page }) => {
  await webApplication(async () => {
    await page.goto(app);
    await page.getByRole('button', { name: 'Login' }).click();
    await page.getByRole('link', { name: 'Continue with Google' }).click();
    await choose(page);
    await page.waitForURL(`${app}/user`);
    await page.locator('#suggested-users [data-id="auth0|ada"]').getByRole('button', { name: 'link' }).click();
    await logIn(page);
    const linked = page.locator('table.identities [data-id=ada]');
    await linked.waitFor();
    const profile = JSON.parse(await page.locator('.profile').textContent());
    assert.match(profile.user_id, /^google-oauth2\|/);
    assert.deepEqual(profile.user_metadata, { theme: 'dark' });
    await linked.getByRole('button', { name: 'unlink' }).click();
    await linked.waitFor({ state: 'detached' });
    await page.getByText('Logout').click();
    await page.getByRole('button', { name: 'Login' }).waitFor();
  });
}));

test('the web application links nothing if another account logs in', visit(async ({ page }) => {
  await webApplication(async () => {
    await page.goto(app);
    await page.getByRole('button', { name: 'Login' }).click();
    await logIn(page, { username: 'grace@example.com' });
    await page.locator('#suggested-users [data-id="github|grace"]').getByRole('button', { name: 'link' }).click();
    await page.getByLabel('Id at the provider').fill('4711');
    await page.getByRole('button', { name: 'Continue', exact: true }).click();
    await page.getByText('Skipping account linking').waitFor();
  });
}));
