// A single-page application with Lock: profile, identities, link, unlink.
import { Auth0Lock, Auth0LockPasswordless } from 'auth0-lock';
import english from 'auth0-lock/lib/i18n/en';

import { linkSecond } from '../spa/linking.js';
import { OwnAccount, Refused } from '../spa/management.js';
import { nameOf, onClick, once, say, showLoggedOut, showProfile } from '../spa/view.js';

const SCOPE = 'openid profile email read:current_user update:current_user_identities update:current_user_metadata';
const LEFT = 'You came back without a login to the other account. Nothing was linked.';
const MAILED = 'A link will be mailed to the address that you typed. Open it in this browser within ten minutes, and leave this page open.';
const EXPIRED = 'This step was used before or has expired. Begin again.';
const CLOSED = 'The page on which you began has been closed. Begin again, and leave it open until the link is done.';
/** Milliseconds in which another tab of this browser answers. */
const ANSWER = 2000;
/** Seconds for which a link that has begun stays valid. */
const PATIENCE = 600;
const now = () => Math.floor(Date.now() / 1000);

const LOGO =
  'data:image/svg+xml,%3Csvg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 2"%3E%3Ccircle cx="1" cy="1" r="1"/%3E%3C/svg%3E';

let tenant;
let clientId;
let lock;
/** The account in use: `{ owner, token }`. */
let current;

/** Lock's own texts. The tenant has none, and Lock warns of each that a dictionary lacks. */
const TEXTS = english.default ?? english;

/** Options of every Lock. `params` go to /authorize. */
const options = (params = {}) => ({
  configurationBaseUrl: tenant,
  languageBaseUrl: tenant,
  languageDictionary: TEXTS,
  // The default logo is at another host.
  theme: { logo: LOGO },
  overrides: { __token_issuer: `${tenant}/` },
  avatar: null,
  rememberLastLogin: false,
  auth: {
    redirectUrl: `${location.origin}/`,
    responseType: 'token id_token',
    audience: `${tenant}/api/v2/`,
    params: { scope: SCOPE, ...params },
  },
});

// --- The link that has begun ---

// A mailed link may open in another tab, which has to know that a link has begun. The token stays in
// this tab, which hands it over once.
function begin(way) {
  const { owner, token } = current;
  const started = now();
  localStorage.setItem('linking', JSON.stringify({ owner, started, way }));
  sessionStorage.setItem('linking-token', JSON.stringify({ token, started }));
  setTimeout(forgetOldToken, (PATIENCE + 1) * 1000);
}

/** Returns the link that has begun, without its token, and forgets it. */
function takeBegun() {
  const stored = localStorage.getItem('linking');
  localStorage.removeItem('linking');
  const begun = stored && JSON.parse(stored);
  return begun && begun.started >= now() - PATIENCE ? begun : undefined;
}

/** Returns the token of a link that began in this tab at that time, and forgets it. */
function takeToken(started) {
  const stored = sessionStorage.getItem('linking-token');
  sessionStorage.removeItem('linking-token');
  const kept = stored && JSON.parse(stored);
  return kept?.started === started ? kept.token : undefined;
}

function forgetOldToken() {
  const stored = sessionStorage.getItem('linking-token');
  if (stored && JSON.parse(stored).started < now() - PATIENCE) sessionStorage.removeItem('linking-token');
}

const tabs = new BroadcastChannel('linking');
tabs.onmessage = ({ data }) => {
  if (!Number.isInteger(data?.wanted)) return;
  const stored = sessionStorage.getItem('linking-token');
  if (!stored || JSON.parse(stored).started !== data.wanted) return;
  tabs.postMessage({ token: takeToken(data.wanted), started: data.wanted });
};

/** Returns the token of the tab in which a link began. */
function findToken({ started }) {
  const own = takeToken(started);
  if (own) return own;
  return new Promise((resolve) => {
    const others = new BroadcastChannel('linking');
    const end = (token) => {
      others.close();
      resolve(token);
    };
    others.onmessage = ({ data }) => data?.started === started && end(data.token);
    others.postMessage({ wanted: started });
    setTimeout(end, ANSWER);
  });
}

/** Forgets a link that the person has left. A mailed link is opened later: it stays. */
function leave() {
  forgetOldToken();
  const stored = localStorage.getItem('linking');
  if (!stored || JSON.parse(stored).way === 'mail') return false;
  sessionStorage.removeItem('linking-token');
  return takeBegun() !== undefined;
}

// --- What happened, in words ---

function report(error) {
  if (!(error instanceof Refused)) console.warn(error);
  say(error instanceof Refused ? error.message : 'The login could not be completed. Begin again.', { isError: true });
  if (error.isOver) showLoggedOut();
}

/** Runs an action of a button, and reports its failure. */
const attempt = (action) => async () => {
  say('');
  try {
    await action();
  } catch (error) {
    report(error);
  }
};

// --- The account in use ---

async function show() {
  const profile = await new OwnAccount(tenant, current.owner, current.token).profile();
  sessionStorage.setItem('account', current.owner);
  showProfile(profile, (identity) => once(attempt(() => unlink(identity))));
}

const checkSession = () =>
  new Promise((resolve, reject) =>
    lock.checkSession({ scope: SCOPE, audience: `${tenant}/api/v2/` }, (error, result) =>
      error ? reject(error) : resolve(result),
    ),
  );

