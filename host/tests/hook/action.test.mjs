// The example Action against `ligature hook`.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { Api, runLogin, withServer } from "./stand_in.mjs";

const examples = new URL("../../../examples/", import.meta.url);
const { onExecutePostLogin, onContinuePostLogin } = createRequire(import.meta.url)(new URL("auth0-action/action.js", examples).pathname);
const [secret, oldSecret] = process.env.LIGATURE_TEST_SECRETS.split(" ");
const [google, database] = process.env.LIGATURE_TEST_USERS.split(" ");

/** The identities of a user, as the directory has them now. */
function identitiesOf(userId) {
  const shown = execFileSync(process.env.LIGATURE_PROGRAM, ["users", "show", userId]);
  return JSON.parse(shown).identities.map((it) => `${it.provider}|${it.user_id}`);
}

function login(changes = {}, secrets = {}) {
  const event = JSON.parse(readFileSync(new URL("directory/event.json", examples)));
  event.secrets = { LIGATURE_URL: process.env.LIGATURE_HOOK, LIGATURE_SECRET: secret, ...secrets };
  Object.assign(event.user, changes);
  return event;
}

const run = (event, execute = onExecutePostLogin) => runLogin(execute, event, identitiesOf);

/** Starts a stand-in for the hook, whose requests `answer` answers with `[status, body, headers]`. */
const standIn = (answer, use) => withServer(answer, (host, requests) => use(`http://${host}`, requests));

function assertGoesOn({ api }) {
  assert.equal(api.denied, null);
  assert.equal(api.primary, null);
  assert.equal(api.redirect.sentTo, null);
}

test("a login that links nothing goes on", async () => {
  const ended = await run(login({ email_verified: false }));
  assertGoesOn(ended);
  assert.match(ended.said, /^ligature: proceed [A-Z_]+/);
});

test("two logins at once are linked, and both continue as the primary", async () => {
  const ended = await Promise.all([run(login()), run(login({}, { LIGATURE_SECRET: oldSecret }))]);
  for (const { api, said } of ended) assert.equal(api.primary, database, said);
  assert.deepEqual(identitiesOf(database), [database, google]);
});

test("a later login continues as the primary", async () => {
  const { api, said } = await run(login());
  assert.equal(api.primary, database, said);
});

test("a secret with a line break at its end is the same secret", async () => {
  const { api, said } = await run(login({}, { LIGATURE_SECRET: `${secret}\n` }));
  assert.equal(api.primary, database, said);
});

test("a wrong secret is logged, and the login goes on", async () => {
  const ended = await run(login({}, { LIGATURE_SECRET: "x".repeat(40) }));
  assertGoesOn(ended);
  assert.match(ended.said, /answered 401: .*signature_wrong/);
});

test("missing secrets are named, and the login goes on", async () => {
  const ended = await run(login({}, { LIGATURE_SECRET: "" }));
  assertGoesOn(ended);
  assert.match(ended.said, /LIGATURE_URL and LIGATURE_SECRET/);
});

test("a LIGATURE_URL that is no origin, or http to another machine, is named, and the login goes on", async () => {
  const malformed = ["hook.example.com", "localhost:4490", "https://", "ftp://hook.example.com", "http:localhost.evil"];
  const withMore = ["https://hook.example.com/auth0", "https://hook.example.com/?a=b", "https://me@hook.example.com"];
  const open = ["http://hook.example.com", "http://localhost.example.com", "http://192.0.2.1:4490", "http://127.evil.com"];
  for (const url of [...malformed, ...withMore, ...open]) {
    const ended = await run(login({}, { LIGATURE_URL: url }));
    assertGoesOn(ended);
    assert.match(ended.said, /the login goes on: LIGATURE_URL has to be https:\/\/HOST\[:PORT\] without a path$/, url);
  }
  const spaced = await run(login({ email_verified: false }, { LIGATURE_URL: ` ${process.env.LIGATURE_HOOK}\n` }));
  assert.match(spaced.said, /^ligature: (proceed|set_primary_user) /);
});

test("a hook that is away is logged, and the login goes on", async () => {
  const ended = await run(login({}, { LIGATURE_URL: "http://127.0.0.1:1/" }));
  assertGoesOn(ended);
  assert.match(ended.said, /the login goes on: no answer within 3000 ms: .*(ECONNREFUSED|bad port)/);
  assert.match(ended.said, /check https or http, host and port of LIGATURE_URL \(http:\/\/127.0.0.1:1\)/);
  // https, to a hook of http.
  const other = await run(login({}, { LIGATURE_URL: process.env.LIGATURE_HOOK.replace("http:", "https:") }));
  assert.match(other.said, /the login goes on: no answer.*check https or http, host and port of LIGATURE_URL/);
});

