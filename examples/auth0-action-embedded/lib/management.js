"use strict";
// The client of Auth0's Management API v2.

const { randomUUID } = require("node:crypto");
const { setTimeout: sleep } = require("node:timers/promises");
const { ApiError, maskAddresses } = require("./errors");
const { MachineToken } = require("./token");

const MAX_BYTES = 2 * 1024 * 1024;
const MAX_TRIES = 3;
const FIRST_WAIT_MS = 150;

/** A failed request: whether another try makes sense, and when. */
class RequestError extends Error {
  constructor(apiError, { isPassing = false, status, waitMs, code } = {}) {
    super(apiError.message);
    Object.assign(this, { apiError, isPassing, status, waitMs, code });
  }
}

class ManagementClient {
  /** `deadline` ends the reads of a login; changes have times of their own. */
  constructor({ domain, clientId, clientSecret, cache, deadline, fetch = globalThis.fetch }) {
    this.origin = originOf(domain);
    this.secrets = [clientSecret];
    this.deadline = deadline;
    this.fetch = fetch;
    this.correlationId = randomUUID();
    this.audience = `${this.origin}/api/v2/`;
    const credentials = { grant_type: "client_credentials", client_id: clientId, client_secret: clientSecret };
    const request = () => this.#retry(() => this.#requestToken({ ...credentials, audience: this.audience }));
    this.token = new MachineToken({ tenant: this.origin, clientId, cache, request });
  }

  /** Reads, with another try after a passing failure. */
  read(path) {
    return this.#retry(() => this.#call("GET", path, { limitMs: this.#timeLeft() }));
  }

  /** Requests a change once, within its own time. */
  async change(method, path, body, limitMs) {
    try {
      return await this.#call(method, path, { body, limitMs });
    } catch (error) {
      throw error instanceof RequestError ? error.apiError : error;
    }
  }

  async #retry(request) {
    for (let tries = 1, wait = FIRST_WAIT_MS; ; tries += 1, wait *= 2) {
      try {
        return await request();
      } catch (error) {
        if (!(error instanceof RequestError)) throw error;
        const pause = error.waitMs ?? wait;
        if (!error.isPassing || tries === MAX_TRIES || pause >= this.deadline.left()) throw error.apiError;
        await sleep(pause);
      }
    }
  }

  /** A token that the tenant refuses is renewed once. */
  async #call(method, path, options) {
    for (let isFirst = true; ; isFirst = false) {
      const token = await this.token.get();
      try {
        return await this.#send(method, `/api/v2/${path}`, { ...options, token });
      } catch (error) {
        if (error.status !== 401 || !isFirst) throw error;
        this.token.forget();
      }
    }
  }

  async #requestToken(body) {
    try {
      return await this.#send("POST", "/oauth/token", { body, limitMs: this.#timeLeft() });
    } catch (error) {
      const { apiError, isPassing, status } = error;
      const hint = hintOf(error);
      if (!hint || typeof apiError?.val !== "string") throw error;
      throw new RequestError(new ApiError(apiError.tag, `no token: ${apiError.val}; ${hint}`), { isPassing, status });
    }
  }

  #timeLeft() {
    const left = Math.floor(this.deadline.left());
    if (left === 0) throw new RequestError(new ApiError("timed-out"));
    return left;
  }

  async #send(method, path, { body, limitMs, token }) {
    const headers = { accept: "application/json", "x-correlation-id": this.correlationId };
    if (token) headers.authorization = `Bearer ${token}`;
    if (body) headers["content-type"] = "application/json";
    let response;
    let text;
    try {
      const signal = AbortSignal.timeout(limitMs);
      const init = { method, headers, body: body && JSON.stringify(body), redirect: "error", signal };
      response = await this.fetch(this.origin + path, init);
      text = await readBounded(response);
    } catch (error) {
      if (error instanceof ApiError) throw new RequestError(error);
      if (error.name === "TimeoutError") throw new RequestError(new ApiError("timed-out"), { isPassing: true });
      const cause = error.cause?.code ?? error.cause?.message ?? error.message;
      const why = `the tenant cannot be reached at ${this.origin}: ${cause}; check LIGATURE_AUTH0_DOMAIN`;
      throw new RequestError(new ApiError("unavailable", why), { isPassing: true });
    }
    if (!response.ok) throw this.#refusal(response, text);
    try {
      return JSON.parse(text);
    } catch {
      const why = `the tenant's answer is not JSON (status ${response.status}); check LIGATURE_AUTH0_DOMAIN`;
      throw new RequestError(new ApiError("unavailable", why));
    }
  }

  #refusal({ status, headers }, text) {
    const sentence = `${this.#describe(text)} (status ${status}) [correlation id ${this.correlationId}]`;
    if (status === 429) {
      const waitMs = waitOf(headers);
      const seconds = waitMs === undefined ? undefined : Math.ceil(waitMs / 1000);
      return new RequestError(new ApiError("rate-limited", seconds), { isPassing: true, status, waitMs });
    }
    const isPassing = status === 408 || status >= 500;
    const tag = { 400: "invalid", 404: "other", 409: "already-linked" }[status] ?? "unavailable";
    const code = codeOf(text);
    return new RequestError(new ApiError(tag, sentence), { isPassing, status, waitMs: waitOf(headers), code });
  }

  /** The tenant's own message, as one short line without addresses and secrets. */
  #describe(text) {
    let message = text.trimStart().startsWith("<") ? "it answers with a page of HTML" : text;
    try {
      const { message: said, error_description: description, error } = JSON.parse(text);
      message = [said, description, error].find((it) => typeof it === "string") ?? "it gives no reason";
    } catch {
      // The text is the message.
    }
    const shown = this.secrets.reduce((shown, secret) => shown.replaceAll(secret, "…"), message);
    return `the tenant refuses the request: ${maskAddresses(shown.replace(/[\p{C}\s]+/gu, " ")).slice(0, 300)}`;
  }
}

