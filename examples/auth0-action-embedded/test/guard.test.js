"use strict";
// The guard against a hostile component, and against changes of the accounts during a login.

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { maskAddresses } = require("../lib/errors");
const { Guard } = require("../lib/guard");
const { LIMITS } = require("../lib/limits");
const { readUser } = require("../lib/users");
const { CaseTenant } = require("./case-tenant");

const ADDRESS = "Ada@example.com";
const OWN = "google-oauth2|115";
const OTHER = "auth0|1";

function user(userId, changes = {}) {
  const [provider, id] = userId.split("|");
  const identities = [{ provider, user_id: id, connection: provider, isSocial: provider !== "auth0" }];
  return { user_id: userId, email: ADDRESS.toLowerCase(), email_verified: true, identities, ...changes };
}

/** A guard whose look-up has returned the other user, unless `isBlind`. */
async function login({ own = {}, other = {}, faults = [], limits = {}, isBlind = false } = {}) {
  const account = readUser(user(OWN, { email: ADDRESS, ...own }));
  const tenant = new CaseTenant({
    users: [account, user(OTHER, other), user("auth0|stranger", { email: "eve@example.com" })],
    faults,
  });
  const guard = new Guard({ account, tenant, limits: { ...LIMITS, ...limits } });
  if (!isBlind) await guard.answer("users.find-by-email", { email: ADDRESS });
  return { guard, tenant };
}

const link = (guard, changes) =>
  guard.answer("accounts.link", { primary: OTHER, secondary: OWN, reasons: [], ...changes });

async function assertRefused(call, tag, why) {
  const error = await call.then(
    () => assert.fail("the call was answered"),
    (error) => error,
  );
  assert.equal(error.tag, tag, error.message);
  assert.match(String(error.val), why);
}

/** The two accounts are not linked, whatever happened. */
function assertUnlinked({ guard, tenant }) {
  assert.equal(guard.linked, null);
  for (const userId of [OWN, OTHER]) assert.ok((tenant.user(userId)?.identities.length ?? 1) === 1, userId);
}

test("an honest link is made", async () => {
  const { guard, tenant } = await login();
  assert.deepEqual(await link(guard, { userMetadata: '{"theme":"dark"}' }), [OTHER, OWN]);
  assert.equal(guard.linked, OTHER);
  assert.equal(tenant.user(OWN), undefined);
  assert.deepEqual(tenant.requested.userMetadata, { theme: "dark" });
});

