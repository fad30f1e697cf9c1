// The pages. `html` escapes every value, unless another `html` made it.
import { idOf, nameOf } from './linking.mjs';

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

class Markup {
  constructor(text) {
    this.text = text;
  }
}

function render(value) {
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return value.map(render).join('');
  return String(value ?? '').replace(/[&<>"']/g, (character) => ESCAPES[character]);
}

const html = (strings, ...values) => new Markup(String.raw({ raw: strings }, ...values.map(render)));

const NAMES = { auth0: 'Password', 'google-oauth2': 'Google', github: 'GitHub', email: 'Email', sms: 'Phone' };
export const wayOf = ({ provider, connection }) => NAMES[provider] ?? connection;

const page = (body) =>
  html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Your account</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
<main>
<h1>Your account</h1>
${body}
</main>
</body>
</html>`.text;

const note = (message) =>
  message ? html`<p id="message" class="message" role="${message.isError ? 'alert' : 'status'}">${message.words}</p>` : '';

export const loggedOut = (message) =>
  page(html`${note(message)}
<p>You are not logged in.</p>
<p><a class="button" href="/login">Log in</a></p>`);

export const failure = (words) =>
  page(html`${note({ words, isError: true })}
<p><a href="/">Back to your account</a></p>`);

/** A form of one button. Every POST carries the token of the session. */
const form = (action, csrf, fields, label) =>
  html`<form method="post" action="${action}">
<input type="hidden" name="csrf" value="${csrf}">
${Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
<button type="submit">${label}</button>
</form>`;

function identityItem(user, index, csrf) {
  const identity = user.identities[index];
  // The first identity is the account itself, whose profile is the user's.
  const { email, phone_number, name } = (index === 0 ? user : identity.profileData) ?? {};
  const who = email ?? phone_number ?? name;
  const words = html`${wayOf(identity)}${who ? html`, ${who}` : ''}`;
  if (index === 0) return html`<li>${words}</li>`;
  return html`<li>${words} ${form('/unlink', csrf, { identity: nameOf(idOf(identity)) }, `Unlink ${wayOf(identity)}`)}</li>`;
}

export function account({ user, suggested, csrf, message }) {
  const settings = Object.entries(user.user_metadata ?? {});
  return page(html`${note(message)}
<p>Logged in as <strong id="name">${user.name ?? user.email ?? user.user_id}</strong></p>
<p>Id: <span id="user-id">${user.user_id}</span></p>
<h2>Ways to log in</h2>
<ul id="identities">${user.identities.map((identity, index) => identityItem(user, index, csrf))}</ul>
<h2>Settings</h2>
<ul id="settings">${settings.length > 0 ? settings.map(([key, value]) => html`<li>${key}: ${JSON.stringify(value)}</li>`) : html`<li>none</li>`}</ul>
${suggested.length > 0 ? html`<h2>Are these accounts yours too?</h2>
<p>They have your address. Log in to one of them to link it.</p>
<ul id="suggested">${suggested.map((other) => html`<li>${wayOf(other.identities[0])}, ${other.email} ${form('/link', csrf, { suggestion: nameOf(other.user_id) }, `Link ${wayOf(other.identities[0])}`)}</li>`)}</ul>` : ''}
<h2>Link another account</h2>
<p>Log in to the other account. From then on, both logins lead to this account, and the settings that it lacks are taken over.</p>
${form('/link', csrf, {}, 'Link another account')}
<p><a href="/logout">Log out</a></p>`);
}
