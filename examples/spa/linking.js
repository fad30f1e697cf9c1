// Links a second account to the user's own. The proof is the ID token of a login to it.
import { OwnAccount, Refused } from './management.js';

/** Seconds by which two clocks may differ. */
const LEEWAY = 60;

/**
 * Refuses a second login that must not be linked. Its ID token has been verified by
 * the library: signature, issuer, audience, nonce.
 */
function check(claims, { owner, started }) {
  if (claims.sub === owner) {
    throw new Refused('You logged in to this same account again. To link another account, log in to that one.');
  }
  if (claims.email && claims.email_verified !== true) {
    throw new Refused('The address of that account is not verified. Verify it first, then link the account.');
  }
  if (claims.auth_time !== undefined && claims.auth_time < started - LEEWAY) {
    throw new Refused('The login to the other account is not recent enough. Log in to it again.');
  }
}

/**
 * Links the second account, and keeps its settings. `begun` is what the application
 * stored when the person began: `{ owner, token, started }`. `second` is the login to
 * the other account: `{ claims, idToken, accessToken }`.
 */
export async function linkSecond(tenant, begun, second) {
  check(second.claims, begun);
  const primary = new OwnAccount(tenant, begun.owner, begun.token);
  const secondary = new OwnAccount(tenant, second.claims.sub, second.accessToken);

  // A link discards the metadata of the secondary: read it before.
  const [to, from] = [await primary.profile(), await secondary.profile()];
  const has = to.user_metadata ?? {};
  const kept = Object.entries(from.user_metadata ?? {}).filter(([key]) => !Object.hasOwn(has, key));
  if (kept.length > 0) await primary.writeMetadata(Object.fromEntries(kept));
  try {
    await primary.link(second.idToken);
  } catch (error) {
    // Without the link, the primary's settings are as before.
    const removed = kept.map(([key]) => [key, null]);
    if (removed.length > 0) await primary.writeMetadata(Object.fromEntries(removed)).catch(() => {});
    throw error;
  }
}
