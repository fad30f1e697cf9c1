//! One request of the Action about one login.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};

use super::answer::ActionAnswer;
use super::answer_gate::{AnswerGate, CloseOnDrop};
use super::logins::{ActionLogin, Stage};
use super::queue::Place;
use super::refusal::RequestRefusal;
use super::signature::UnverifiedSignature;
use super::state::Hook;
use crate::model::{LoginEvent, mask_addresses, mask_secrets, truncate};
use crate::reading::parse_json;
use crate::service::blocking::run_blocking;

/// The longest id of a user that the log repeats, in bytes.
const LONGEST_ID: usize = 200;

/// Half of the longest message about an event that cannot be read, in bytes.
const HALF_MESSAGE: usize = 150;

/// The body of a request at the login.
#[derive(Deserialize)]
struct PostLogin {
    event: LoginEvent,
    /// Whether the Action can send the user to another page.
    #[serde(default)]
    can_redirect: bool,
    /// Absent: a request with an answer is one after the page, and may be replayed here.
    #[serde(default, rename = "answer", deserialize_with = "refuse_answer")]
    _answer: (),
}

fn refuse_answer<'de, D: Deserializer<'de>>(_: D) -> Result<(), D::Error> {
    Err(D::Error::custom("`answer` belongs to the request after the page, `/v1/auth0/continue`"))
}

/// The body of a request after the user was sent to the page.
#[derive(Deserialize)]
struct Continue {
    event: LoginEvent,
    /// The answer that the user brought back; null if the Action has not accepted it. Required:
    /// a request without the key is one of the login, and may be replayed here.
    #[serde(deserialize_with = "Option::deserialize")]
    answer: Option<String>,
}

/// Reads the body of a request.
type ReadBody = fn(&[u8]) -> Result<(LoginEvent, Stage), RequestRefusal>;

/// Answers `POST /v1/auth0/post-login`.
pub(super) async fn post_login(
    State(hook): State<Arc<Hook>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    respond(&hook, from, request, read_post_login).await
}

/// Answers `POST /v1/auth0/continue`.
pub(super) async fn continue_login(
    State(hook): State<Arc<Hook>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    respond(&hook, from, request, read_continue).await
}

async fn respond(hook: &Arc<Hook>, from: SocketAddr, request: Request, read: ReadBody) -> Response {
    match answer(hook, request, read).await {
        Ok(answer) => {
            hook.metrics.count_answer(&answer);
            Json(answer).into_response()
        }
        Err(refusal) => {
            let code = refusal.code();
            if !refusal.is_of_strangers() || hook.refusal_log.admit(code) {
                tracing::warn!(
                    target: "audit", from = %from.ip(), code, user = refusal.user().map(mask_addresses).as_deref(),
                    why = %mask_addresses(&refusal.to_string()), "a request was refused"
                );
            }
            hook.metrics.count_refusal(code);
            refusal.into_response_of_action(hook.logins.on_failure)
        }
    }
}

async fn answer(hook: &Arc<Hook>, request: Request, read: ReadBody) -> Result<ActionAnswer, RequestRefusal> {
    // Everything that the headers alone show is refused before the body is read.
    let claim = UnverifiedSignature::from_headers(request.headers(), hook.ambient.since_epoch())?;
    let body = hook.bodies.read_body(request.into_body()).await?;
    let signed = claim.verify(&body.bytes, &hook.secrets)?;
    let place = hook.queue.enter()?;
    // Only now: a request that finds no place may be sent again.
    hook.seen.accept(&signed, hook.ambient.since_epoch())?;
    hook.metrics.count_signature(signed.secret > 0);
    // The queue bounds the bodies of the logins in it.
    let work = Work { body: body.into_bytes(), read, secret: signed.secret };
    decide_in_time(hook, work, place).await
}

/// A request whose signature is valid.
struct Work {
    body: Bytes,
    read: ReadBody,
    /// The number of the secret that has signed it.
    secret: usize,
}

/// Decides a login within its time limit, which includes its wait in the queue.
async fn decide_in_time(hook: &Arc<Hook>, work: Work, place: Place) -> Result<ActionAnswer, RequestRefusal> {
    let limit = hook.logins.time_limit();
    let gate = Arc::new(AnswerGate::default());
    let _closes = CloseOnDrop(gate.clone());
    let (body, read) = (work.body.clone(), work.read);
    let deciding = {
        let (logins, gate) = (hook.logins.clone(), gate.clone());
        async move {
            let turn = place.wait().await;
            run_blocking(move || {
                let _turn = turn;
                let Work { body, read, secret } = work;
                let (event, stage) = read(&body)?;
                Ok(logins.decide(ActionLogin { event, stage, secret }, &gate))
            })
            .await
        }
    };
    match tokio::time::timeout(limit, deciding).await {
        Ok(answered) => answered,
        Err(_) => {
            // The log names the user, as for every other failure.
            let user = read(&body).map(|(event, _)| event.user.user_id).unwrap_or_default();
            Ok(answer_late(hook, &gate, limit, &user))
        }
    }
}

