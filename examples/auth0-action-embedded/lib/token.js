"use strict";
// The machine token of the Management API, kept in the Action's cache.

const { createHash } = require("node:crypto");
const { ApiError } = require("./errors");

/** The time before its end at which a token is replaced: this, or a tenth of its life if that is less. */
const RENEWED_BEFORE_S = 60;
const ASSUMED_LIFE_S = 60;
/** Auth0 keeps a value for at most a day. */
const MAX_CACHED_S = 86_400;

class MachineToken {
  /** `cache` is `api.cache` of the Action. `request` asks the tenant for a new token. */
  constructor({ tenant, clientId, cache, request }) {
    this.request = request;
    this.cache = cache;
    // At most 64 bytes, and another one for other credentials.
    const hash = createHash("sha256").update(`${tenant}\n${clientId}`).digest("hex");
    this.key = `ligature-${hash.slice(0, 32)}`;
  }

  async get() {
    this.text ??= this.cache?.get(this.key)?.value ?? (await this.#renew());
    return this.text;
  }

  /** Gives up a token that the tenant no longer accepts. */
  forget() {
    this.text = undefined;
    this.cache?.delete(this.key);
  }

  async #renew() {
    const answer = await this.request();
    if (typeof answer?.access_token !== "string") throw new ApiError("unavailable", "the tenant granted no token");
    const life = Number.isFinite(answer.expires_in) ? answer.expires_in : ASSUMED_LIFE_S;
    const kept = Math.min(life - Math.min(RENEWED_BEFORE_S, life / 10), MAX_CACHED_S);
    // The cache takes milliseconds. A token that it does not take is asked for at the next login again.
    if (kept > 0) this.cache?.set(this.key, answer.access_token, { ttl: Math.floor(kept * 1000) });
    return answer.access_token;
  }
}

module.exports = { MachineToken };
