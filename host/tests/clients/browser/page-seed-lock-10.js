// The global names that the listings expect of their script tags.
import { default as commonjs } from 'auth0-lock';

window.Auth0Lock = commonjs.default;
