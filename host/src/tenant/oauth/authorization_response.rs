//! Authorization responses: their parameters, on the way that the application requests.
//!
//! Source: OAuth 2.0 Multiple Response Type Encoding Practices; OAuth 2.0 Form Post
//! Response Mode.

use askama::Template;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Map, Value};
use url::Url;

use crate::service::page;
use crate::tenant::flows::authorization::ResponseMode;
use crate::tenant::http::html;
use crate::tenant::http::html::see_other;
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::oauth::authorization_request::{AuthorizationError, ResponseTarget, SentError};

/// The parameters of an authorization response.
pub(crate) type ResponseParams = Vec<(&'static str, String)>;

/// Sends the parameters of an authorization response to the application.
pub(crate) fn send(target: ResponseTarget<'_>, mut params: ResponseParams) -> Response {
    let ResponseTarget { redirect_uri, mode, state } = target;
    if let Some(state) = state {
        params.push(("state", state.to_owned()));
    }
    match mode {
        ResponseMode::Query => see_other(&with_query(redirect_uri, &params)),
        ResponseMode::Fragment => see_other(&format!("{redirect_uri}#{}", encode_params(&params))),
        ResponseMode::FormPost => form_post(redirect_uri, params),
        ResponseMode::WebMessage => render_web_message(redirect_uri, "authorization_response", params),
        ResponseMode::Popup => render_web_message(redirect_uri, "owp", params),
        ResponseMode::OwnPage => match params.iter().find(|(name, _)| *name == "error_description") {
            Some((_, why)) => html::error_page(StatusCode::FORBIDDEN, why),
            None => see_other(redirect_uri),
        },
    }
}

/// Sends an error to the application, or shows it to the user if the application is
/// unknown.
pub(crate) fn send_error(error: AuthorizationError) -> Response {
    match error {
        AuthorizationError::Shown(error) => html::error_page(error.status, &error.description),
        AuthorizationError::Sent(sent) => {
            let SentError { redirect_uri, mode, state, error } = *sent;
            let target = ResponseTarget { redirect_uri: &redirect_uri, mode, state: state.as_deref() };
            send(target, error_params(&error))
        }
    }
}

/// The parameters of an error response.
pub(crate) fn error_params(error: &OAuthError) -> ResponseParams {
    vec![("error", error.error.to_owned()), ("error_description", error.description.clone())]
}

fn encode_params(params: &ResponseParams) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish()
}

fn with_query(uri: &str, params: &ResponseParams) -> String {
    let joint = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{joint}{}", encode_params(params))
}

#[derive(Template)]
#[template(path = "form_post.html")]
struct FormPost<'a> {
    action: &'a str,
    fields: ResponseParams,
    nonce: &'a str,
}

fn form_post(redirect_uri: &str, fields: ResponseParams) -> Response {
    let nonce = page::nonce();
    let page = FormPost { action: redirect_uri, fields, nonce: &nonce };
    render_scripted_page(page.render(), &nonce, "frame-ancestors 'none'")
}

#[derive(Template)]
#[template(path = "web_message.html")]
struct WebMessage<'a> {
    /// JSON within a script. `<` is escaped, so that no tag can end the script.
    message: String,
    target: String,
    nonce: &'a str,
}

fn render_web_message(redirect_uri: &str, kind: &str, params: ResponseParams) -> Response {
    let origin = Url::parse(redirect_uri).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    let values: Map<String, Value> = params
        .into_iter()
        .map(|(key, value)| {
            let number = (key == "expires_in").then(|| value.parse::<u64>().ok()).flatten();
            (key.to_owned(), number.map_or(Value::String(value), Value::from))
        })
        .collect();
    let message = if kind == "owp" {
        // Lock's popups expect a text; `a` marks it as a response.
        Value::String(serde_json::json!({ "a": "response", "d": values }).to_string())
    } else {
        serde_json::json!({ "type": kind, "response": values })
    };
    let nonce = page::nonce();
    let page = WebMessage {
        message: escape_for_script(&message),
        target: escape_for_script(&origin.as_str().into()),
        nonce: &nonce,
    };
    render_scripted_page(page.render(), &nonce, &format!("frame-ancestors {origin}"))
}

fn escape_for_script(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

/// A page that runs its own script, and no other.
fn render_scripted_page(page: askama::Result<String>, nonce: &str, more: &str) -> Response {
    let Ok(page) = page else { return OAuthError::temporarily_unavailable().into_response() };
    let policy = format!("default-src 'none'; script-src 'nonce-{nonce}'; base-uri 'none'; {more}");
    match HeaderValue::from_str(&policy) {
        Ok(policy) => ([(CONTENT_SECURITY_POLICY, policy)], Html(page)).into_response(),
        Err(_) => OAuthError::temporarily_unavailable().into_response(),
    }
}

#[cfg(test)]
mod tests {
    use crate::tenant::oauth::authorization_response::{
        ResponseMode, ResponseTarget, escape_for_script, send,
    };

    fn build_location(uri: &str, mode: ResponseMode) -> String {
        let response = send(
            ResponseTarget { redirect_uri: uri, mode, state: Some("a&b=c#d") },
            vec![("code", "x y".to_owned())],
        );
        response.headers()["location"].to_str().unwrap().to_owned()
    }

    #[test]
    fn a_response_cannot_add_parameters_of_its_own() {
        assert_eq!(
            build_location("http://app/cb", ResponseMode::Query),
            "http://app/cb?code=x+y&state=a%26b%3Dc%23d"
        );
        assert_eq!(
            build_location("http://app/cb?x=1", ResponseMode::Query),
            "http://app/cb?x=1&code=x+y&state=a%26b%3Dc%23d"
        );
        assert_eq!(
            build_location("http://app/cb", ResponseMode::Fragment),
            "http://app/cb#code=x+y&state=a%26b%3Dc%23d"
        );
    }

    #[test]
    fn no_value_ends_a_script() {
        assert_eq!(
            escape_for_script(&"</script><script>alert(1)".into()),
            r#""\u003c/script>\u003cscript>alert(1)""#
        );
    }
}
