// The example Action, `ligature hook`, and `ligature serve` as its tenant: real links through the Management API, and
// what happens to a login while one of them is stopped.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { LocalTenant, loginEvent, runLogin } from "./stand_in.mjs";

const action = new URL("../../../examples/auth0-action/action.js", import.meta.url).pathname;
const { onExecutePostLogin } = createRequire(import.meta.url)(action);
const { LIGATURE_HOOK: hook, LIGATURE_TENANT, LIGATURE_TEST_CLIENT } = process.env;
const [secret, oldSecret] = process.env.LIGATURE_TEST_SECRETS.split(" ");
const [hookProcess, tenantProcess] = process.env.LIGATURE_TEST_PROCESSES.split(" ").map(Number);

after(() => [hookProcess, tenantProcess].forEach((id) => process.kill(id, "SIGCONT")));

const tenant = await LocalTenant.connect(LIGATURE_TENANT, ...LIGATURE_TEST_CLIENT.split(" "));
const userOf = (userId) => tenant.user(userId);
const identitiesOf = (userId) => tenant.identities(userId);

async function loginOf(userId, key = secret) {
  return loginEvent(await userOf(userId), { LIGATURE_URL: hook, LIGATURE_SECRET: key });
}

const run = (event) => runLogin(onExecutePostLogin, event, identitiesOf);

/** The entries of the journal, beside which the hook runs. */
function journal() {
  const listed = execFileSync(process.env.LIGATURE_PROGRAM, ["journal", "list", "--json"], { encoding: "utf8" });
  return listed.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

async function assertUnlinked({ api, said }, userId) {
  assert.deepEqual([api.primary, api.denied], [null, null], said);
  assert.equal((await identitiesOf(userId)).length, 1);
}

async function whileStopped(id, use) {
  process.kill(id, "SIGSTOP");
  try {
    return await use();
  } finally {
    process.kill(id, "SIGCONT");
  }
}

/** Runs `use` with a clock that is off by so many seconds. */
async function withClockOff(seconds, use) {
  const { now } = Date;
  Date.now = () => now() + seconds * 1000;
  try {
    return await use();
  } finally {
    Date.now = now;
  }
}

test("a login is linked at the tenant, and continues as the primary", async () => {
  const { api, said } = await run(await loginOf("google-oauth2|1080"));
  assert.equal(api.primary, "auth0|ada", said);
  assert.equal(await userOf("google-oauth2|1080"), null);
  const { user_metadata: metadata } = await userOf("auth0|ada");
  assert.deepEqual(metadata, { theme: "dark", locale: "en" });
  const [entry, ...others] = journal();
  assert.deepEqual([entry.secondary, entry.state, others], ["google-oauth2|1080", "done", []]);
  const later = await run(await loginOf("auth0|ada"));
  assert.deepEqual([later.api.primary, later.api.denied], [null, null], later.said);
});

test("two logins at once make one link, and both continue as the primary", async () => {
  const event = await loginOf("google-oauth2|1081");
  const other = { ...structuredClone(event), secrets: { LIGATURE_URL: hook, LIGATURE_SECRET: oldSecret } };
  for (const { api, said } of await Promise.all([run(event), run(other)])) assert.equal(api.primary, "auth0|bob", said);
  assert.deepEqual(await identitiesOf("auth0|bob"), ["auth0|bob", "google-oauth2|1081"]);
  assert.equal(journal().filter((entry) => entry.primary === "auth0|bob" && entry.state === "done").length, 1);
});

test("a login by an identity that was linked without the hook goes on", async () => {
  const linked = await tenant.call("users/auth0%7Cgrace/identities", {
    method: "POST",
    body: JSON.stringify({ provider: "google-oauth2", user_id: "1085" }),
  });
  assert.equal(linked.status, 201);
  const event = await loginOf("auth0|grace");
  event.connection = { name: "google-oauth2", strategy: "google-oauth2" };
  const { api, said } = await run(event);
  assert.deepEqual([api.primary, api.denied], [null, null], said);
});

test("a login that the policy denies is denied", async () => {
  const { api, said } = await run(await loginOf("google-oauth2|1084"));
  assert.ok(api.denied, said);
  assert.equal(api.primary, null);
  assert.match(said, /^ligature: deny MULTIPLE_CANDIDATES/);
});

for (const minutes of [-10, 10]) {
  test(`a clock that is off by ${minutes} minutes is named, and the login goes on`, async () => {
    const event = await loginOf("google-oauth2|1082");
    const ended = await withClockOff(minutes * 60, () => run(event));
    await assertUnlinked(ended, "auth0|eve");
    assert.match(ended.said, /answered 401: .*clock_off.*\d{3} s (behind|ahead of) the clock/);
  });
}

test("a request that is replayed is refused, and decides nothing", async () => {
  const { fetch: real } = globalThis;
  const sent = [];
  globalThis.fetch = (...request) => (sent.push(request), real(...request));
  try {
    const first = await run({ ...(await loginOf("google-oauth2|1082")), connection: { name: "x", strategy: "x" } });
    await assertUnlinked(first, "auth0|eve");
  } finally {
    globalThis.fetch = real;
  }
  const [url, { signal, ...init }] = sent.find(([url]) => String(url).startsWith(hook));
  const again = await real(url, init);
  assert.equal(again.status, 401);
  assert.equal((await again.json()).error, "replayed");
});

test("a clock that is off by four minutes does not matter", async () => {
  const event = await loginOf("google-oauth2|1082");
  const { api, said } = await withClockOff(-240, () => run(event));
  assert.equal(api.primary, "auth0|eve", said);
});

test("a login goes on while the tenant does not answer the hook", async () => {
  const event = await loginOf("google-oauth2|1083");
  const ended = await whileStopped(tenantProcess, () => run(event));
  assert.deepEqual([ended.api.primary, ended.api.denied], [null, null]);
  assert.match(ended.said, /^ligature: proceed (LOOKUP_FAILED|LOGIN_TIMED_OUT|DIRECTORY_FAILED)/);
  await assertUnlinked(ended, "auth0|mallory");
});

test("a login goes on while the hook does not answer, and is not linked afterwards", async () => {
  const event = await loginOf("google-oauth2|1083");
  const start = Date.now();
  const ended = await whileStopped(hookProcess, () => run(event));
  assert.ok(Date.now() - start < 4500, `${Date.now() - start} ms`);
  assert.match(ended.said, /the login goes on: no answer within 3000 ms/);
  await sleep(1000);
  await assertUnlinked(ended, "auth0|mallory");
});

test("the next login after a failure is linked", async () => {
  const { api, said } = await run(await loginOf("google-oauth2|1083"));
  assert.equal(api.primary, "auth0|mallory", said);
});
