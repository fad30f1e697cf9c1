// The second account: proved by an ID token of a login to it, never by an id from the browser.
import { createHash } from 'node:crypto';

import { Refused, link, sameAddress, unlink, userOf, writeMetadata } from './management.mjs';

/** Seconds for which a link that has begun stays valid, and by which two clocks may differ. */
const PATIENCE = 600;
const LEEWAY = 60;
const now = () => Math.floor(Date.now() / 1000);

/** A name for something of the person's own, which a form sends back. */
export const nameOf = (id) => createHash('sha256').update(id).digest('base64url');
export const idOf = ({ provider, user_id }) => `${provider}|${user_id}`;

/**
 * What the session stores when the person begins: who links, and which account was
 * suggested. The browser chooses one of the suggestions; it cannot name another account.
 */
export async function begin(owner, chosen) {
  const begun = { owner, started: now() };
  if (chosen === undefined) return begun;
  const suggested = await sameAddress(await userOf(owner));
  const target = suggested.find(({ user_id }) => nameOf(user_id) === chosen);
  if (!target) throw new Refused('That account is not suggested any more.');
  return { ...begun, target: target.user_id, connection: target.identities[0].connection };
}

/** Refuses a second login that must not be linked. The library has verified its ID token. */
function check({ sub, email, email_verified, auth_time }, { owner, target, started }) {
  if (started < now() - PATIENCE) throw new Refused('The link took too long. Begin again.');
  if (sub === owner) {
    throw new Refused('You logged in to this same account again. To link another account, log in to that one.');
  }
  if (target !== undefined && sub !== target) {
    throw new Refused('You logged in to another account than the suggested one. Nothing was linked.');
  }
  if (email && email_verified !== true) {
    throw new Refused('The address of that account is not verified. Verify it first, then link the account.');
  }
  // The login is one of this link, not of an earlier session.
  if (!(auth_time >= started - LEEWAY)) {
    throw new Refused('The login to the other account is not recent enough. Log in to it again.');
  }
}

/** Links the account that logged in, and keeps its settings. */
export async function complete(begun, claims, idToken) {
  check(claims, begun);
  // A link discards the metadata of the secondary: read it before.
  const [to, from] = [await userOf(begun.owner), await userOf(claims.sub)];
  const has = to.user_metadata ?? {};
  const kept = Object.entries(from.user_metadata ?? {}).filter(([key]) => !Object.hasOwn(has, key));
  if (kept.length > 0) await writeMetadata(begun.owner, Object.fromEntries(kept));
  try {
    await link(begun.owner, idToken);
  } catch (error) {
    // Without the link, the primary's settings are as before.
    const removed = kept.map(([key]) => [key, null]);
    if (removed.length > 0) await writeMetadata(begun.owner, Object.fromEntries(removed)).catch(() => {});
    throw error;
  }
}

/** Unlinks one of the person's own identities. */
export async function remove(owner, chosen) {
  const [, ...linked] = (await userOf(owner)).identities;
  const identity = linked.find((identity) => nameOf(idOf(identity)) === chosen);
  if (!identity) throw new Refused('That login is not linked any more.');
  await unlink(owner, identity);
  return identity;
}
