//! Tickets: links that verify an address or set a password. The caller sends them to the user.

use axum::Json;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use utoipa::ToSchema;

use crate::directory::{Administration, Stored};
use crate::model::{Identity, Timestamp, User};
use crate::tenant::config::Config;
use crate::tenant::flows::tickets::{LONGEST_S, PasswordTicket, ResultPage, VerificationTicket};
use crate::tenant::http::visit::Visit;
use crate::tenant::management::access::ManagementCall;
use crate::tenant::management::body::Body;
use crate::tenant::management::openapi::{BodyRefusals, CommonRefusals};
use crate::tenant::management::problem::{Problem, ProblemBody};

/// The lifetime of a ticket in seconds if the request gives none.
///
/// Source: Auth0, `ttl_sec`: five days.
const USUAL_S: u64 = 5 * 86_400;
/// The longest `result_url`, in bytes.
const URL_BYTES: usize = 2048;

/// A link that verifies an address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct VerificationBody {
    #[schema(pattern = r"^[^|\x00-\x1F\x7F-\x9F]+\|[^\x00-\x1F\x7F-\x9F]+$")]
    user_id: String,
    /// The URL that the user is redirected to afterwards. Its origin must be that of a client's
    /// callbacks, logout URLs or `origins`.
    #[schema(format = "uri", max_length = 2048)]
    result_url: Option<String>,
    /// The id of a client, which must exist. It has no other effect.
    client_id: Option<String>,
    /// Refused if given: this tenant has no tickets for an organization.
    organization_id: Option<String>,
    /// The lifetime of the link in seconds; 0 for five days, the default.
    #[serde(default, deserialize_with = "crate::tenant::management::body::deserialize_whole_number")]
    #[schema(maximum = 2_592_000)]
    ttl_sec: Option<u64>,
    /// Whether the address is appended to `result_url`.
    #[serde(rename = "includeEmailInRedirect")]
    #[schema(rename = "includeEmailInRedirect")]
    include_email: Option<bool>,
    identity: Option<VerifiedIdentity>,
}

/// The identity whose address is verified. Only the user's own (first) identity is allowed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct VerifiedIdentity {
    user_id: String,
    provider: String,
    /// Accepted without effect.
    #[serde(rename = "connection_id")]
    #[schema(rename = "connection_id")]
    _connection_id: Option<String>,
}

/// A link to a page that asks for a new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordBody {
    /// The id of a user whose own (first) identity is of a database.
    #[schema(pattern = r"^[^|\x00-\x1F\x7F-\x9F]+\|[^\x00-\x1F\x7F-\x9F]+$")]
    user_id: Option<String>,
    /// The id of a database. It is given with `email`, the user's address in it, instead of
    /// `user_id`.
    connection_id: Option<String>,
    email: Option<String>,
    /// The URL that the user is redirected to afterwards. Its origin must be that of a client's
    /// callbacks, logout URLs or `origins`.
    #[schema(format = "uri", max_length = 2048)]
    result_url: Option<String>,
    /// The id of a client, which must exist. It has no other effect.
    client_id: Option<String>,
    /// Refused if given: this tenant has no tickets for an organization.
    organization_id: Option<String>,
    /// The lifetime of the link in seconds; 0 for five days, the default.
    #[serde(default, deserialize_with = "crate::tenant::management::body::deserialize_whole_number")]
    #[schema(maximum = 2_592_000)]
    ttl_sec: Option<u64>,
    /// Whether using the link also verifies the address, because the user received the link by
    /// mail.
    mark_email_as_verified: Option<bool>,
    /// Whether the address is appended to `result_url`.
    #[serde(rename = "includeEmailInRedirect")]
    #[schema(rename = "includeEmailInRedirect")]
    include_email: Option<bool>,
}

/// Create a link that verifies an address
#[utoipa::path(post, path = "/api/v2/tickets/email-verification", operation_id = "post_email_verification",
    tag = "tickets", request_body = VerificationBody, security(("token" = ["create:user_tickets"])),
    responses((status = 201, description = "The link", body = Object),
              (status = 404, description = "There is no such user", body = ProblemBody),
              BodyRefusals, CommonRefusals))]
