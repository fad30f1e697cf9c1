// A stand-in for Auth0's `api` and for the end of a login. It refuses what Auth0 refuses: a second `setPrimaryUser`, and
// at the end of the login a primary that does not have the identity of this login. Source: Auth0 Actions, post-login
// trigger, API object. There is no such check in a published package.
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { RedirectApi } from "./redirect_api.mjs";

export class Api {
  denied = null;
  primary = null;
  metadata = {};

  /** `transaction` is the `state` under which a redirected login continues. */
  constructor(event, transaction = "a-transaction") {
    this.redirect = new RedirectApi(event, transaction);
    this.authentication = {
      setPrimaryUser: (userId) => {
        assert.equal(this.primary, null, "setPrimaryUser is called once per transaction");
        assert.ok(userId.length <= 128);
        this.primary = userId;
      },
    };
    this.user = {
      setAppMetadata: (key, value) => {
        this.metadata[key] = value;
      },
    };
    this.access = {
      deny: (reason) => {
        this.denied = reason;
      },
    };
  }
}

const lines = new AsyncLocalStorage();
const { log } = console;
// The log of each Action by itself, also of two at once.
console.log = (line) => (lines.getStore() ? lines.getStore().push(line) : log(line));

/**
 * Runs an Action until the end of its login, and returns its `api` and its log. `identitiesOf` returns the identities of
 * a user, as `provider|id`.
 */
export async function runLogin(action, event, identitiesOf, api = new Api(event)) {
  const said = [];
  await lines.run(said, () => action(event, api));
  const end = { api, said: said.join("\n") };
  if (api.primary !== null && api.denied === null) {
    const used = event.user.identities.find((it) => it.connection === event.connection.name);
    const held = await identitiesOf(api.primary);
    assert.ok(held.slice(1).includes(`${used.provider}|${used.user_id}`), `${api.primary}: ${held}\n${end.said}`);
  }
  return end;
}
