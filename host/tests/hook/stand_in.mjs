// The stand-in for Auth0's runtime, with `api.redirect`.
import runtime from "../../../examples/auth0-action-embedded/test/stand-in.js";
import { RedirectApi } from "./redirect_api.mjs";

export class Api extends runtime.Api {
  /** `transaction` is the `state` under which a redirected login continues. */
  constructor(event, transaction = "a-transaction") {
    super();
    this.redirect = new RedirectApi(event, transaction);
  }
}

export const runLogin = (action, event, identitiesOf, api = new Api(event)) =>
  runtime.runLogin(action, event, identitiesOf, api);