/// The answer to a login that was not decided in time. The policies may still run; they
/// can no longer change the directory.
fn answer_late(hook: &Hook, gate: &AnswerGate, limit: Duration, user: &str) -> ActionAnswer {
    let ms = limit.as_millis();
    let (code, detail) = if gate.close() {
        let detail = format!(
            "The login's {ms} ms were up while a link was being written. If it was written, the next login continues \
             as the linked user."
        );
        ("LINK_UNFINISHED", detail)
    } else {
        ("LOGIN_TIMED_OUT", format!("The login was not decided within {ms} ms. Nothing was linked."))
    };
    hook.logins.answer_failure(user, code, detail)
}

fn read_post_login(body: &[u8]) -> Result<(LoginEvent, Stage), RequestRefusal> {
    let PostLogin { event, can_redirect, _answer: () } = parse_body(body)?;
    Ok((require_identity(event)?, Stage::PostLogin { can_redirect }))
}

fn read_continue(body: &[u8]) -> Result<(LoginEvent, Stage), RequestRefusal> {
    let Continue { event, answer } = parse_body(body)?;
    Ok((require_identity(event)?, Stage::Continue { answer }))
}

fn parse_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, RequestRefusal> {
    let refuse = |why: String| RequestRefusal::EventInvalid { why, user: read_user_id(body) };
    let text =
        std::str::from_utf8(body).map_err(|_| refuse("it is not UTF-8; expected a JSON text".to_owned()))?;
    parse_json(text).map_err(|(place, message)| {
        let place = place.map(|(line, column)| format!("line {line}, column {column}: ")).unwrap_or_default();
        // Masked as a whole: a part of a token would no longer be recognized as one.
        refuse(format!("{place}{}", shorten(&mask_secrets(&message))))
    })
}

/// Leaves the middle of a long message out. Its end says what is wrong, and the path before it is
/// as long as the keys that a user may have chosen.
fn shorten(message: &str) -> Cow<'_, str> {
    if message.len() <= 2 * HALF_MESSAGE {
        return message.into();
    }
    let start = &message[..message.floor_char_boundary(HALF_MESSAGE)];
    let end = &message[message.ceil_char_boundary(message.len() - HALF_MESSAGE)..];
    format!("{start} … {end}").into()
}

/// Reads the user's id from a body that is refused as a whole, for the log. Users can bring that
/// about where metadata is their own, by half a surrogate pair or by more than 128 levels. Both
/// are skipped here.
fn read_user_id(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Body {
        event: Event,
    }
    #[derive(Deserialize)]
    struct Event {
        user: User,
    }
    #[derive(Deserialize)]
    struct User {
        user_id: String,
    }
    let body: Body = serde_json::from_slice(body).ok()?;
    Some(truncate(&body.event.user.user_id, LONGEST_ID).into_owned())
}

fn require_identity(event: LoginEvent) -> Result<LoginEvent, RequestRefusal> {
    match event.identity() {
        Some(_) => Ok(event),
        None => {
            let id = mask_secrets(&event.user.user_id);
            let why =
                format!("`event.user.user_id` is {:?}; expected `provider|id`", truncate(&id, LONGEST_ID));
            Err(RequestRefusal::EventInvalid { why, user: None })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{RequestRefusal, read_post_login};

    fn refusal(body: &str) -> String {
        read_post_login(body.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_body_that_is_no_event_is_explained_in_one_sentence() {
        let bodies = [
            "",
            "{",
            "[]",
            "{}",
            r#"{"user": {"user_id": "auth0|1"}}"#,
            r#"{"event": {}}"#,
            r#"{"event": {"connection": {"name": "db"}}}"#,
            r#"{"event": {"user": {"user_id": "auth0|1"}}}"#,
            r#"{"event": {"user": {}, "connection": {"name": "db"}}}"#,
            r#"{"event": {"user": {"user_id": "ada@corp.com"}, "connection": {"name": "db"}}}"#,
        ];
        let told: Vec<String> = bodies.iter().map(|body| format!("{body}\n  {}", refusal(body))).collect();
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn a_user_whose_event_cannot_be_read_is_named() {
        let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        let long = format!(r#"{{"{}": "\ud800"}}"#, "ü".repeat(10_000));
        for metadata in [r#""\ud800""#, &long, &deep, "{"] {
            let body = format!(
                r#"{{"event": {{"user": {{"user_id": "auth0|1", "user_metadata": {metadata}}}, "connection": {{"name": "db"}}}}}}"#
            );
            let refused = read_post_login(body.as_bytes()).unwrap_err();
            let RequestRefusal::EventInvalid { user, why } = refused else { panic!("{refused}") };
            let expected = (metadata != "{").then_some("auth0|1");
            assert_eq!(user.as_deref(), expected, "{metadata}");
            assert!(why.len() < 400, "{why}");
        }
    }
}
