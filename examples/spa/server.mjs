// A server of a few files, with a Content-Security-Policy.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname } from 'node:path';

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.css': 'text/css' };

/** Returns a header from `{ directive: [sources] }`. */
const policyOf = (directives) =>
  Object.entries(directives)
    .map(([directive, sources]) => [directive, ...sources].join(' '))
    .join('; ');

/**
 * Serves files by path. A value is the URL of a file, or the text of a script.
 * The browser may load nothing that `directives` does not name.
 */
export function serve({ port, files, config, directives }) {
  const headers = {
    'content-security-policy': policyOf({
      'default-src': ["'none'"],
      'script-src': ["'self'"],
      'style-src': ["'self'"],
      'connect-src': ["'self'"],
      'base-uri': ["'none'"],
      'form-action': ["'none'"],
      'frame-ancestors': ["'none'"],
      ...directives,
    }),
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  };
  const answer = async ({ method, url }, response) => {
    const { pathname } = new URL(url, 'http://localhost');
    const file = Object.hasOwn(files, pathname) ? files[pathname] : undefined;
    if (method !== 'GET' && method !== 'HEAD') return response.writeHead(405, { ...headers, allow: 'GET, HEAD' }).end();
    if (pathname === '/favicon.ico') return response.writeHead(204, headers).end();
    if (pathname === '/config.json') {
      return response.writeHead(200, { ...headers, 'content-type': 'application/json' }).end(JSON.stringify(config));
    }
    if (!file) return response.writeHead(404, { ...headers, 'content-type': 'text/plain' }).end('There is no such page.\n');
    const isFile = file instanceof URL;
    const type = isFile ? TYPES[extname(file.pathname)] : TYPES['.js'];
    const body = isFile ? await readFile(file) : file;
    return response.writeHead(200, { ...headers, 'content-type': `${type}; charset=utf-8` }).end(body);
  };
  const server = createServer((request, response) =>
    answer(request, response).catch((error) => {
      console.error(error);
      response.writeHead(500, headers).end();
    }),
  );
  server.once('error', (error) => {
    console.error(error.code === 'EADDRINUSE' ? `Port ${port} is in use. Set PORT to another one.` : error.message);
    process.exit(1);
  });
  server.listen(port, '127.0.0.1', () => console.log(`Example: ready http://localhost:${port}/`));
}
