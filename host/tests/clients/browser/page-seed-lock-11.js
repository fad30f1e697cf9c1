// The global names that the listings expect of their script tags.
import { Auth0Lock, Auth0LockPasswordless } from 'auth0-lock';
import jQuery from 'jquery';

Object.assign(window, { Auth0Lock, Auth0LockPasswordless, $: jQuery });
