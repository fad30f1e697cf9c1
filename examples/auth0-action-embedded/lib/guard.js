"use strict";
// The guard of one login: the only access that the component has to the tenant. Its rules are those of
// `host/src/guard`.

const { toUser } = require("./contract");
const { ApiError } = require("./errors");
const { findMetadataFault, findReasonsFault, readMetadata } = require("./link-rules");
const { addressForms, findUnvouched, hasIdentity, idOf, isSameIdentity, lowerAscii, versionOf } = require("./users");

const FIND = "users.find-by-email";
const LINK = "accounts.link";

class Guard {
  /** The primary of the last link, as which the login continues. */
  linked = null;
  /** Accounts that another login has linked or changed first. */
  lostAccounts = [];
  refusals = [];
  /** Whether every look-up so far was answered, and with no other user; undefined before the first. */
  foundNone;
  #closed = false;
  /** The users of the tenant's last answer; before the first one, those of the event. */
  #lastAnswer = [];
  /** The users that look-ups have returned, with the versions that the component saw. */
  #seen = new Map();

  constructor({ account, tenant, limits }) {
    this.account = account;
    this.userId = account.user_id;
    this.tenant = tenant;
    this.limits = limits;
    this.#lastAnswer = [account];
    this.left = { lookUps: limits.lookUps, links: limits.links };
    this.addresses = account.email_verified === true && account.email ? addressForms(account.email) : null;
  }

  /** Answers a host call, or throws an `ApiError`. */
  async answer(name, request) {
    switch (name) {
      case FIND:
        return (await this.findByEmail(request.email)).map(toUser);
      case LINK:
        return this.link(request);
      default:
        throw new ApiError("refused", `this Action does not offer ${name}`);
    }
  }

  /** Answered at once: it takes no request, and no look-up of the budget. */
  ignoresCase() {
    return this.tenant.ignoresCase();
  }

  async findByEmail(email) {
    const before = this.foundNone ?? true;
    this.foundNone = false;
    const others = await this.#lookUp(email);
    this.foundNone = before && others.length === 0;
    return others;
  }

