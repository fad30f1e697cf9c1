//! One-time passwords and links that are mailed, or sent to a phone.

use axum::Json;
use axum::http::header::{ALLOW, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use ligature_contact_syntax::{is_email_address, is_phone_number};
use serde_json::{Value, json};

use crate::tenant::config::{Config, Connection};
use crate::tenant::embedded::legacy;
use crate::tenant::flows::authorization::Authorization;
use crate::tenant::http::browser::Browser;
use crate::tenant::http::html;
use crate::tenant::http::oauth_error::{LINK_EXPIRED, NOT_AN_ADDRESS, OAuthError};
use crate::tenant::http::params::Params;
use crate::tenant::http::visit::Visit;
use crate::tenant::oauth::authorization_params::AuthorizationParams;
use crate::tenant::oauth::authorization_response::send_error;
use crate::tenant::oauth::browser_visit::BrowserVisit;
use crate::tenant::oauth::client_auth::check_secret;
use crate::tenant::people::identifier_keys::derive_passwordless_id;
use crate::tenant::people::mailed_codes::MailedCode;
use crate::tenant::people::outbox::{Message, MessageKind};
use crate::tenant::people::typed_credentials::TypedCredentials;
use crate::tenant::state::Tenant;

/// Sends a one-time password that a user asks for at a login to this application.
pub(crate) fn send_code(
    visit: &Visit,
    client_id: &str,
    connection: &Connection,
    address: &str,
) -> Result<(), OAuthError> {
    let address = check_address(connection, address)?;
    visit.tenant.people.message_limit.count(&visit.sender.ip, &address)?;
    put_code(&visit.tenant, client_id, connection, address);
    Ok(())
}

fn put_code(tenant: &Tenant, client_id: &str, connection: &Connection, address: String) {
    let Tenant { people, ambient, .. } = tenant;
    let code = ambient.random().six_digits();
    let kept = MailedCode::new(code.clone(), &address).for_client(client_id);
    people.mailed_codes.put(&connection.name, kept);
    people.outbox.send(Message {
        to: address,
        kind: MessageKind::Code,
        connection: connection.name.clone(),
        code: Some(code),
        link: None,
        text: Vec::new(),
        at: ambient.now(),
    });
}

/// Checks the phone number or the address to send to. An address is lowercased, as the
/// accounts of mailboxes are: a code that is mailed to another case does not prove it.
pub(crate) fn check_address(connection: &Connection, address: &str) -> Result<String, OAuthError> {
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

/// `POST /passwordless/start`: sends a code or a link.
pub(crate) async fn start(visit: Visit) -> Result<Json<Value>, OAuthError> {
    visit.run(|visit| send(visit).map(Json)).await
}

fn send(visit: &Visit) -> Result<Value, OAuthError> {
    let tenant = &*visit.tenant;
    let params = &legacy::gather_auth_params(&tenant.config, &visit.params)?;
    let client_id = params.require("client_id")?;
    let client = tenant.config.client(client_id);
    let client = client.ok_or_else(|| OAuthError::invalid_request("the client was not found"))?;
    let secret = params.get("client_secret");
    if let Some(secret) = secret {
        check_secret(client, secret)?;
    }
    let (connection, address) = find_recipient(&tenant.config, params)?;
    let recipient = check_address(connection, address)?;
    let send = params.get("send").unwrap_or("link");
    if !matches!(send, "link" | "code") {
        return Err(OAuthError::invalid_request("send: expected link or code"));
    }
    let limit = &tenant.people.message_limit;
    match secret {
        Some(_) => limit.count_for_client(&recipient)?,
        None => limit.count(&visit.sender.ip, &recipient)?,
    }
    match send {
        "link" if connection.strategy == "email" => {
            let mut carried =
                AuthorizationParams::from_params(&params.get_object("authParams")).for_mailed_link();
            carried.client_id = Some(client_id.to_owned());
            if let (None, [only]) = (&carried.redirect_uri, client.callbacks.as_slice()) {
                carried.redirect_uri = Some(only.clone());
            }
            carried.response_type.get_or_insert_with(|| "token".to_owned());
            send_link(visit, connection, recipient, &carried);
        }
        _ => put_code(tenant, client_id, connection, recipient),
    }
    let verified = if connection.strategy == "sms" { "phone_verified" } else { "email_verified" };
    let id = derive_passwordless_id(connection, address);
    Ok(json!({ "_id": id, address_param(connection): address, verified: false }))
}

/// Mails a link that logs in, and continues to `/authorize` with these parameters.
fn send_link(visit: &Visit, connection: &Connection, address: String, params: &AuthorizationParams) {
    let Visit { tenant, issuer, .. } = visit;
    let code = tenant.ambient.random().six_digits();
    let mut query = Params::default();
    query.set("connection", &connection.name);
    query.set(address_param(connection), &address);
    query.set("verification_code", &code);
    let client_id = params.client_id.as_deref().unwrap_or_default();
    query.set("client_id", client_id);
    let link = format!("{issuer}passwordless/verify_redirect?{}", query.to_query());
    let kept = MailedCode::new(code, &address)
        .for_client(client_id)
        .in_browser(Browser::from_visit(visit).sent_id())
        .with_params(params.to_params().into());
    tenant.people.mailed_codes.put(&connection.name, kept);
    let kind = MessageKind::Link;
    let connection = connection.name.clone();
    tenant.people.outbox.send(Message {
        to: address,
        kind,
        connection,
        code: None,
        link: Some(link),
        text: Vec::new(),
        at: tenant.ambient.now(),
    });
}

/// The name of the parameter with the address.
fn address_param(connection: &Connection) -> &'static str {
    if connection.strategy == "sms" { "phone_number" } else { "email" }
}

/// Finds the connection, and the address to send to.
fn find_recipient<'a>(
    config: &'a Config,
    params: &'a Params,
) -> Result<(&'a Connection, &'a str), OAuthError> {
    let name = params.get("connection").or_else(|| params.get("realm"));
    let name = name.ok_or_else(|| OAuthError::invalid_request("Missing required parameter: connection"))?;
    let connection = config.connection(name).filter(|it| it.is_passwordless());
    let connection = connection.ok_or_else(|| {
        OAuthError::invalid_request("connection: there is no passwordless one of that name")
    })?;
    Ok((connection, params.require(address_param(connection))?))
}

