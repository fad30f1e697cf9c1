// A browser, and an application for it to open: one address of http, one of
// https, next to the tenant that host/tests/browser/main.rs started.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { dirname, join } from 'node:path';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';

import ejs from 'ejs';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';

const setting = (name) => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: these files are run by host/tests/browser/main.rs`);
  return value;
};
const origin = (name) => new URL(setting(name)).origin;

/** The tenant. */
export const http = origin('LIGATURE_HTTP');
export const https = origin('LIGATURE_HTTPS');
/** The application. */
export const app = origin('LIGATURE_HTTP_APP');
export const secureApp = origin('LIGATURE_HTTPS_APP');

/** How long anything may take, in ms; only a failure takes it. */
const PATIENCE = Number(process.env.LIGATURE_PATIENCE ?? 30_000);

export const password = 'correct horse battery';
export const database = 'Username-Password-Authentication';
export const someone = () => `someone+${randomBytes(6).toString('hex')}@example.com`;

/** The claims of a token, unverified. */
export const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());

/** The newest thing that the tenant sent to this address. */
export async function sent(to, kind) {
  const outbox = await (await fetch(`${http}/dev/outbox`)).json();
  const found = outbox.find((message) => message.to === to && message.kind === kind);
  assert.ok(found, `no ${kind} was sent to ${to}: ${JSON.stringify(outbox)}`);
  return found;
}

/** What the tenant knows of a user. */
export async function userOf(id) {
  const post = (path, body) => fetch(`${http}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const client = { client_id: 'confirm-linker', client_secret: 'the-secret-of-the-linker', audience: `${http}/api/v2/` };
  const { access_token: token } = await (await post('/oauth/token', { grant_type: 'client_credentials', ...client })).json();
  const response = await fetch(`${http}/api/v2/users/${encodeURIComponent(id)}`, { headers: { authorization: `Bearer ${token}` } });
  return response.json();
}

/** Options of a browser whose user has this home, and trusts what is trusted there. */
const options = (home = setting('HOME')) => ({
  executablePath: setting('LIGATURE_CHROMIUM'),
  env: { ...process.env, HOME: home },
  args: [
    // Containers run as root, which its sandbox does not.
    '--no-sandbox',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    // Playwright's own interception would answer preflights in our place.
    '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost',
  ],
});

export const launch = (home) => chromium.launch(options(home));

/**
 * A browser that sends cookies to frames of another site. Debian's Chromium and private windows,
 * as Playwright's usual ones are, keep them back.
 */
function launchWithForeignCookies(having) {
  const profile = mkdtempSync(join(setting('LIGATURE_PLACE'), 'profile-'));
  mkdirSync(join(profile, 'Default'));
  const preferences = { profile: { cookie_controls_mode: 0, block_third_party_cookies: false } };
  writeFileSync(join(profile, 'Default/Preferences'), JSON.stringify(preferences));
  return chromium.launchPersistentContext(profile, { ...options(), ...having });
}

// By its package.json auth0-js is a module, but most of its files are none:
// esbuild finds nothing in them. Lock has an auth0-js of its own.
function useAuth0Js(build) {
  build.onResolve({ filter: /^auth0-js$/ }, ({ resolveDir, kind }) =>
    build.resolve('auth0-js/dist/auth0.min.esm.js', { resolveDir, kind }),
  );
  build.onResolve({ filter: /^auth0-js\/dist\/cordova/, namespace: 'file' }, async ({ path, resolveDir, kind, pluginData }) =>
    pluginData ? undefined : { ...(await build.resolve(path, { resolveDir, kind, pluginData: true })), namespace: 'umd' },
  );
  build.onLoad({ filter: /./, namespace: 'umd' }, ({ path }) => ({ contents: readFileSync(path) }));
}

// Lock 9 was made for browserify: its templates and styles are read by
// transforms, which this does in their place.
function useLock9(build) {
  build.onLoad({ filter: /\.ejs$/ }, ({ path }) => {
    const template = ejs.compile(readFileSync(path, 'utf8'), { client: true, compileDebug: false, filename: path });
    return { contents: `module.exports = ${template}` };
  });
  build.onLoad({ filter: /auth0-lock-v9.lib.insert-css.index\.js$/ }, ({ path }) => {
    const styles = readFileSync(join(dirname(path), '../css/main.min.css'), 'utf8');
    const script = readFileSync(path, 'utf8').replace("require('fs')", '{}');
    return { contents: script.replace(/fs\.readFileSync\([^)]*\)/, () => JSON.stringify(styles)) };
  });
  build.onResolve({ filter: /^package\.version$/ }, ({ path }) => ({ path, namespace: 'version' }));
  build.onLoad({ filter: /./, namespace: 'version' }, () => ({ contents: 'module.exports = "9"' }));
}

// Node's globals, as browserify replaced them.
const BROWSERIFIED = `var process = { env: {}, nextTick: (what) => setTimeout(what, 0) };
var Buffer = { isBuffer: () => false };`;

