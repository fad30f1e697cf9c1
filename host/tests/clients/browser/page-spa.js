import { Auth0Client } from '@auth0/auth0-spa-js';

const { http, app } = window.addresses;

/** As an application makes one: the user's own account is its API. */
window.client = (authorizationParams = {}, options = {}) =>
  new Auth0Client({
    domain: http,
    clientId: 'pages',
    authorizationParams: { redirect_uri: `${app}/spa`, ...authorizationParams },
    ...options,
  });
