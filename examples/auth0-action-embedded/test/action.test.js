"use strict";
// The Action against a tenant: the requests of a login, the marks, and the answers.

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Api, Cache, withServer } = require("./stand-in");
const { POLICY, OWN, OTHER, user, TOKEN, tenantOf, run, pathsOf, assertGoesOn, lookUp, link } = require("./two-users");

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
