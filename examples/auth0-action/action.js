/**
 * Asks Ligature's login hook about this login, and carries its answer out. Whatever fails, the login goes on.
 * Secrets: LIGATURE_URL (such as https://hook.example.com) and LIGATURE_SECRET.
 */
const { createHmac, randomUUID } = require("node:crypto");

// Longer than the hook's own limit (`deadline_ms`, 2 s), shorter than Auth0's for all Actions (20 s).
const BUDGET_MS = 3000;

exports.onExecutePostLogin = async (event, api) => {
  try {
    const answer = await ask(event);
    const codes = answer.reasons.map((reason) => reason.code).join(" ");
    console.log(`ligature: ${answer.action} ${codes}`);
    carryOut(answer, event, api);
  } catch (error) {
    console.log(`ligature: the login goes on: ${error.message}`);
  }
};

function carryOut(answer, event, api) {
  switch (answer.action) {
    case "proceed":
      return;
    case "set_primary_user":
      // Auth0 fails the login if the primary does not have this login's identity. The hook has linked it before.
      if (typeof answer.primary_user_id !== "string") throw new Error("the answer names no primary user");
      api.authentication.setPrimaryUser(answer.primary_user_id);
      return;
    case "deny":
      api.access.deny(String(answer.message));
      return;
    default:
      throw new Error("this Action does not know that answer");
  }
}

async function ask(event) {
  const { secrets, ...login } = event;
  const { LIGATURE_URL: url, LIGATURE_SECRET: secret } = secrets;
  if (!url || !secret) throw new Error("the secrets LIGATURE_URL and LIGATURE_SECRET are not both set");
  // The query and the body of the browser's request may hold codes and passwords.
  login.request = { ...login.request, query: {}, body: {} };
  // Without a nonce, two equal logins within a second would have one signature: the hook accepts each once.
  const body = JSON.stringify({ event: login, nonce: randomUUID() });
  const timestamp = Math.floor(Date.now() / 1000).toString();
  const signature = createHmac("sha256", secret.trim()).update(`${timestamp}.${body}`).digest("hex");
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new Error(`no answer within ${BUDGET_MS} ms`)), BUDGET_MS);
  try {
    const response = await fetch(new URL("/v1/auth0/post-login", url), {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-ligature-timestamp": timestamp,
        "x-ligature-signature": `v1=${signature}`,
      },
      body,
      redirect: "error",
      signal: controller.signal,
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`the hook answered ${response.status}: ${text.slice(0, 500)}`);
    return JSON.parse(text);
  } finally {
    clearTimeout(timer);
  }
}
