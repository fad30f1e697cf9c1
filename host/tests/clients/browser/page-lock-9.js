const Auth0Lock = require('auth0-lock-v9');

const { https } = window.addresses;
const lock = new Auth0Lock('pages', new URL(https).host);
const search = new URLSearchParams(location.search);
const back = lock.parseHash(location.hash);

/** The response that the application receives: in the address after a redirect, or by a callback. */
window.told = [];
if (back) window.told.push({ ...back });

const common = { connections: ['Username-Password-Authentication'], gravatar: false, rememberLastLogin: false, responseType: 'token' };
window.show = () => {
  if (!search.has('callback')) {
    // The page's own address, as it is: with a fragment, if it has one.
    return lock.show({ ...common, authParams: { scope: 'openid email', state: 'the state' } });
  }
  const options = { ...common, sso: false, popup: true, authParams: { scope: 'openid' } };
  return lock.show(options, (error, profile, id_token, access_token) => {
    window.told.push(error ? { error: error.code } : { profile, id_token, access_token });
  });
};
window.profile = (id_token) =>
  new Promise((resolve) => lock.getProfile(id_token, (error, profile) => resolve(error ? { error: error.message } : profile)));