test("with LIGATURE_ON_FAILURE=deny, a login that nobody has decided is denied", async () => {
  const strict = (secrets) => run(login({}, { LIGATURE_ON_FAILURE: "deny\n", ...secrets }));
  for (const secrets of [{ LIGATURE_URL: "http://127.0.0.1:1/" }, { LIGATURE_SECRET: "x".repeat(40) }, { LIGATURE_SECRET: "" }]) {
    const { api, said } = await strict(secrets);
    assert.match(api.denied, /try again later/, said);
    assert.match(said, /the login is denied: /);
  }
  // The hook refuses an event that is too large. A user can make it so, where metadata is the user's own.
  const large = login({ user_metadata: { text: "x".repeat(2 ** 20) } }, { LIGATURE_ON_FAILURE: "deny" });
  const { api, said } = await run(large);
  assert.match(said, /the login is denied: .*(body_too_large|no answer)/);
  assert.ok(api.denied, said);
  const decided = await strict({});
  assert.equal(decided.api.denied, null, decided.said);
});

test("any other value of LIGATURE_ON_FAILURE than proceed denies, too", async () => {
  const values = [["Deny", true], ["true", true], ["proceed", false], ["Proceed\n", false], [" ", false]];
  for (const [value, isDenied] of values) {
    const { api, said } = await run(login({}, { LIGATURE_ON_FAILURE: value, LIGATURE_SECRET: "x".repeat(40) }));
    assert.equal(api.denied !== null, isDenied, value);
    assert.equal(said.includes("LIGATURE_ON_FAILURE is neither proceed nor deny"), value === "true", said);
  }
});

test("a refusal by a hook with --on-failure deny denies the login", async () => {
  for (const [headers, isDenied] of [[{ "x-ligature-on-failure": "deny" }, true], [{}, false]]) {
    await standIn(
      () => [400, { error: "event_invalid" }, headers],
      async (url) => {
        const { api, said } = await run(login({}, { LIGATURE_URL: url }));
        assert.equal(api.denied !== null, isDenied);
        assert.match(said, isDenied ? /the login is denied: the hook answered 400/ : /the login goes on: the hook answered 400/);
      },
    );
  }
});

test("an event that the hook cannot read goes on, and the log says why", async () => {
  const nested = JSON.parse(`${"[".repeat(200)}1${"]".repeat(200)}`);
  for (const text of ["\ud800", nested]) {
    const ended = await run(login({ user_metadata: { text } }));
    assertGoesOn(ended);
    assert.match(ended.said, /the login goes on: the hook answered 400: .*event_invalid.*(surrogate|nested too deeply)/);
  }
});

test("a hook that is slow is left after the Action's budget", async () => {
  await standIn(
    () => new Promise(() => {}),
    async (url) => {
      const start = Date.now();
      const ended = await run(login({}, { LIGATURE_URL: url }));
      assertGoesOn(ended);
      assert.ok(Date.now() - start < 4500, `${Date.now() - start} ms`);
      assert.match(ended.said, /no answer within 3000 ms/);
    },
  );
});

const answers = [
  ["an unknown action", { action: "redirect", url: "https://evil.example/", reasons: [] }],
  ["no JSON", "<html>"],
  ["null", null],
  ["an action without what it needs", { action: "set_primary_user" }],
];
for (const [name, answer] of answers) {
  test(`the login goes on after ${name}`, async () => {
    await standIn(
      () => [200, answer],
      async (url) => assertGoesOn(await run(login({}, { LIGATURE_URL: url }))),
    );
  });
}

test("a redirect, and a page, of another server are named with their correction", async () => {
  for (const [status, text] of [[307, ""], [200, "<html>"], [502, "<html>"], [404, "null"]]) {
    await standIn(
      () => [status, text, { location: process.env.LIGATURE_HOOK }],
      async (url, requests) => {
        const ended = await run(login({}, { LIGATURE_URL: url }));
        assertGoesOn(ended);
        const advice = `the hook answered ${status}: no JSON; check https or http, host and port of LIGATURE_URL (${url})`;
        assert.ok(ended.said.endsWith(advice), ended.said);
        assert.equal(requests.length, 1);
      },
    );
  }
});

