// A stand-in for `api.redirect` of Auth0's Actions.
//
// Source: Auth0, "Actions Triggers: post-login - API Object".
import { createHmac, timingSafeEqual } from "node:crypto";

const PROTOCOLS_WITHOUT_PAGES = ["oauth2-resource-owner", "oauth2-refresh-token", "oauth2-token-exchange"];

const decode = (part) => JSON.parse(Buffer.from(part, "base64url").toString());

export class RedirectApi {
  sentTo = null;

  /** `state` is that of the transaction, and `request` the one that has resumed it. */
  constructor(event, state) {
    this.event = event;
    this.state = state;
  }

  canRedirect() {
    const { protocol, prompt = [] } = this.event.transaction ?? {};
    return !PROTOCOLS_WITHOUT_PAGES.includes(protocol) && !prompt.includes("none");
  }

  sendUserTo(url, { query = {} } = {}) {
    this.sentTo = new URL(url);
    for (const [name, value] of Object.entries(query)) this.sentTo.searchParams.set(name, value);
    this.sentTo.searchParams.set("state", this.state);
  }

  validateToken({ secret, tokenParameterName = "session_token" }) {
    const { query = {}, body = {} } = this.event.request;
    const token = query[tokenParameterName] ?? body[tokenParameterName];
    if (typeof token !== "string") throw new Error(`There is no parameter called "${tokenParameterName}"`);
    const [header, payload, signature, more] = token.split(".");
    if (!signature || more !== undefined) throw new Error("The session token is malformed");
    if (decode(header).alg !== "HS256") throw new Error("The session token is not signed with HS256");
    const expected = createHmac("sha256", secret).update(`${header}.${payload}`).digest();
    const actual = Buffer.from(signature, "base64url");
    const isRight = actual.length === expected.length && timingSafeEqual(actual, expected);
    if (!isRight) throw new Error("The session token's signature is invalid");
    const claims = decode(payload);
    if (!(claims.exp > Date.now() / 1000)) throw new Error("The session token has expired");
    if (claims.state !== this.state) throw new Error("The session token belongs to another transaction");
    if (claims.sub !== this.event.user.user_id) throw new Error("The session token belongs to another user");
    return claims;
  }
}
