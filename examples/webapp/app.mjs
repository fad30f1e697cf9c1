// The routes. Two logins: the session of the person, and the login to an account to link.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { fileURLToPath } from 'node:url';

import express from 'express';
import oidc from 'express-openid-connect';

import { clientId, clientSecret, origin, sessionSecret, tenant } from './config.mjs';
import { begin, complete, remove } from './linking.mjs';
import { Refused, sameAddress, userOf } from './management.mjs';
import { isRecent } from './recent.mjs';
import { account, failure, loggedOut, wayOf } from './views.mjs';

const common = {
  issuerBaseURL: tenant,
  clientID: clientId,
  clientSecret,
  secret: sessionSecret,
  authRequired: false,
  idpLogout: true,
  auth0Logout: true,
  // A code with PKCE; state and nonce are the library's.
  authorizationParams: { response_type: 'code', scope: 'openid profile email' },
};

const AGAIN = 'You have logged in again. Now you can link and unlink.';
const UNEXPECTED = 'Something went wrong here. Try again later.';

/** The words for a failure; what nobody expects is logged instead. */
function wordsOf(error) {
  if (error instanceof Refused) return error.message;
  console.error(error);
  return UNEXPECTED;
}

const say = (req, words, isError = false) => {
  req.appSession.message = { words, isError };
};

/** The ID token's claims. The library has verified it. */
const claimsOf = (idToken) => JSON.parse(Buffer.from(idToken.split('.')[1], 'base64url').toString());

/** The person who is logged in. Below /link, `req.oidc` is the second login. */
const ownerOf = ({ appSession: { id_token } }) => id_token && claimsOf(id_token).sub;

/** Whether that person has logged in within the last minutes. */
const isFresh = ({ appSession: { id_token } }) => id_token !== undefined && isRecent(claimsOf(id_token));

/** Ends a login to the account to link. It leaves no session of its own. */
async function linked(req, res, session) {
  const { linking } = req.appSession;
  delete req.appSession.linking;
  try {
    // The session that began the link has ended or has another user.
    if (!linking || linking.owner !== ownerOf(req)) {
      throw new Refused('This step was used before or has expired. Begin again.');
    }
    await complete(linking, claimsOf(session.id_token), session.id_token);
    say(req, 'The accounts are linked.');
  } catch (error) {
    say(req, wordsOf(error), true);
  }
  return {};
}

/** Refuses a POST that a page of this application did not send. */
function checkForm(req, res, next) {
  const sent = Buffer.from(String(req.body?.csrf ?? ''));
  const expected = Buffer.from(req.appSession.csrf ?? '');
  const isOwn = req.get('origin') === undefined || req.get('origin') === origin;
  if (isOwn && expected.length > 0 && sent.length === expected.length && timingSafeEqual(sent, expected)) return next();
  return res.status(403).send(failure('This page has expired. Open it again.'));
}

function requireLogin(req, res, next) {
  if (ownerOf(req)) return next();
  say(req, 'Your session is over. Log in again.', true);
  return res.redirect(303, '/');
}

/** Has the person log in again before a change. A stolen session cannot. */
const requireRecentLogin = (req, res, next) => (isFresh(req) ? next() : res.redirect(303, '/again'));

/** Sends what nobody may load or frame. */
function secure(req, res, next) {
  res.set({
    // The login to link begins with a form, whose redirect leads to the tenant.
    'content-security-policy': `default-src 'none'; style-src 'self'; form-action 'self' ${tenant}; base-uri 'none'; frame-ancestors 'none'`,
    'cache-control': 'no-store',
    'referrer-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
  });
  next();
}

const app = express();
app.disable('x-powered-by');
app.use(secure);
app.get('/style.css', (req, res) => res.sendFile(fileURLToPath(new URL('style.css', import.meta.url))));
// A session lasts an hour without use, and eight hours at most.
const session = { rollingDuration: 3_600, absoluteDuration: 8 * 3_600 };
app.use(oidc.auth({ ...common, baseURL: origin, session }));

app.get('/', async (req, res) => {
  const { message } = req.appSession;
  delete req.appSession.message;
  const owner = ownerOf(req);
  if (!owner) return res.send(loggedOut(message));
  req.appSession.csrf ??= randomBytes(32).toString('base64url');
  const user = await userOf(owner);
  const suggested = await sameAddress(user);
  const again = req.query.again !== undefined && isFresh(req) ? { words: AGAIN } : undefined;
  return res.send(account({ user, suggested, csrf: req.appSession.csrf, message: message ?? again }));
});

// The login to the own account again. Whoever logs in to another account has a session of that one.
app.get('/again', (req, res) =>
  res.oidc.login({ returnTo: '/?again', authorizationParams: { ...common.authorizationParams, prompt: 'login', max_age: 0 } }),
);

// The second login has a cookie and a callback of its own: /link/callback.
app.use(
  '/link',
  oidc.auth({
    ...common,
    baseURL: `${origin}/link`,
    routes: { login: false, logout: false },
    session: { name: 'linking' },
    transactionCookie: { name: 'linking_transaction' },
    afterCallback: linked,
  }),
);

const forms = [express.urlencoded({ extended: false, limit: '8kb' }), requireLogin, checkForm, requireRecentLogin];

app.post('/link', forms, async (req, res) => {
  const { suggestion } = req.body;
  let begun;
  try {
    begun = await begin(ownerOf(req), suggestion);
  } catch (error) {
    say(req, wordsOf(error), true);
    return res.redirect(303, '/');
  }
  req.appSession.linking = begun;
  const { connection } = begun;
  // Although the person is logged in, the tenant has to ask: `auth_time` will be fresh.
  return res.oidc.login({
    returnTo: `${origin}/`,
    authorizationParams: { ...common.authorizationParams, prompt: 'login', max_age: 0, ...(connection && { connection }) },
  });
});

app.post('/unlink', forms, async (req, res) => {
  try {
    const identity = await remove(ownerOf(req), req.body.identity);
    say(req, `${wayOf(identity)} is a separate account again.`);
  } catch (error) {
    say(req, wordsOf(error), true);
  }
  res.redirect(303, '/');
});

// Refusals of the tenant, and callbacks that this browser did not begin.
app.use((error, req, res, next) => {
  if (res.headersSent) return next(error);
  const isCallback = req.path.endsWith('/callback');
  if (error.error === 'access_denied') return res.status(403).send(failure('The login was refused. Nothing was changed.'));
  if (isCallback) return res.status(400).send(failure('This step was used before or has expired. Begin again.'));
  if (error instanceof Refused) return res.status(403).send(failure(error.message));
  console.error(error);
  return res.status(500).send(failure(UNEXPECTED));
});
app.use((req, res) => res.status(404).send(failure('There is no such page.')));

export { app };
