// The clients of Auth0's sample of linked accounts: the page's own one, and one for the second login.
import { Auth0Client } from 'auth0-spa-js-v1';

const domain = new URL(window.addresses.https).host;
const first = {
  domain,
  client_id: 'sample-spa',
  audience: `https://${domain}/api/v2/`,
  scope: 'openid email profile read:current_user update:current_user_identities',
};

Object.assign(window, {
  domain,
  client: new Auth0Client(first),
  /** The claims of somebody who logs in in a popup. */
  async authenticate() {
    const second = new Auth0Client({ domain, client_id: first.client_id });
    await second.loginWithPopup({ max_age: 0, scope: 'openid' });
    return second.getIdTokenClaims();
  },
});
