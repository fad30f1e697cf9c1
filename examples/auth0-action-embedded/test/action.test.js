"use strict";
// The Action against a tenant that fails in many ways: whatever fails, the login goes on, and no link is made twice.

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { createAction } = require("..");
const { Api, Cache, runAction, withServer } = require("./stand-in");

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

test("a token is kept until a minute before its end", async () => {
  await withServer(tenantOf(), async (domain) => {
    const cache = new Cache();
    await run(domain, {}, {}, new Api(cache));
    const [{ value, expires_at }] = cache.entries.values();
    assert.equal(value, TOKEN.access_token);
    assert.ok(Math.abs(expires_at - Date.now() - (TOKEN.expires_in - 60) * 1000) < 10_000);
  });
});

test("a link takes four requests and the token, and the next login reuses the token", async () => {
  await withServer(tenantOf(), async (domain, requests) => {
    const cache = new Cache();
    const first = await run(domain, {}, {}, new Api(cache));
    assert.equal(first.api.primary, OTHER, first.said);
    assert.match(first.said, /^ligature: linked LINKED_VERIFIED_BOTH/m);
    const link = `/api/v2/users/${OTHER}/identities`;
    assert.deepEqual(pathsOf(requests), [
      "POST /oauth/token",
      "GET /api/v2/users-by-email?email=ada@example.com",
      `GET /api/v2/users/${OTHER}`,
      `GET /api/v2/users/${OWN}`,
      `POST ${link}`,
    ]);
    assert.deepEqual(JSON.parse(requests[4].body), { provider: "google-oauth2", user_id: "115" });
    assert.equal(new Set(requests.map(({ headers }) => headers["x-correlation-id"])).size, 1);
    const before = requests.length;
    await run(domain, {}, {}, new Api(cache));
    assert.ok(!pathsOf(requests.slice(before)).includes("POST /oauth/token"));
  });
});

test("a login with nothing to link takes one request", async () => {
  const alone = { "GET /api/v2/users-by-email": () => [200, [user(OWN)]] };
  await withServer(tenantOf(alone), async (domain, requests) => {
    assertGoesOn(await run(domain), /^ligature: proceed NO_CANDIDATE$/m);
    assert.deepEqual(pathsOf(requests).slice(1), ["GET /api/v2/users-by-email?email=ada@example.com"]);
  });
});

test("users whom the look-up returns for another address do not count", async () => {
  const foreign = user("auth0|7", { email: "eve@example.com" });
  await withServer(tenantOf({ "GET /api/v2/users-by-email": () => [200, [user(OWN), foreign]] }), async (domain) => {
    assertGoesOn(await run(domain), /^ligature: proceed NO_CANDIDATE$/m);
  });
});

const NOBODY = { "GET /api/v2/users-by-email": () => [200, []], [`GET /api/v2/users/${OWN}`]: () => [404, {}] };
for (const mode of ["observe", "auto"]) {
  test(`a login of a user whom the tenant does not have goes on in the mode ${mode}`, async () => {
    await withServer(tenantOf(NOBODY), async (domain, requests) => {
      assertGoesOn(await run(domain, {}, { policy: { ...POLICY, mode } }), /^ligature: proceed NO_CANDIDATE$/m);
      // Auth0 continues the login by itself: the user is not read.
      assert.deepEqual(pathsOf(requests).slice(1), ["GET /api/v2/users-by-email?email=ada@example.com"]);
    });
  });
}

test("with `observe`, a login of a user whom only the event has goes on beside a candidate", async () => {
  const foreign = { ...NOBODY, "GET /api/v2/users-by-email": () => [200, [user(OTHER)]] };
  await withServer(tenantOf(foreign), async (domain) => {
    const ended = await run(domain, {}, { policy: { ...POLICY, mode: "observe" } });
    assertGoesOn(ended, /^ligature: proceed WOULD_LINK/m);
    assert.ok(!ended.said.includes("USER_NOT_FOUND"), ended.said);
  });
});

test("a login whose account disappears while it is linked is denied", async () => {
  let lookUps = 0;
  const gone = {
    "GET /api/v2/users-by-email": ({ usual }) => ((lookUps += 1) === 1 ? usual() : [200, [user(OTHER)]]),
    [`GET /api/v2/users/${OWN}`]: () => [404, {}],
  };
  await withServer(tenantOf(gone), async (domain) => {
    const { api, said } = await run(domain);
    assert.equal(api.denied, "This account no longer exists.", said);
  });
});

