"use strict";
// Links users by e-mail address inside an Auth0 post-login Action. See README.md.

const { checkPolicy } = require("./lib/component");
const { decideLogin } = require("./lib/decide");
const { maskAddresses } = require("./lib/errors");
const { Deadline } = require("./lib/limits");
const { ManagementClient } = require("./lib/management");
const { checkOptions, readOnFailure } = require("./lib/options");
const { Tenant } = require("./lib/tenant");

const SECRETS = ["LIGATURE_AUTH0_DOMAIN", "LIGATURE_AUTH0_CLIENT_ID", "LIGATURE_AUTH0_CLIENT_SECRET"];

const DENIED = "The login could not be completed. Please try again later.";

/** The time for reads and the decision. A link that has begun takes at most 9 s more; Auth0 allows 20 s. */
const BUDGET_MS = 5000;

const log = (line) => console.log(`ligature: ${line}`);

/**
 * Returns the function `onExecutePostLogin` of an Action. `policy` is the policy document. Whatever fails, the login
 * goes on, or is denied with the secret LIGATURE_ON_FAILURE=deny, and the Action's log says why.
 */
function createAction(options = {}) {
  const { policy, budgetMs = BUDGET_MS } = options ?? {};
  const settings = JSON.stringify(policy ?? {});
  let isChecked = false;
  return async function onExecutePostLogin(event, api) {
    try {
      if (!isChecked) {
        checkOptions(options);
        checkPolicy(settings);
        if (policy === undefined) log("no policy is given: the defaults decide, which only observe");
      }
      isChecked = true;
      await decideAndCarryOut(event, api, { settings, deadline: new Deadline(budgetMs) });
    } catch (error) {
      endUndecided(event, api, String(error.message));
    }
  };
}

async function decideAndCarryOut(event, api, { settings, deadline }) {
  const [domain, clientId, clientSecret] = SECRETS.map((name) => event.secrets?.[name]?.trim());
  if (!domain || !clientId || !clientSecret) throw new Error(`the secrets ${SECRETS.join(", ")} are not all set`);
  const client = new ManagementClient({ domain, clientId, clientSecret, cache: api.cache, deadline });
  const tenant = new Tenant({ client, deadline, log });
  const decided = await decideLogin({ event, settings, now: Date.now() }, tenant);
  carryOut(decided, event, api);
}

/** Ends a login that was not decided. */
function endUndecided(event, api, why) {
  const { isDenied, fault } = readOnFailure(event?.secrets?.LIGATURE_ON_FAILURE);
  if (fault) log(fault);
  log(`the login ${isDenied ? "is denied" : "goes on"}: ${maskAddresses(why)}`);
  if (isDenied) api.access.deny(DENIED);
  return isDenied;
}

/** Carries the decision out. Auth0 allows `setPrimaryUser` once, and only after the link exists. */
function carryOut({ outcome, continuesAs, linking, refusals, error }, event, api) {
  const { kind, message } = outcome.decision;
  const failure = outcome.reasons.find((reason) => reason.code === "PLUGIN_FAILED")?.detail;
  const unread = error && kind !== "linked" ? `the user could not be read again: ${error.message}` : undefined;
  if ((failure || unread) && endUndecided(event, api, failure ?? unread)) return;
  if (continuesAs && continuesAs !== event.user.user_id) api.authentication.setPrimaryUser(continuesAs);
  else if (linking) api.user.setAppMetadata("linking", linking);
  if (kind === "deny") api.access.deny(message);
  const codes = outcome.reasons.map((reason) => reason.code);
  // The package has no page that asks.
  if (kind === "suggest") codes.unshift("CONFIRMATION_UNAVAILABLE");
  log(`${kind} ${codes.join(" ")}`);
  for (const { code, level, detail } of outcome.reasons) {
    if (level === "error") log(maskAddresses(`${code}: ${detail}`));
  }
  for (const { call, why } of refusals) log(maskAddresses(`${call} was not answered: ${why}`));
  if (error && !unread) log(`the user could not be read again: ${maskAddresses(error.message)}`);
}

module.exports = { createAction };