pub(super) async fn create_verification_ticket(
    ManagementCall { caller, visit }: ManagementCall,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Problem> {
    caller.require(&["create:user_tickets"])?;
    let body: VerificationBody = body.deserialize()?;
    let issuer = visit.issuer.clone();
    let ticket = visit
        .run(move |Visit { tenant, .. }| {
            refuse_organization(body.organization_id.as_ref())?;
            require_client(&tenant.config, body.client_id.as_deref())?;
            let began = tenant.ambient.draw_moment();
            let until = expiry_from_ttl(body.ttl_sec, tenant.ambient.now())?;
            let url = body.result_url.as_deref().map(|url| result_url(&tenant.config, url)).transpose()?;
            let stored = tenant.directory.get(&body.user_id)?;
            let email =
                find_verifiable_address(&tenant.config, &stored.user, body.identity.as_ref())?.to_owned();
            let then = url.map(|url| ResultPage {
                url,
                email: (body.include_email == Some(true)).then(|| email.clone()),
            });
            let ticket = VerificationTicket { user_id: body.user_id, email, then, began, until };
            Ok::<_, Problem>(tenant.flows.tickets.keep_verification(ticket))
        })
        .await?;
    tracing::info!(target: "audit", client = caller.client_id, "a ticket that verifies an address was made");
    let ticket = format!("{issuer}u/email-verification?ticket={ticket}");
    Ok((StatusCode::CREATED, Json(json!({ "ticket": ticket }))))
}

/// Create a link that sets a password
#[utoipa::path(post, path = "/api/v2/tickets/password-change", operation_id = "post_password_change",
    tag = "tickets", request_body = PasswordBody, security(("token" = ["create:user_tickets"])),
    responses((status = 201, description = "The link", body = Object),
              (status = 404, description = "There is no such user", body = ProblemBody),
              BodyRefusals, CommonRefusals))]
pub(super) async fn create_password_ticket(
    ManagementCall { caller, visit }: ManagementCall,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Problem> {
    caller.require(&["create:user_tickets"])?;
    let body: PasswordBody = body.deserialize()?;
    let issuer = visit.issuer.clone();
    let ticket = visit
        .run(move |Visit { tenant, .. }| {
            refuse_organization(body.organization_id.as_ref())?;
            require_client(&tenant.config, body.client_id.as_deref())?;
            // Draw the moment first, so that a password set in the meantime invalidates the ticket.
            let began = tenant.ambient.draw_moment();
            let until = expiry_from_ttl(body.ttl_sec, tenant.ambient.now())?;
            let url = body.result_url.as_deref().map(|url| result_url(&tenant.config, url)).transpose()?;
            let (connection, identity, email) =
                find_password_target(&tenant.config, &*tenant.directory, &body)?;
            let then = url.map(|url| ResultPage {
                url,
                email: email.clone().filter(|_| body.include_email == Some(true)),
            });
            let verifies = email.filter(|_| body.mark_email_as_verified == Some(true));
            let ticket = PasswordTicket { connection, identity, verifies, then, began, until };
            Ok::<_, Problem>(tenant.flows.tickets.keep_password(ticket))
        })
        .await?;
    tracing::info!(target: "audit", client = caller.client_id, "a ticket that sets a password was made");
    Ok((StatusCode::CREATED, Json(json!({ "ticket": format!("{issuer}u/reset?ticket={ticket}") }))))
}

/// Parses the URL that a ticket leads to. Refuses an origin that is not a client's: otherwise a
/// link that looks like the tenant's could lead to any site, such as an attacker's.
fn result_url(config: &Config, text: &str) -> Result<Url, Problem> {
    let bad = |why: &str| Problem::body(&format!("{why} on property result_url"));
    let url = Url::parse(text).map_err(|_| bad("Object didn't pass validation for format uri"))?;
    let is_web =
        matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
    if !is_web || text.len() > URL_BYTES || text.chars().any(char::is_control) {
        return Err(bad("Object didn't pass validation for format uri"));
    }
    let origin = url.origin();
    let is_known = config.clients.iter().any(|client| {
        let urls = [&client.callbacks, &client.logout_urls, &client.origins].into_iter().flatten();
        urls.into_iter().any(|it| Url::parse(it).is_ok_and(|it| it.origin() == origin))
    });
    if is_known {
        return Ok(url);
    }
    Err(Problem::operation(
        "The origin of result_url is not among any client's callbacks, logout_urls or origins.",
    ))
}

fn expiry_from_ttl(ttl_sec: Option<u64>, now: Timestamp) -> Result<Timestamp, Problem> {
    let seconds = match ttl_sec.unwrap_or(0) {
        0 => USUAL_S,
        seconds if seconds <= LONGEST_S => seconds,
        _ => {
            return Err(Problem::body(&format!(
                "Value {LONGEST_S} is the greatest allowed on property ttl_sec"
            )));
        }
    };
    let at = now.as_millis() + seconds * 1000;
    Timestamp::from_millis(at).ok_or_else(|| Problem::body("it would never end on property ttl_sec"))
}

pub(super) fn refuse_organization(id: Option<&String>) -> Result<(), Problem> {
    if id.is_none() {
        Ok(())
    } else {
        Err(Problem::operation("This tenant has no tickets for an organization."))
    }
}

pub(super) fn require_client(config: &Config, id: Option<&str>) -> Result<(), Problem> {
    if id.is_none_or(|id| config.client(id).is_some()) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::NOT_FOUND, "The client does not exist", "inexistent_client"))
}

