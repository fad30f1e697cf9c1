"use strict";
// The Action with `ligature serve` as its tenant: real links through its Management API.
// LIGATURE_TENANT is its `host:port`; host/tests/languages/embedded.rs starts it.

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { createAction } = require("..");
const { LocalTenant } = require("./local-tenant");
const { loginEvent, runLogin } = require("./stand-in");

const domain = process.env.LIGATURE_TENANT;
const skip = domain ? false : "LIGATURE_TENANT is not set";
const POLICY = { mode: "auto", trusted_connections: ["google-oauth2"] };

const CREDENTIALS = {
  linker: "the-s3cret-of-the-action",
  reader: "the-s3cret-of-the-reader",
};

let connected;
const tenant = () => (connected ??= LocalTenant.connect(`http://${domain}`, "linker", CREDENTIALS.linker));
const userOf = async (userId) => (await tenant()).user(userId);
const identitiesOf = async (userId) => (await tenant()).identities(userId);

async function eventOf(userId, client = "linker", secret = CREDENTIALS[client]) {
  return loginEvent(await userOf(userId), {
    LIGATURE_AUTH0_DOMAIN: domain,
    LIGATURE_AUTH0_CLIENT_ID: client,
    LIGATURE_AUTH0_CLIENT_SECRET: secret,
  });
}

const run = (event) => runLogin(createAction({ policy: POLICY }), event, identitiesOf);

test("a login is linked, and the metadata is on the primary", { skip }, async () => {
  const { api, said } = await run(await eventOf("google-oauth2|1080"));
  assert.equal(api.primary, "auth0|ada", said);
  const { user_metadata: metadata } = await userOf("auth0|ada");
  assert.deepEqual(metadata, { theme: "dark", locale: "en" });
  assert.equal(await userOf("google-oauth2|1080"), null);
  const later = await run(await eventOf("auth0|ada"));
  assert.deepEqual([later.api.primary, later.api.denied], [null, null], later.said);
});

test("two logins at once make one link, and both continue as the primary", { skip }, async () => {
  const event = await eventOf("google-oauth2|1081");
  const both = await Promise.all([run(event), run(structuredClone(event))]);
  for (const { api, said } of both) assert.equal(api.primary, "auth0|bob", said);
  assert.deepEqual(await identitiesOf("auth0|bob"), ["auth0|bob", "google-oauth2|1081"]);
});

test("a login at the other account at the same time is linked once", { skip }, async () => {
  const events = await Promise.all([eventOf("google-oauth2|1082"), eventOf("auth0|eve")]);
  const [google, database] = await Promise.all(events.map((event) => run(event)));
  assert.deepEqual([google.api.denied, database.api.denied], [null, null], google.said + database.said);
  const owner = (await userOf("auth0|eve")) ?? (await userOf("google-oauth2|1082"));
  assert.equal(owner.identities.length, 2);
  for (const [{ api, said }, event] of [
    [google, events[0]],
    [database, events[1]],
  ]) {
    assert.equal(api.primary ?? event.user.user_id, owner.user_id, said);
  }
});

test("a client without the scope to link is named in the log, and the login goes on", { skip }, async () => {
  const { api, said } = await run(await eventOf("google-oauth2|1083", "reader"));
  assert.deepEqual([api.primary, api.denied], [null, null]);
  assert.match(said, /LINK_FAILED.*403/s);
  assert.equal((await userOf("auth0|mallory")).identities.length, 1);
});

test("a wrong secret is named in the log, and the login goes on", { skip }, async () => {
  const { api, said } = await run(await eventOf("google-oauth2|1083", "linker", "wrong"));
  assert.deepEqual([api.primary, api.denied], [null, null]);
  assert.match(said, /LOOKUP_FAILED.*401/s);
});
