//! Authorization responses: their parameters, on the way that the application requests.
//!
//! Source: OAuth 2.0 Multiple Response Type Encoding Practices; OAuth 2.0 Form Post
//! Response Mode.

use askama::Template;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde_json::{Map, Value};
use url::{Origin, Url};

use crate::service::page;
use crate::service::page_script::{MESSAGE, SUBMIT};
use crate::tenant::flows::authorization::ResponseMode;
use crate::tenant::http::html;
use crate::tenant::http::html::see_other;
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::oauth::authorization_request::{AuthorizationError, ResponseTarget, SentError};

/// The paths of the scripts of responses.
const SUBMIT_SCRIPT: &str = "/u/submit.js";
const MESSAGE_SCRIPT: &str = "/u/message.js";

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
    script: String,
}

fn form_post(redirect_uri: &str, fields: ResponseParams) -> Response {
    let page = FormPost { action: redirect_uri, fields, script: SUBMIT.address(SUBMIT_SCRIPT) };
    page::respond_with_sent_form(page.render())
}

#[derive(Template)]
#[template(path = "web_message.html")]
struct WebMessage<'a> {
    /// JSON.
    message: String,
    /// The only origin whose page gets the message.
    target: &'a str,
    script: String,
}

fn render_web_message(redirect_uri: &str, kind: &str, params: ResponseParams) -> Response {
    let origin = Url::parse(redirect_uri).map(|url| url.origin()).ok().filter(Origin::is_tuple);
    let Some(target) = origin.map(|origin| origin.ascii_serialization()) else {
        return html::error_page(StatusCode::BAD_REQUEST, "No page of this address can get a message.");
    };
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
    let script = MESSAGE.address(MESSAGE_SCRIPT);
    let page = WebMessage { message: message.to_string(), target: &target, script };
    page::respond_with_message(page.render(), &target)
}

/// `GET /u/submit.js`: the script of a response in a form.
pub(crate) async fn submit_script(uri: Uri) -> Response {
    SUBMIT.respond(&uri)
}

/// `GET /u/message.js`: the script of a response in a message.
pub(crate) async fn message_script(uri: Uri) -> Response {
    MESSAGE.respond(&uri)
}

#[cfg(test)]
mod tests {
    use crate::tenant::oauth::authorization_response::{ResponseMode, ResponseTarget, send};

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

    /// `*` would send tokens to any page, and `null` is an origin that pages can take.
    #[test]
    fn a_message_goes_to_one_origin() {
        let respond = |uri| {
            let target = ResponseTarget { redirect_uri: uri, mode: ResponseMode::WebMessage, state: None };
            send(target, vec![("code", "x".to_owned())])
        };
        let policy_of = |response: &axum::response::Response| {
            response.headers()["content-security-policy"].to_str().unwrap().to_owned()
        };
        let response = respond("https://app.example:8443/cb?x=1");
        assert!(policy_of(&response).ends_with("frame-ancestors https://app.example:8443"));
        for uri in ["com.example.app://cb", "data:text/html,x", "about:blank", "cb"] {
            let response = respond(uri);
            assert_eq!(response.status(), 400, "{uri}");
            let policy = policy_of(&response);
            assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("script-src"), "{policy}");
        }
    }
}
