// The web application of document 004: its listings, and the login of its quickstart, which it
// names and does not show.
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';

import express from 'express';
import session from 'express-session';
import passport from 'passport';
import Auth0Strategy from 'passport-auth0';

import { https, secureApp, seed, webClient } from './harness.mjs';

const require = createRequire(import.meta.url);

/** A listing for a server, with these modules in place of files of the application. */
function load(file, given = {}) {
  const module = { exports: {} };
  new Function('require', 'module', seed(file))((name) => given[name] ?? require(name), module);
  return module.exports;
}

/** The application, as middleware. `refused` are the errors that reach its last handler. */
export async function application() {
  process.env.AUTH0_DOMAIN = new URL(https).host;
  const client = load('004-auth0-client.js');
  const refused = [];
  const options = {
    domain: process.env.AUTH0_DOMAIN,
    clientID: webClient.id,
    clientSecret: webClient.secret,
    callbackURL: `${secureApp}/callback`,
    // Lock begins the login, and sends no state.
    state: false,
  };
  const login = (accessToken, refreshToken, extra, profile, done) => done(null, profile);
  passport.use(new Auth0Strategy(options, login));
  passport.serializeUser((user, done) => done(null, user));
  passport.deserializeUser((user, done) => done(null, user));

  const app = express();
  app.use(session({ secret: randomBytes(32).toString('hex'), resave: false, saveUninitialized: false }));
  app.use(passport.session());
  app.get('/callback', passport.authenticate('auth0'), (req, res) => res.redirect('/seed-004-settings'));
  app.get('/user', (req, res) => res.json(req.user?._json.identities ?? []));
  app.use('/user', load('004-link-accounts.js', { '../Auth0Client': client }));
  app.post('/user/unlink-accounts/:targetUserId', (req, res, next) => {
    client.unlinkAccounts(req.user.id, req.params.targetUserId).then((identities) => {
      req.user._json.identities = identities;
      res.send(identities);
    }, next);
  });
  app.use((error, req, res, next) => {
    refused.push(String(error));
    res.status(500).end();
  });
  return { app, refused };
}

/** The application's own token of the Management API, which the listings read from the environment. */
export async function takeToken() {
  const response = await fetch(`${https}/oauth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      grant_type: 'client_credentials',
      client_id: webClient.id,
      client_secret: webClient.secret,
      audience: `${https}/api/v2/`,
    }),
  });
  process.env.AUTH0_APIV2_TOKEN = (await response.json()).access_token;
}
