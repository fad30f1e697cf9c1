"use strict";
// The Action against a tenant that fails in many ways: the login goes on, and no link is made twice.

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Api, Cache, withServer } = require("./stand-in");
const { OWN, OTHER, SECRET, user, LINKED, tenantOf, run, pathsOf, assertGoesOn, lookUp, link } = require("./two-users");

test("metadata that cannot be written is logged, and the login continues as the primary", async () => {
  const secondary = user(OWN, { user_metadata: { theme: "dark" } });
  const failing = {
    "GET /api/v2/users-by-email": () => [200, [secondary, user(OTHER)]],
    [`GET /api/v2/users/${OWN}`]: () => [200, secondary],
    [`PATCH /api/v2/users/${OTHER}`]: () => [500, "<html>"],
  };
  await withServer(tenantOf(failing), async (domain) => {
    const { api, said } = await run(domain, { user_metadata: { theme: "dark" } });
    assert.equal(api.primary, OTHER, said);
    assert.match(said, /its metadata could not be written: .*status 500/);
  });
});

const lostAnswers = [
  ["its answer is an error after the effect", ({ usual }) => (usual(), [500, "<html>"])],
  ["its connection ends after the effect", ({ usual }) => (usual(), ["destroy"])],
  ["its answer is cut off", ({ usual }) => (usual(), [201, "[{"])],
  ["its answer has other identities", ({ usual }) => (usual(), [201, user(OTHER).identities])],
];
for (const [name, answer] of lostAnswers) {
  test(`a link is found by reading the primary if ${name}`, async () => {
    await withServer(tenantOf({ [link]: answer }), async (domain, requests) => {
      const { api, said } = await run(domain);
      assert.equal(api.primary, OTHER, said);
      assert.equal(pathsOf(requests).filter((path) => path === link).length, 1);
    });
  });
}

for (const [status, body] of [
  [500, "<html>"],
  [429, {}],
  [403, { message: "Insufficient scope", errorCode: "insufficient_scope" }],
  [400, { message: "Main identity and the new one are the same." }],
]) {
  test(`a link that is answered with ${status} and not made is not repeated`, async () => {
    await withServer(tenantOf({ [link]: () => [status, body] }), async (domain, requests) => {
      assertGoesOn(await run(domain), /^ligature: proceed /m);
      assert.equal(pathsOf(requests).filter((path) => path === link).length, 1);
    });
  });
}

test("another user than the one asked for is not linked", async () => {
  const wrong = { [`GET /api/v2/users/${OTHER}`]: () => [200, user("auth0|2")] };
  await withServer(tenantOf(wrong), async (domain, requests) => {
    assertGoesOn(await run(domain), /the tenant returned another user than auth0\|1/);
    assert.ok(!pathsOf(requests).includes(link));
  });
});

test("a redirect of the tenant is not followed", async () => {
  const moved = {
    [lookUp]: () => [307, "", { location: "/elsewhere" }],
    "GET /elsewhere": () => [200, [user(OWN)]],
  };
  await withServer(tenantOf(moved), async (domain, requests) => {
    assertGoesOn(await run(domain), /LOOKUP_FAILED/);
    assert.ok(!pathsOf(requests).includes("GET /elsewhere"));
  });
});

