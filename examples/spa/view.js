// The page. Foreign text is written as text, never as HTML.
const element = (id) => document.getElementById(id);

const NAMES = { auth0: 'Password', 'google-oauth2': 'Google', github: 'GitHub', email: 'Email', sms: 'Phone' };
export const nameOf = ({ provider, connection }) => NAMES[provider] ?? connection;

/** Shows what happened. An error interrupts a screen reader. */
export function say(words, { isError = false } = {}) {
  const message = element('message');
  message.setAttribute('role', isError ? 'alert' : 'status');
  message.textContent = words;
  message.hidden = !words;
}

export function showLoggedOut() {
  element('logged-in').hidden = true;
  element('logged-out').hidden = false;
}

function addItem(list, words) {
  const item = document.createElement('li');
  item.textContent = words;
  list.append(item);
  return item;
}

function showIdentities(profile, unlink) {
  const list = element('identities');
  list.replaceChildren();
  profile.identities.forEach((identity, index) => {
    // The first identity is the account itself, whose profile is the user's.
    const { email, phone_number, name } = (index === 0 ? profile : identity.profileData) ?? {};
    const who = email ?? phone_number ?? name;
    const item = addItem(list, who ? `${nameOf(identity)}, ${who} ` : `${nameOf(identity)} `);
    if (index === 0) return;
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = `Unlink ${nameOf(identity)}`;
    button.addEventListener('click', () => unlink(identity));
    item.append(button);
  });
}

/** Shows a profile of the Management API. */
export function showProfile(profile, unlink) {
  const { user_id, name, email, user_metadata } = profile;
  element('name').textContent = name ?? email ?? user_id;
  element('user-id').textContent = user_id;
  showIdentities(profile, unlink);
  const settings = element('settings');
  settings.replaceChildren();
  const entries = Object.entries(user_metadata ?? {});
  for (const [key, value] of entries) addItem(settings, `${key}: ${JSON.stringify(value)}`);
  if (entries.length === 0) addItem(settings, 'none');
  element('logged-out').hidden = true;
  element('logged-in').hidden = false;
}

let isBusy = false;

/** Runs an action when a button is clicked; a second click meanwhile does nothing. */
export function onClick(id, action) {
  element(id).addEventListener('click', () => once(action));
}

/** Runs one action at a time, with every button disabled. */
export async function once(action) {
  if (isBusy) return;
  isBusy = true;
  const setDisabled = (disabled) => {
    for (const button of document.querySelectorAll('main button')) button.disabled = disabled;
  };
  setDisabled(true);
  try {
    await action();
  } finally {
    isBusy = false;
    setDisabled(false);
  }
}
