// A real application with passport-auth0, which sends the access token to
// /userinfo in the query (RFC 6750, 2.3).
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import express from 'express';
import passport from 'passport';
import Auth0Strategy from 'passport-auth0';

import { Browser } from './browser.mjs';
import { app as address, domain, password, web } from './tenant.mjs';

const options = {
  domain,
  clientID: web.clientId,
  clientSecret: web.clientSecret,
  callbackURL: `${address}/callback`,
};
const strategy = new Auth0Strategy(options, (accessToken, refreshToken, extra, profile, done) =>
  done(null, { profile, extra }),
);
passport.use(strategy);

const app = express();
// One browser comes, so that one session does.
const session = {};
app.use((req, res, next) => {
  req.session = session;
  next();
});
app.get('/login', passport.authenticate('auth0', { scope: 'openid email profile', session: false }));
app.get('/callback', passport.authenticate('auth0', { session: false }), (req, res) => res.json(req.user));
app.use((error, req, res, next) => res.status(500).send(String(error.stack)));

const server = createServer(app);
before(() => new Promise((ready) => server.listen(new URL(address).port, '127.0.0.1', ready)));
after(() => {
  server.close();
  server.closeAllConnections();
});

test('a login, and the profile that the access token in a query gets', async () => {
  const browser = new Browser();
  const page = await browser.visit(`${address}/login`);
  const form = page.form('/u/login', 'state', 'username', 'password');
  const user = (await browser.submit(form, { username: 'ada@example.com', password })).json();
  assert.equal(user.profile.id, 'auth0|ada');
  assert.equal(user.profile.displayName, 'Ada');
  assert.deepEqual(user.profile.emails, [{ value: 'ada@example.com' }]);
  assert.ok(user.extra.id_token);
});
