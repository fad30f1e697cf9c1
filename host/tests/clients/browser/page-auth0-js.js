import auth0 from 'auth0-js';

const { http, https, app } = window.addresses;
const isHttps = location.protocol === 'https:';

window.webAuth = (options = {}) =>
  new auth0.WebAuth({
    domain: isHttps ? new URL(https).host : http,
    clientID: 'pages',
    redirectUri: `${app}/auth0-js`,
    responseType: 'token id_token',
    scope: 'openid profile email',
    // Told nothing, it expects the issuer of `https://`.
    ...(!isHttps && { overrides: { __token_issuer: `${http}/` } }),
    ...options,
  });

window.management = (token) => new auth0.Management({ domain: new URL(https).host, token });

/** One call with a callback, as a promise; what it says of an error, as the value. */
window.call = (object, method, ...args) =>
  new Promise((resolve) => {
    object[method](...args, (error, result) => resolve(error ? { failed: { ...error } } : (result ?? {})));
  });

if (location.pathname === '/popup') window.webAuth({ redirectUri: `${app}/popup` }).popup.callback();
