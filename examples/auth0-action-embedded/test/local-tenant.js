"use strict";
// The Management API of `ligature serve`.

/** Reads users of the tenant at an origin, with the token of an application. */
class LocalTenant {
  #origin;
  #token;

  static async connect(origin, client_id, client_secret) {
    const audience = `${origin}/api/v2/`;
    const granted = await fetch(`${origin}/oauth/token`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ grant_type: "client_credentials", client_id, client_secret, audience }),
    });
    const tenant = new LocalTenant();
    tenant.#origin = origin;
    tenant.#token = (await granted.json()).access_token;
    return tenant;
  }

  /** Calls an endpoint of the API, such as `users`. */
  call(path, init = {}) {
    const headers = { "content-type": "application/json", authorization: `Bearer ${this.#token}` };
    return fetch(`${this.#origin}/api/v2/${path}`, { ...init, headers });
  }

  /** A user; null if there is none. */
  async user(userId) {
    const answer = await this.call(`users/${encodeURIComponent(userId)}`);
    return answer.status === 404 ? null : answer.json();
  }

  /** The identities of a user, as `provider|id`. */
  async identities(userId) {
    return (await this.user(userId)).identities.map((it) => `${it.provider}|${it.user_id}`);
  }
}

module.exports = { LocalTenant };
