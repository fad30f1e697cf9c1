// The stand-ins of the package without a service, with `api.redirect`.
import localTenant from "../../../examples/auth0-action-embedded/test/local-tenant.js";
import runtime from "../../../examples/auth0-action-embedded/test/stand-in.js";
import { RedirectApi } from "./redirect_api.mjs";

export const { LocalTenant } = localTenant;
export const { loginEvent, withServer } = runtime;

export class Api extends runtime.Api {
  /** `transaction` is the `state` under which a redirected login continues. */
  constructor(event, transaction = "a-transaction") {
    super();
    this.redirect = new RedirectApi(event, transaction);
  }
}

export const runLogin = (action, event, identitiesOf, api = new Api(event)) =>
  runtime.runLogin(action, event, identitiesOf, api);
