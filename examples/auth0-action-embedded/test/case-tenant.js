"use strict";
// The directory of a case of `tests/cases`, with its faults: the same as `host/src/harness/faulty_directory.rs`.

const { ApiError } = require("../lib/errors");
const { idOf, isSameIdentity, lowerAscii, readUser, versionOf } = require("../lib/users");

class CaseTenant {
  #users = new Map();
  #owners = new Map();
  #counts = {};

  constructor({ users, faults = [], exact_look_up: isExact = false }) {
    this.faults = faults;
    this.isExact = isExact;
    for (const user of users) this.put(user);
  }

  put(user) {
    const read = readUser(user);
    this.#users.set(read.user_id, read);
    for (const identity of read.identities) this.#owners.set(idOf(identity), read.user_id);
  }

  remove(userId) {
    this.#users.delete(userId);
    for (const [identity, owner] of this.#owners) if (owner === userId) this.#owners.delete(identity);
  }

  user(userId) {
    return this.#users.get(userId);
  }

  ignoresCase() {
    return !this.isExact;
  }

  async findByEmail(email) {
    const form = this.isExact ? (text) => text : lowerAscii;
    const byId = (a, b) => (a.user_id < b.user_id ? -1 : 1);
    return this.#withFaults("users.find-by-email", () =>
      [...this.#users.values()].filter((user) => user.email && form(user.email) === form(email)).sort(byId),
    );
  }

  async get(userId) {
    return this.#withFaults("users.get", () => this.#find(userId));
  }

  async owner(identity) {
    const owner = this.#users.get(this.#owners.get(idOf(identity)));
    const isOtherConnection = owner && !owner.identities.some((it) => isSameIdentity(it, identity));
    if (isOtherConnection) throw new ApiError("invalid", "the identity belongs to another connection");
    return owner ?? null;
  }

  async link(primary, secondary, request) {
    return this.#withFaults("accounts.link", () => {
      for (const { user_id: userId } of [primary, secondary]) {
        const owner = this.#owners.get(userId);
        if (owner && owner !== userId)
          throw new ApiError("already-linked", `${userId} is already an identity of ${owner}`);
      }
      for (const user of [primary, secondary]) {
        const now = this.#users.get(user.user_id);
        if (!now) throw new ApiError("state-changed", `${user.user_id} is gone`);
        if (versionOf(now) !== versionOf(user)) throw new ApiError("state-changed", `${user.user_id} was changed`);
      }
      this.remove(secondary.user_id);
      const identities = [...primary.identities, ...secondary.identities];
      this.put({ ...primary, identities });
      return this.completeLink(this.#find(primary.user_id), secondary, request);
    });
  }

  async completeLink(primary, secondary, request) {
    this.requested = request;
    return primary;
  }

  #find(userId) {
    const user = this.#users.get(userId);
    if (!user) throw new ApiError("not-found", userId);
    return user;
  }

  async #withFaults(call, make) {
    this.#counts[call] = (this.#counts[call] ?? 0) + 1;
    let error;
    let takesEffect = true;
    for (const fault of this.faults.filter((it) => it.call === call && it.nth === this.#counts[call])) {
      fault.meanwhile?.forEach((user) => this.put(user));
      fault.meanwhile_deleted?.forEach((userId) => this.remove(userId));
      if (fault.error === undefined || fault.error === null) continue;
      error = readError(fault.error);
      takesEffect = fault.takes_effect === true;
    }
    if (!error) return make();
    if (takesEffect) await make();
    throw error;
  }
}

function readError(error) {
  if (typeof error === "string") return new ApiError(error);
  const [[tag, val]] = Object.entries(error);
  return new ApiError(tag, tag === "rate-limited" ? (val.retry_after_s ?? undefined) : val);
}

module.exports = { CaseTenant };