/// `POST /passwordless/verify`: checks a code, which stays valid.
pub(crate) async fn verify(visit: Visit) -> Result<Json<Value>, OAuthError> {
    visit
        .run(|visit| {
            let (connection, login) = find_recipient(&visit.tenant.config, &visit.params)?;
            let secret = visit.params.require("verification_code")?;
            visit.tenant.logins.check_code(
                connection,
                TypedCredentials { identifier: login, secret, sender: &visit.sender.ip },
            )?;
            Ok(Json(json!({})))
        })
        .await
}

/// `HEAD /passwordless/verify_redirect`: programs that scan mails send it, and get no token by it.
pub(crate) async fn refuse_head() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET")]).into_response()
}

/// `GET /passwordless/verify_redirect`: logs in by the link of a mail, or by the code that a page of an
/// application sends. As at Auth0, opening the address is enough.
pub(crate) async fn log_in_by_link(visit: Visit) -> Response {
    let respond = |visit: &Visit| {
        if !is_opened_by_person(&visit.headers) {
            tracing::warn!(target: "audit", "a mailed link was not opened by a person");
            let words = "This link logs in only if it is opened as a page of its own. Nobody was logged in; open it again.";
            return html::error_page(StatusCode::FORBIDDEN, words);
        }
        redeem_link(visit).unwrap_or_else(|error| html::error_page(error.status, &error.description))
    };
    visit.run(respond).await
}

/// Returns whether a person opens the address as a page, as far as the browser says what it loads.
/// Frames, images, scripts and prefetches do not count. A navigation from another site does: the
/// link is in a mail, and official clients navigate from the application's page.
///
/// Source: W3C, "Fetch Metadata Request Headers".
fn is_opened_by_person(headers: &HeaderMap) -> bool {
    let has = |name: &str, expected: &[&str]| {
        headers.get_all(name).iter().all(|sent| expected.iter().any(|it| it.as_bytes() == sent.as_bytes()))
    };
    has("sec-fetch-mode", &["navigate"])
        && has("sec-fetch-dest", &["document"])
        // A navigation by `GET` has no `Origin`; a script's request to another site has.
        && !headers.contains_key(ORIGIN)
        && ["sec-purpose", "purpose", "x-purpose", "x-moz"].iter().all(|name| !headers.contains_key(*name))
}

fn redeem_link(visit: &Visit) -> Result<Response, OAuthError> {
    let Visit { tenant, params, .. } = visit;
    let (connection, address) = find_recipient(&tenant.config, params)?;
    let kept = tenant.people.mailed_codes.get(&connection.name, address);
    // A mailed link continues with the parameters that it was requested with, which the
    // link cannot change. The page of a code sends its own.
    let mut carried = match &kept {
        Some(kept) if !kept.params.is_empty() => {
            AuthorizationParams::from_params(&kept.params.clone().into())
        }
        _ => AuthorizationParams::from_params(params),
    };
    // A mailed link has no redirect_uri of its own. Its parameters end with its code.
    if kept.is_none() && carried.redirect_uri.is_none() {
        return Err(OAuthError::invalid_request(LINK_EXPIRED));
    }
    carried.connection = Some(connection.name.clone());
    let authorization = match Authorization::parse(visit, &carried) {
        Ok(authorization) => authorization,
        Err(error) => return Ok(send_error(error)),
    };
    let browser_visit = BrowserVisit::new(visit);
    // In a browser that did not request it, the link logs in to the application only: a
    // stranger's link must not begin a session.
    let known = browser_visit.browser.sent_id();
    let in_session = known.is_some() && kept.is_some_and(|kept| kept.browser == known);
    let secret = params.require("verification_code")?;
    let typed = TypedCredentials { identifier: address, secret, sender: &visit.sender.ip };
    Ok(match tenant.logins.prove_by_code(connection, &authorization.client_id, typed) {
        Ok(proved) => browser_visit.log_in(authorization, &proved, in_session),
        Err(error) => browser_visit.refuse(&authorization, &error.into()),
    })
}