test("the log has no secret and no whole address of the tenant's message", async () => {
  const talkative = { [lookUp]: () => [400, { message: `no ${SECRET} for ada.l@corp.com\n\u001b[2J` }] };
  await withServer(tenantOf(talkative), async (domain) => {
    assertGoesOn(await run(domain), /the tenant refuses the request: no … for a…@corp.com {1,2}\[2J \(status 400\)/);
  });
});

test("a login that another one has overtaken continues as the primary", async () => {
  const taken = {
    // Another login links the accounts between the look-up and this link.
    [link]: ({ usual }) => (usual(), [400, { message: "Provided secondary account not found." }]),
  };
  const byEmail = () => [200, [user(OTHER, { identities: LINKED })]];
  let lookUps = 0;
  taken["GET /api/v2/users-by-email"] = ({ usual }) => ((lookUps += 1) === 1 ? usual() : byEmail());
  await withServer(tenantOf(taken), async (domain, requests) => {
    const { api, said } = await run(domain);
    assert.equal(api.primary, OTHER, said);
    assert.match(said, /RACE_LOST/);
    assert.equal(pathsOf(requests).filter((path) => path === link).length, 1);
  });
});

const failures = [
  ["a look-up of HTML", { [lookUp]: () => [200, "<html>"] }, /LOOKUP_FAILED/],
  ["a look-up that is not a list", { [lookUp]: () => [200, { users: [] }] }, /LOOKUP_FAILED/],
  ["a look-up of something else", { [lookUp]: () => [200, [7]] }, /LOOKUP_FAILED/],
  ["a look-up that is too long", { [lookUp]: () => [200, "x".repeat(2 * 1024 * 1024 + 1)] }, /longer than/],
  [
    "a look-up that is redirected",
    { [lookUp]: () => [302, "", { location: "https://evil.example/" }] },
    /LOOKUP_FAILED/,
  ],
  [
    "a missing scope",
    { [lookUp]: () => [403, { message: "Insufficient scope", errorCode: "insufficient_scope" }] },
    /Insufficient scope/,
  ],
  ["a long wait for the rate limit", { [lookUp]: () => [429, {}, { "retry-after": "60" }] }, /RATE_LIMITED/],
  [
    "a wrong secret",
    { "POST /oauth/token": () => [401, { error: "access_denied", error_description: "Unauthorized" }] },
    /Unauthorized .*; check LIGATURE_AUTH0_CLIENT_ID and LIGATURE_AUTH0_CLIENT_SECRET/,
  ],
  [
    "a custom domain",
    { "POST /oauth/token": () => [403, { error: "access_denied", error_description: "Service not found: https://x/" }] },
    /LIGATURE_AUTH0_DOMAIN has to be the canonical domain/,
  ],
  [
    "an application without the grant",
    { "POST /oauth/token": () => [403, { error: "unauthorized_client", error_description: "Grant type not allowed" }] },
    /enable its grant type Client Credentials/,
  ],
  [
    "an application that is not authorized",
    { "POST /oauth/token": () => [403, { error: "access_denied", error_description: "Client is not authorized" }] },
    /authorize the application for the Auth0 Management API/,
  ],
  ["another server", { "POST /oauth/token": () => [404, "<html>"] }, /page of HTML .*; check LIGATURE_AUTH0_DOMAIN/],
  ["no token", { "POST /oauth/token": () => [200, {}] }, /granted no token/],
  ["a tenant that ends connections", { [lookUp]: () => ["destroy"] }, /LOOKUP_FAILED/],
];
for (const [name, changes, why] of failures) {
  test(`the login goes on after ${name}`, async () => {
    await withServer(tenantOf(changes), async (domain) => assertGoesOn(await run(domain), why));
  });
}

test("a passing failure is tried again, after the wait that the tenant asks for", async () => {
  const answers = [
    [503, "busy"],
    [429, {}, { "retry-after": "0.2" }],
    [200, [user(OWN)]],
  ];
  await withServer(tenantOf({ [lookUp]: () => answers.shift() }), async (domain) => {
    const start = performance.now();
    assertGoesOn(await run(domain), /NO_CANDIDATE/);
    assert.ok(performance.now() - start >= 340);
  });
});

test("a token that the tenant refuses is renewed once", async () => {
  const refused = ({ headers, usual }) =>
    headers.authorization === "Bearer old-token" ? [401, { message: "Invalid token" }] : usual();
  await withServer(tenantOf({ [lookUp]: refused }), async (domain, requests) => {
    const cache = new Cache();
    await run(domain, { email_verified: true }, {}, new Api(cache));
    for (const key of cache.entries.keys()) cache.set(key, "old-token", { ttl: 60_000 });
    const { api, said } = await run(domain, {}, {}, new Api(cache));
    assert.equal(pathsOf(requests).filter((path) => path === "POST /oauth/token").length, 2, said);
    assert.equal(api.denied, null);
  });
});

test("a tenant that does not answer is left within the budget", async () => {
  const never = { [lookUp]: () => new Promise(() => {}) };
  await withServer(tenantOf(never), async (domain) => {
    const start = performance.now();
    assertGoesOn(await run(domain, {}, { budgetMs: 300 }), /LOOKUP_FAILED/);
    assert.ok(performance.now() - start < 1500);
  });
});

test("no link is begun when the budget is almost spent", async () => {
  const slow = {
    [`GET /api/v2/users/${OWN}`]: async ({ usual }) => {
      await new Promise((done) => setTimeout(done, 300));
      return usual();
    },
  };
  await withServer(tenantOf(slow), async (domain, requests) => {
    assertGoesOn(await run(domain, {}, { budgetMs: 1200 }), /^ligature: proceed /m);
    assert.ok(!pathsOf(requests).includes(link));
  });
});
