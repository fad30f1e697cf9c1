"use strict";
// A tenant of Auth0 as the directory of one login.

const { ApiError, maskAddresses } = require("./errors");
const { carryOverMarks } = require("./marks");
const { addressForms, hasIdentity, idOf, readUser } = require("./users");

/** A link is begun only if so much of the login's time is left. */
const LEAST_LEFT_MS = 1000;
/** The times of a link, of reading its effect, and of its metadata, also after the login's own time. */
const LINK_MS = 4000;
const EFFECT_MS = 2000;
const METADATA_MS = 3000;

const pathOf = (userId) => `users/${encodeURIComponent(userId)}`;

class Tenant {
  /** `log` writes one line to the Action's log. */
  constructor({ client, deadline, log }) {
    Object.assign(this, { client, deadline, log });
  }

  /** Auth0's look-up is case-sensitive. */
  ignoresCase() {
    return false;
  }

  /** Returns the users with exactly this address. */
  async findByEmail(email) {
    const found = await this.client.read(`users-by-email?email=${encodeURIComponent(email)}`);
    if (!Array.isArray(found)) throw new ApiError("unavailable", "the tenant's answer is not a list of users");
    return found.map(read).filter((user) => user.email === email);
  }

  /** Returns a user. `not-found` if there is none, or if it has become an identity of another. */
  async get(userId) {
    const user = read(await this.client.read(pathOf(userId)).catch((error) => rethrow(error, userId)));
    if (user.user_id !== userId) {
      throw new ApiError("unavailable", `the tenant returned another user than ${maskAddresses(userId)}`);
    }
    return user;
  }

  /**
   * Returns the user that has an identity now, or null. `before` is the user that had it: Auth0 finds a user by its
   * root identity and its address only.
   */
  async owner(identity, before) {
    for (const userId of new Set([before.user_id, idOf(identity)])) {
      const user = await this.get(userId).catch((error) => (error.tag === "not-found" ? null : Promise.reject(error)));
      if (user && hasIdentity(user, idOf(identity))) return user;
    }
    const forms = addressForms(before.email ?? "");
    for (const email of new Set(forms ? Object.values(forms) : [])) {
      const user = (await this.findByEmail(email)).find((it) => hasIdentity(it, idOf(identity)));
      if (user) return user;
    }
    return null;
  }

  /** Links two users, and returns the primary. The request is made once. */
  async link(primary, secondary, request) {
    if (this.deadline.left() < LEAST_LEFT_MS) throw new ApiError("timed-out");
    const { provider, user_id } = secondary.identities[0];
    const path = `${pathOf(primary.user_id)}/identities`;
    const identities = await this.client.change("POST", path, { provider, user_id }, LINK_MS).catch((error) => {
      // The link may have been made: the login has to go on as the primary then, although its time is up.
      this.deadline.extend(EFFECT_MS);
      throw error;
    });
    const isThere = (it) => it?.provider === provider && String(it.user_id) === user_id;
    if (!Array.isArray(identities) || !identities.some(isThere)) {
      throw new ApiError("unavailable", "the tenant reported the link, but not among the identities");
    }
    return this.completeLink({ ...primary, identities }, secondary, request);
  }

  /** Writes the metadata of a link that was made. A failure is logged: the login has to go on as the primary. */
  async completeLink(primary, secondary, request) {
    const [kept, gone] = [primary, secondary].map((user) => maskAddresses(user.user_id));
    const patch = patchOf(primary, secondary, request);
    const written = keysOf(patch);
    this.log(`${gone} was linked into ${kept}; metadata written: ${list(written)}`);
    const lost = keysOf(secondary).filter((key) => !written.includes(key));
    this.log(`lost with ${gone}: its profile, roles, memberships and metadata: ${list(lost)}`);
    if (written.length === 0) return primary;
    try {
      return read(await this.client.change("PATCH", pathOf(primary.user_id), patch, METADATA_MS));
    } catch (error) {
      this.log(`the link was made, and its metadata could not be written: ${error.message}`);
      return primary;
    }
  }
}

function read(user) {
  try {
    return readUser(user);
  } catch (error) {
    throw new ApiError("unavailable", `the tenant's answer is not a user: ${error.message}`);
  }
}

function rethrow(error, userId) {
  const isMissing = error instanceof ApiError && error.tag === "other" && error.message.includes("(status 404)");
  throw isMissing ? new ApiError("not-found", userId) : error;
}

/** The metadata that a link writes, and the secondary's marks. An empty object would clear all metadata. */
function patchOf(primary, secondary, { userMetadata, appMetadata }) {
  const linking = carryOverMarks(primary, secondary);
  const patch = { user_metadata: { ...userMetadata }, app_metadata: { ...appMetadata } };
  if (linking) patch.app_metadata.linking = linking;
  return Object.fromEntries(Object.entries(patch).filter(([, object]) => Object.keys(object).length > 0));
}

/** The names of metadata keys, without their values. */
function keysOf(user) {
  return ["user_metadata", "app_metadata"].flatMap((name) =>
    Object.keys(user[name] ?? {}).map((key) => `${name}.${key}`),
  );
}

const list = (keys) => (keys.length > 0 ? keys.map((key) => JSON.stringify(key)).join(" ") : "none");

module.exports = { Tenant };
