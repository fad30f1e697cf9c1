// `npm start`: bundles and serves the single-page application with Lock.
import { port, tenant } from '../spa/config.mjs';
import { serve } from '../spa/server.mjs';
import { bundle, lockStyles } from './build.mjs';

serve({
  port,
  config: { tenant, clientId: process.env.CLIENT_ID ?? 'spa' },
  files: {
    '/': new URL('index.html', import.meta.url),
    '/app.js': await bundle(),
    '/style.css': new URL('../spa/style.css', import.meta.url),
  },
  directives: {
    // Lock loads the client's settings and its own texts as scripts of the tenant.
    'script-src': ["'self'", tenant],
    // Lock's one style sheet by its hash, so that 'unsafe-inline' is not needed.
    'style-src': ["'self'", ...(await lockStyles())],
    // Icons within that style sheet, and the logo.
    'img-src': ["'self'", 'data:'],
    'connect-src': ["'self'", tenant],
    'frame-src': [tenant],
  },
});
