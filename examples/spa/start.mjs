// `npm start`: serves the single-page application.
import { port, tenant } from './config.mjs';
import { serve } from './server.mjs';

const file = (path) => new URL(path, import.meta.url);

serve({
  port,
  config: { tenant, clientId: process.env.CLIENT_ID ?? 'spa' },
  files: {
    '/': file('index.html'),
    '/app.js': file('app.js'),
    '/linking.js': file('linking.js'),
    '/management.js': file('management.js'),
    '/view.js': file('view.js'),
    '/style.css': file('style.css'),
    '/auth0-spa-js.js': file('node_modules/@auth0/auth0-spa-js/dist/auth0-spa-js.production.esm.js'),
  },
  // Silent logins run in an iframe of the tenant.
  directives: { 'connect-src': ["'self'", tenant], 'frame-src': [tenant] },
});
