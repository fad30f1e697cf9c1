// The global name that the listings expect of their script tag.
window.Auth0LockPasswordless = require('auth0-lock-passwordless').default;
