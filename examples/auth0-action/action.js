// Asks Ligature's login hook about this login, and carries its answer out. Whatever fails, the login goes on, or is
// denied with LIGATURE_ON_FAILURE=deny. Secrets: LIGATURE_URL (such as https://hook.example.com) and LIGATURE_SECRET.
const { createHmac, randomUUID } = require("node:crypto");

// Longer than the hook's own limit (`deadline_ms`, 2 s), shorter than Auth0's for all Actions (20 s).
const BUDGET_MS = 3000;
const hmac = (key, text) => createHmac("sha256", key).update(text).digest("hex");

exports.onExecutePostLogin = (event, api) =>
  follow(event, api, "post-login", () => ({ can_redirect: api.redirect.canRedirect() }));

// After the page on which the user has confirmed another account, or has not.
exports.onContinuePostLogin = (event, api) =>
  follow(event, api, "continue", (secret) => {
    try {
      // Checks the signature, the expiry, and that the token belongs to this transaction.
      const options = { secret: hmac(secret, "ligature return token v1"), tokenParameterName: "ligature_token" };
      return { answer: api.redirect.validateToken(options).answer ?? null };
    } catch (error) {
      console.log(`ligature: no answer: ${error.message}`);
      return { answer: null };
    }
  });

async function follow(event, api, step, more) {
  const { secrets, ...login } = event;
  try {
    const { LIGATURE_URL: url, LIGATURE_SECRET: secret } = secrets;
    if (!url || !secret) throw new Error("the secrets LIGATURE_URL and LIGATURE_SECRET are not both set");
    const { protocol, hostname, origin, href } = URL.canParse(url) ? new URL(url) : {};
    // Over http, a stranger on the way reads the event and decides the login.
    const isSafe = protocol === "https:" || /^http:(localhost|127\.[\d.]+|\[::1\])$/.test(protocol + hostname);
    if (!isSafe || href !== `${origin}/`) throw new Error("LIGATURE_URL has to be https://HOST[:PORT] without a path");
    // The query and the body of the browser's request may hold codes and passwords.
    login.request = { ...login.request, query: {}, body: {} };
    // Without a nonce, two equal logins within a second would have one signature: the hook accepts each once.
    const body = JSON.stringify({ event: login, nonce: randomUUID(), ...more(secret.trim()) });
    const answer = await ask(new URL(`/v1/auth0/${step}`, origin), secret.trim(), body);
    console.log(`ligature: ${answer.action} ${answer.reasons.map((reason) => reason.code).join(" ")}`);
    carryOut(answer, api, origin);
  } catch (error) {
    const onFailure = secrets?.LIGATURE_ON_FAILURE?.trim().toLowerCase() || "proceed";
    const isDenied = error.isDenied || onFailure !== "proceed";
    const odd = /^(proceed|deny)$/.test(onFailure) ? "" : "; LIGATURE_ON_FAILURE is neither proceed nor deny";
    console.log(`ligature: the login ${isDenied ? "is denied" : "goes on"}: ${error.message}${odd}`);
    if (isDenied) api.access.deny("The login could not be completed. Please try again later.");
  }
}

function carryOut({ action, ...answer }, api, origin) {
  if (action === "set_primary_user" && typeof answer.primary_user_id === "string") {
    // Auth0 fails the login if the primary does not have this login's identity. The hook has linked it before.
    api.authentication.setPrimaryUser(answer.primary_user_id);
  } else if (action === "redirect") {
    const page = new URL(answer.url).origin;
    if (page !== origin) throw new Error(`--confirm-url is at ${page}, and has to be at LIGATURE_URL's ${origin}`);
    api.redirect.sendUserTo(answer.url, { query: { token: answer.token } });
  } else if (action === "deny") api.access.deny(String(answer.message));
  else if (action !== "proceed") throw new Error(`this Action cannot carry ${JSON.stringify(action)} out`);
  // The mark of a look-up that found no other account, beside the account's other marks.
  else if (answer.app_metadata) api.user.setAppMetadata("linking", answer.app_metadata.linking);
}

async function ask(url, secret, body) {
  const timestamp = Math.floor(Date.now() / 1000).toString();
  const signature = { "x-ligature-signature": `v1=${hmac(secret, `${timestamp}.${body}`)}` };
  const headers = { "content-type": "application/json", "x-ligature-timestamp": timestamp, ...signature };
  const signal = AbortSignal.timeout(BUDGET_MS);
  const advice = `check https or http, host and port of LIGATURE_URL (${url.origin})`;
  const fail = ({ message, cause }) => {
    throw new Error(`no answer within ${BUDGET_MS} ms: ${cause?.code || cause?.message || message}; ${advice}`);
  };
  const response = await fetch(url, { method: "POST", headers, body, redirect: "manual", signal }).catch(fail);
  const text = await response.text().catch(fail);
  const isJson = /^\s*\{/.test(text);
  if (response.ok && isJson) return JSON.parse(text);
  const err = new Error(`the hook answered ${response.status}: ${isJson ? text.slice(0, 500) : `no JSON; ${advice}`}`);
  // With --on-failure deny, no user avoids a denial by an event that the hook cannot read.
  throw Object.assign(err, { isDenied: response.headers.get("x-ligature-on-failure") === "deny" });
}
