//! A policy of one's own: links a login to the one other account with the same
//! verified address, and leaves everything else to people.

#![allow(unsafe_code, missing_docs, reason = "wit-bindgen's macros write it")]

wit_bindgen::generate!({ path: "../../wit", world: "plugin" });

use exports::ligature::login::handler::{Answer, Guest};
use ligature::login::accounts::link;
use ligature::login::types::{
    ApiError, Decision, Level, LinkRequest, LoginEvent, Outcome, Reason, User, Verification,
};
use ligature::login::users::find_by_email;

struct MinimalPlugin;
export!(MinimalPlugin);

impl Guest for MinimalPlugin {
    fn on_login(event: LoginEvent) -> Result<Outcome, ApiError> {
        let me = event.user;
        let Some(email) = me.email.filter(|_| matches!(me.email_verified, Verification::Verified)) else {
            return Ok(outcome(Decision::Proceed, "NOT_VERIFIED", "This login proves no address."));
        };
        let other =
            |user: &User| user.user_id != me.user_id && matches!(user.email_verified, Verification::Verified);
        let others: Vec<User> = find_by_email(&email)?.into_iter().filter(other).collect();
        let [other] = &others[..] else {
            return Ok(outcome(Decision::Proceed, "NOT_ONE", "There is not exactly one other account."));
        };
        link(&LinkRequest {
            primary: other.user_id.clone(),
            secondary: me.user_id,
            user_metadata: None,
            app_metadata: None,
            reasons: Vec::new(),
        })?;
        Ok(outcome(Decision::Linked(other.user_id.clone()), "LINKED", "The other account was here first."))
    }

    fn on_continue(event: LoginEvent, _: Answer) -> Result<Outcome, ApiError> {
        Self::on_login(event)
    }
}

fn outcome(decision: Decision, code: &str, detail: &str) -> Outcome {
    let reason =
        Reason { code: code.to_owned(), level: Level::Info, subject: Vec::new(), detail: detail.to_owned() };
    Outcome { decision, reasons: vec![reason], trace: Vec::new(), counterfactual: None }
}
