"use strict";
// Users and events in Auth0's shape.

/** The user id of a user that has this as its primary identity. */
const idOf = (identity) => `${identity.provider}|${identity.user_id}`;

const isSameIdentity = (a, b) =>
  a.provider === b.provider && String(a.user_id) === String(b.user_id) && a.connection === b.connection;

const hasIdentity = (user, id) => user.identities.some((it) => idOf(it) === id);

/** Splits a user id at the first bar only. */
function splitId(userId) {
  const bar = userId.indexOf("|");
  return bar < 0 ? null : { provider: userId.slice(0, bar), user_id: userId.slice(bar + 1) };
}

/**
 * Returns a user with its own identity first. A user without identities gets one from its id, of the connection
 * given. Throws if it is not a user object.
 */
function readUser(user, connection) {
  const own = typeof user?.user_id === "string" && splitId(user.user_id);
  if (!own) throw new TypeError("a user without a `user_id`");
  for (const key of ["user_metadata", "app_metadata"]) {
    const value = user[key] ?? {};
    if (typeof value !== "object" || Array.isArray(value)) throw new TypeError(`\`${key}\` of a user is not an object`);
  }
  if (typeof (user.email ?? "") !== "string") throw new TypeError("the `email` of a user is not a text");
  if (typeof (user.blocked ?? false) !== "boolean") throw new TypeError("`blocked` of a user is no boolean");
  const isRounded = ({ user_id: id }) => typeof id === "number" && !Number.isSafeInteger(id);
  if (user.identities?.some(isRounded)) throw new TypeError("the id of an identity is a number beyond 2^53");
  const identities = (user.identities ?? []).map((it) => ({
    ...it,
    user_id: String(it.user_id),
    connection: it.connection ?? it.provider,
  }));
  const place = identities.findIndex((it) => idOf(it) === user.user_id);
  if (place > 0) identities.unshift(...identities.splice(place, 1));
  if (identities.length === 0) identities.push({ ...own, connection: connection || own.provider });
  return { ...user, identities };
}

/** Returns the user of an event, completed by the event's other fields. Throws if it is no post-login event. */
function accountOfEvent(event) {
  if (typeof event?.connection?.name !== "string") throw new TypeError("the event is no login: no `connection`");
  const account = readUser(event.user, event.connection.name);
  const [own] = account.identities;
  const { name, strategy } = event.connection;
  const isAssumed = idOf(own) === account.user_id && own.connection === own.provider;
  const isOfStrategy = !strategy || strategy === own.provider;
  if (isAssumed && isOfStrategy && !account.identities.some((it) => it.connection === name)) own.connection = name;
  account.roles = [...new Set([...(account.roles ?? []), ...roleNames(event.authorization)])];
  account.logins_count ??= event.stats?.logins_count;
  return account;
}

/** Returns the role names of an event. Any other form than Auth0's counts word by word, so that none is missed. */
function roleNames(authorization) {
  const isObject = authorization !== null && typeof authorization === "object" && !Array.isArray(authorization);
  const roles = (isObject ? authorization.roles : authorization) ?? [];
  if (!Array.isArray(roles)) return wordsOf(roles);
  return roles.flatMap((role) => {
    if (typeof role === "string") return /[,;|]/.test(role) ? [role, ...wordsOf(role)] : [role];
    return typeof role?.name === "string" ? [role.name] : wordsOf(role);
  });
}

function wordsOf(value) {
  if (typeof value === "string") return value.split(/[\s,;|]+/u).filter(Boolean);
  if (Array.isArray(value)) return value.flatMap(wordsOf);
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([key, held]) => [...wordsOf(key), ...wordsOf(held)]);
}

/** The names of the factors enrolled for MFA. An entry of another form counts as a factor without a name. */
function factorsOf(user) {
  const nameOf = (factor) => {
    if (typeof factor === "string") return [factor];
    if (factor === null || factor === false || factor === undefined) return [];
    if (typeof factor !== "object" || Array.isArray(factor)) return ["unnamed"];
    const kind = Object.hasOwn(factor, "type") ? factor.type : factor.method;
    return [typeof kind === "string" ? kind : (Object.keys(factor).sort()[0] ?? "unnamed")];
  };
  const lists = ["enrolledFactors", "multifactor", "mfa_factors"].map((key) => user[key] ?? []);
  const names = lists.flatMap((list) => (Array.isArray(list) ? list : [list])).flatMap(nameOf);
  return [...new Set(names)].sort();
}

/** The identity that has logged in: that of the event's connection, otherwise the user's own. */
function usedIdentity(event, account) {
  return account.identities.find((it) => it.connection === event.connection.name) ?? account.identities[0];
}

/** Fields that a login changes, or that change with every other field. */
const VOLATILE = new Set(["last_ip", "last_login", "logins_count", "updated_at"]);

/** Returns a text that differs whenever the content of a user differs. The order of keys does not matter. */
function versionOf(user) {
  const sorted = (key, value) => {
    if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  };
  const kept = Object.entries(user).filter(([key, value]) => !VOLATILE.has(key) && value !== null);
  return JSON.stringify(Object.fromEntries(kept), sorted);
}

/** Lower-cases ASCII letters only: `ı` is not `i`. */
const lowerAscii = (text) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

/** The forms of an address that its login may look up; none if the text is not an address. */
function addressForms(email) {
  const at = email.lastIndexOf("@");
  return at < 1 || at === email.length - 1 ? null : { literal: email, lower: lowerAscii(email) };
}

/** Returns why a user's own identity does not prove the user's address, or null. */
function findUnvouched(user) {
  const own = user.identities.find((it) => idOf(it) === user.user_id) ?? user.identities[0];
  const profile = own?.profileData;
  if (!profile) return null;
  const { email, email_verified: verified } = profile;
  const isOther = typeof email !== "string" || lowerAscii(email) !== lowerAscii(user.email ?? "");
  if (email !== undefined && email !== null && isOther) return "its root identity supplied another address";
  return verified === undefined || verified === null || verified === true
    ? null
    : "its root identity did not verify it";
}

module.exports = {
  accountOfEvent,
  addressForms,
  factorsOf,
  findUnvouched,
  hasIdentity,
  idOf,
  isSameIdentity,
  lowerAscii,
  readUser,
  splitId,
  usedIdentity,
  versionOf,
};