async function bundle(entry, { lock, older } = {}) {
  const here = dirname(fileURLToPath(import.meta.url));
  const made = await build({
    entryPoints: [join(here, entry)],
    bundle: true,
    write: false,
    format: 'iife',
    define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
    alias: lock ? { 'auth0-lock': lock } : {},
    // Older ones have an auth0-js of their own, whose files are as they seem.
    plugins: [older ? { name: 'lock-9', setup: useLock9 } : { name: 'auth0-js', setup: useAuth0Js }],
    banner: older ? { js: BROWSERIFIED } : {},
    logLevel: 'error',
  });
  return made.outputFiles[0].text;
}

const PAGES = {
  '/': ['page-sample.js'],
  '/spa': ['page-spa.js'],
  '/auth0-js': ['page-auth0-js.js'],
  '/popup': ['page-auth0-js.js'],
  '/lock-14': ['page-lock.js', { lock: 'auth0-lock' }],
  '/lock-11': ['page-lock.js', { lock: 'auth0-lock-v11' }],
  '/lock-10': ['page-lock-10.js', { lock: 'auth0-lock-v10', older: true }],
  '/lock-10-early': ['page-lock-10.js', { lock: 'auth0-lock-v10-early', older: true }],
  '/lock-9': ['page-lock-9.js', { older: true }],
  '/lock-passwordless': ['page-lock-passwordless.js', { older: true }],
  '/seed-passwordless': ['page-seed-lock-passwordless.js', { older: true }],
};
// Pages with the listings of a document, whose script tags lead to these libraries.
const SEEDS = {
  '/seed-000': ['000', 'page-seed-lock-9.js', { older: true }],
  '/seed-000-settings': ['000-settings', 'page-seed-lock-9.js', { older: true }],
  '/seed-000-auth0-js-7': ['000-custom-ui', 'page-seed-auth0-js-7.js', { older: true }],
  '/seed-000-auth0-js-8': ['000-custom-ui', 'page-seed-auth0-js-8.js', { older: true }],
  '/seed-001': ['001', 'page-seed-lock-11.js', { lock: 'auth0-lock-v11' }],
  '/seed-001-early': ['001', 'page-seed-lock-11.js', { lock: 'auth0-lock-v11-early', older: true }],
  '/seed-001-14': ['001', 'page-seed-lock-11.js', { lock: 'auth0-lock' }],
  '/seed-002': ['002', 'page-seed-lock-11.js', { lock: 'auth0-lock-v11' }],
  '/seed-002-early': ['002', 'page-seed-lock-11.js', { lock: 'auth0-lock-v11-early', older: true }],
  '/seed-003': ['003', 'page-seed-lock-10.js', { lock: 'auth0-lock-v10', older: true }],
  '/seed-004': ['004', 'page-seed-lock-9.js', { older: true }],
  '/seed-004-settings': ['004-settings', 'page-seed-lock-9.js', { older: true }],
};

/** The client of document 004, a web application with a secret. */
export const webClient = { id: 'seed-004', secret: 'the-secret-of-the-web-application' };

