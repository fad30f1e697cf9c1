// Prints the size of the package, and the processor time of a login's decision: `npm run figures`.
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { gzipSync } from "node:zlib";

const require = createRequire(import.meta.url);
const dist = new URL("dist/", import.meta.url);
const kilobytes = (bytes) => `${(bytes / 1000).toFixed(0)} KB`;

for (const [what, ending] of [
  ["WebAssembly", ".wasm"],
  ["glue", ".js"],
]) {
  const files = readdirSync(dist).filter((name) => name.endsWith(ending));
  const bytes = Buffer.concat(files.map((name) => readFileSync(new URL(name, dist))));
  console.log(`${what}: ${kilobytes(bytes.length)}, ${kilobytes(gzipSync(bytes, { level: 9 }).length)} gzipped`);
}

const { policy, users, event, now } = JSON.parse(
  readFileSync(new URL("../cases/verified-google-login.json", import.meta.url)),
);
const login = { event, settings: JSON.stringify(policy), now: Date.parse(now) };

async function measure(what, run) {
  const before = process.cpuUsage();
  const result = await run();
  const { user, system } = process.cpuUsage(before);
  console.log(`${what}: ${((user + system) / 1000).toFixed(0)} ms of processor time`);
  return result;
}

const { decideLogin } = await measure("load", () => require("./lib/decide"));
const { CaseTenant } = require("./test/case-tenant");
const decide = async () => {
  const { outcome } = await decideLogin(login, new CaseTenant({ users: [...users, event.user] }));
  if (outcome.decision.kind !== "linked") throw new Error("the login was not linked");
};
await measure("first decision, with a link", decide);
for (let n = 0; n < 20; n += 1) await decide();
await measure("later decision, with a link", decide);
