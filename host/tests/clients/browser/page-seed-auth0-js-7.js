// The global names that an application with auth0-js 7 expects of its script tags.
window.Auth0 = require('auth0-js-v7');
window.$ = require('jquery');
