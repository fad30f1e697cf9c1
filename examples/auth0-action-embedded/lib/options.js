"use strict";
// The options of `createAction`, and the secret LIGATURE_ON_FAILURE.

const OPTIONS = ["policy", "budgetMs"];

/** Checks the options. Throws an error that names the first fault. */
function checkOptions(options) {
  if (!isObject(options)) throw new Error("createAction takes one object: createAction({ policy })");
  const unknown = Object.keys(options).find((name) => !OPTIONS.includes(name));
  if (unknown !== undefined) throw new Error(`createAction: unknown option ${JSON.stringify(unknown)}${hintOf(unknown)}`);
  const { policy = {}, budgetMs = 1 } = options;
  if (!isObject(policy)) throw new Error("createAction: `policy` is not an object; it is the policy document itself");
  if (!(Number.isFinite(budgetMs) && budgetMs > 0)) {
    throw new Error("createAction: `budgetMs` is not a positive number of milliseconds");
  }
}

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

function hintOf(unknown) {
  const near = OPTIONS.find((name) => distance(unknown.slice(0, 30).toLowerCase(), name.toLowerCase()) <= 2);
  if (near) return `; did you mean \`${near}\`?`;
  return `; the options are ${OPTIONS.join(" and ")}. An option of the policy belongs in \`policy\``;
}

/** The number of letters to insert, remove or replace between two texts. */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, place) => place);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1);
}

/**
 * Reads LIGATURE_ON_FAILURE. An unknown value denies, so that a misspelt one is safe; `fault` names it. A longer text is
 * not repeated, because it may be another secret.
 */
function readOnFailure(secret) {
  const value = String(secret ?? "").trim();
  const known = value.toLowerCase();
  if (known === "" || known === "proceed") return { isDenied: false };
  if (known === "deny") return { isDenied: true };
  const shown = /^[\w-]{1,16}$/.test(value) ? JSON.stringify(value) : "another text";
  return { isDenied: true, fault: `LIGATURE_ON_FAILURE is ${shown}, which counts as deny; expected deny or proceed` };
}

module.exports = { checkOptions, readOnFailure };
