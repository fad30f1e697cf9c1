"use strict";
// The mark of a look-up that found no other account, `app_metadata.linking.checked`: with the policy's option
// `look_up: until_checked`, the next logins of the account need no look-up.

/** The reason by which the component asks for the mark. */
const REASON = "MARKED_AS_CHECKED";

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/**
 * Returns `app_metadata.linking` with the mark; null if something of another type is in its place, which is kept.
 * `account` is the user as the component sees it, `held` is the `app_metadata` that the tenant has.
 */
function planCheckMark({ account, held, settings, now }) {
  const linking = held?.linking ?? {};
  if (!isObject(linking) || !isObject(linking.checked ?? {})) return null;
  return { ...linking, checked: { at: now, for: fingerprint(settings, account) } };
}

/** The FNV-1a hash of everything that a look-up depends on, as the crate `ligature-linking-marks` computes it. */
function fingerprint(settings, { user_id: userId, email, identities }) {
  const texts = [settings, userId, email ?? "", ...identities.flatMap((it) => [it.provider, it.user_id])];
  let hash = 0xcbf29ce484222325n;
  for (const text of texts) {
    // No byte of UTF-8 equals the end of a text.
    for (const byte of [...Buffer.from(text), 0xff]) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash.toString(16).padStart(16, "0");
}

module.exports = { REASON, planCheckMark };