test("a redirect of the answer is carried out, to the hook's own origin only", async () => {
  let redirect;
  await standIn(
    () => [200, { action: "redirect", ...redirect, token: "t", reasons: [] }],
    async (url, requests) => {
      redirect = { url: `${url}/v1/confirm` };
      const { api } = await run(login({}, { LIGATURE_URL: url }));
      assert.equal(api.redirect.sentTo.href, `${url}/v1/confirm?token=t&state=a-transaction`);
      redirect = { url: "https://evil.example/v1/confirm" };
      const refused = await run(login({}, { LIGATURE_URL: url }));
      assertGoesOn(refused);
      const origins = `--confirm-url is at https://evil.example, and has to be at LIGATURE_URL's ${url}`;
      assert.ok(refused.said.includes(origins), refused.said);
      // A login without pages says so.
      const silent = login({}, { LIGATURE_URL: url });
      silent.transaction = { ...silent.transaction, prompt: ["none"] };
      await run(silent);
      assert.deepEqual(requests.map(({ body }) => JSON.parse(body).can_redirect), [true, true, false]);
    },
  );
});

/** A token as the page of the hook signs it. */
function returnToken(changes = {}, key = secret) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: "tenant", sub: google, iat: now, exp: now + 120, state: "a-transaction", answer: "sealed" };
  const signed = `${encode({ typ: "JWT", alg: "HS256" })}.${encode({ ...claims, ...changes })}`;
  const derived = createHmac("sha256", key).update("ligature return token v1").digest("hex");
  return `${signed}.${createHmac("sha256", derived).update(signed).digest("base64url")}`;
}

const returned = [
  ["the hook's answer", returnToken(), "sealed"],
  ["no token", undefined, null],
  ["a token without an answer", returnToken({ answer: undefined }), null],
  ["an altered token", returnToken().replace(/.$/, (last) => (last === "A" ? "Q" : "A")), null],
  ["a token by another secret", returnToken({}, "x".repeat(40)), null],
  ["an expired token", returnToken({ exp: Math.floor(Date.now() / 1000) - 1 }), null],
  ["a token of another transaction", returnToken({ state: "another" }), null],
  ["a token of another user", returnToken({ sub: "auth0|another" }), null],
];
for (const [name, token, answer] of returned) {
  test(`a login that comes back with ${name} is asked about again`, async () => {
    await standIn(
      () => [200, { action: "set_primary_user", reasons: [] }],
      async (url, requests) => {
        const event = login({}, { LIGATURE_URL: url });
        event.request.body = { ligature_token: token };
        assertGoesOn(await run(event, onContinuePostLogin));
        assert.equal(JSON.parse(requests[0].body).answer, answer);
        assert.deepEqual(JSON.parse(requests[0].body).event.request.body, {});
      },
    );
  });
}

test("a denial is carried out", async () => {
  await standIn(
    () => [200, { action: "deny", message: "Not today.", reasons: [] }],
    async (url) => assert.equal((await run(login({}, { LIGATURE_URL: url }))).api.denied, "Not today."),
  );
});

test("the mark of a look-up is written, and nothing else", async () => {
  const linking = { checked: { at: 1, for: "f" } };
  const marked = { action: "proceed", reasons: [], app_metadata: { linking, roles: ["admin"] } };
  await standIn(
    () => [200, marked],
    async (url) => {
      const ended = await run(login({}, { LIGATURE_URL: url }));
      assertGoesOn(ended);
      assert.deepEqual(ended.api.appMetadata, { linking });
    },
  );
});

test("a second setPrimaryUser of the transaction is logged, and the login goes on", async () => {
  const event = login();
  const api = new Api(event);
  api.primary = "auth0|set-by-another-action";
  const { said } = await runLogin(onExecutePostLogin, event, () => [null, google], api);
  assert.equal(api.primary, "auth0|set-by-another-action");
  assert.match(said, /the login goes on: setPrimaryUser is called once/);
});

test("secrets, the query and the body of the browser's request are not sent", async () => {
  await standIn(
    () => [200, { action: "proceed", reasons: [] }],
    async (url, requests) => {
      const event = login({}, { LIGATURE_URL: url, OTHER: "an-other-secret" });
      event.request.body = { password: "hunter2" };
      await run(event);
      const [{ body, headers }] = requests;
      assert.ok(!body.includes(secret) && !body.includes("an-other-secret") && !body.includes("hunter2"));
      assert.deepEqual(JSON.parse(body).event.request.query, {});
      assert.match(headers["x-ligature-signature"], /^v1=[0-9a-f]{64}$/);
    },
  );
});
