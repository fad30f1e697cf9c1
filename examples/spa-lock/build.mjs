// Bundles the application with Lock, which npm has without a built file.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

// auth0-js has no default export in the file that its package.json names.
const useAuth0Js = {
  name: 'auth0-js',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^auth0-js$/ }, ({ kind, resolveDir }) =>
      resolve('auth0-js/dist/auth0.min.esm.js', { kind, resolveDir }),
    );
  },
};

/** Returns the script of the page. */
export async function bundle() {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('app.js', import.meta.url))],
    bundle: true,
    write: false,
    format: 'iife',
    define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
    plugins: [useAuth0Js],
    logLevel: 'error',
  });
  return outputFiles[0].text;
}

const hashOf = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/**
 * Returns the sources that a Content-Security-Policy needs for the styles that Lock
 * injects: an empty element, which it fills afterwards.
 */
export async function lockStyles() {
  const core = createRequire(import.meta.url).resolve('auth0-lock/lib/core.js');
  const [, literal] = /^var css = (".*");$/m.exec(await readFile(core, 'utf8')) ?? [];
  if (!literal) throw new Error('auth0-lock does not contain its styles where version 14.3.0 has them');
  return [hashOf(''), hashOf(JSON.parse(literal))];
}
