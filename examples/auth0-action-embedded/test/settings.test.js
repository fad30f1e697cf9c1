"use strict";
// The Action with wrong secrets, events, policies and options: the login goes on, and the log names the fault.

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { createAction } = require("..");
const { runAction, withServer } = require("./stand-in");
const { POLICY, OWN, OTHER, SECRET, user, eventAt, LINKED, tenantOf, run, assertGoesOn } = require("./two-users");

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
    /`app_metadata` of a user is not an object/,
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
  [{ policy: JSON.stringify(POLICY) }, /`policy` is not an object/],
  [{ policy: null }, /`policy` is not an object/],
  [{ policy: POLICY, budgetMs: "5 s" }, /`budgetMs` is not a positive number/],
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
