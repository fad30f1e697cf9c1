//! Codes and links that are mailed, or sent to a phone.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use contact_syntax::{is_email_address, is_phone_number};
use serde_json::{Map, Value, json};

use crate::tenant::config::Connection;
use crate::tenant::embedded::legacy;
use crate::tenant::http::oauth_error::{NOT_AN_ADDRESS, OAuthError};
use crate::tenant::http::params::{InQuery, Params};
use crate::tenant::logins::browser::Browser;
use crate::tenant::logins::context::Sender;
use crate::tenant::oauth::authorization_request::{Authorization, Unanswered};
use crate::tenant::oauth::authorization_response::refuse;
use crate::tenant::oauth::authorize::Asked;
use crate::tenant::people::login_name::passwordless_id;
use crate::tenant::people::mailed_codes::MailedCode;
use crate::tenant::people::outbox::{Kind, Message};
use crate::tenant::people::typed::TypedCredentials;
use crate::tenant::server::blocking::run;
use crate::tenant::signing::issuer::Issuer;
use crate::tenant::state::{Shared, Tenant};

/// Sends a code to an address.
pub(crate) fn send_code(tenant: &Tenant, connection: &Connection, address: &str) -> Result<(), OAuthError> {
    let address = checked(connection, address)?;
    let code = tenant.ambient.random().six_digits();
    let mailed = MailedCode::new(code.clone(), &address, Map::new(), None);
    tenant.people.mailed_codes.put(connection, mailed);
    mail(tenant, connection, &address, Some(code), None);
    Ok(())
}

/// The number or address to send to. An address is in lower case, as the
/// accounts of mailboxes are: a code that is mailed to another case is no proof
/// of it.
fn checked(connection: &Connection, address: &str) -> Result<String, OAuthError> {
    if connection.strategy == "sms" {
        if !is_phone_number(address) {
            return Err(OAuthError::invalid_request(
                "phone_number: expected + and the code of the country, digits only, such as +15550100",
            ));
        }
    } else if !is_email_address(address) {
        return Err(OAuthError::invalid_request(NOT_AN_ADDRESS));
    }
    Ok(address.to_ascii_lowercase())
}

fn mail(tenant: &Tenant, connection: &Connection, to: &str, code: Option<String>, link: Option<String>) {
    let kind = if link.is_some() { Kind::Link } else { Kind::Code };
    let (to, connection) = (to.to_owned(), connection.name.clone());
    tenant.people.outbox.send(Message { to, kind, connection, code, link, at: tenant.ambient.now() });
}

/// `/passwordless/start`.
pub(crate) async fn start(
    State(tenant): State<Shared>,
    issuer: Issuer,
    headers: HeaderMap,
    params: Params,
) -> Result<Json<Value>, OAuthError> {
    run(&tenant, move |tenant| {
        let browser = Browser::of(&tenant.people.sessions, &issuer, &headers).known_id();
        started(tenant, &issuer, browser, &params).map(Json)
    })
    .await
}

fn started(
    tenant: &Tenant,
    issuer: &Issuer,
    browser: Option<String>,
    params: &Params,
) -> Result<Value, OAuthError> {
    let params = &legacy::auth_params(tenant, params)?;
    let client_id = params.require("client_id")?;
    let client = tenant
        .config
        .client(client_id)
        .ok_or_else(|| OAuthError::invalid_request("the client was not found"))?;
    if let Some(secret) = params.get("client_secret") {
        crate::tenant::oauth::client_auth::check_secret(client, secret)?;
    }
    let (connection, address) = addressed(tenant, params)?;
    let (key, verified) = if connection.strategy == "sms" {
        ("phone_number", "phone_verified")
    } else {
        ("email", "email_verified")
    };
    match params.get("send").unwrap_or("link") {
        "link" if connection.strategy == "email" => {
            let mut within = params.within("authParams");
            within.set("client_id", client_id);
            if within.get("redirect_uri").is_none()
                && let [only] = client.callbacks.as_slice()
            {
                within.set("redirect_uri", only);
            }
            if within.get("response_type").is_none() {
                within.set("response_type", "token");
            }
            let address = &checked(connection, address)?;
            let code = tenant.ambient.random().six_digits();
            let mut query = Params::default();
            query.set("connection", &connection.name);
            query.set(key, address);
            query.set("verification_code", &code);
            query.set("client_id", client_id);
            let link = format!("{issuer}passwordless/verify_redirect?{}", query.to_query());
            let mailed = MailedCode::new(code, address, within.into(), browser);
            tenant.people.mailed_codes.put(connection, mailed);
            mail(tenant, connection, address, None, Some(link));
        }
        "link" | "code" => send_code(tenant, connection, address)?,
        _ => return Err(OAuthError::invalid_request("send: expected link or code")),
    }
    let id = passwordless_id(connection, address);
    Ok(json!({ "_id": id, key: address, verified: false }))
}

