//! How the application gets its answer.

use askama::Template;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Map, Value};
use url::Url;

use crate::tenant::http::html;
use crate::tenant::http::html::see_other;
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::oauth::authorization_request::{Mode, Told, Unanswered};

/// Parameters of an answer.
pub(crate) type Answer = Vec<(&'static str, String)>;

/// Sends an answer to the application.
pub(crate) fn send(redirect_uri: &str, mode: Mode, state: Option<&str>, mut answer: Answer) -> Response {
    if let Some(state) = state {
        answer.push(("state", state.to_owned()));
    }
    match mode {
        Mode::Query => see_other(&with_query(redirect_uri, &answer)),
        Mode::Fragment => see_other(&format!("{redirect_uri}#{}", encoded(&answer))),
        Mode::FormPost => form_post(redirect_uri, answer),
        Mode::WebMessage => message(redirect_uri, "authorization_response", answer),
        Mode::Popup => message(redirect_uri, "owp", answer),
        Mode::OwnPage => match answer.iter().find(|(name, _)| *name == "error_description") {
            Some((_, why)) => html::error_page(StatusCode::FORBIDDEN, why),
            None => see_other(redirect_uri),
        },
    }
}

/// Tells the application, or whoever sits there, why there is no login.
pub(crate) fn refuse(why: Unanswered) -> Response {
    match why {
        Unanswered::Shown(why) => html::error_page(why.status, &why.description),
        Unanswered::Told(told) => {
            let Told { redirect_uri, mode, state, why } = *told;
            send(&redirect_uri, mode, state.as_deref(), of_error(&why))
        }
    }
}

/// An error as the application reads it.
pub(crate) fn of_error(why: &OAuthError) -> Answer {
    vec![("error", why.error.to_owned()), ("error_description", why.description.clone())]
}

fn encoded(answer: &Answer) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(answer).finish()
}

fn with_query(uri: &str, answer: &Answer) -> String {
    let joint = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{joint}{}", encoded(answer))
}

#[derive(Template)]
#[template(path = "form_post.html")]
struct FormPost<'a> {
    action: &'a str,
    fields: Answer,
    nonce: &'a str,
}

fn form_post(redirect_uri: &str, fields: Answer) -> Response {
    let nonce = html::nonce();
    let page = FormPost { action: redirect_uri, fields, nonce: &nonce };
    scripted(page.render(), &nonce, "frame-ancestors 'none'")
}

#[derive(Template)]
#[template(path = "web_message.html")]
struct WebMessage<'a> {
    /// JSON within a script: `<` is written so that no tag can end it.
    message: String,
    target: String,
    nonce: &'a str,
}

fn message(redirect_uri: &str, kind: &str, answer: Answer) -> Response {
    let origin = Url::parse(redirect_uri).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    let values: Map<String, Value> = answer
        .into_iter()
        .map(|(key, value)| {
            let number = (key == "expires_in").then(|| value.parse::<u64>().ok()).flatten();
            (key.to_owned(), number.map_or(Value::String(value), Value::from))
        })
        .collect();
    let message = if kind == "owp" {
        // Lock's popups want text: `a` says that it is an answer.
        Value::String(serde_json::json!({ "a": "response", "d": values }).to_string())
    } else {
        serde_json::json!({ "type": kind, "response": values })
    };
    let nonce = html::nonce();
    let page = WebMessage {
        message: in_script(&message),
        target: in_script(&origin.as_str().into()),
        nonce: &nonce,
    };
    scripted(page.render(), &nonce, &format!("frame-ancestors {origin}"))
}

fn in_script(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

/// A page whose own script runs, and no other.
fn scripted(page: askama::Result<String>, nonce: &str, more: &str) -> Response {
    let Ok(page) = page else { return OAuthError::temporarily_unavailable().into_response() };
    let policy = format!("default-src 'none'; script-src 'nonce-{nonce}'; base-uri 'none'; {more}");
    match HeaderValue::from_str(&policy) {
        Ok(policy) => ([(CONTENT_SECURITY_POLICY, policy)], Html(page)).into_response(),
        Err(_) => OAuthError::temporarily_unavailable().into_response(),
    }
}

#[cfg(test)]
mod tests {
    use crate::tenant::oauth::authorization_response::{Mode, in_script, send};

    fn location(uri: &str, mode: Mode) -> String {
        let response = send(uri, mode, Some("a&b=c#d"), vec![("code", "x y".to_owned())]);
        response.headers()["location"].to_str().unwrap().to_owned()
    }

    #[test]
    fn an_answer_cannot_add_parameters_of_its_own() {
        assert_eq!(location("http://app/cb", Mode::Query), "http://app/cb?code=x+y&state=a%26b%3Dc%23d");
        assert_eq!(
            location("http://app/cb?x=1", Mode::Query),
            "http://app/cb?x=1&code=x+y&state=a%26b%3Dc%23d"
        );
        assert_eq!(location("http://app/cb", Mode::Fragment), "http://app/cb#code=x+y&state=a%26b%3Dc%23d");
    }

    #[test]
    fn no_value_ends_a_script() {
        assert_eq!(
            in_script(&"</script><script>alert(1)".into()),
            r#""\u003c/script>\u003cscript>alert(1)""#
        );
    }
}