/** The origin of a tenant: https, or http on loopback. Throws if the text is not a domain. */
function originOf(domain) {
  const expected = "LIGATURE_AUTH0_DOMAIN: expected a domain such as my-tenant.eu.auth0.com";
  if (!/^[A-Za-z0-9.-]+(:\d+)?$/.test(domain)) throw new Error(expected);
  const isLoopback = /^(localhost|127\.\d+\.\d+\.\d+)(:|$)/.test(domain);
  return new URL(`${isLoopback ? "http" : "https"}://${domain}`).origin;
}

/** The code of an error of OAuth. */
function codeOf(text) {
  try {
    return JSON.parse(text)?.error;
  } catch {
    return undefined;
  }
}

/** The correction of a refusal of the token, if the answer shows one. */
function hintOf({ status, code, message }) {
  if (status === 401) return "check LIGATURE_AUTH0_CLIENT_ID and LIGATURE_AUTH0_CLIENT_SECRET";
  if (code === "unauthorized_client") {
    return "use a machine-to-machine application, or enable its grant type Client Credentials";
  }
  if (status === 403 && /Service not found/i.test(message)) {
    return "LIGATURE_AUTH0_DOMAIN has to be the canonical domain, such as acme.eu.auth0.com, and no custom domain";
  }
  if (status === 403) return "authorize the application for the Auth0 Management API in the dashboard";
  return status === 404 || /page of HTML/.test(message) ? "check LIGATURE_AUTH0_DOMAIN" : undefined;
}

/** The wait that the tenant asks for, in milliseconds. */
function waitOf(headers) {
  const after = Number(headers.get("retry-after") ?? Number.NaN);
  if (Number.isFinite(after)) return Math.max(0, after * 1000);
  const reset = Number(headers.get("x-ratelimit-reset") ?? Number.NaN);
  return Number.isFinite(reset) ? Math.max(0, reset * 1000 - Date.now()) : undefined;
}

async function readBounded(response) {
  const parts = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.length;
    if (bytes > MAX_BYTES) throw new ApiError("unavailable", `the tenant's answer is longer than ${MAX_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

module.exports = { ManagementClient };
