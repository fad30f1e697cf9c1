"use strict";
// A link whose answer is lost when the login's time is up.

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { setTimeout: sleep } = require("node:timers/promises");
const { Guard } = require("../lib/guard");
const { Deadline, LIMITS } = require("../lib/limits");
const { ManagementClient } = require("../lib/management");
const { Tenant } = require("../lib/tenant");
const { readUser } = require("../lib/users");
const { withServer } = require("./stand-in");

const [OWN, OTHER] = ["google-oauth2|115", "auth0|1"];

function user(userId, identities = [userId]) {
  const split = (id) => ({ provider: id.split("|")[0], user_id: id.split("|")[1], connection: id.split("|")[0] });
  return { user_id: userId, email: "ada@example.com", email_verified: true, identities: identities.map(split) };
}

test("a link whose answer is lost is found after the login's time", async () => {
  let isLinked = false;
  const answer = async ({ method, url }) => {
    if (url === "/oauth/token") return [200, { access_token: "t", expires_in: 600 }];
    if (url.startsWith("/api/v2/users-by-email")) return [200, [user(OWN), user(OTHER)]];
    if (method === "POST") {
      isLinked = true;
      await sleep(1600);
      return ["destroy"];
    }
    if (url.endsWith(encodeURIComponent(OTHER))) return [200, user(OTHER, isLinked ? [OTHER, OWN] : [OTHER])];
    return isLinked ? [404, { statusCode: 404, message: "The user does not exist." }] : [200, user(OWN)];
  };
  await withServer(answer, async (domain) => {
    const deadline = new Deadline(1500);
    const client = new ManagementClient({ domain, clientId: "c", clientSecret: "s", deadline });
    const tenant = new Tenant({ client, deadline, log: () => {} });
    const guard = new Guard({ account: readUser(user(OWN)), tenant, limits: LIMITS });
    await guard.answer("users.find-by-email", { email: "ada@example.com" });
    const linked = await guard.answer("accounts.link", { primary: OTHER, secondary: OWN, reasons: [] });
    assert.deepEqual(linked, [OTHER, OWN]);
    assert.equal(guard.linked, OTHER);
  });
});
