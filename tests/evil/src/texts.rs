//! Attacks on the reader of a plugin's texts.

use super::bindings::ligature::login::types::{
    ApiError, Decision, Level, LinkRequest, LoginEvent, Outcome, Reason, Verdict,
};
use super::bindings::ligature::login::{accounts, log, users};
use super::{LogLevel, outcome, own_address, request};

/// Takes the clipboard (OSC 52), the line, the terminal's title by a C1 control,
/// and the reading direction.
const HOSTILE: &str =
    "\u{1b}]52;c;ZXZpbA==\u{7}\n\r\u{1b}[2J\u{9d}0;evil\u{9c}\u{7f}\u{202e}\u{200b}\u{e0041}";

/// Removes control characters from a text, which would make the answer
/// invalid.
const MARKS: &str = "\u{202e}\u{200b}\u{e0041}";

/// The attacks of this file.
pub(crate) const ATTACKS: &[&str] = &[
    "hostile-texts",
    "hostile-panic",
    "hostile-end",
    "hostile-link",
    "unasked-trace",
    "no-counterfactual",
    "untrue-hint",
];

pub(crate) fn attack(name: &str, event: &LoginEvent) -> Result<Outcome, ApiError> {
    match name {
        "hostile-texts" => {
            log::write(LogLevel::Info, &format!("log {HOSTILE}"));
            let _ = users::find_by_email(HOSTILE);
            Ok(Outcome {
                trace: vec![Verdict {
                    rule: format!("rule {MARKS}"),
                    verdict: format!("verdict {MARKS}"),
                    evidence: format!("evidence {MARKS}"),
                }],
                counterfactual: Some(format!("counterfactual {MARKS}")),
                ..outcome(Decision::Deny("denied \u{200b}\u{e0041}".to_owned()), &format!("detail {MARKS}"))
            })
        }
        "hostile-panic" => panic!("{HOSTILE}{}", "a line\n".repeat(1_999)),
        "hostile-end" => Err(ApiError::Unavailable(format!("no answer {HOSTILE}"))),
        "hostile-link" => {
            let _ = users::find_by_email(&own_address(event));
            let reason = Reason {
                code: "HOSTILE".to_owned(),
                level: Level::Info,
                subject: vec![event.user.user_id.clone()],
                detail: format!("reason {MARKS}"),
            };
            let metadata = "{\"theme \u{7f}\u{202e}\": \"\\u001b[2J\\n\u{9d}\u{200b}\"}".to_owned();
            let asked = LinkRequest {
                user_metadata: Some(metadata),
                reasons: vec![reason],
                ..request("auth0|1", &event.user.user_id)
            };
            let decision = match accounts::link(&asked) {
                Ok(()) => Decision::Linked("auth0|1".to_owned()),
                Err(_) => Decision::Proceed,
            };
            Ok(outcome(decision, &format!("detail {MARKS}")))
        }
        "unasked-trace" => Ok(Outcome {
            trace: vec![Verdict {
                rule: "unasked".to_owned(),
                verdict: "decides".to_owned(),
                evidence: "nobody asked".to_owned(),
            }],
            counterfactual: Some("If it were asked, nothing would change.".to_owned()),
            ..outcome(Decision::Proceed, "it tells more than it was asked")
        }),
        "no-counterfactual" => Ok(Outcome {
            trace: vec![Verdict {
                rule: "only".to_owned(),
                verdict: "decides".to_owned(),
                evidence: "itself".to_owned(),
            }],
            ..outcome(Decision::Proceed, "it tells no change")
        }),
        // The first and the last are untrue: only `loud` changes anything.
        "untrue-hint" => {
            let is_loud = event.settings.contains("loud");
            let decision = if is_loud { Decision::Deny("loudly".to_owned()) } else { Decision::Proceed };
            Ok(Outcome {
                counterfactual: Some(
                    concat!(
                        "If the settings had {\"quiet\":true}, the accounts would be linked. ",
                        "If the settings had {\"loud\":true}, the accounts would be linked. Only if you are sure. ",
                        "If the settings had {\"quieter\":true}, the login would be denied."
                    )
                    .to_owned(),
                ),
                ..outcome(decision, "it tells what is not so")
            })
        }
        other => panic!("there is no attack `{other}` on readers"),
    }
}