test("an account that was checked is not looked up again, and its other marks are kept", async () => {
  const held = { linking: { prompts: 1 }, plan: "pro" };
  const alone = { "GET /api/v2/users-by-email": () => [200, [user(OWN, { app_metadata: held })]] };
  const options = { policy: { ...POLICY, look_up: "until_checked" } };
  await withServer(tenantOf(alone), async (domain, requests) => {
    // The event is older than the look-up.
    const { api, said } = await run(domain, {}, options);
    const { linking } = api.appMetadata;
    assert.match(said, /NO_CANDIDATE MARKED_AS_CHECKED/);
    assert.equal(linking.prompts, 1);
    const before = requests.length;
    const later = await run(domain, { app_metadata: { ...held, linking } }, options);
    assertGoesOn(later, /^ligature: proceed CHECKED_BEFORE/m);
    assert.deepEqual([requests.length, later.api.appMetadata], [before, {}]);
    // Another address is looked up.
    const moved = { email: "ada@example.org", app_metadata: { ...held, linking } };
    assertGoesOn(await run(domain, moved, options), /NO_CANDIDATE/);
  });
});

test("a login whose address is not verified takes no request", async () => {
  await withServer(tenantOf(), async (domain, requests) => {
    assertGoesOn(await run(domain, { email_verified: false }), /^ligature: proceed EMAIL_UNVERIFIED_CURRENT/m);
    assert.equal(requests.length, 0);
  });
});

test("metadata is written after the link, and the log names what is lost without its values", async () => {
  const secondary = user(OWN, { user_metadata: { theme: "dark" }, app_metadata: { plan: "secret-plan" } });
  const held = {
    "GET /api/v2/users-by-email": () => [200, [secondary, user(OTHER)]],
    [`GET /api/v2/users/${OWN}`]: () => [200, secondary],
  };
  await withServer(tenantOf(held), async (domain, requests) => {
    const { user_metadata, app_metadata } = secondary;
    const { api, said } = await run(domain, { user_metadata, app_metadata });
    assert.equal(api.primary, OTHER, said);
    const patch = requests.find(({ method }) => method === "PATCH");
    assert.deepEqual(JSON.parse(patch.body), { user_metadata: { theme: "dark" } });
    assert.match(said, /metadata written: "user_metadata.theme"/);
    assert.match(said, /lost with google-oauth2\|115: .*"app_metadata.plan"/);
    assert.ok(!said.includes("secret-plan") && !said.includes("dark"));
  });
});

test("marks of the secondary are carried to the primary", async () => {
  const unlinked = [
    { from: "github|7", at: 5 },
    { from: "github|8", at: 8 },
    { from: "github|9", at: 8 },
    { from: OTHER, at: 6 },
    "no mark",
  ];
  const secondary = user(OWN, { app_metadata: { linking: { unlinked } } });
  const known = [
    { from: "github|8", at: 9 },
    { from: "github|9", at: 7 },
  ];
  const primary = user(OTHER, { app_metadata: { linking: { prompts: 1, unlinked: known } } });
  const held = {
    "GET /api/v2/users-by-email": () => [200, [secondary, primary]],
    [`GET /api/v2/users/${OWN}`]: () => [200, secondary],
    [`GET /api/v2/users/${OTHER}`]: () => [200, primary],
  };
  await withServer(tenantOf(held), async (domain, requests) => {
    // The event was made before the accounts were separated, so the component does not see the mark.
    await run(domain, {}, { policy: { ...POLICY, unlink_cooldown_days: 0 } });
    const patch = requests.find(({ method }) => method === "PATCH");
    // The later mark of each identity, and none of an identity of the user's own.
    const marks = [
      { from: "github|7", at: 5 },
      { from: "github|9", at: 8 },
      { from: "github|8", at: 9 },
    ];
    assert.deepEqual(JSON.parse(patch.body), { app_metadata: { linking: { prompts: 1, unlinked: marks } } });
  });
});

const lookUp = "GET /api/v2/users-by-email";
const link = `POST /api/v2/users/${OTHER}/identities`;

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
  ["a look-up that is no list", { [lookUp]: () => [200, { users: [] }] }, /LOOKUP_FAILED/],
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

for (const [name, secrets] of [
  ["a missing secret", { LIGATURE_AUTH0_CLIENT_SECRET: "" }],
  ["a domain that is a URL", { LIGATURE_AUTH0_DOMAIN: "http://evil.example/" }],
  ["a domain with a user name", { LIGATURE_AUTH0_DOMAIN: "me@evil.example" }],
]) {
  test(`the login goes on after ${name}`, async () => {
    const event = eventAt("tenant.example");
    Object.assign(event.secrets, secrets);
    assertGoesOn(await runAction(createAction({ policy: POLICY }), event), /the login goes on: .*LIGATURE_AUTH0_/);
  });
}

for (const [name, change, why] of [
  ["without a user", { user: undefined }, /a user without a `user_id`/],
  ["of a user without an id", { user: { email: "ada@example.com" } }, /a user without a `user_id`/],
  [
    "of a user whose metadata is a list",
    { user: user(OWN, { app_metadata: [] }) },
    /`app_metadata` of a user is no object/,
  ],
  ["without a connection", { connection: undefined }, /no `connection`/],
  ["without secrets", { secrets: undefined }, /are not all set/],
]) {
  test(`an event ${name} is named, and the login goes on`, async () => {
    const event = { ...eventAt("tenant.example"), ...change };
    const ended = await runAction(createAction({ policy: POLICY }), event);
    assertGoesOn(ended, /^ligature: the login goes on: /);
    assert.match(ended.said, why);
  });
}

