"use strict";
// A stand-in for Auth0's runtime of post-login Actions, and a server that answers as a test says. The tests of
// `examples/auth0-action` use it too.
//
// It refuses what Auth0 refuses: a second `setPrimaryUser`, and at the end of the login a primary that does not have the
// identity of this login. Source: Auth0 Actions, post-login trigger, API object. There is no such check in a published
// package.

const assert = require("node:assert/strict");
const { AsyncLocalStorage } = require("node:async_hooks");
const { createServer } = require("node:http");

/** A cache as Auth0 documents it: `ttl` in milliseconds, keys of 64 bytes, values of 4 kB. */
class Cache {
  entries = new Map();

  get(key) {
    const entry = this.entries.get(key);
    return entry && entry.expires_at > Date.now() ? entry : undefined;
  }

  set(key, value, { ttl }) {
    if (Buffer.byteLength(key) > 64 || Buffer.byteLength(value) > 4096) return { type: "error", code: "too_large" };
    this.entries.set(key, { value, expires_at: Date.now() + ttl });
    return { type: "success" };
  }

  delete(key) {
    this.entries.delete(key);
    return { type: "success" };
  }
}

/** `api` of a post-login Action. `setPrimaryUser` works once. */
class Api {
  primary = null;
  denied = null;

  constructor(cache = new Cache()) {
    this.cache = cache;
    this.authentication = {
      setPrimaryUser: (userId) => {
        assert.equal(this.primary, null, "setPrimaryUser is called once per transaction");
        assert.ok(userId.length <= 128);
        this.primary = userId;
      },
    };
    this.appMetadata = {};
    this.user = {
      setAppMetadata: (key, value) => {
        this.appMetadata[key] = value;
      },
    };
    this.access = {
      deny: (reason) => {
        this.denied = reason;
      },
    };
  }
}

const lines = new AsyncLocalStorage();
const { log } = console;
// The log of each Action by itself, also of two at once.
console.log = (line) => (lines.getStore() ? lines.getStore().push(line) : log(line));

/** Runs an Action, and returns its `api` and its log. */
async function runAction(action, event, api = new Api()) {
  const said = [];
  await lines.run(said, () => action(event, api));
  return { api, said: said.join("\n") };
}

/**
 * Runs an Action until the end of its login, and returns its `api` and its log. `identitiesOf` returns the identities of
 * a user, as `provider|id`.
 */
async function runLogin(action, event, identitiesOf, api = new Api()) {
  const ended = await runAction(action, event, api);
  if (api.primary !== null && api.denied === null) {
    const used = event.user.identities.find((it) => it.connection === event.connection.name);
    const held = await identitiesOf(api.primary);
    assert.ok(held.slice(1).includes(`${used.provider}|${used.user_id}`), `${api.primary}: ${held}\n${ended.said}`);
  }
  return ended;
}

/** The event of a login of a user, as Auth0 makes it. */
function loginEvent(user, secrets) {
  const { connection, provider } = user.identities[0];
  return {
    user,
    connection: { name: connection, strategy: provider },
    client: { client_id: "web" },
    transaction: { protocol: "oidc-basic-profile" },
    authentication: { methods: [{ name: "federated", timestamp: new Date().toISOString() }] },
    stats: { logins_count: 1 },
    request: { ip: "192.0.2.1", query: {}, body: {} },
    secrets,
  };
}

/** Starts a server whose requests `answer(request, body)` answers, with `[status, body, headers]`. */
async function withServer(answer, use) {
  const requests = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", async () => {
      const { method, url, headers } = request;
      requests.push({ method, url, headers, body });
      const [status, text, more] = await answer({ method, url, headers }, body, requests.length);
      if (status === "destroy") return response.destroy();
      response.writeHead(status, { "content-type": "application/json", ...more });
      return response.end(typeof text === "string" ? text : JSON.stringify(text));
    });
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  try {
    return await use(`127.0.0.1:${server.address().port}`, requests);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

module.exports = { Api, Cache, loginEvent, runAction, runLogin, withServer };
