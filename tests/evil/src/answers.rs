//! Attacks by a plugin's output: texts, codes, users, metadata, and many calls.

use crate::bindings::ligature::login::log::LogLevel;
use crate::bindings::ligature::login::types::{
    ApiError, Decision, Level, LinkRequest, LoginEvent, Outcome, Reason, Step, Suggestion, Verdict,
};
use crate::bindings::ligature::login::{accounts, log, users};
use crate::{outcome, own_address, request, words};

/// The answer of an attack; none if there is no such attack.
pub(crate) fn attack(name: &str, event: &LoginEvent) -> Option<Result<Outcome, ApiError>> {
    let own = event.user.user_id.as_str();
    let answer = match name {
        "code-in-small-letters" => reason("evil", "lower"),
        "code-that-controls" => reason("EVIL\u{1b}[2J", "it clears the screen"),
        "code-of-300000-characters" => reason(&"X".repeat(300_000), "it is long"),
        "detail-that-controls" => reason("EVIL", "\u{1b}[2J"),
        "detail-of-two-lines" => reason("EVIL", "one\nLINKED  two"),
        "detail-with-c1" => reason("EVIL", "\u{9b}2J"),
        "subjects-without-end" => about(vec![own.to_owned(); 1_001]),
        "subject-unknown" => about(vec![own.to_owned(), "auth0|stranger".to_owned()]),
        "verdict-that-controls" => traced("rule", "says\u{7f}", ""),
        "rule-of-900-kb" => traced(&"r".repeat(900_000), "says", ""),
        "evidence-of-900-kb" => traced("rule", "says", &"e".repeat(900_000)),
        "counterfactual-that-controls" => {
            Outcome { counterfactual: Some("\u{8}".to_owned()), ..reason("EVIL", "it") }
        }
        "deny-that-controls" => outcome(Decision::Deny("\u{1b}]0;you\u{7}".to_owned()), "it denies"),
        "deny-that-runs-backwards" => outcome(Decision::Deny("\u{202e}drowssap".to_owned()), "it denies"),
        "deny-of-900-kb" => outcome(Decision::Deny("no".repeat(450_000)), "it denies"),
        "suggest-nobody" => suggest(Vec::new()),
        "suggest-itself" => suggest(vec![own.to_owned()]),
        "suggest-twice" => {
            let _ = users::find_by_email(&own_address(event));
            suggest(vec!["auth0|verified".to_owned(); 2])
        }
        "suggest-without-end" => suggest((0..1_001).map(|n| format!("auth0|{n}")).collect()),
        "log-that-controls" => {
            log::write(LogLevel::Warn, "one\n\u{1b}[2J\u{202e}two");
            said("it has logged")
        }
        "give-up-in-900-kb" => return Some(Err(ApiError::Other("\u{1b}[2J".repeat(225_000)))),
        "panic-in-900-kb" => panic!("{}", "\u{1b}[2J".repeat(225_000)),
        "panic-that-controls" => panic!("one\n\u{1b}[2Jtwo"),
        link if link.starts_with("link-") => said(&linked(link, event)?),
        calls => said(&called(calls, event)?),
    };
    Some(Ok(answer))
}

