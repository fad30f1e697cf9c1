// A real application with express-openid-connect, made like Auth0's linking
// sample (RegularWebApp): it logs in, searches, and links the accounts that log in again.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import express from 'express';
import oidc from 'express-openid-connect';

import { Browser } from './browser.mjs';
import { app as address, http, password, someone, web } from './tenant.mjs';

const ADA = 'auth0|ada';
const GOOGLE = '115014287643218005122';

/** What the sample's lib/Auth0Client.js does: ids are put into paths raw. */
class Management {
  async #request(path, method = 'GET', body) {
    this.token ??= fetch(`${http}/oauth/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        client_id: web.clientId,
        client_secret: web.clientSecret,
        grant_type: 'client_credentials',
        audience: `${http}/api/v2/`,
      }),
    }).then((response) => response.json());
    const response = await fetch(`${http}/api/v2/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${(await this.token).access_token}`,
        ...(body && { 'content-type': 'application/json' }),
      },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  }
  user = (id) => this.#request(`users/${id}`);
  update = (id, changes) => this.#request(`users/${id}`, 'PATCH', changes);
  link = (id, link_with) => this.#request(`users/${id}/identities`, 'POST', { link_with });
  unlink = (id, provider, other) => this.#request(`users/${id}/identities/${provider}/${other}`, 'DELETE');
  sameAddress({ sub, email }) {
    const q = `email:"${email}" AND email_verified:true -user_id:"${sub}"`;
    return this.#request(`users?${new URLSearchParams({ search_engine: 'v3', q })}`);
  }
}

function application(options) {
  const management = new Management();
  const common = {
    issuerBaseURL: http,
    clientID: web.clientId,
    secret: 'what the session cookie is encrypted with',
    authRequired: false,
    auth0Logout: true,
    ...options,
  };
  // The account to be linked logs in through a second middleware with a session
  // of its own; the first one's session says who links.
  const linking = oidc.auth({
    ...common,
    baseURL: `${address}/link`,
    routes: { login: false, logout: false },
    session: { name: 'linking' },
    transactionCookie: { name: 'linking_verification' },
    async afterCallback(req, res, session) {
      const claims = JSON.parse(Buffer.from(session.id_token.split('.')[1], 'base64url'));
      const { target, primary } = req.appSession.link;
      assert.equal(claims.sub, target, 'the wrong account logged in');
      assert.ok(Math.abs(claims.auth_time - Date.now() / 1000) < 60, 'max_age=0: it logged in just now');
      const [to, from] = [await management.user(primary), await management.user(target)];
      await management.update(primary, { user_metadata: { ...from.user_metadata, ...to.user_metadata } });
      await management.link(primary, session.id_token);
      return session;
    },
  });
  const app = express();
  app.use(oidc.auth({ ...common, baseURL: address }));
  app.get('/', (req, res) => res.json(req.oidc.user ?? null));
  app.get('/user', oidc.requiresAuth(), async (req, res) => {
    const { oidc: { user, accessToken } } = req;
    res.json({
      user: await management.user(user.sub),
      suggested: await management.sameAddress(user),
      userinfo: accessToken && (await req.oidc.fetchUserInfo()),
    });
  });
  app.use('/link', linking);
  app.post('/link', express.urlencoded({ extended: false }), (req, res) => {
    const { target, connection, email } = req.body;
    req.appSession.link = { target, primary: req.appSession.id_token && sub(req.appSession) };
    const authorizationParams = { max_age: 0, prompt: 'login', login_hint: email, connection };
    return res.oidc.login({ returnTo: `${address}/user`, authorizationParams });
  });
  app.post('/link/delete', express.urlencoded({ extended: false }), async (req, res) => {
    await management.unlink(sub(req.appSession), req.body.provider, req.body.userId);
    res.redirect('/user');
  });
  app.use((error, req, res, next) => res.status(error.status ?? 500).send(String(error.stack)));
  return app;
}

const sub = ({ id_token }) => JSON.parse(Buffer.from(id_token.split('.')[1], 'base64url')).sub;

// One server for the file, as the tenant knows one address; each test puts its
// application behind it.
let current;
const server = createServer((request, response) => current(request, response));
before(() => new Promise((ready) => server.listen(new URL(address).port, '127.0.0.1', ready)));
after(() => {
  server.close();
  server.closeAllConnections();
});

/** A new browser, and this application. */
function at(options) {
  current = application(options);
  return new Browser();
}

/** Submits what a page with response_mode=form_post submits by script. */
const posted = (browser, page) => browser.submit(page.form('/callback', 'state'));

/** Ada's password, given to the login page. */
const logIn = (browser, page) =>
  browser.submit(page.form('/u/login', 'state', 'username', 'password'), {
    username: 'ada@example.com',
    password,
  });

const implicit = {};
/** How the application authenticated itself to /oauth/token. */
const authorizations = [];
const code = {
  clientSecret: web.clientSecret,
  customFetch(url, options) {
    if (String(url).endsWith('/oauth/token')) authorizations.push(options.headers.get('authorization'));
    return fetch(url, options);
  },
  authorizationParams: { response_type: 'code', scope: 'openid profile email offline_access' },
};

test('a login with an ID token in a posted form', async () => {
  const browser = at(implicit);
  const page = await logIn(browser, await browser.visit(`${address}/login`));
  assert.match(page.headers.get('content-type'), /^text\/html\b/);
  const user = (await posted(browser, page)).json();
  assert.deepEqual([user.sub, user.email, user.email_verified], [ADA, 'ada@example.com', true]);
});

test('a login with a code, PKCE and HTTP Basic, and its access token', async () => {
  const browser = at(code);
  const page = await logIn(browser, await browser.visit(`${address}/login`));
  assert.equal(page.json().sub, ADA);
  assert.ok(browser.visited.some((url) => /\/authorize\?.*code_challenge_method=S256/.test(url)));
  assert.match(authorizations.at(-1), /^Basic /);
  assert.equal((await browser.visit(`${address}/user`)).json().userinfo.sub, ADA);
});

test('a wrong password shows the page again, and the right one still works', async () => {
  const browser = at(code);
  const page = await browser.visit(`${address}/login`);
  const again = await browser.submit(page.form('/u/login', 'password'), { username: 'ada@example.com', password: 'wrong' });
  assert.match(again.html, /Wrong email or password/);
  assert.equal((await logIn(browser, again)).json().sub, ADA);
});

test('who comes from another provider for the first time becomes a user', async () => {
  const browser = at(code);
  const page = await browser.visit(`${address}/login`);
  const asked = await browser.visit(page.link('Continue with Google'));
  const email = someone();
  const stranger = { user_id: '4242', email, email_verified: 'true', name: 'A stranger' };
  await browser.submit(asked.form('/u/stand-in', 'state', 'email'), stranger);
  const { user } = (await browser.visit(`${address}/user`)).json();
  assert.deepEqual(
    [user.user_id, user.email, user.email_verified, user.name, user.identities[0].isSocial],
    ['google-oauth2|4242', email, true, 'A stranger', true],
  );
});

test('who is logged in at the tenant is not asked again, until the logout', async () => {
  const browser = at(code);
  await logIn(browser, await browser.visit(`${address}/login`));
  browser.forget('appSession');
  assert.equal((await browser.visit(address)).json(), null);
  assert.equal((await browser.visit(`${address}/login`)).json().sub, ADA, 'no page in between');

  const after = await browser.visit(`${address}/logout`);
  assert.equal(after.json(), null);
  assert.ok(browser.visited.some((url) => url.startsWith(`${http}/v2/logout?`)));
  (await browser.visit(`${address}/login`)).form('/u/login', 'password');
});

test('a logout goes nowhere that the client does not list', async () => {
  const browser = at(implicit);
  const page = await browser.visit(`${http}/v2/logout?client_id=web&returnTo=http%3A%2F%2Flocalhost%3A1%2F`);
  assert.equal(page.status, 400);
  assert.equal(page.url.origin, http);
});

test('a callback that the client does not list gets nothing', async () => {
  const browser = at(implicit);
  const query = new URLSearchParams({
    client_id: 'web',
    response_type: 'code',
    scope: 'openid',
    redirect_uri: `${address}/elsewhere`,
  });
  const page = await browser.visit(`${http}/authorize?${query}`);
  assert.ok(page.status >= 400 && page.status < 500, `${page.status}`);
  assert.equal(page.url.origin, http);
});

for (const [name, options] of Object.entries({ 'a posted ID token': implicit, 'a code': code })) {
  test(`a second account logs in again and is linked, with ${name}`, async () => {
    const browser = at(options);
    const arrive = (page, path) => (options === implicit ? browser.submit(page.form(path, 'state')) : page);
    await arrive(await logIn(browser, await browser.visit(`${address}/login`)), '/callback');
    const before = (await browser.visit(`${address}/user`)).json();
    assert.deepEqual(before.suggested.map(({ user_id }) => user_id), [`google-oauth2|${GOOGLE}`]);

    // Ada is logged in at the tenant: it must ask all the same, as prompt=login says.
    const asked = await browser.visit(`${address}/link`, {
      target: `google-oauth2|${GOOGLE}`,
      connection: 'google-oauth2',
      email: 'ada@example.com',
    });
    const chosen = await browser.submit(asked.form('/u/stand-in', 'state', 'account'), { account: GOOGLE });
    const { user, suggested } = (await arrive(chosen, '/link/callback')).json();
    assert.equal(user.user_id, ADA);
    assert.deepEqual(user.identities.map(({ user_id }) => user_id), ['ada', GOOGLE]);
    assert.deepEqual(user.user_metadata, { lang: 'en', theme: 'dark' });
    assert.deepEqual(suggested, []);

    const unlinked = (await browser.visit(`${address}/link/delete`, { provider: 'google-oauth2', userId: GOOGLE })).json();
    assert.deepEqual(unlinked.user.identities.map(({ user_id }) => user_id), ['ada']);
    assert.deepEqual(unlinked.suggested.map(({ user_id }) => user_id), [`google-oauth2|${GOOGLE}`]);
    // As it was, for the other way of logging in.
    await new Management().update(`google-oauth2|${GOOGLE}`, { user_metadata: { lang: 'en' } });
    await new Management().update(ADA, { user_metadata: { lang: null } });
  });
}
