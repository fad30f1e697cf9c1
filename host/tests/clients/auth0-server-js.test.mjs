// A real application with @auth0/auth0-server-js: its user links and unlinks by
// `startLinkUser` and `startUnlinkUser`.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { ServerClient } from '@auth0/auth0-server-js';
import express from 'express';

import { Browser } from './browser.mjs';
import { app as address, domain, https, password, web } from './tenant.mjs';

/** One browser comes, so that one store does. */
class Store extends Map {
  set = async (id, value) => void super.set(id, value);
  get = async (id) => super.get(id);
  delete = async (id) => void super.delete(id);
}

const stateStore = new Store();
const client = new ServerClient({
  domain,
  ...web,
  authorizationParams: { redirect_uri: `${address}/callback`, scope: 'openid profile email offline_access' },
  stateStore,
  transactionStore: new Store(),
});
let completing;

const app = express();
const starts = (name, complete) =>
  app.get(`/${name}`, async (req, res) => {
    completing = complete;
    res.redirect(await client[name](req.query.connection && { connection: req.query.connection, connectionScope: 'calendar' }));
  });
starts('startInteractiveLogin', 'completeInteractiveLogin');
starts('startLinkUser', 'completeLinkUser');
starts('startUnlinkUser', 'completeUnlinkUser');
app.get('/callback', async (req, res) => {
  await client[completing](new URL(req.originalUrl, address));
  res.json(await client.getUser());
});
app.use((error, req, res, next) => res.status(500).json({ name: error.name, cause: error.cause }));

const server = createServer(app);
before(() => new Promise((ready) => server.listen(new URL(address).port, '127.0.0.1', ready)));
after(() => {
  server.close();
  server.closeAllConnections();
});

/** The ids of Ada's identities, as the Management API has them. */
async function identities() {
  const json = { 'content-type': 'application/json' };
  const body = { client_id: web.clientId, client_secret: web.clientSecret, grant_type: 'client_credentials', audience: `${https}/api/v2/` };
  const token = await (await fetch(`${https}/oauth/token`, { method: 'POST', headers: json, body: JSON.stringify(body) })).json();
  const headers = { authorization: `Bearer ${token.access_token}` };
  const user = await (await fetch(`${https}/api/v2/users/auth0%7Cada`, { headers })).json();
  return user.identities.map(({ provider, user_id }) => `${provider}|${user_id}`);
}

const logIn = (browser, page) =>
  browser.submit(page.form('/u/login', 'state', 'username', 'password'), { username: 'ada@example.com', password });

test('a user links an account, and takes it away again', async () => {
  const browser = new Browser();
  const user = (await logIn(browser, await browser.visit(`${address}/startInteractiveLogin`))).json();
  assert.equal(user.sub, 'auth0|ada');

  const page = await browser.visit(`${address}/startLinkUser?connection=google-oauth2`);
  assert.match(browser.visited.join('\n'), /scope=openid\+link_account\+offline_access/);
  const chosen = page.form('/u/stand-in', 'state', 'user_id');
  const linked = (await browser.submit(chosen, { user_id: 'of-ada', name: 'Ada at Google' })).json();
  assert.deepEqual([linked.sub, linked.name], ['auth0|ada', 'Ada'], 'the owner stays logged in');
  assert.deepEqual(await identities(), ['auth0|ada', 'google-oauth2|of-ada']);

  const again = await browser.visit(`${address}/startUnlinkUser?connection=google-oauth2`);
  assert.equal((await logIn(browser, again)).json().sub, 'auth0|ada');
  assert.deepEqual(await identities(), ['auth0|ada']);
});

test('a link that is refused is an error in the application', async () => {
  const browser = new Browser();
  await logIn(browser, await browser.visit(`${address}/startInteractiveLogin`));
  const page = await browser.visit(`${address}/startLinkUser?connection=google-oauth2`);
  const refused = await browser.submit(page.form('/u/skip', 'state'));
  assert.equal(refused.status, 500);
  assert.equal(JSON.parse(refused.html).cause.error, 'access_denied', refused.html);
  assert.deepEqual(await identities(), ['auth0|ada']);
});
