//! A plugin of 2026: built against `tests/wit-0.1.0`, never against `wit/`.
//!
//! It calls every function of the contract and exports every interface, so that
//! a component of its kind loads only if all of them have kept their shape.

mod bindings {
    #![allow(unsafe_code, missing_docs, unreachable_pub, reason = "generated code")]

    wit_bindgen::generate!({
        path: "../wit-0.1.0",
        world: "warning-plugin",
    });

    export!(Pinned);

    use super::Pinned;
}

use bindings::exports::ligature::login::handler::{Answer, Guest as Handler, Response};
use bindings::exports::ligature::login::settings::{Guest as Settings, SettingsError};
use bindings::exports::ligature::login::settings_warnings::{Guest as SettingsWarnings, Warning};
use bindings::ligature::login::log::LogLevel;
use bindings::ligature::login::types::{
    ApiError, Decision, Level, LinkRequest, LoginEvent, Outcome, Reason, Step, Suggestion, Verdict,
    Verification,
};
use bindings::ligature::login::{accounts, log, raw, users};

struct Pinned;

/// Settings for which the plugin fails when it is asked for warnings.
const SILENT: &str = "{ }";

impl Handler for Pinned {
    fn on_login(event: LoginEvent) -> Result<Outcome, ApiError> {
        let me = &event.user;
        log::write(LogLevel::Info, &format!("ignores case: {}", users::ignores_case()));
        let Some(email) = me.email.as_deref().filter(|_| matches!(me.email_verified, Verification::Verified))
        else {
            return Ok(outcome(Decision::Proceed, "This login proves no address.", &event));
        };
        let found = users::find_by_email(email)?;
        let [other] = &found[..] else {
            let candidates = found.iter().map(|user| user.user_id.clone()).collect();
            let suggestion = Suggestion { step: Step::ChooseCandidate, candidates };
            return Ok(outcome(Decision::Suggest(suggestion), "There is not exactly one.", &event));
        };
        let other = users::get(&other.user_id)?;
        let whole = raw::user(&other.user_id)?;
        let is_told = raw::event().contains("connection") && whole.contains(&other.user_id);
        log::write(LogLevel::Debug, &format!("the raw objects are told: {is_told}"));
        accounts::link(&LinkRequest {
            primary: other.user_id.clone(),
            secondary: me.user_id.clone(),
            user_metadata: None,
            app_metadata: Some(r#"{"pinned": true}"#.to_owned()),
            reasons: vec![reason("Linked by a plugin of 2026.")],
        })?;
        Ok(outcome(Decision::Linked(other.user_id), "Linked by a plugin of 2026.", &event))
    }

    fn on_continue(event: LoginEvent, answer: Answer) -> Result<Outcome, ApiError> {
        let detail = match answer.response {
            Response::Confirmed(proof) => format!("{} was proved at {}.", proof.candidate, proof.proved_at),
            Response::Declined => "The user has declined.".to_owned(),
        };
        Ok(outcome(Decision::Proceed, &detail, &event))
    }
}

impl Settings for Pinned {
    fn schema() -> String {
        r#"{"type": "object", "additionalProperties": false}"#.to_owned()
    }

    fn check(settings: String) -> Result<(), SettingsError> {
        if settings == "{}" || settings == SILENT {
            return Ok(());
        }
        Err(SettingsError { line: 1, column: 2, message: "expected `{}`".to_owned() })
    }
}

impl SettingsWarnings for Pinned {
    fn warn(settings: String) -> Vec<Warning> {
        assert_ne!(settings, SILENT, "it has nothing to say");
        vec![Warning { key: "pinned".to_owned(), attack: None, message: format!("of {settings}") }]
    }
}

fn reason(detail: &str) -> Reason {
    Reason { code: "PINNED".to_owned(), level: Level::Info, subject: Vec::new(), detail: detail.to_owned() }
}

fn outcome(decision: Decision, detail: &str, event: &LoginEvent) -> Outcome {
    let verdict = Verdict {
        rule: "pinned".to_owned(),
        verdict: "weighed".to_owned(),
        evidence: format!("through {} by {:?}", event.connection.name, event.methods.len()),
    };
    Outcome { decision, reasons: vec![reason(detail)], trace: vec![verdict], counterfactual: None }
}
