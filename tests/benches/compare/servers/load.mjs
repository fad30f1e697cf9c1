// Sends a server requests of one kind over several connections, and prints the rate and the times as JSON:
// `load.mjs SERVER KIND SECONDS ADDRESS`. Prints `null` if the server has no such endpoint.
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";

// One line that says what is wrong, without the code.
process.on("uncaughtException", (error) => {
  console.error(`Error: ${error.message}`);
  process.exit(1);
});

const CONNECTIONS = 16;
const TIMEOUT_MS = 30_000;
const BY_EMAIL = "/api/v2/users-by-email?email=";

const [server, kind, seconds, address] = process.argv.slice(2);
const { protocol, port } = new URL(address);
const users = JSON.parse(readFileSync(new URL("users.json", import.meta.url), "utf8"));

/** The paths, the grant by which a password is sent, and what is refused if it is wrong. */
const { tokens, grant, refuses, hasUsers } = {
  ligature: {
    tokens: "/oauth/token",
    grant: "http://auth0.com/oauth/grant-type/password-realm",
    refuses: ["client_secret", "password"],
    hasUsers: true,
  },
  "oauth2-mock-server": { tokens: "/token", grant: "password", refuses: [], hasUsers: false },
  "auth0-simulator": { tokens: "/oauth/token", grant: "password", refuses: ["password"], hasUsers: false },
}[server];

const { request, Agent } = protocol === "https:" ? https : http;
// The certificates are those of throw-away servers on the loopback.
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, rejectUnauthorized: false });

/** Sends a request, and returns the status and the text of its answer. */
function send({ method = "GET", path, headers, body }) {
  const options = { agent, method, path, host: "127.0.0.1", port, servername: "localhost", timeout: TIMEOUT_MS };
  return new Promise((resolve, reject) => {
    const sent = request({ ...options, headers: { host: `localhost:${port}`, ...headers } }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (part) => (text += part)).on("error", reject);
      answer.on("end", () => resolve({ status: answer.statusCode, text }));
    });
    sent.on("timeout", () => sent.destroy(new Error(`${server} does not answer ${path} within ${TIMEOUT_MS} ms`)));
    sent.on("error", reject).end(body);
  });
}

/** Sends a request that has to succeed, and returns its JSON. */
async function ask(toSend) {
  const { status, text } = await send(toSend);
  if (status !== 200) throw new Error(`${server} answers ${toSend.path} with ${status}: ${text}`);
  return JSON.parse(text);
}

function post(fields) {
  const body = new URLSearchParams(fields).toString();
  const headers = { "content-type": "application/x-www-form-urlencoded", "content-length": body.length };
  return { method: "POST", path: tokens, headers, body };
}

const forClient = (wrong) => post({
  grant_type: "client_credentials",
  client_id: "management",
  client_secret: "the secret of the management",
  audience: `${protocol}//localhost:${port}/api/v2/`,
  ...wrong,
});

const forPassword = ({ email, password }, wrong) => post({
  grant_type: grant,
  client_id: "web",
  client_secret: "the secret of the web application",
  realm: "Username-Password-Authentication",
  username: email,
  password,
  scope: "openid profile email",
  ...wrong,
});

/** Fails unless the answer has these tokens, each with three parts. */
function checkTokens(answer, names) {
  for (const name of names) {
    if (answer[name]?.split(".").length !== 3) throw new Error(`${server} answers without ${name}`);
  }
}

/** Fails unless the server treats a wrong value as documented. */
async function checkRefusal(field, toSend) {
  const { status } = await send(toSend);
  const isRefused = status >= 400 && status < 500;
  if (isRefused !== refuses.includes(field)) {
    throw new Error(`${server} answers a wrong ${field} with ${status}: docs/benchmarks.md says otherwise`);
  }
}

/** The kinds of requests. Each prepares itself, and returns what the n-th connection does in a turn. */
const kinds = {
  async tokens() {
    await checkRefusal("client_secret", forClient({ client_secret: "wrong" }));
    return async () => checkTokens(await ask(forClient()), ["access_token"]);
  },
  async "look-ups"() {
    const { access_token: token } = await ask(forClient());
    const headers = { authorization: `Bearer ${token}` };
    const byEmail = (email) => ({ path: BY_EMAIL + encodeURIComponent(email), headers });
    if (!hasUsers) {
      const { status } = await send(byEmail(users[0].email));
      if (status !== 404) throw new Error(`${server} answers a look-up with ${status}, not 404: measure it`);
      return null;
    }
    return async (n, turn) => {
      const { email } = users[(n + turn * CONNECTIONS) % users.length];
      const found = await ask(byEmail(email));
      if (found.length !== 1 || found[0].email !== email) throw new Error(`${server} does not find ${email}`);
    };
  },
  // Each connection has a user of its own.
  async logins() {
    await checkRefusal("password", forPassword(users[0], { password: "wrong" }));
    return async (n) => checkTokens(await ask(forPassword(users[n])), ["access_token", "id_token"]);
  },
};

/** Sends requests for so long, and returns their times in milliseconds, in order, and how long it took. */
async function load(act, milliseconds) {
  const times = [];
  const start = performance.now();
  const connect = async (n) => {
    // Twice at least: the first login of a configured user has a costlier hash made.
    for (let turn = 0; turn < 2 || performance.now() - start < milliseconds; turn++) {
      const begun = performance.now();
      await act(n, turn);
      times.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, (_, n) => connect(n)));
  return { times: times.sort((a, b) => a - b), took: performance.now() - start };
}

const act = await kinds[kind]();
if (act) await load(act, seconds * 250);
const loaded = act && (await load(act, seconds * 1000));
agent.destroy();
console.log(JSON.stringify(loaded && figures(loaded)));

function figures({ times, took }) {
  const percentile = (share) => times[Math.round((times.length - 1) * share)] * 1000;
  return { per_second: (times.length / took) * 1000, p50_us: percentile(0.5), p99_us: percentile(0.99) };
}
