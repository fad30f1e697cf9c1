// A login hook that listens where the application would.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { app } from './harness.mjs';

const { LIGATURE_PROGRAM: program, LIGATURE_PLACE: place } = process.env;

/** The secret that the hook shares with the Action. */
export const SECRET = 'the-secret-of-the-action-0123456789abcdef';

/** Starts a hook that suggests links, and waits until it is ready. */
export async function startHook(more, env) {
  const [policy, secret] = [join(place, 'policy.json'), join(place, 'secret')];
  writeFileSync(policy, '{ "mode": "suggest" }');
  writeFileSync(secret, SECRET, { mode: 0o600 });
  const usual = ['hook', '--listen', `127.0.0.1:${new URL(app).port}`, '--secret-file', secret, '--policy', policy];
  const hook = spawn(program, [...usual, ...more], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await Promise.race([
    createInterface(hook.stdout)[Symbol.asyncIterator]().next().then(({ value }) => [value]),
    new Promise((_, fail) => hook.once('exit', (code) => fail(new Error(`the hook ended with ${code}`)))),
  ]);
  assert.match(line, /^ligature: ready /);
  return hook;
}