/// Returns the user's own (first) identity. Refuses a user for whom it is not of a database of
/// this tenant.
fn database_identity<'a>(config: &Config, user: &'a User) -> Result<&'a Identity, Problem> {
    let own = user.identities.first();
    let is_database = |own: &&Identity| config.connection(&own.connection).is_some_and(|it| it.is_database());
    own.filter(is_database)
        .ok_or_else(|| Problem::operation("The user's main connection does not support this operation."))
}

/// Returns the address that a link may verify. Refuses a user without one, and any identity but
/// the user's own (first) one.
pub(super) fn find_verifiable_address<'a>(
    config: &Config,
    user: &'a User,
    identity: Option<&VerifiedIdentity>,
) -> Result<&'a str, Problem> {
    let own = database_identity(config, user)?;
    if identity.is_some_and(|it| it.user_id != own.user_id || it.provider != own.provider) {
        return Err(Problem::operation("Only the user's own identity has an address that a link verifies."));
    }
    user.email.as_deref().ok_or_else(|| Problem::operation("The user does not have an email address."))
}

/// Returns the database, the id of the identity in it, and the address, that a password ticket
/// is for.
fn find_password_target(
    config: &Config,
    directory: &dyn Administration,
    body: &PasswordBody,
) -> Result<(String, String, Option<String>), Problem> {
    match (&body.user_id, &body.connection_id, &body.email) {
        (Some(user_id), None, None) => {
            let Stored { user, .. } = directory.get(user_id)?;
            let own = database_identity(config, &user)?;
            Ok((own.connection.clone(), own.user_id.clone(), user.email.clone()))
        }
        (None, Some(id), Some(email)) => {
            let connection = config.connections().find(|it| it.id == *id && it.is_database());
            let connection = connection
                .ok_or_else(crate::tenant::management::connections::inexistent_connection)?
                .name
                .clone();
            let identity = find_by_address(directory, &connection, email)?.ok_or_else(Problem::no_user)?;
            Ok((connection, identity, Some(email.to_ascii_lowercase())))
        }
        _ => Err(Problem::body("expected either user_id, or connection_id and email")),
    }
}

/// Returns the id of the identity with this address in a database. Finds users that were
/// imported without a password too.
pub(super) fn find_by_address(
    directory: &dyn Administration,
    connection: &str,
    email: &str,
) -> Result<Option<String>, Problem> {
    if let Some(known) = directory.credential(connection, email)? {
        return Ok(Some(known.user_id));
    }
    let users = directory.find_by_email(email, 10)?;
    let own = users.iter().filter_map(|stored| stored.user.identities.first());
    let mut own = own.filter(|it| it.provider == "auth0" && it.connection == connection);
    Ok(own.next().map(|it| it.user_id.clone()))
}
