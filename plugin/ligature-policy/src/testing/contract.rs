//! The limits of the contract that an outcome and a link request must keep (`host/src/sandbox/check.rs` in Ligature's workspace), in the same
//! order and words, at the host's defaults.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::words::{NAME, join_lines};
use crate::{Decision, LinkRequest, Outcome, Reason, Verdict};

const CODE: usize = 64;
const DEPTH: usize = 64;
const METADATA_BYTES: usize = 32 << 10;
const REASONS: usize = 100;
const TEXT_BYTES: usize = 1 << 10;
const USERS: usize = 1_000;

/// Checks the form of an outcome.
pub(super) fn check_outcome(outcome: &Outcome) -> Result<(), String> {
    if outcome.reasons.is_empty() {
        return Err("it gives no reason".to_owned());
    }
    check_reasons(&outcome.reasons)?;
    check_trace(&outcome.trace)?;
    if let Some(text) = &outcome.counterfactual {
        check_text("the counterfactual", text)?;
    }
    match &outcome.decision {
        Decision::Deny(message) => check_message(message),
        Decision::Suggest(suggestion) => check_candidates(&suggestion.candidates),
        Decision::Proceed | Decision::Linked(_) => Ok(()),
    }
}

/// Checks the form of a link request.
pub(super) fn check_request(request: &LinkRequest) -> Result<(), String> {
    check_reasons(&request.reasons).map_err(|what| format!("`reasons`: {what}"))?;
    check_metadata("user-metadata", request.user_metadata.as_deref())?;
    check_metadata("app-metadata", request.app_metadata.as_deref())
}

fn check_reasons(reasons: &[Reason]) -> Result<(), String> {
    check_count("reasons", reasons.len())?;
    reasons.iter().try_for_each(|reason| {
        let code = &reason.code;
        check_code(code)?;
        check_text(&format!("the detail of `{code}`"), &reason.detail)?;
        let subjects = reason.subject.len();
        if subjects > USERS {
            return Err(format!("`{code}` is about {subjects} users; {}", most_users()));
        }
        Ok(())
    })
}

fn check_trace(trace: &[Verdict]) -> Result<(), String> {
    check_count("verdicts", trace.len())?;
    trace.iter().try_for_each(|Verdict { rule, verdict, evidence }| {
        let name = join_lines(rule, NAME);
        check_text(&format!("the rule `{name}`"), rule)?;
        check_text(&format!("the verdict of the rule `{name}`"), verdict)?;
        check_text(&format!("the evidence of the rule `{name}`"), evidence)
    })
}

fn check_message(message: &str) -> Result<(), String> {
    check_text("the message of `deny`", message)?;
    match message.chars().find(|c| super::words::is_bidi_control(*c)) {
        Some(c) => Err(format!("the message of `deny` holds the bidi control {}", code_point(c))),
        None => Ok(()),
    }
}

fn check_candidates(candidates: &[String]) -> Result<(), String> {
    if candidates.is_empty() {
        return Err("it suggests no user".to_owned());
    }
    if candidates.len() > USERS {
        return Err(format!("it suggests {} users; {}", candidates.len(), most_users()));
    }
    let mut suggested = BTreeSet::new();
    match candidates.iter().find(|id| !suggested.insert(*id)) {
        Some(twice) => Err(format!("it suggests `{}` twice", join_lines(twice, NAME))),
        None => Ok(()),
    }
}

fn check_metadata(field: &str, text: Option<&str>) -> Result<(), String> {
    let Some(text) = text else { return Ok(()) };
    if text.len() > METADATA_BYTES {
        return Err(format!(
            "`{field}` is {} bytes long; a link writes at most {METADATA_BYTES} (the limit is `link_metadata_bytes`)",
            text.len()
        ));
    }
    let metadata: Map<String, Value> = serde_json::from_str(text).map_err(|error| {
        format!("`{field}` is not a JSON object: {}", join_lines(&error.to_string(), 2 * NAME))
    })?;
    if metadata.values().any(|value| is_deeper_than(value, DEPTH - 1)) {
        return Err(format!("`{field}` is nested more than {DEPTH} levels deep"));
    }
    Ok(())
}

fn check_count(what: &str, count: usize) -> Result<(), String> {
    if count > REASONS {
        return Err(format!(
            "it gives {count} {what}; at most {REASONS} are accepted (the limit is `reasons`)"
        ));
    }
    Ok(())
}

fn check_text(what: &str, text: &str) -> Result<(), String> {
    if text.len() > TEXT_BYTES {
        return Err(format!("{what} is longer than {TEXT_BYTES} bytes (the limit is `text_bytes`)"));
    }
    match text.chars().find(|c| c.is_control()) {
        Some(c) => Err(format!("{what} holds the control character {}", code_point(c))),
        None => Ok(()),
    }
}

fn check_code(code: &str) -> Result<(), String> {
    let is_of_code = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    if code.is_empty() || code.len() > CODE || !code.bytes().all(is_of_code) {
        let code = join_lines(code, NAME);
        return Err(format!("the code `{code}` is not 1 to {CODE} capitals, digits and `_`"));
    }
    Ok(())
}

fn most_users() -> String {
    format!("at most {USERS} are accepted (the limit is `candidates`)")
}

fn code_point(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

fn is_deeper_than(value: &Value, levels: usize) -> bool {
    let mut inner: Box<dyn Iterator<Item = &Value>> = match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(fields) => Box::new(fields.values()),
        _ => return false,
    };
    levels == 0 || inner.any(|value| is_deeper_than(value, levels - 1))
}
