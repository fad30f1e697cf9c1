//! The answers of a tenant: JSON, and the envelopes of errors.

use std::time::Duration;

use serde_json::Value;

use super::CallErrorKind;
use super::rate_headers::RateHeaders;
use crate::model::{join_lines, mask_addresses};

/// The longest message of a tenant that an error repeats, in bytes.
const LONGEST_MESSAGE: usize = 300;
const LONGEST_CODE: usize = 60;

/// The beginning of the message of a refusal by a suspended tenant.
pub(super) const SUSPENDED: &str = "the tenant is suspended";

/// The answer to one request.
#[derive(Debug)]
pub(super) struct TenantResponse {
    pub(super) status: u16,
    pub(super) content_type: String,
    /// The URL to which a redirect leads.
    pub(super) location: Option<String>,
    pub(super) rate: RateHeaders,
    pub(super) body: Result<Vec<u8>, BodyFault>,
}

/// The reason why a body is not whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BodyFault {
    TooLong,
    TimedOut,
    Broken(String),
}

/// The error code and the message of an answer.
#[derive(Debug, PartialEq, Eq)]
struct Explanation {
    code: Option<String>,
    message: String,
}

impl TenantResponse {
    /// Returns the body of an answer that reports success.
    ///
    /// # Errors
    ///
    /// The error that the answer stands for. None of the `secrets` is in its message.
    pub(super) fn into_body(self, secrets: &[&str]) -> Result<Vec<u8>, CallErrorKind> {
        let status = self.status;
        match status {
            200..=299 => self.body.map_err(|fault| match fault {
                BodyFault::TooLong => CallErrorKind::TooLong,
                BodyFault::TimedOut => CallErrorKind::TimedOut { may_have_effect: true },
                BodyFault::Broken(why) => {
                    CallErrorKind::Unclear(format!("the connection broke before the answer was whole: {why}"))
                }
            }),
            300..=399 => Err(CallErrorKind::Refused {
                status,
                error_code: None,
                message: "the tenant redirects to another address, which is not followed; check the domain"
                    .to_owned(),
            }),
            429 => Err(CallErrorKind::RateLimited { retry_after: self.rate.retry_after }),
            408 | 500 | 502..=599 => {
                let Explanation { message, .. } = self.explain(secrets);
                Err(CallErrorKind::Unclear(format!("the tenant failed with status {status}: {message}")))
            }
            400..=499 | 501 => {
                let Explanation { code, message } = self.explain(secrets);
                // Auth0 does not document the answer of a suspended tenant, so its words are
                // searched: for the sentence of the error only.
                let is_suspended =
                    matches!(status, 401 | 403) && message.to_ascii_lowercase().contains("suspended");
                let message = if is_suspended {
                    format!("{SUSPENDED}, and answers: {message}; ask Auth0's support to reactivate it")
                } else {
                    format!("the tenant refuses the request: {message}")
                };
                Err(CallErrorKind::Refused { status, error_code: code, message })
            }
            _ => Err(CallErrorKind::Unreadable(format!(
                "the answer has the status {status}, which HTTP does not have"
            ))),
        }
    }

    /// Returns whether the content type is that of JSON.
    pub(super) fn is_json(&self) -> bool {
        let kind = self.content_type.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/json")
    }

    /// Returns the time that the answer asks to wait.
    pub(super) fn wait(&self) -> Option<Duration> {
        self.rate.retry_after.filter(|_| self.status == 429 || self.status == 503)
    }

    /// Reads the envelopes of the Management API, of OAuth and of older endpoints, and
    /// plain text.
    ///
    /// Source: Auth0, "Management API: common errors" and "Authentication API: errors".
    fn explain(&self, secrets: &[&str]) -> Explanation {
        let body = self.body.as_deref().unwrap_or_default();
        let (code, message) = match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => {
                let text =
                    |key: &str| fields.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
                // In the Management API's envelope, `error` is the name of the status.
                let oauth = text("error").filter(|_| !fields.contains_key("statusCode"));
                let code = text("errorCode").or_else(|| text("code")).or(oauth);
                let message =
                    ["message", "error_description", "description", "error"].into_iter().find_map(text);
                (code.map(str::to_owned), message.map(str::to_owned))
            }
            Ok(_) => (None, None),
            Err(_) => (None, self.plain_text(body)),
        };
        let message = message.unwrap_or_else(|| "it gives no reason".to_owned());
        Explanation {
            code: code.map(|code| show(&code, secrets, LONGEST_CODE)),
            message: show(&message, secrets, LONGEST_MESSAGE),
        }
    }

    fn plain_text(&self, body: &[u8]) -> Option<String> {
        let text = String::from_utf8_lossy(body);
        let text = text.trim();
        if text.starts_with('<') || self.content_type.to_ascii_lowercase().starts_with("text/html") {
            return Some("it answers with a page of HTML".to_owned());
        }
        // The start of a JSON text that is cut off explains nothing.
        (!text.is_empty() && !text.starts_with(['{', '['])).then(|| text.to_owned())
    }
}

