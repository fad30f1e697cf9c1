"use strict";
// Two users of a stand-in tenant, who may be linked, and an Action for them.

const assert = require("node:assert/strict");
const { createAction } = require("..");
const { runAction } = require("./stand-in");

const POLICY = { mode: "auto", trusted_connections: ["google-oauth2"] };
const OWN = "google-oauth2|115";
const OTHER = "auth0|1";
const SECRET = "the-s3cret-of-the-action";

function user(userId, changes = {}) {
  const [provider, id] = userId.split("|");
  const connection = provider === "auth0" ? "Username-Password-Authentication" : provider;
  const identities = [{ provider, user_id: id, connection, isSocial: provider !== "auth0" }];
  const created_at = provider === "auth0" ? "2024-01-08T09:12:44.120Z" : "2026-11-21T09:59:58.001Z";
  const email = "ada@example.com";
  return { user_id: userId, email, email_verified: true, created_at, logins_count: 3, identities, ...changes };
}

function eventAt(domain, changes = {}) {
  return {
    user: user(OWN, changes),
    connection: { name: "google-oauth2", strategy: "google-oauth2" },
    client: { client_id: "web" },
    transaction: { protocol: "oidc-basic-profile" },
    authentication: { methods: [{ name: "federated", timestamp: new Date().toISOString() }] },
    stats: { logins_count: 1 },
    secrets: {
      LIGATURE_AUTH0_DOMAIN: domain,
      LIGATURE_AUTH0_CLIENT_ID: "action",
      LIGATURE_AUTH0_CLIENT_SECRET: SECRET,
    },
  };
}

const TOKEN = { access_token: "a-token", expires_in: 86_400, token_type: "Bearer" };
const LINKED = [...user(OTHER).identities, ...user(OWN).identities];

/** The answers of a tenant of two users. `changes` answers some requests otherwise, by `METHOD path`. */
function tenantOf(changes = {}) {
  const state = { isLinked: false };
  const usual = {
    "POST /oauth/token": () => [200, TOKEN],
    "GET /api/v2/users-by-email": () => [200, [user(OWN), user(OTHER)]],
    [`GET /api/v2/users/${OWN}`]: () => (state.isLinked ? [404, {}] : [200, user(OWN)]),
    [`GET /api/v2/users/${OTHER}`]: () => [200, user(OTHER, state.isLinked ? { identities: LINKED } : {})],
    [`POST /api/v2/users/${OTHER}/identities`]: () => {
      state.isLinked = true;
      return [201, LINKED];
    },
    [`PATCH /api/v2/users/${OTHER}`]: () => [200, user(OTHER, { identities: LINKED })],
  };
  return async ({ method, url, headers }, body, count) => {
    const key = `${method} ${decodeURIComponent(new URL(url, "http://tenant").pathname)}`;
    const answer = changes[key] ?? usual[key];
    assert.ok(answer, `no such request: ${key}`);
    return answer({ headers, body, count, usual: usual[key] });
  };
}

const run = (domain, changes, options, api) =>
  runAction(createAction({ policy: POLICY, ...options }), eventAt(domain, changes), api);

const pathsOf = (requests) => requests.map(({ method, url }) => `${method} ${decodeURIComponent(url)}`);

function assertGoesOn({ api, said }, why) {
  assert.deepEqual([api.primary, api.denied], [null, null], said);
  assert.match(said, why);
  assert.ok(!said.includes(SECRET) && !said.includes("a-token"), said);
}

const lookUp = "GET /api/v2/users-by-email";
const link = `POST /api/v2/users/${OTHER}/identities`;

module.exports = {
  POLICY,
  OWN,
  OTHER,
  SECRET,
  user,
  eventAt,
  TOKEN,
  LINKED,
  tenantOf,
  run,
  pathsOf,
  assertGoesOn,
  lookUp,
  link,
};