for (const email of [
  "eve@example.com",
  "",
  "ADA@EXAMPLE.COM",
  "ada@example.com ",
  "ada@example.com\0",
  "ada@examplE.com",
]) {
  test(`the address ${JSON.stringify(email)} is not looked up, nor anything after it`, async () => {
    const { guard } = await login({ isBlind: true });
    await assertRefused(guard.answer("users.find-by-email", { email }), "refused", /not this login's/);
    await assertRefused(guard.answer("users.find-by-email", { email: ADDRESS }), "refused", /every later call/);
  });
}

for (const [name, own] of [
  ["is not verified", { email_verified: false }],
  ["is verified by a text", { email_verified: "true" }],
  ["is verified by a number", { email_verified: 1 }],
  ["is missing", { email: undefined }],
  ["is not an address", { email: "@example.com" }],
]) {
  test(`nothing is looked up for a login whose address ${name}`, async () => {
    const { guard } = await login({ own, isBlind: true });
    const call = guard.answer("users.find-by-email", { email: own.email ?? ADDRESS });
    await assertRefused(call, "refused", /no verified address/);
  });
}

const strangers = [
  ["neither side is the login's", { primary: OTHER, secondary: "auth0|stranger" }, /neither side/],
  ["both sides are the login's", { primary: OWN, secondary: OWN }, /the same user/],
  ["one side was never looked up", { primary: "auth0|stranger", secondary: OWN }, /never looked up/],
  ["one side is not a user", { primary: "__proto__", secondary: OWN }, /never looked up/],
];
for (const [name, sides, why] of strangers) {
  test(`a link is refused if ${name}, and every later call too`, async () => {
    const made = await login();
    await assertRefused(link(made.guard, sides), "refused", why);
    await assertRefused(link(made.guard), "refused", /every later call/);
    assertUnlinked(made);
  });
}

const sides = [
  ["blocked", { blocked: true }, /the primary is blocked/],
  ["not verified", { email_verified: false }, /address is not verified/],
  ["verified by a text", { email_verified: "true" }, /address is not verified/],
  [
    "proved by another address",
    {
      identities: [{ provider: "auth0", user_id: "1", connection: "auth0", profileData: { email: "eve@example.com" } }],
    },
    /supplied another address/,
  ],
  [
    "linked from an identity that did not verify it",
    { identities: [{ provider: "auth0", user_id: "1", connection: "auth0", profileData: { email_verified: false } }] },
    /did not verify it/,
  ],
];
for (const [name, other, why] of sides) {
  test(`an account that is ${name} is not linked`, async () => {
    const made = await login({ other });
    await assertRefused(link(made.guard), "refused", why);
    assertUnlinked(made);
  });
}

test("a login of a blocked user is not linked, even if the tenant does not say so yet", async () => {
  const made = await login({ own: { blocked: true } });
  made.tenant.put(user(OWN));
  await assertRefused(link(made.guard), "refused", /the secondary is blocked/);
});

const meanwhile = (changes) => [{ call: "users.get", nth: 1, meanwhile: [user(OTHER, changes)] }];
for (const [name, faults, tag, why] of [
  ["another address", meanwhile({ email: "eve@example.com" }), "refused", /verified address/],
  ["other metadata", meanwhile({ app_metadata: { plan: "pro" } }), "state-changed", /was changed/],
  ["a block", meanwhile({ blocked: true }), "refused", /is blocked/],
  ["its end", [{ call: "users.get", nth: 1, meanwhile_deleted: [OTHER] }], "state-changed", /is gone/],
  ["a failed read", [{ call: "users.get", nth: 1, error: "timed-out" }], "timed-out", /undefined/],
]) {
  test(`a fresh copy with ${name} stops the link`, async () => {
    const made = await login({ faults });
    await assertRefused(link(made.guard), tag, why);
    assertUnlinked(made);
  });
}

test("a login of the account meanwhile does not stop the link", async () => {
  const { guard } = await login({ faults: meanwhile({ last_login: "2026-11-21T10:00:00.000Z", logins_count: 9 }) });
  assert.deepEqual(await link(guard), [OTHER, OWN]);
});

test("an account that another login has linked is named", async () => {
  const both = [...user(OTHER).identities, ...user(OWN).identities];
  const faults = [
    { call: "users.get", nth: 1, meanwhile_deleted: [OWN], meanwhile: [user(OTHER, { identities: both })] },
  ];
  const { guard } = await login({ faults });
  await assertRefused(link(guard), "already-linked", new RegExp(`is already an identity of auth0.1`));
  assert.deepEqual(guard.lostAccounts, [OTHER]);
});

test("a link whose answer is lost is found, and requested once", async () => {
  const faults = [{ call: "accounts.link", nth: 1, error: "timed-out", takes_effect: true }];
  const { guard } = await login({ faults });
  assert.deepEqual(await link(guard), [OTHER, OWN]);
});

test("a link that failed without an effect is not reported as made", async () => {
  const faults = [{ call: "accounts.link", nth: 1, error: { unavailable: "503" } }];
  const made = await login({ faults });
  await assertRefused(link(made.guard), "unavailable", /503/);
  assertUnlinked(made);
});

const metadata = [
  ['{"linking":{}}', "refused", /`app_metadata.linking` is a mark/],
  ['{"no_link":null}', "refused", /is a mark/],
  ['{"privileged":false}', "refused", /is a mark/],
  ['{"a":[{"__proto__":1}]}', "refused", /the key `__proto__`/],
  ['{"a":{"constructor":{}}}', "refused", /the key `constructor`/],
  ['{"prototype":1}', "refused", /the key `prototype`/],
  ['{"n":9007199254740993}', "refused", /beyond 2\^53/],
  ["[]", "invalid", /is not a JSON object/],
  ["null", "invalid", /is not a JSON object/],
  ["{", "invalid", /is not a JSON object/],
  [`{"a":"${"x".repeat(32 * 1024)}"}`, "invalid", /bytes long/],
  [`${'{"a":'.repeat(65)}1${"}".repeat(65)}`, "invalid", /more than 64 levels/],
  [`${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`, "invalid", /more than 64 levels|bytes long/],
];
for (const [appMetadata, tag, why] of metadata) {
  test(`a link does not write ${appMetadata.slice(0, 40)}`, async () => {
    const made = await login();
    await assertRefused(link(made.guard, { appMetadata }), tag, why);
    assertUnlinked(made);
  });
}

test("the operator's list of metadata keys holds", async () => {
  const { guard } = await login({ limits: { linkMetadataKeys: ["theme"] } });
  await assertRefused(link(guard, { userMetadata: '{"locale":"en"}' }), "refused", /not among the keys/);
  assert.deepEqual(await link(guard, { userMetadata: '{"theme":1}' }), [OTHER, OWN]);
});

const reasons = [
  [[{ code: "LINKED", level: "info", subject: ["auth0|stranger"], detail: "" }], "refused", /no look-up of this login/],
  [[{ code: "linked", level: "info", subject: [], detail: "" }], "invalid", /capitals/],
  [[{ code: "LINKED", level: "info", subject: [], detail: "a\u001b[2J" }], "invalid", /control character/],
  [[{ code: "LINKED", level: "info", subject: [], detail: "x".repeat(1025) }], "invalid", /longer than 1024/],
  [Array(101).fill({ code: "LINKED", level: "info", subject: [], detail: "" }), "invalid", /101 reasons/],
];
for (const [given, tag, why] of reasons) {
  test(`a link is not made for reasons beyond the contract: ${why.source}`, async () => {
    const made = await login();
    await assertRefused(link(made.guard, { reasons: given }), tag, why);
    assertUnlinked(made);
  });
}

test("look-ups and links have a budget", async () => {
  const { guard } = await login({ limits: { lookUps: 2, links: 0 } });
  await guard.answer("users.find-by-email", { email: ADDRESS.toLowerCase() });
  await assertRefused(guard.answer("users.find-by-email", { email: ADDRESS }), "budget-spent", /2 look-ups/);
  await assertRefused(link(guard), "budget-spent", /0 links/);
});

test("more users than the limit are not returned", async () => {
  const { guard } = await login({ limits: { candidates: 1 }, isBlind: true });
  await assertRefused(guard.answer("users.find-by-email", { email: ADDRESS }), "too-many", /1/);
});

test("an identity that the event does not show stops the look-up", async () => {
  const { guard, tenant } = await login({ isBlind: true });
  tenant.put(user(OWN, { identities: [...user(OWN).identities, ...user(OTHER).identities] }));
  await assertRefused(
    guard.answer("users.find-by-email", { email: ADDRESS }),
    "already-linked",
    /has an identity that the event of this login does not show/,
  );
});

test("an unknown call is refused", async () => {
  const { guard } = await login();
  await assertRefused(guard.answer("users.delete", {}), "refused", /does not offer/);
});

const info = { code: "LINKED", level: "info", detail: "" };
const outcomes = [
  [{ kind: "linked", primary: OTHER }, [info], /nothing was linked/],
  [{ kind: "proceed" }, [], /no reason/],
  [{ kind: "proceed" }, [{ ...info, subject: ["auth0|stranger"] }], /no look-up/],
  [{ kind: "suggest", candidates: ["auth0|stranger"] }, [info], /no look-up/],
  [{ kind: "suggest", candidates: [OWN] }, [info], /own user/],
  [{ kind: "proceed" }, [info], null],
  [{ kind: "suggest", candidates: [OTHER] }, [info], null],
];
for (const [decision, given, fault] of outcomes) {
  test(`the outcome ${JSON.stringify(decision)} with ${given.length} reasons is ${fault ? "untrue" : "true"}`, async () => {
    const { guard } = await login();
    const found = guard.findOutcomeFault({ decision, reasons: given });
    if (fault) assert.match(found, fault);
    else assert.equal(found, null);
  });
}

test("after a link, an outcome has to report it", async () => {
  const { guard } = await login();
  await link(guard);
  assert.match(guard.findOutcomeFault({ decision: { kind: "proceed" }, reasons: [info] }), /does not report it/);
  const other = { kind: "linked", primary: OWN };
  assert.match(guard.findOutcomeFault({ decision: other, reasons: [info] }), /another primary/);
  assert.equal(guard.findOutcomeFault({ decision: { kind: "linked", primary: OTHER }, reasons: [info] }), null);
});

test("addresses are masked in any text, in time in proportion to it", () => {
  const masked = { "ada@corp.com": "a…@corp.com", "(ada@corp.com, eve@x.org)": "(a…@corp.com, e…@x.org)", "@x y": "@x y" };
  for (const [text, shown] of Object.entries(masked)) assert.equal(maskAddresses(text), shown);
  const start = performance.now();
  maskAddresses("a".repeat(1_000_000));
  assert.ok(performance.now() - start < 2000);
});

test("an id that JavaScript has rounded is that of no account", () => {
  const of = (id) => JSON.parse(`{"user_id":"github|${id}","identities":[{"provider":"github","user_id":${id}}]}`);
  assert.equal(readUser(of("9007199254740991")).identities[0].user_id, "9007199254740991");
  assert.throws(() => readUser(of("9007199254740993")), /beyond 2\^53/);
});
