import { default as commonjs } from 'auth0-lock';

const { https, app } = window.addresses;
const search = new URLSearchParams(location.search);
const domain = new URL(https).host;

const Auth0Lock = commonjs.default;

window.told = [];
const lock = new Auth0Lock('pages', domain, {
  avatar: null,
  rememberLastLogin: search.has('sso'),
  configurationBaseUrl: https,
  languageBaseUrl: https,
  clientBaseUrl: https,
  assetsUrl: https,
  allowedConnections: ['Username-Password-Authentication'],
  auth: {
    redirect: !search.has('popup'),
    redirectUrl: app + location.pathname,
    responseType: 'token',
    // Without single sign-on, a popup asks /oauth/ro.
    sso: search.has('sso'),
    params: { scope: 'openid email' },
  },
});
for (const event of ['authenticated', 'authorization_error', 'unrecoverable_error']) {
  lock.on(event, (it) => window.told.push({ event, ...it }));
}
window.show = () => lock.show();
window.profile = (idToken) =>
  new Promise((resolve) => lock.getProfile(idToken, (error, profile) => resolve(error ? { error } : profile)));
window.userInfo = (accessToken) =>
  new Promise((resolve) => lock.getUserInfo(accessToken, (error, profile) => resolve(error ? { error } : profile)));
