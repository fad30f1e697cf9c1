"use strict";
// The component: compiled once, and instantiated again for each run.

const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { instantiate } = require("../dist/component.js");
const { createWasi } = require("./wasi");

const modules = new Map();

function loadModule(name) {
  if (!modules.has(name)) {
    modules.set(name, new WebAssembly.Module(readFileSync(join(__dirname, "..", "dist", name))));
  }
  return modules.get(name);
}

const unused = () => {
  throw new Error("the component makes no host call here");
};

/**
 * Calls `use` with the exports of a fresh instance. `hostCalls` has the imports of the contract. A failure of the
 * component has its panic message, if there is one.
 */
function withInstance({ now, hostCalls = {} }, use) {
  const { imports, stderr } = createWasi(now);
  const { findByEmail = unused, ignoresCase = unused, link = unused } = hostCalls;
  const contract = { "ligature:login/users": { findByEmail, ignoresCase }, "ligature:login/accounts": { link } };
  try {
    return use(instantiate(loadModule, { ...imports, ...contract }));
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError && stderr.text) error.message += `: ${stderr.text.trim()}`;
    throw error;
  }
}

/** Checks a policy document. Throws an error that names the first fault. */
function checkPolicy(text) {
  try {
    withInstance({ now: 0 }, ({ settings }) => settings.check(text));
  } catch (error) {
    // An error of the contract is thrown as it is.
    if (error instanceof Error) throw error;
    const { line, column, message } = error;
    const place = line ? ` (line ${line}, column ${column})` : "";
    throw new Error(`the policy is refused: ${message}${place}`);
  }
}

module.exports = { checkPolicy, withInstance };
