// Decides one login again and again, and prints the times as JSON: `measure.mjs CONTENDER LOGIN.json SECONDS [PACKAGE]`.
// PACKAGE is the folder of the built embedded Action. Each login has a directory of its own, which is made before the
// time is taken.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Directory } from "./directory.mjs";

const [contender, file, seconds, packageFolder] = process.argv.slice(2);
const { event, settings, now, users, linked } = JSON.parse(readFileSync(file, "utf8"));
const source = readFileSync(new URL("rule.js", import.meta.url), "utf8");

/** Returns a contender of the Rule: it gives the primary's id, or nothing if none is linked. */
function byRule(decide) {
  const user = JSON.stringify(event.user);
  return {
    newDirectory: () => new Directory(users),
    decide(directory) {
      try {
        return decide(user, directory.calls()) || null;
      } catch (error) {
        // The Rule's answer to several candidates.
        if (!error.message.includes("several users")) throw error;
        return null;
      }
    },
    ownerOf: (directory, userId) => directory.ownerOf(userId),
  };
}

function byEmbeddedAction() {
  const require = createRequire(new URL(`file://${packageFolder}/`));
  const { decideLogin } = require("./lib/decide");
  const { CaseTenant } = require("./test/case-tenant");
  const login = { event, settings, now };
  return {
    newDirectory: () => new CaseTenant({ users }),
    async decide(directory) {
      const { outcome } = await decideLogin(login, directory);
      return outcome.decision.kind === "linked" ? outcome.decision.primary : null;
    },
    async ownerOf(directory, userId) {
      const identity = event.user.identities.find((it) => `${it.provider}|${it.user_id}` === userId);
      return (await directory.owner(identity))?.user_id;
    },
  };
}

const contenders = {
  "vm-fresh": async () => byRule((await import("./in-vm.mjs")).prepareFresh(source)),
  "vm-reused": async () => byRule((await import("./in-vm.mjs")).prepareReused(source)),
  "isolated-vm": async () => byRule((await import("./in-isolate.mjs")).prepare(source)),
  "embedded-action": byEmbeddedAction,
};
const { newDirectory, decide, ownerOf } = await contenders[contender]();

/** Fails unless the login links what it has to, and the directory has the link. */
async function checkOutcome() {
  const directory = newDirectory();
  const decided = await decide(directory);
  const owner = await ownerOf(directory, event.user.user_id);
  if (decided !== linked || owner !== (linked ?? event.user.user_id)) {
    throw new Error(`${contender} links with ${decided} and leaves the identity to ${owner}, and not to ${linked}`);
  }
}

/** Decides logins for so long, and returns their times in nanoseconds. */
async function decideFor(milliseconds) {
  const times = [];
  const end = performance.now() + milliseconds;
  while (performance.now() < end) {
    const directory = newDirectory();
    const begun = process.hrtime.bigint();
    const decided = decide(directory);
    const result = decided instanceof Promise ? await decided : decided;
    times.push(Number(process.hrtime.bigint() - begun));
    if (result !== linked) throw new Error(`${contender} links with ${result}, and not with ${linked}`);
  }
  return times;
}

await checkOutcome();
await decideFor(seconds * 250);
const times = (await decideFor(seconds * 1000)).sort((a, b) => a - b);
const percentile = (share) => times[Math.round((times.length - 1) * share)] / 1000;
console.log(JSON.stringify({ p50_us: percentile(0.5), p99_us: percentile(0.99), logins: times.length }));
