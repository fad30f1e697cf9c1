// Transpiles the built-in component of `ligature` into `dist/`: core modules and their glue.
// LIGATURE_COMPONENT names a component to take instead. With `--if-missing`, a package that is built stays as it is.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { transpileBytes } from "@bytecodealliance/jco-transpile";

const dist = fileURLToPath(new URL("dist/", import.meta.url));

function readBuiltIn() {
  const folder = mkdtempSync(join(tmpdir(), "ligature-"));
  const file = join(folder, "component.wasm");
  try {
    execFileSync("ligature", ["component", "--built-in", "--output", file], { stdio: ["ignore", "ignore", "inherit"] });
    return readFileSync(file);
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
    console.error("The program `ligature` is not in the PATH: install it, or set LIGATURE_COMPONENT to a component's file.");
    process.exit(1);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The glue as a CommonJS module: an Action loads the package by `require`, and jco writes an ES module. */
function toCommonJs(glue) {
  const changes = [
    ["export function instantiate(", "module.exports={instantiate};function instantiate("],
    ["export const _util={}", "const _util={}"],
  ];
  return changes.reduce((text, [from, to]) => {
    if (text.split(from).length !== 2) throw new Error(`the glue has not exactly one \`${from}\``);
    return text.replace(from, to);
  }, glue);
}

if (process.argv.includes("--if-missing") && existsSync(join(dist, "component.js"))) process.exit(0);

const named = process.env.LIGATURE_COMPONENT;
const component = named ? readFileSync(named) : readBuiltIn();
const options = { name: "component", instantiation: "sync", noTypescript: true, minify: true };
const { files } = await transpileBytes(component, options);

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
for (const [name, bytes] of Array.isArray(files) ? files : Object.entries(files)) {
  if (name === "component.js") writeFileSync(join(dist, name), toCommonJs(new TextDecoder().decode(bytes)));
  else if (name.endsWith(".wasm")) writeFileSync(join(dist, name), bytes);
}
