"use strict";
// Decides cases, one JSON object a line of standard input, and prints a report on each, as `ligature run --json` has it.

const { createInterface } = require("node:readline");
const { decideLogin } = require("../lib/decide");
const { CaseTenant } = require("./case-tenant");

async function main() {
  for await (const line of createInterface({ input: process.stdin })) {
    const { name, now, event, settings, answer, ...directory } = JSON.parse(line);
    // `ligature run` keeps the users itself, and reads the login's user again.
    const login = { event, settings, now, answer: answer ?? undefined, isReadAgain: true };
    const { outcome, calls } = await decideLogin(login, new CaseTenant(directory));
    console.log(JSON.stringify({ name, decision: outcome.decision, reasons: outcome.reasons, calls }));
  }
}

main();
