"use strict";
// Decides one login: the component behind the guard, and again if another login has linked the accounts meanwhile.

const { REASON, planCheckMark } = require("./check-mark");
const { withInstance } = require("./component");
const { fromOutcome, toAnswer, toEvent } = require("./contract");
const { ApiError } = require("./errors");
const { Guard } = require("./guard");
const { LIMITS } = require("./limits");
const { runByReplay } = require("./replay");
const { accountOfEvent, hasIdentity, readUser, usedIdentity } = require("./users");

/** The most times that a login is decided again. */
const MAX_RETRIES = 4;

/**
 * Decides a login. `login` has `event`, `settings` (a JSON text), `now` in milliseconds, and optionally `answer`, `trace`
 * and `isReadAgain`: without it, the tenant continues the login by itself, so the login's user is read again only if
 * another login has changed the accounts. Returns the outcome, the calls, `linking` (the mark of a look-up to write; null for none), and `continuesAs`:
 * the id of the user that the login continues as, null if it is denied, undefined if it could not be read.
 */
async function decideLogin(login, tenant, limits = LIMITS) {
  const used = usedIdentity(login.event, accountOfEvent(login.event));
  const calls = [];
  let { event, answer } = login;
  let change = null;
  for (let retries = MAX_RETRIES; ; retries -= 1) {
    const account = accountOfEvent(event);
    const guard = new Guard({ account, tenant, limits });
    const outcome = await runComponent({ ...login, event, answer, account }, guard, calls);
    const { isReadAgain = false } = login;
    const after = await readAfterwards({ account, used, guard, outcome, tenant, isReadAgain });
    if (!after.change) {
      return {
        ...settle(outcome, after, { account, change, calls, guard }),
        linking: checkMarkOf(outcome, guard, login),
      };
    }
    if (retries === 0) return neverSettled(outcome, { account, calls });
    event = { ...event, user: mergeKnownUser(account, after.owner), authorization: undefined };
    if (after.change.owner || !change) change = after.change;
    answer = undefined;
  }
}

/** The mark that the component asks for, if a look-up of this login has found no other user. */
function checkMarkOf({ decision, reasons }, guard, { settings, now }) {
  const isWanted = decision.kind === "proceed" && reasons.some(({ code }) => code === REASON);
  if (!isWanted || guard.foundNone !== true) return null;
  return planCheckMark({ account: guard.account, held: guard.appMetadata, settings, now });
}

/** One round: runs the component, and checks that its outcome is true. A failure lets the login go on. */
async function runComponent({ event, account, settings, now, trace = false, answer }, guard, calls) {
  const contractEvent = toEvent(event, account, { settings, trace });
  const run = (call) => {
    const hostCalls = {
      findByEmail: (email) => call("users.find-by-email", { email }),
      ignoresCase: () => guard.ignoresCase(),
      link: (request) => call("accounts.link", request),
    };
    return withInstance({ now, hostCalls }, ({ handler }) =>
      answer ? handler.onContinue(contractEvent, toAnswer(answer)) : handler.onLogin(contractEvent),
    );
  };
  try {
    const replayed = await runByReplay(run, (name, request) => guard.answer(name, request));
    calls.push(...replayed.calls.map(describeCall));
    const outcome = fromOutcome(replayed.result);
    const fault = guard.findOutcomeFault(outcome);
    if (fault) throw new Error(`it gave an invalid answer: ${fault}`);
    return outcome;
  } catch (error) {
    calls.push(...(error.calls ?? []).map(describeCall));
    return outcomeAfterFailure(error, guard);
  }
}

/** A call as `ligature run --json` prints it: users and identities by their ids. */
function describeCall({ name, request, value, error }) {
  const describe = () => (name === "accounts.link" ? { identities: value } : { users: value.map((it) => it.userId) });
  return { call: name, request: describeRequest(name, request), answer: error ? { error } : describe() };
}

function describeRequest(name, request) {
  if (name !== "accounts.link") return request;
  const { primary, secondary, userMetadata, appMetadata } = request;
  const described = { primary, secondary };
  if (userMetadata !== undefined) described.user_metadata = JSON.parse(userMetadata);
  if (appMetadata !== undefined) described.app_metadata = JSON.parse(appMetadata);
  return described;
}

/** The outcome after the component failed. A link that was made before stays. */
function outcomeAfterFailure(error, guard) {
  // An error of the contract is thrown as it is.
  const why = error instanceof Error ? error.message : `gave up: ${new ApiError(error.tag, error.val).toSentence()}`;
  const decision = guard.linked ? { kind: "linked", primary: guard.linked } : { kind: "proceed" };
  const so = guard.linked ? "the link that it made remains" : "the login continues without a link";
  const detail = `The plugin failed: ${why}; ${so}.`;
  return { decision, reasons: [{ code: "PLUGIN_FAILED", level: "error", detail }], trace: [] };
}

