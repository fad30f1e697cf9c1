// The policy {{name}}: links a login to the one other account that has verified
// the same address, if the settings say so.
//
// A fresh copy of this module decides each login: variables are not kept between
// logins.

import { link } from 'ligature:login/accounts@0.1.0';
import { findByEmail } from 'ligature:login/users@0.1.0';
// Lines for the operator, instead of `console`: write('info', 'a line');
// import { write } from 'ligature:login/log@0.1.0';

const MODES = ['observe', 'link'];

const SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Settings of {{name}}',
  type: 'object',
  additionalProperties: false,
  properties: {
    mode: {
      description: '"observe" only tells what "link" would do.',
      enum: MODES,
      default: 'observe',
    },
  },
};

export const settings = {
  schema: () => JSON.stringify(SCHEMA),
  check: (text) => {
    try {
      read(text);
    } catch (error) {
      if (error instanceof SettingsError) throw { line: 0, column: 0, message: error.message };
      throw error;
    }
  },
};

export const handler = {
  onLogin: decide,
  onContinue: (event, _answer) => decide(event),
};

class SettingsError extends Error {}

// The host adds the most similar known key to the message about an unknown key.
function read(text) {
  const given = JSON.parse(text);
  for (const key of Object.keys(given)) {
    if (key !== 'mode') throw new SettingsError(`unknown field \`${key}\`, expected \`mode\``);
  }
  const mode = 'mode' in given ? given.mode : 'observe';
  if (!MODES.includes(mode)) throw new SettingsError('`mode`: expected "observe" or "link"');
  return { mode };
}

function decide(event) {
  const { mode } = settingsOf(event);
  const me = event.user;
  // An absent option is `null`.
  if (me.email == null || me.emailVerified.tag !== 'verified') {
    return proceed('NOT_VERIFIED', 'info', [me], 'This login proves no address.');
  }

  // An error of a look-up ends the decision: it is returned to the host.
  const others = findByEmail(me.email).filter(
    (user) => user.userId !== me.userId && user.emailVerified.tag === 'verified',
  );
  if (others.length !== 1) {
    return proceed('NOT_ONE', 'info', [me], 'There is not exactly one other account with this address.');
  }
  const [other] = others;
  if (mode === 'observe') {
    const detail = 'The mode is "observe"; with "link" the accounts would be linked.';
    return proceed('WOULD_LINK', 'info', [me, other], detail);
  }

  const linked = reason(
    'LINKED',
    'info',
    [me, other],
    'Both accounts have verified the same address; the other one is the primary.',
  );
  try {
    link({ primary: other.userId, secondary: me.userId, reasons: [linked] });
  } catch {
    const detail = 'The accounts could not be linked; a later login tries again.';
    return proceed('LINK_FAILED', 'error', [me, other], detail);
  }
  return outcome({ tag: 'linked', val: other.userId }, linked);
}

// `check` has refused such settings already; the error is returned to the host anyway.
function settingsOf(event) {
  try {
    return read(event.settings);
  } catch (error) {
    if (error instanceof SettingsError) throw { tag: 'invalid', val: error.message };
    throw error;
  }
}

function proceed(code, level, users, detail) {
  return outcome({ tag: 'proceed' }, reason(code, level, users, detail));
}

function reason(code, level, users, detail) {
  return { code, level, subject: users.map((user) => user.userId), detail };
}

function outcome(decision, reason) {
  return { decision, reasons: [reason], trace: [] };
}