test("a policy that is refused is named, and the login goes on", async () => {
  const ended = await run("tenant.example", {}, { policy: { mdoe: "auto" } });
  assertGoesOn(ended, /the login goes on: the policy is refused: unknown field `mdoe`/);
});

for (const [options, why] of [
  [{ polcy: POLICY }, /createAction: unknown option "polcy"; did you mean `policy`\?/],
  [{ policy: POLICY, budgetms: 5 }, /unknown option "budgetms"; did you mean `budgetMs`\?/],
  [POLICY, /unknown option "mode"; the options are policy and budgetMs. An option of the policy belongs in `policy`/],
  [{ policy: JSON.stringify(POLICY) }, /`policy` is no object/],
  [{ policy: null }, /`policy` is no object/],
  [{ policy: POLICY, budgetMs: "5 s" }, /`budgetMs` is no positive number/],
  [null, /createAction takes one object/],
]) {
  test(`the login goes on after the options ${JSON.stringify(options)}`, async () => {
    assertGoesOn(await runAction(createAction(options), eventAt("tenant.example")), why);
  });
}

test("a missing policy is named once", async () => {
  const action = createAction();
  const login = { ...eventAt("tenant.example"), user: user(OWN, { email_verified: false }) };
  assertGoesOn(await runAction(action, login), /no policy is given: the defaults decide, which only observe/);
  assert.ok(!(await runAction(action, login)).said.includes("no policy"));
});

test("a tenant that is away is named with its origin", async () => {
  const away = await run("127.0.0.1:1", {}, { budgetMs: 400 });
  assertGoesOn(away, /the tenant cannot be reached at http:\/\/127.0.0.1:1: .*; check LIGATURE_AUTH0_DOMAIN/);
});

test("with LIGATURE_ON_FAILURE=deny, a login that could not be decided is denied", async () => {
  const strict = async (changes, value = "deny\n") => {
    const event = { ...eventAt("tenant.example"), ...changes };
    event.secrets = { ...event.secrets, LIGATURE_ON_FAILURE: value };
    return runAction(createAction({ policy: POLICY }), event);
  };
  // A misspelt value is no reason to let a login pass.
  for (const value of ["deny\n", "Deny", "true"]) {
    const { api, said } = await strict({ secrets: {} }, value);
    assert.match(api.denied, /try again later/, said);
    assert.match(said, /the login is denied: .*are not all set/);
    assert.equal(said.includes("LIGATURE_ON_FAILURE is \"true\", which counts as deny"), value === "true", said);
  }
  const pasted = await strict({ secrets: {} }, `${SECRET}-${SECRET}`);
  assert.match(pasted.said, /LIGATURE_ON_FAILURE is another text, which counts as deny/);
  assert.ok(pasted.api.denied && !pasted.said.includes(SECRET));
  for (const value of ["proceed", " Proceed\n", "PROCEED", " ", ""]) {
    assertGoesOn(await strict({ secrets: {} }, value), /the login goes on: /);
  }
  for (const change of [{ connection: undefined }, { user: user(OWN, { app_metadata: [] }) }]) {
    assert.match((await strict(change)).api.denied, /try again later/);
  }
});

test("with LIGATURE_ON_FAILURE=deny, a user who cannot be read again is denied, and a decided login is not", async () => {
  const event = (domain) => {
    const made = eventAt(domain);
    made.secrets.LIGATURE_ON_FAILURE = "deny";
    return made;
  };
  const stale = {
    // Another login has changed the accounts, and the tenant does not say how.
    "GET /api/v2/users-by-email": () => [200, [user(OWN, { identities: LINKED }), user(OTHER)]],
    [`GET /api/v2/users/${OWN}`]: () => [503, "busy"],
  };
  await withServer(tenantOf(stale), async (domain) => {
    const { api, said } = await runAction(createAction({ policy: POLICY, budgetMs: 800 }), event(domain));
    assert.match(api.denied, /try again later/, said);
    assert.match(said, /the login is denied: the user could not be read again/);
  });
  await withServer(tenantOf(), async (domain) => {
    const { api, said } = await runAction(createAction({ policy: POLICY }), event(domain));
    assert.deepEqual([api.primary, api.denied], [OTHER, null], said);
  });
});

test("a denial is carried out", async () => {
  const failing = { [lookUp]: () => [503, "busy"] };
  await withServer(tenantOf(failing), async (domain) => {
    const { api } = await run(domain, {}, { policy: { ...POLICY, on_error: "deny" } });
    assert.match(api.denied, /could not be looked up/);
  });
});

test("a suggestion goes on unlinked, and the log says so", async () => {
  await withServer(tenantOf(), async (domain, requests) => {
    assertGoesOn(await run(domain, {}, { policy: { ...POLICY, mode: "suggest" } }), /suggest CONFIRMATION_UNAVAILABLE/);
    assert.ok(!pathsOf(requests).includes(link));
  });
});