/// The connection, and whom to send to.
fn addressed<'a>(tenant: &'a Tenant, params: &'a Params) -> Result<(&'a Connection, &'a str), OAuthError> {
    let name = params.get("connection").or_else(|| params.get("realm"));
    let name = name.ok_or_else(|| OAuthError::invalid_request("Missing required parameter: connection"))?;
    let connection = tenant.config.connection(name).filter(|it| it.is_passwordless());
    let connection = connection.ok_or_else(|| {
        OAuthError::invalid_request("connection: there is no passwordless one of that name")
    })?;
    let key = if connection.strategy == "sms" { "phone_number" } else { "email" };
    Ok((connection, params.require(key)?))
}

/// `/passwordless/verify`: whether a code is right, which it stays.
pub(crate) async fn verify(
    State(tenant): State<Shared>,
    from: Sender,
    params: Params,
) -> Result<Json<Value>, OAuthError> {
    run(&tenant, move |tenant| {
        let (connection, login) = addressed(tenant, &params)?;
        let secret = params.require("verification_code")?;
        tenant.logins.check_code(connection, TypedCredentials { login, secret, sender: &from.ip })?;
        Ok(Json(json!({})))
    })
    .await
}

/// `/passwordless/verify_redirect`: where the link of a mail leads.
pub(crate) async fn verify_redirect(
    State(tenant): State<Shared>,
    issuer: Issuer,
    from: Sender,
    headers: HeaderMap,
    InQuery(params): InQuery,
) -> Response {
    run(&tenant, move |tenant| match redirected(tenant, &issuer, &from, &headers, &params) {
        Ok(response) => response,
        Err(why) => refuse(Unanswered::Shown(why)),
    })
    .await
}

fn redirected(
    tenant: &Tenant,
    issuer: &Issuer,
    from: &Sender,
    headers: &HeaderMap,
    params: &Params,
) -> Result<Response, OAuthError> {
    let (connection, address) = addressed(tenant, params)?;
    let kept = tenant.people.mailed_codes.get(connection, address);
    // A mail that carries a link was asked for with parameters, which the link
    // does not get to change; the page of a code brings its own.
    let mut asked = match &kept {
        Some(kept) if !kept.params.is_empty() => kept.params.clone().into(),
        _ => params.clone(),
    };
    asked.set("connection", &connection.name);
    let authorization = match Authorization::read(tenant, issuer, &asked) {
        Ok(authorization) => authorization,
        Err(why) => return Ok(refuse(why)),
    };
    let browser = Browser::of(&tenant.people.sessions, issuer, headers);
    // In another browser than the one that asked, the link logs in to the
    // application only: a stranger's must not begin a session.
    let known = browser.known_id();
    let in_session = known.is_some() && kept.is_some_and(|kept| kept.browser == known);
    let asked = Asked { tenant, issuer, from, browser };
    let secret = params.require("verification_code")?;
    match tenant
        .logins
        .prove_by_code(connection, TypedCredentials { login: address, secret, sender: &from.ip })
    {
        Ok(proved) => Ok(asked.proved(authorization, &proved, in_session)),
        Err(why) => Ok(asked.tell(&authorization, &why.into()).into_response()),
    }
}
