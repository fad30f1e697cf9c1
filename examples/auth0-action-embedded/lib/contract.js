"use strict";
// Conversion between Auth0's JSON and the contract `ligature:login@0.1.0`, in the shapes of jco's glue.

const { factorsOf } = require("./users");

const json = (value) => (value === undefined || value === null ? undefined : JSON.stringify(value));

/** A time in milliseconds; none if it is unknown or unreadable. */
function timestamp(text) {
  const millis = typeof text === "string" ? Date.parse(text) : Number.NaN;
  return Number.isNaN(millis) ? undefined : BigInt(Math.max(0, millis));
}

/** Only JSON `true` is verified. */
function verification(value) {
  if (value === true) return { tag: "verified" };
  if (value === false) return { tag: "unverified" };
  if (value === undefined) return { tag: "absent" };
  return value === null ? { tag: "null" } : { tag: "not-boolean", val: JSON.stringify(value) };
}

function toIdentity({ provider, user_id: userId, connection, isSocial, profileData }) {
  const email = typeof profileData?.email === "string" ? profileData.email : undefined;
  const emailVerified = verification(profileData?.email_verified);
  return { provider, userId, connection, isSocial: isSocial === true, email, emailVerified };
}

function toUser(user) {
  const count = user.logins_count;
  return {
    userId: user.user_id,
    email: user.email ?? undefined,
    emailVerified: verification(user.email_verified),
    createdAt: timestamp(user.created_at),
    lastLogin: timestamp(user.last_login),
    loginsCount: Number.isSafeInteger(count) && count >= 0 ? BigInt(count) : undefined,
    blocked: user.blocked === true,
    identities: user.identities.map(toIdentity),
    roles: user.roles ?? [],
    organizations: user.organizations ?? [],
    mfaFactors: factorsOf(user),
    userMetadata: json(user.user_metadata),
    appMetadata: json(user.app_metadata),
  };
}

function toEvent(event, account, { settings, trace }) {
  const methods = (event.authentication?.methods ?? []).map((it) => ({
    name: it.name,
    factor: it.type ?? undefined,
    at: timestamp(it.timestamp),
  }));
  return {
    user: toUser(account),
    connection: { name: event.connection.name, strategy: event.connection.strategy ?? "" },
    clientId: event.client?.client_id ?? undefined,
    organizationId: event.organization?.id ?? undefined,
    protocol: event.transaction?.protocol ?? undefined,
    prompt: event.transaction?.prompt ?? [],
    methods,
    settings,
    trace,
  };
}

/** The user's answer to a prompt. */
function toAnswer({ step, proof }) {
  const confirmed = proof && {
    tag: "confirmed",
    val: {
      current: proof.current,
      candidate: proof.candidate,
      provedAt: timestamp(proof.proved_at) ?? 0n,
      methods: proof.methods ?? [],
    },
  };
  return { step: step.replaceAll("_", "-"), response: confirmed ?? { tag: "declined" } };
}

/** A decision as `ligature run --json` prints it. */
function fromDecision({ tag, val }) {
  switch (tag) {
    case "linked":
      return { kind: tag, primary: val };
    case "suggest":
      return { kind: tag, step: val.step.replaceAll("-", "_"), candidates: val.candidates };
    case "deny":
      return { kind: tag, message: val };
    default:
      return { kind: tag };
  }
}

const fromReason = ({ code, level, subject, detail }) =>
  subject.length > 0 ? { code, level, subject, detail } : { code, level, detail };

/** An outcome as `ligature run --json` prints it. */
const fromOutcome = ({ decision, reasons, trace }) => ({
  decision: fromDecision(decision),
  reasons: reasons.map(fromReason),
  trace,
});

module.exports = { fromOutcome, toAnswer, toEvent, toUser };
