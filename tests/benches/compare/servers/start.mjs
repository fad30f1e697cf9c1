// Starts one of the packages' servers on a free port of the loopback, and prints `ready ADDRESS`: `start.mjs SERVER`.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const servers = {
  async "oauth2-mock-server"() {
    const { OAuth2Server } = await import("oauth2-mock-server");
    const server = new OAuth2Server();
    await server.issuer.keys.generate("RS256");
    await server.start(0, "127.0.0.1");
    return `http://127.0.0.1:${server.address().port}`;
  },
  async "auth0-simulator"() {
    // As the package's own program does: its ES module signs nothing ("jwt.sign is not a function").
    const { simulation } = createRequire(import.meta.url)("@simulacrum/auth0-simulator");
    const users = JSON.parse(readFileSync(new URL("users.json", import.meta.url), "utf8"));
    const { port } = await simulation({ initialState: { users } }).listen(0, "127.0.0.1");
    return `https://127.0.0.1:${port}`;
  },
};
console.log(`ready ${await servers[process.argv[2]]()}`);