  async #lookUp(email) {
    this.#requireOpen(FIND);
    if (!this.addresses) this.#refuseAndClose(FIND, "this login has no verified address");
    if (email !== this.addresses.literal && email !== this.addresses.lower) {
      this.#refuseAndClose(FIND, "the address is not this login's");
    }
    this.#spend(FIND, "lookUps", "look-ups in a login (the limit is `look_ups`)");
    this.#lastAnswer = [];
    const found = await this.tenant.findByEmail(email);
    this.#lastAnswer = found;
    if (found.length > this.limits.candidates) throw new ApiError("too-many", this.limits.candidates);
    const others = [];
    for (const user of found) {
      this.#seen.set(user.user_id, { user, version: versionOf(user) });
      const unknown = user.user_id === this.account.user_id ? this.#identitiesUnknownToEvent(user) : [];
      if (unknown.length > 0) {
        this.lostAccounts.push(...unknown);
        this.#record(FIND, "the event of this login does not show every identity of its user");
        const what = `${user.user_id} has an identity that the event of this login does not show`;
        throw new ApiError("already-linked", what);
      }
      if (user.user_id !== this.userId) others.push(user);
    }
    return others;
  }

  async link(request) {
    this.#requireOpen(LINK);
    const wanted = this.#readRequest(request);
    this.#checkRequest(wanted);
    this.#spend(LINK, "links", "links in a login (the limit is `links`)");
    this.#lastAnswer = [];
    const sides = await this.#readSides(wanted);
    const made = await this.#makeLink(wanted, sides);
    // The login continues as the primary. The component's copies of both users are outdated.
    this.#seen.delete(wanted.primary);
    this.linked = wanted.primary;
    this.userId = wanted.primary;
    this.#lastAnswer = [made];
    return made.identities.map(idOf);
  }

  /** The `app_metadata` of the login's user, as late as this login knows it. */
  get appMetadata() {
    const known = this.#seen.get(this.account.user_id)?.user ?? this.account;
    return known.app_metadata;
  }

  /**
   * Returns whether a look-up has shown that another login has linked or unlinked the identity of this login, or an
   * account that this login would have been linked with.
   */
  isOvertaken(identity) {
    if (this.lostAccounts.length > 0) return true;
    if (this.linked) return false;
    const has = (user) => user.identities.some((it) => isSameIdentity(it, identity));
    return [...this.#seen].some(([userId, { user }]) => has(user) !== (userId === this.account.user_id));
  }

  /** Returns whether the tenant's last answer has shown that this user has this identity. */
  hasJustRead(userId, identity) {
    return this.#lastAnswer.some((user) => user.user_id === userId && hasIdentity(user, idOf(identity)));
  }

  /** Returns what is untrue in an outcome of the component, or null. */
  findOutcomeFault({ decision, reasons }) {
    if (reasons.length === 0) return "it gives no reason";
    const form = findReasonsFault(reasons, this.limits);
    if (form) return form;
    if (decision.kind === "linked" && !this.linked) return "it says `linked`, and nothing was linked";
    if (decision.kind === "linked" && decision.primary !== this.linked) {
      return `it names another primary than ${this.linked}`;
    }
    if (this.linked && decision.kind !== "linked" && decision.kind !== "deny") {
      return `it has linked the login into ${this.linked} and does not report it`;
    }
    for (const id of decision.kind === "suggest" ? decision.candidates : []) {
      if (this.#isOwn(id)) return "it suggests the login's own user";
      if (!this.#isKnown(id)) return "it suggests a user that no look-up of this login returned";
    }
    return this.#findUnknownSubject(reasons);
  }

  #readRequest({ primary, secondary, userMetadata, appMetadata, reasons }) {
    try {
      const fault = findReasonsFault(reasons, this.limits);
      if (fault) throw new ApiError("invalid", `\`reasons\`: ${fault}`);
      return {
        primary,
        secondary,
        userMetadata: readMetadata("user-metadata", userMetadata, this.limits),
        appMetadata: readMetadata("app-metadata", appMetadata, this.limits),
        reasons,
      };
    } catch (error) {
      this.#record(LINK, error.val);
      throw error;
    }
  }

  /** Refuses a link that the component may not ask for, before anything is read. */
  #checkRequest(request) {
    const { primary, secondary } = request;
    if (primary !== this.userId && secondary !== this.userId) {
      this.#refuseAndClose(LINK, "neither side is this login's user");
    }
    const other = primary === this.userId ? secondary : primary;
    if (other === this.userId) this.#refuseAndClose(LINK, "both sides are the same user");
    if (!this.#seen.has(other)) this.#refuseAndClose(LINK, "one side was never looked up in this login");
    const fault = this.#findUnknownSubject(request.reasons) ?? findMetadataFault(request, this.limits.linkMetadataKeys);
    if (fault) this.#refuse(LINK, fault);
  }

  /** Reads both sides of a link again. If another login was faster, that is the reason to report. */
  async #readSides(request) {
    try {
      const primary = await this.#readFreshCopy("primary", request.primary);
      const secondary = await this.#readFreshCopy("secondary", request.secondary);
      return { primary, secondary };
    } catch (error) {
      throw await this.#explain(error, request);
    }
  }

  async #readFreshCopy(side, userId) {
    let user;
    try {
      user = await this.tenant.get(userId);
    } catch (error) {
      if (error.tag !== "not-found") throw error;
      this.#record(LINK, `the ${side} is gone`);
      throw new ApiError("state-changed", `${userId} is gone`);
    }
    const isBlockedByEvent = this.account.blocked === true && userId === this.userId;
    if (user.blocked === true || isBlockedByEvent) this.#refuse(LINK, `the ${side} is blocked`);
    if (user.email_verified !== true) this.#refuse(LINK, `the ${side}'s address is not verified`);
    if (!this.addresses || lowerAscii(user.email ?? "") !== this.addresses.lower) {
      this.#refuse(LINK, `the ${side} does not have this login's verified address`);
    }
    const unvouched = findUnvouched(user);
    if (unvouched) this.#refuse(LINK, `the ${side}'s address is not proved: ${unvouched}`);
    const seen = this.#seen.get(userId);
    if (seen && seen.version !== versionOf(user)) {
      this.#record(LINK, `the ${side} has changed`);
      throw new ApiError("state-changed", `${userId} was changed`);
    }
    return user;
  }

  /** Makes the link, once. After an unclear answer the primary is read, and the identity looked for. */
  async #makeLink(request, { primary, secondary }) {
    try {
      return await this.tenant.link(primary, secondary, request);
    } catch (error) {
      if (error.tag !== "timed-out" && error.tag !== "unavailable") throw await this.#explain(error, request);
      const now = await this.tenant.get(request.primary).catch(() => null);
      if (!now || !hasIdentity(now, idOf(secondary.identities[0]))) throw error;
      return this.tenant.completeLink(now, secondary, request);
    }
  }

  /** Returns the error of a failed link. If another login has taken one of the accounts, that is the error. */
  async #explain(error, request) {
    if (!(error instanceof ApiError)) return error;
    let reported = error;
    for (const userId of [request.secondary, request.primary]) {
      const owner = await this.#findNewOwner(userId);
      if (!owner) continue;
      this.#record(LINK, "a concurrent login changed the accounts first");
      reported = new ApiError("already-linked", `${userId} is already an identity of ${owner}`);
      break;
    }
    if (["already-linked", "state-changed", "not-found"].includes(reported.tag)) {
      this.lostAccounts.push(request.primary === this.userId ? request.secondary : request.primary);
    }
    return reported;
  }

  /** Returns the user that has this user's identity now, if it is another one. */
  async #findNewOwner(userId) {
    const user = this.#seen.get(userId)?.user ?? (userId === this.account.user_id ? this.account : null);
    const owner = user && (await this.tenant.owner(user.identities[0], user).catch(() => null));
    return owner && owner.user_id !== userId ? owner.user_id : null;
  }

  /** The identities of the login's user that its event does not hold. */
  #identitiesUnknownToEvent(user) {
    if (this.linked) return [];
    const isKnown = (identity) => this.account.identities.some((own) => isSameIdentity(own, identity));
    return user.identities.filter((identity) => !isKnown(identity)).map(idOf);
  }

  #isOwn(userId) {
    return userId === this.userId || userId === this.account.user_id;
  }

  #isKnown(userId) {
    return this.#isOwn(userId) || this.#seen.has(userId);
  }

  #findUnknownSubject(reasons) {
    for (const { code, subject = [] } of reasons) {
      const id = subject.find((it) => !this.#isKnown(it));
      if (id !== undefined) return `\`${code}\` is about \`${id}\`, a user that no look-up of this login returned`;
    }
    return null;
  }

  #requireOpen(call) {
    if (this.#closed) {
      this.#refuse(call, "an earlier call of this login was refused, so every later call is refused");
    }
  }

  #spend(call, budget, what) {
    if (this.left[budget] === 0) {
      const limit = `${this.limits[budget]} ${what}`;
      this.#record(call, limit);
      throw new ApiError("budget-spent", limit);
    }
    this.left[budget] -= 1;
  }

  /** Refuses a call that no honest component makes, and every later call of the login. */
  #refuseAndClose(call, why) {
    this.#closed = true;
    this.#refuse(call, why);
  }

  #refuse(call, why) {
    this.#record(call, why);
    throw new ApiError("refused", why);
  }

  #record(call, why) {
    if (this.refusals.length < 100) this.refusals.push({ call, why });
  }
}

module.exports = { Guard };