/**
 * Reads again which user has the identity of this login. A user whom the tenant does not have is no reason to deny a login
 * that no other login has changed: Auth0 has just logged that user in, and the event may be of another tenant.
 */
async function readAfterwards({ account, used, guard, outcome, tenant, isReadAgain }) {
  const { kind, primary } = outcome.decision;
  const isDenied = kind === "deny";
  if (isDenied && guard.lostAccounts.length === 0) return { continuesAs: null };
  const decidedAs = kind === "linked" ? primary : account.user_id;
  if (!isReadAgain && !guard.isOvertaken(used)) return { continuesAs: isDenied ? null : decidedAs };
  if (guard.lostAccounts.length === 0 && guard.hasJustRead(decidedAs, used)) return { continuesAs: decidedAs };
  let owner;
  try {
    owner = await tenant.owner(used, account);
  } catch (error) {
    return isDenied ? { continuesAs: null } : { continuesAs: kind === "linked" ? primary : undefined, error };
  }
  if (!owner) return { continuesAs: null, denied: "gone" };
  if (owner.user_id === decidedAs) {
    const joined = kind === "linked" ? undefined : guard.lostAccounts.find((id) => hasIdentity(owner, id));
    if (joined) return { owner, change: { account: joined, owner: owner.user_id } };
    if (isDenied) return { owner, change: {} };
    return { continuesAs: decidedAs, owner };
  }
  if (hasIdentity(owner, account.user_id)) {
    return { owner, change: { account: account.user_id, owner: owner.user_id } };
  }
  return { continuesAs: null, denied: "unlinked" };
}

function settle(outcome, after, { account, change, calls, guard }) {
  const settled = { calls, refusals: guard.refusals, continuesAs: after.continuesAs, error: after.error };
  if (after.denied === "gone") {
    const detail =
      `There is no user ${account.user_id} with the identity of this login: the user was deleted, or the identity ` +
      "unlinked, or the event is of another tenant. The login is denied.";
    const reason = { code: "USER_NOT_FOUND", level: "error", subject: [account.user_id], detail };
    return { ...settled, outcome: deny("This account no longer exists.", reason) };
  }
  if (after.denied === "unlinked") {
    const detail = "The identity of this login belongs to another user by now: the login is denied.";
    const message = "Your accounts have just been changed. Please log in again.";
    return { ...settled, outcome: deny(message, raceLost([account.user_id], detail)) };
  }
  return { ...settled, outcome: withRaceLost(outcome, change) };
}

/** The end of a login whose accounts changed in every round. */
function neverSettled(outcome, { account, calls }) {
  const settled = { calls, refusals: [], continuesAs: null };
  if (outcome.decision.kind === "deny") return { ...settled, outcome };
  const detail = "The accounts of this login keep changing while it is decided: the login is denied.";
  const message = "The login could not be completed. Please try again later.";
  return { ...settled, outcome: deny(message, raceLost([account.user_id], detail)) };
}

/** Adds the reason `RACE_LOST` if another login has linked the accounts. A login that proceeds is `linked` then. */
function withRaceLost(outcome, change) {
  if (!change?.owner) return outcome;
  const { account, owner } = change;
  const detail =
    `The event of this login does not show that ${account} is an identity of ${owner}; this login continues as ` +
    `${owner}.`;
  const reason = raceLost([owner, account], detail);
  if (outcome.decision.kind !== "proceed") return { ...outcome, reasons: [...outcome.reasons, reason] };
  return { ...outcome, decision: { kind: "linked", primary: owner }, reasons: [reason, ...outcome.reasons] };
}

function raceLost(subject, detail) {
  return { code: "RACE_LOST", level: "info", subject, detail };
}

function deny(message, reason) {
  return { decision: { kind: "deny", message }, reasons: [reason], trace: [] };
}

/** The user that has the identity now, with what only the event knows. */
function mergeKnownUser(account, owner) {
  const user = readUser(owner);
  if (account.blocked === true) user.blocked = true;
  user.roles = [...new Set([...(user.roles ?? []), ...(account.roles ?? [])])];
  for (const key of ["enrolledFactors", "multifactor", "mfa_factors"]) {
    const both = [user[key] ?? [], account[key] ?? []].flat();
    if (both.length > 0) user[key] = both;
  }
  return user;
}

module.exports = { decideLogin };