/** Takes the tenant's session of this browser, without a page. */
async function resume() {
  const before = sessionStorage.getItem('account');
  let result;
  try {
    result = await checkSession();
  } catch (error) {
    showLoggedOut();
    if (error.error !== 'login_required') throw error;
    if (before) throw new Refused('Your session is over. Log in again.');
    return;
  }
  const { sub, name } = result.idTokenPayload;
  // A login to a second account that was not linked replaces the tenant's session.
  if (before && before !== sub) {
    showLoggedOut();
    throw new Refused(`This browser is now logged in to another account (${name ?? sub}). Log in again to the account that you want to use.`);
  }
  current = { owner: sub, token: result.accessToken };
  await show();
}

function logIn() {
  sessionStorage.clear();
  takeBegun();
  lock.show();
}

function logOut() {
  sessionStorage.clear();
  takeBegun();
  lock.logout({ returnTo: `${location.origin}/` });
}

async function unlink(identity) {
  await new OwnAccount(tenant, current.owner, current.token).unlink(identity);
  try {
    await show();
  } catch (error) {
    if (!error.isOver) throw error;
    // The session was that identity's: it belongs to the separate account now.
    sessionStorage.clear();
    throw new Refused(`${nameOf(identity)} is a separate account again. You were logged in with it: log in again.`, { isOver: true });
  }
  say(`${nameOf(identity)} is a separate account again.`);
}

// --- The second login ---

/** A Lock of its own for each way to prove the second account. */
const locks = new Map();

function showLock(name, way, make) {
  begin(way);
  if (!locks.has(name)) locks.set(name, make());
  locks.get(name).show();
}

const LINKING = { ...TEXTS, title: 'Link another account' };
const linkWithLock = () =>
  showLock('lock', 'state', () => {
    // Without `prompt`, the tenant's session would answer instead of a login.
    const { auth, ...more } = options({ state: 'linking', prompt: 'login' });
    const allowedConnections = ['Username-Password-Authentication', 'google-oauth2', 'github'];
    return new Auth0Lock(clientId, tenant, { ...more, auth, allowedConnections, languageDictionary: LINKING });
  });

const linkPasswordless = (connection, passwordlessMethod) => () =>
  showLock(`${connection}-${passwordlessMethod}`, passwordlessMethod === 'link' ? 'mail' : 'code', () => {
    const made = new Auth0LockPasswordless(clientId, tenant, {
      ...options(),
      allowedConnections: [connection],
      passwordlessMethod,
      languageDictionary: LINKING,
    });
    // Lock 14.3.0 closes without a word once it has sent the link.
    if (passwordlessMethod === 'link') made.on('socialOrEmail submit', () => say(MAILED));
    return made;
  });

/** Handles a login that Lock has verified: the first one, or the one to link. */
async function authenticated(result) {
  const begun = takeBegun();
  // The state is no secret. The link must have begun in this browser, for this account.
  const isSecond = result.state === 'linking' || begun?.way === 'code' || begun?.way === 'mail';
  if (!isSecond) {
    current = { owner: result.idTokenPayload.sub, token: result.accessToken };
    return show();
  }
  if (!begun) {
    await resume().catch(showLoggedOut);
    throw new Refused(EXPIRED);
  }
  const token = await findToken(begun);
  if (!token) {
    await resume().catch(showLoggedOut);
    throw new Refused(CLOSED);
  }
  current = { owner: begun.owner, token };
  const second = { claims: result.idTokenPayload, idToken: result.idToken, accessToken: result.accessToken };
  try {
    await linkSecond(tenant, { ...begun, token }, second);
  } catch (error) {
    await show();
    throw error;
  }
  await show();
  return say('The accounts are linked.');
}

async function failed(error) {
  const wasLinking = takeBegun() !== undefined;
  sessionStorage.removeItem('linking-token');
  await resume().catch(showLoggedOut);
  const isStale = error.error === 'invalid_token' || error.code === 'invalid_token';
  const words = isStale ? EXPIRED : wasLinking ? 'The login was refused. Nothing was linked.' : 'The login was refused.';
  throw new Refused(words, { cause: error });
}

async function start() {
  ({ tenant, clientId } = await (await fetch('/config.json')).json());
  const hasResult = /[#&](id_token|error)=/.test(location.hash);
  // Every Lock of a page reads the result of a login from the address, and only the first
  // succeeds. So there is one when the page loads, and the others are made when needed.
  lock = new Auth0Lock(clientId, tenant, {
    ...options(),
    allowedConnections: ['Username-Password-Authentication', 'google-oauth2', 'github'],
  });
  if (!hasResult) {
    const hasLeft = leave();
    await resume();
    if (hasLeft) say(LEFT);
    return;
  }
  const result = await new Promise((resolve, reject) => {
    lock.on('authenticated', resolve);
    lock.on('authorization_error', reject);
  }).catch(failed);
  await authenticated(result);
}

onClick('log-in', attempt(logIn));
onClick('log-out', attempt(logOut));
onClick('link-lock', attempt(linkWithLock));
onClick('link-sms', attempt(linkPasswordless('sms', 'code')));
onClick('link-code', attempt(linkPasswordless('email', 'code')));
onClick('link-mail', attempt(linkPasswordless('email', 'link')));
// The back button restores this page with its memory.
addEventListener('pageshow', ({ persisted }) => {
  if (persisted && leave()) say(LEFT);
});
once(attempt(start));