/** A file of a document: only what its templates stand for is replaced. */
export function seed(file, pathname = '') {
  const folder = join(setting('LIGATURE_SOURCES'), 'tests/clients/browser/seeds');
  return readFileSync(join(folder, file), 'utf8')
    .replaceAll(/<%= account\.clientId %>|\$\{account\.clientId\}|#\{env\.AUTH0_CLIENT_ID\}/g, file.startsWith('004') ? webClient.id : 'pages')
    .replaceAll(/<%= account\.namespace %>|\$\{account\.namespace\}|#\{env\.AUTH0_DOMAIN\}/g, new URL(https).host)
    .replaceAll('${account.callback}', `${secureApp}/callback`)
    .replaceAll('${lock_passwordless_url}', '/seed-passwordless.js')
    .replaceAll('/CUSTOM-UI', `${pathname.replace('seed-', '')}.js`)
    .replaceAll(/\/LIBRARY|\$\{widget_url\}/g, `${pathname}.js`);
}

const scripts = new Map();

async function answer(request, response, own) {
  const { pathname } = new URL(request.url, own);
  const listing = /^\/seeds\/([\w-]+\.js)$/.exec(pathname)?.[1];
  if (listing) {
    return response.writeHead(200, { 'content-type': 'text/javascript; charset=utf-8' }).end(seed(listing));
  }
  const [document, ...library] = SEEDS[pathname.replace(/\.js$/, '')] ?? [];
  if (document && !pathname.endsWith('.js')) {
    return response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(seed(`${document}.html`, pathname));
  }
  const page = document ? library : PAGES[pathname.replace(/\.js$/, '')];
  if (!page) return response.writeHead(pathname === '/favicon.ico' ? 204 : 404).end();
  if (pathname.endsWith('.js')) {
    const key = JSON.stringify(page);
    if (!scripts.has(key)) scripts.set(key, bundle(...page));
    return response.writeHead(200, { 'content-type': 'text/javascript; charset=utf-8' }).end(await scripts.get(key));
  }
  const addresses = JSON.stringify({ http, https, app: own });
  const html = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Application</title>
<body><script>window.addresses = ${addresses};</script><script src="${pathname}.js"></script></body></html>`;
  return response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(html);
}

// Names outside of this machine: an image that Lock shows.
const BLOCKED = [/ERR_NAME_NOT_RESOLVED/];

/**
 * Starts browser and, unless a file has none, application for a file; `visit()`
 * is a new visitor's page. `middleware` comes before the pages.
 */
export function browsing({ applications = true, middleware } = {}) {
  const servers = [];
  let browser;
  const serve = async (own, make, first = (request, response, next) => next()) => {
    const server = make((request, response) =>
      first(request, response, () =>
        answer(request, response, own).catch((error) => response.writeHead(500).end(String(error.stack))),
      ),
    );
    servers.push(server);
    await new Promise((ready) => server.listen(new URL(own).port, '127.0.0.1', ready));
  };
  before(async () => {
    if (applications) {
      const state = dirname(setting('LIGATURE_CA'));
      const tls = { cert: readFileSync(join(state, 'localhost.pem')), key: readFileSync(join(state, 'localhost-key.pem')) };
      await serve(app, (handler) => createServer(handler), middleware);
      await serve(secureApp, (handler) => createTlsServer(tls, handler), middleware);
    }
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
  });

  /**
   * A test with a visitor of its own. `expected` are console errors that belong
   * to it: Chromium reports every answer of 4xx as one. `having` are options of
   * the visitor's browser. `foreignCookies`: it sends cookies to frames of another site.
   */
  return (body, { expected = [], having = {}, foreignCookies = false } = {}) => async (context) => {
    const visitor = await (foreignCookies ? launchWithForeignCookies(having) : browser.newContext(having));
    visitor.setDefaultTimeout(PATIENCE);
    const said = [];
    const asked = [];
    visitor.on('console', (message) => {
      if (message.type() === 'error') said.push(`${message.text()} (${message.location().url})`);
    });
    visitor.on('weberror', (problem) => said.push(String(problem.error().stack)));
    visitor.on('request', (request) => asked.push(request.url()));
    const page = await visitor.newPage();
    try {
      await body({ page, visitor, asked });
      const unexpected = said.filter((line) => ![...BLOCKED, ...expected].some((pattern) => pattern.test(line)));
      assert.deepEqual(unexpected, [], 'console errors');
    } catch (error) {
      const where = visitor.pages().map((page) => page.url());
      const texts = await Promise.all(visitor.pages().map((page) => page.locator('body').innerText({ timeout: 1000 }).catch(() => '')));
      const around = `pages: ${JSON.stringify(where)}\n${texts.join('\n---\n')}\nconsole: ${said.join('\n')}`;
      throw new Error(`${error.message}\n${around}`, { cause: error });
    } finally {
      // For whoever wants to look at the pages.
      const shots = process.env.LIGATURE_SHOTS;
      if (shots) {
        mkdirSync(shots, { recursive: true });
        const name = context.name.replace(/\W+/g, '-').slice(0, 60);
        for (const [index, page] of visitor.pages().entries()) {
          await page.screenshot({ path: join(shots, `${name}-${index}.png`) }).catch(() => {});
        }
      }
      await visitor.close();
    }
  };
}

/** Ada's password, or somebody else's, given to the login page. */
export async function logIn(page, { username = 'ada@example.com', secret = password } = {}) {
  await page.waitForURL(/\/u\/login\b/);
  await page.getByLabel('Email or username').fill(username);
  await page.getByLabel('Password').first().fill(secret);
  await page.getByRole('button', { name: 'Log in' }).click();
}

/** The page that stands in for a provider: one of its accounts. */
export async function choose(page, name = 'Ada Lovelace') {
  await page.waitForURL(/\/u\/stand-in\?/);
  await page.getByRole('button', { name }).click();
}

/** Presses the tabulator until this has the focus, which is seen. */
export async function tabTo(page, name) {
  for (let times = 0; times < 60; times += 1) {
    await page.keyboard.press('Tab');
    const [label, outline] = await page.evaluate(() => {
      const it = document.activeElement;
      return [(it.labels?.[0]?.innerText ?? it.innerText ?? '').trim(), getComputedStyle(it).outlineStyle];
    });
    if (label.startsWith(name)) return assert.notEqual(outline, 'none', name);
  }
  return assert.fail(`${name} is not reached by keyboard`);
}

/** The page that stands in for a provider: an account with a verified address. */
export async function enterAccount(page, id, email, name = '') {
  await page.waitForURL(/\/u\/stand-in\?/);
  const typed = page.getByLabel('Id at the provider');
  // It is open already if no account of the configuration can be chosen.
  if (!(await typed.isVisible())) await page.getByText('Somebody else', { exact: true }).click();
  await typed.fill(id);
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Email', { exact: true }).fill(email);
  await page.getByLabel('The provider reports it as verified').check();
  await page.getByRole('button', { name: 'Continue', exact: true }).click();
}
