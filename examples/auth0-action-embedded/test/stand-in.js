"use strict";
// Auth0's `api` of an Action, and a tenant that answers as a test says.

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
        if (this.primary !== null) throw new Error("setPrimaryUser is called once per transaction");
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

/** Starts a tenant whose requests `answer(request, body)` answers, with `[status, body, headers]`. */
async function withTenant(answer, use) {
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

module.exports = { Api, Cache, runAction, withTenant };
