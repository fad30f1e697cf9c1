// The global names that the listings expect of their script tags.
window.Auth0Lock = require('auth0-lock-v9');
window.$ = require('jquery');
