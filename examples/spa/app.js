// A single-page application with auth0-spa-js: profile, identities, link, unlink.
import { Auth0Client } from './auth0-spa-js.js';

import { linkSecond } from './linking.js';
import { OwnAccount, Refused } from './management.js';
import { nameOf, onClick, once, say, showLoggedOut, showProfile } from './view.js';

const { tenant, clientId } = await (await fetch('/config.json')).json();

/** Each has its own tokens, in memory. */
const newClient = () =>
  new Auth0Client({
    domain: tenant,
    clientId,
    authorizationParams: {
      redirect_uri: `${location.origin}/`,
      audience: `${tenant}/api/v2/`,
      scope: 'openid profile email read:current_user update:current_user_identities update:current_user_metadata',
    },
  });

/** A login to another account, although the person is logged in: `auth_time` will be fresh. */
const ANEW = { prompt: 'login', max_age: 0 };
/** Seconds for which a link that has begun stays valid. */
const PATIENCE = 600;
const now = () => Math.floor(Date.now() / 1000);

let client = newClient();
/** The account in use: `{ owner, token }`. */
let current;

// --- What happened, in words ---

const WORDS = {
  cancelled: 'The window was closed before the login was complete. Nothing was linked.',
  timeout: 'The login in the other window took too long. Nothing was linked.',
  popup_open: 'The browser blocked the window. Allow windows of this page, or link on this page.',
  access_denied: 'The login was refused. Nothing was linked.',
  login_required: 'Your session is over. Log in again.',
  missing_transaction: 'This step was used before or has expired. Begin again.',
};

function report(error) {
  const unknown = 'The login could not be completed. Begin again.';
  const words = error instanceof Refused ? error.message : WORDS[error.error] ?? unknown;
  if (!(error instanceof Refused) && words === unknown) console.warn(error);
  say(words, { isError: true });
  if (error.isOver || error.error === 'login_required') showLoggedOut();
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

/** Takes the tenant's session of this browser, without a page. */
async function resume() {
  const before = sessionStorage.getItem('account');
  let token;
  try {
    token = await client.getTokenSilently();
  } catch (error) {
    showLoggedOut();
    if (error.error !== 'login_required') throw error;
    if (before) throw new Refused(WORDS.login_required);
    return;
  }
  const { sub, name } = await client.getUser();
  // A login to a second account that was not linked replaces the tenant's session.
  if (before && before !== sub) {
    showLoggedOut();
    throw new Refused(`This browser is now logged in to another account (${name ?? sub}). Log in again to the account that you want to use.`);
  }
  current = { owner: sub, token };
  await show();
}

const logIn = () => {
  const anew = sessionStorage.getItem('account') !== null;
  sessionStorage.clear();
  return client.loginWithRedirect({ authorizationParams: anew ? { prompt: 'login' } : {} });
};

const logOut = () => {
  sessionStorage.clear();
  return client.logout({ logoutParams: { returnTo: `${location.origin}/` } });
};

// --- Link and unlink ---

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

/** The second login, as `linkSecond` takes it. */
async function secondOf(second) {
  const { __raw, ...claims } = await second.getIdTokenClaims();
  return { claims, idToken: __raw, accessToken: await second.getTokenSilently() };
}

async function linkByPopup() {
  const begun = { ...current, started: now() };
  const second = newClient();
  await second.loginWithPopup({ authorizationParams: ANEW }, { timeoutInSeconds: PATIENCE });
  await linkSecond(tenant, begun, await secondOf(second));
  await show();
  say('The accounts are linked.');
}

// The redirect ends this page and its memory: the account in use is stored meanwhile.
async function linkByRedirect() {
  const id = crypto.randomUUID();
  sessionStorage.setItem('linking', JSON.stringify({ ...current, started: now(), id }));
  await client.loginWithRedirect({ authorizationParams: ANEW, appState: { linking: id } });
}

/** Returns the link that has begun, and forgets it. */
function takeBegun() {
  const stored = sessionStorage.getItem('linking');
  sessionStorage.removeItem('linking');
  const begun = stored && JSON.parse(stored);
  return begun && begun.started >= now() - PATIENCE ? begun : undefined;
}

async function returnFromLogin(begun) {
  let appState;
  try {
    ({ appState } = await client.handleRedirectCallback());
  } finally {
    // A reload must not repeat it.
    history.replaceState(null, '', '/');
  }
  if (!appState?.linking) return resume();
  if (begun?.id !== appState.linking) throw new Refused(WORDS.missing_transaction);
  const second = await secondOf(client);
  client = newClient();
  current = { owner: begun.owner, token: begun.token };
  try {
    await linkSecond(tenant, begun, second);
  } catch (error) {
    await show();
    throw error;
  }
  await show();
  return say('The accounts are linked.');
}

async function start() {
  const begun = takeBegun();
  const query = new URLSearchParams(location.search);
  if (query.has('state') && (query.has('code') || query.has('error'))) {
    try {
      return await returnFromLogin(begun);
    } catch (error) {
      // The account in use stays in use, if the tenant still knows it.
      if (!current) await resume().catch(showLoggedOut);
      throw error;
    }
  }
  await resume();
  if (begun) say('You came back without a login to the other account. Nothing was linked.');
}

onClick('log-in', attempt(logIn));
onClick('log-out', attempt(logOut));
onClick('link-popup', attempt(linkByPopup));
onClick('link-redirect', attempt(linkByRedirect));
// The back button restores this page with its memory.
addEventListener('pageshow', ({ persisted }) => {
  if (persisted && takeBegun()) say('You came back without a login to the other account. Nothing was linked.');
});
await once(attempt(start));
