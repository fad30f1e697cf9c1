import { default as commonjs } from 'auth0-lock-passwordless';

const { https, app } = window.addresses;
const search = new URLSearchParams(location.search);
const Auth0LockPasswordless = commonjs.default;
const lock = new Auth0LockPasswordless('pages', new URL(https).host);
const back = lock.parseHash(location.hash);

window.told = [];
if (back) window.told.push({ ...back });
const heard = (error, profile, id_token, access_token) =>
  window.told.push(error ? { error } : { profile, id_token, access_token });

const options = { gravatar: false, rememberLastLogin: false };
const redirecting = { ...options, callbackURL: app + location.pathname, responseType: 'token' };
window.show = () => {
  if (search.has('mail')) return lock.emailcode(options, heard);
  return search.has('redirect') ? lock.sms(redirecting) : lock.sms(options, heard);
};