/// Makes a foreign text fit for an error: one line, bounded, without secrets and
/// addresses.
pub(super) fn show(text: &str, secrets: &[&str], bytes: usize) -> String {
    let secrets = secrets.iter().filter(|secret| !secret.is_empty());
    let text = secrets.fold(text.to_owned(), |text, secret| text.replace(secret, "…"));
    join_lines(&mask_addresses(&text), bytes)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{BodyFault, TenantResponse};
    use crate::auth0::CallErrorKind;
    use crate::auth0::rate_headers::RateHeaders;

    fn answer(status: u16, content_type: &str, body: &str) -> TenantResponse {
        let (content_type, body) = (content_type.to_owned(), Ok(body.as_bytes().to_vec()));
        TenantResponse { status, content_type, location: None, rate: RateHeaders::default(), body }
    }

    fn refused(status: u16, content_type: &str, body: &str) -> (Option<String>, String) {
        match answer(status, content_type, body).into_body(&["s3cret"]) {
            Err(CallErrorKind::Refused { status: known, error_code, message }) if known == status => {
                (error_code, message.trim_start_matches("the tenant refuses the request: ").to_owned())
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_envelope_is_read() {
        let cases = [
            (
                r#"{"statusCode":400,"error":"Bad Request","message":"Wrong.","errorCode":"invalid_body"}"#,
                Some("invalid_body"),
                "Wrong.",
            ),
            (
                r#"{"statusCode":401,"error":"Unauthorized","message":"Missing authentication"}"#,
                None,
                "Missing authentication",
            ),
            (
                r#"{"statusCode":401,"error":"Unauthorized","message":"Expired token","attributes":{"error":"Expired token"}}"#,
                None,
                "Expired token",
            ),
            (
                r#"{"error":"access_denied","error_description":"Unauthorized"}"#,
                Some("access_denied"),
                "Unauthorized",
            ),
            (r#"{"error":"access_denied"}"#, Some("access_denied"), "access_denied"),
            (
                r#"{"name":"BadRequestError","code":"invalid_signup","description":"Invalid sign up","statusCode":400}"#,
                Some("invalid_signup"),
                "Invalid sign up",
            ),
            (
                r#"{"code":"invalid_password","description":{"rules":[]},"policy":"x"}"#,
                Some("invalid_password"),
                "it gives no reason",
            ),
            (r#"{"message":7}"#, None, "it gives no reason"),
            ("[]", None, "it gives no reason"),
            ("", None, "it gives no reason"),
            (r#"{"message": "cut o"#, None, "it gives no reason"),
            ("  Not here.\n", None, "Not here."),
            ("<!doctype html><title>Blocked</title>", None, "it answers with a page of HTML"),
        ];
        for (body, code, message) in cases {
            assert_eq!(refused(403, "application/json", body), (code.map(str::to_owned), message.to_owned()));
        }
    }

    #[test]
    fn a_foreign_message_is_one_short_line_without_secrets_and_addresses() {
        let text = format!("no s3cret for ada@corp.com\n\u{1b}[2J{}", "x".repeat(1_000));
        let (_, message) = refused(400, "text/plain", &text);
        assert!(message.starts_with("no … for a…@corp.com\\n\\u{1b}[2Jxxx"), "{message}");
        assert!(message.len() < 310, "{message}");
    }

    #[test]
    fn a_status_decides_what_is_known() {
        let kind = |status| answer(status, "text/html", "<html>").into_body(&[]).unwrap_err();
        assert!(matches!(kind(302), CallErrorKind::Refused { status: 302, .. }));
        for status in [408, 500, 502, 599] {
            assert!(matches!(kind(status), CallErrorKind::Unclear(_)), "{status}");
        }
        let limited = TenantResponse {
            rate: RateHeaders { quota: None, retry_after: Some(Duration::from_secs(3)) },
            ..answer(429, "", "")
        };
        assert_eq!(limited.wait(), Some(Duration::from_secs(3)));
        let expected = CallErrorKind::RateLimited { retry_after: Some(Duration::from_secs(3)) };
        assert_eq!(limited.into_body(&[]), Err(expected));
        assert!(matches!(kind(999), CallErrorKind::Unreadable(_)));
    }

    #[test]
    fn a_body_that_is_not_whole_is_no_success() {
        let with =
            |fault| TenantResponse { body: Err(fault), ..answer(200, "application/json", "") }.into_body(&[]);
        assert_eq!(with(BodyFault::TooLong), Err(CallErrorKind::TooLong));
        assert_eq!(with(BodyFault::TimedOut), Err(CallErrorKind::TimedOut { may_have_effect: true }));
        assert!(matches!(with(BodyFault::Broken("x".to_owned())), Err(CallErrorKind::Unclear(_))));
        // A refusal is known by its status.
        let refused = TenantResponse { body: Err(BodyFault::TimedOut), ..answer(404, "", "") };
        assert!(matches!(refused.into_body(&[]), Err(CallErrorKind::Refused { status: 404, .. })));
    }

    #[test]
    fn json_is_known_by_its_content_type() {
        assert!(answer(200, "Application/JSON; charset=utf-8", "").is_json());
        assert!(!answer(200, "text/html", "").is_json() && !answer(200, "application/jsonp", "").is_json());
    }
}