/// Asks for a link with one fault, and returns the host's answer.
fn linked(name: &str, event: &LoginEvent) -> Option<String> {
    let plain = || request("auth0|verified", &event.user.user_id);
    let with_reasons = |reasons: Vec<Reason>| LinkRequest { reasons, ..plain() };
    let user = |text: &str| LinkRequest { user_metadata: Some(text.to_owned()), ..plain() };
    let app = |text: &str| LinkRequest { app_metadata: Some(text.to_owned()), ..plain() };
    let nested = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
    let request = match name {
        "link-code-of-300000-characters" => with_reasons(reason(&"X".repeat(300_000), "it is long").reasons),
        "link-code-that-controls" => with_reasons(reason("EVIL\n", "it breaks the line").reasons),
        "link-detail-of-900-kb" => with_reasons(reason("EVIL", &"x".repeat(900_000)).reasons),
        "link-detail-that-controls" => with_reasons(reason("EVIL", "\u{1b}[2J").reasons),
        "link-reasons-without-end" => with_reasons(vec![reason("EVIL", "again").reasons.remove(0); 101]),
        "link-subject-unknown" => with_reasons(about(vec!["auth0|stranger".to_owned()]).reasons),
        "link-subjects-without-end" => with_reasons(about(vec![event.user.user_id.clone(); 1_001]).reasons),
        "link-metadata-empty" => LinkRequest { app_metadata: Some("{}".to_owned()), ..user("{}") },
        "link-metadata-of-900-kb" => user(&format!(r#"{{"a":"{}"}}"#, "x".repeat(900_000))),
        "link-metadata-65-deep" => user(&nested(65)),
        "link-metadata-10000-deep" => app(&nested(10_000)),
        "link-metadata-that-is-text" => user(&format!("\"\u{9b}{}\"", "x".repeat(30_000))),
        "link-prototype" => user(r#"{"theme":"light","__proto__":{"isAdmin":true}}"#),
        "link-prototype-within" => app(r#"{"a":[{"const\u0072uctor":{"prototype":1}}]}"#),
        "link-prompts" => app(r#"{"linking":{"prompts":-5}}"#),
        "link-linking-removed" => app(r#"{"linking":null}"#),
        "link-no-link-lifted" => app(r#"{"no\u005flink":false}"#),
        "link-privileged-removed" => app(r#"{"privileged":null}"#),
        "link-roles" => app(r#"{"roles":["admin"]}"#),
        "link-half" => {
            LinkRequest { user_metadata: Some(r#"{"theme":"light"}"#.to_owned()), ..app(r#"{"no_link":0}"#) }
        }
        "link-key-that-controls" => user("{\"\\u001b[2J\":1}"),
        _ => return None,
    };
    let _ = users::find_by_email(&own_address(event));
    Some(words(Some(&accounts::link(&request))))
}

/// The outcome of many calls.
fn called(name: &str, event: &LoginEvent) -> Option<String> {
    let megabyte = |number: u32| format!("{number}{}", "x".repeat(1_000_000));
    match name {
        "megabyte-look-ups" => {
            let mut address = megabyte(0);
            for number in 0..1_500_u32 {
                let digit = char::from(b'0' + u8::try_from(number % 10).unwrap_or(0));
                address.replace_range(..1, digit.encode_utf8(&mut [0; 4]));
                let _ = users::find_by_email(&address);
            }
        }
        "other-look-ups" => {
            for number in 0..1_500 {
                let _ = users::find_by_email(&format!("{number}@example.com"));
            }
        }
        "other-links" => {
            let _ = users::find_by_email(&own_address(event));
            for number in 0..300 {
                let text = format!(r#"{{"no_link":{number},"a":"{}"}}"#, "x".repeat(30_000));
                let request = request("auth0|verified", &event.user.user_id);
                let _ = accounts::link(&LinkRequest { app_metadata: Some(text), ..request });
            }
        }
        "other-refusals" => {
            for number in 0..1_000 {
                let reasons = reason(&format!("evil {number}"), "each time another").reasons;
                let _ = accounts::link(&LinkRequest { reasons, ..request("a|1", "b|2") });
            }
        }
        _ => return None,
    }
    Some("it has called".to_owned())
}

fn said(told: &str) -> Outcome {
    outcome(Decision::Proceed, told)
}

fn reason(code: &str, detail: &str) -> Outcome {
    let mut outcome = said(detail);
    outcome.reasons[0].code = code.to_owned();
    outcome
}

fn about(subject: Vec<String>) -> Outcome {
    let reason =
        Reason { code: "EVIL".to_owned(), level: Level::Info, subject, detail: "it names users".to_owned() };
    Outcome { reasons: vec![reason], ..said("") }
}

fn traced(rule: &str, verdict: &str, evidence: &str) -> Outcome {
    let verdict =
        Verdict { rule: rule.to_owned(), verdict: verdict.to_owned(), evidence: evidence.to_owned() };
    Outcome { trace: vec![verdict], ..said("it explains") }
}

fn suggest(candidates: Vec<String>) -> Outcome {
    outcome(Decision::Suggest(Suggestion { step: Step::Confirm, candidates }), "it asks")
}
