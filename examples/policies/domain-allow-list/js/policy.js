// The policy domain-allow-list: who has a verified address of a listed domain
// logs in, and is linked to the one other account with that address, unless the
// settings leave that to other policies.

import { link } from 'ligature:login/accounts@0.1.0';
import { findByEmail } from 'ligature:login/users@0.1.0';

const DOMAIN = /^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const LONGEST_DOMAIN = 253;
const LONGEST_MESSAGE = 255;
const MESSAGE = 'This address may not be used here.';

const SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Settings of domain-allow-list',
  type: 'object',
  additionalProperties: false,
  required: ['domains'],
  properties: {
    domains: {
      description: 'Domains whose verified addresses may log in; `*.` and a domain is every domain below it.',
      type: 'array',
      minItems: 1,
      items: { type: 'string', maxLength: LONGEST_DOMAIN, pattern: DOMAIN.source },
    },
    message: {
      description: 'The message for a denied user.',
      type: 'string',
      minLength: 1,
      maxLength: LONGEST_MESSAGE,
      default: MESSAGE,
    },
    link: {
      description: 'Whether an allowed login is linked to the one other account with its address.',
      type: 'boolean',
      default: true,
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

// ---- Settings ----

class SettingsError extends Error {}

// The host adds the nearest known key to the message about an unknown one.
function read(text) {
  const given = JSON.parse(text);
  for (const [key, value] of Object.entries(given)) {
    if (key === 'domains') checkDomains(value);
    else if (key === 'message') checkMessage(value);
    else if (key === 'link') checkLink(value);
    else throw new SettingsError(`unknown field \`${key}\`, expected one of \`domains\`, \`message\`, \`link\``);
  }
  if (given.domains === undefined) throw new SettingsError('missing field `domains`');
  return { domains: given.domains, message: given.message ?? MESSAGE, links: given.link ?? true };
}

function checkDomains(domains) {
  if (!Array.isArray(domains) || domains.length === 0) {
    throw new SettingsError('`domains`: expected a list of at least one domain');
  }
  domains.forEach((domain, place) => {
    if (typeof domain !== 'string' || domain.length > LONGEST_DOMAIN || !DOMAIN.test(domain)) {
      const expected = 'expected a domain in lower case, such as `example.com` or `*.example.com`';
      throw new SettingsError(`\`domains[${place}]\`: ${expected}`);
    }
  });
}

function checkMessage(message) {
  const isText = typeof message === 'string' && message.isWellFormed();
  // A character outside the first 65,536 counts once, as in JSON Schema.
  const length = isText ? [...message].length : 0;
  if (length < 1 || length > LONGEST_MESSAGE) {
    throw new SettingsError(`\`message\`: expected a text of 1 to ${LONGEST_MESSAGE} characters`);
  }
}

function checkLink(link) {
  if (typeof link !== 'boolean') throw new SettingsError('`link`: expected true or false');
}

// ---- Decisions ----

function decide(event) {
  const { domains, message, links } = settingsOf(event);
  const me = event.user;
  // An option that is absent is `null`.
  if (me.email == null || me.emailVerified.tag !== 'verified') {
    return proceed(reason('NOT_VERIFIED', 'info', [me], 'This login proves no address.'));
  }
  if (!isListed(domainOf(me.email), domains)) {
    const detail = 'Addresses of this domain may not log in.';
    return outcome({ tag: 'deny', val: message }, reason('DOMAIN_NOT_ALLOWED', 'info', [me], detail));
  }

  if (!links) {
    return proceed(reason('ALLOWED', 'info', [me], 'The address is of an allowed domain.'));
  }

  // What a look-up throws ends the decision: the host hears of it.
  const others = findByEmail(me.email).filter(
    (user) => user.userId !== me.userId && user.emailVerified.tag === 'verified',
  );
  if (others.length !== 1) {
    const detail = 'There is not exactly one other account with this address.';
    return proceed(reason('NOT_ONE', 'info', [me], detail));
  }
  return linkTo(others[0], me);
}

function settingsOf(event) {
  try {
    return read(event.settings);
  } catch (error) {
    if (error instanceof SettingsError) throw { tag: 'invalid', val: error.message };
    throw error;
  }
}

// `toLowerCase` would make a `k` of the Kelvin sign.
function domainOf(email) {
  const at = email.lastIndexOf('@');
  if (at < 0) return '';
  return email.slice(at + 1).replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function isListed(domain, domains) {
  return domains.some((entry) =>
    entry.startsWith('*.')
      ? domain.length > entry.length - 1 && domain.endsWith(entry.slice(1))
      : domain === entry,
  );
}

function linkTo(other, me) {
  const detail = 'Both accounts have verified the same address; the other one is the primary.';
  const linked = reason('LINKED', 'info', [me, other], detail);
  try {
    link({ primary: other.userId, secondary: me.userId, reasons: [linked] });
  } catch {
    const failed = 'The accounts could not be linked; a later login tries again.';
    return proceed(reason('LINK_FAILED', 'error', [me, other], failed));
  }
  return outcome({ tag: 'linked', val: other.userId }, linked);
}

function proceed(reason) {
  return outcome({ tag: 'proceed' }, reason);
}

function reason(code, level, users, detail) {
  return { code, level, subject: users.map((user) => user.userId), detail };
}

function outcome(decision, reason) {
  return { decision, reasons: [reason], trace: [] };
}
