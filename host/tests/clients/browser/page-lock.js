import { Auth0Lock } from 'auth0-lock';

const { http, app } = window.addresses;
const search = new URLSearchParams(location.search);
const redirectUrl = app + location.pathname;

/** What Lock told the application, in order. */
window.events = [];

const lock = new Auth0Lock('pages', http, {
  configurationBaseUrl: http,
  languageBaseUrl: http,
  overrides: { __token_issuer: `${http}/` },
  avatar: null,
  rememberLastLogin: search.has('sso'),
  allowedConnections: ['Username-Password-Authentication', 'google-oauth2'],
  auth: {
    redirect: !search.has('popup'),
    redirectUrl,
    responseType: 'token id_token',
    params: { scope: 'openid profile email' },
  },
});
for (const event of ['authenticated', 'authorization_error', 'unrecoverable_error', 'signin ready', 'show']) {
  lock.on(event, (told) => window.events.push({ event, told }));
}
window.lock = lock;
