// The global names that an application with auth0-js 8 expects of its script tags.
window.auth0 = require('auth0-js-v8');
window.$ = require('jquery');
