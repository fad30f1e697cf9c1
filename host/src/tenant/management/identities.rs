//! Linking and unlinking identities.

use std::sync::Arc;

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Deserializer};
use serde_json::{Number, Value};
use utoipa::ToSchema;

use crate::ambient::Ambient;
use crate::directory::{Administration, CheckedLink, Evidence, Provenance, Unlink};
use crate::model::{ApiError, LinkRequest, User, mask_addresses};
use crate::tenant::config::{Config, is_strategy};
use crate::tenant::http::visit::Visit;
use crate::tenant::management::access::{Caller, ManagementCall};
use crate::tenant::management::body::Body;
use crate::tenant::management::link_with::verify_second_token;
use crate::tenant::management::openapi::{BodyRefusals, CommonRefusals, IdentityObject};
use crate::tenant::management::path::{UserId, read_path};
use crate::tenant::management::problem::{Problem, ProblemBody};
use crate::tenant::management::schemas::ProviderName;
use crate::tenant::management::user_json;
use crate::tenant::state::Tenant;

/// The account to link, named by its id or proved by its ID token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkBody {
    /// The provider of the account to link.
    provider: Option<String>,
    /// The id of the account's connection, needed if the provider has several.
    #[schema(pattern = "^con_[A-Za-z0-9]{16}$")]
    connection_id: Option<String>,
    /// The account's id, with or without the provider in front.
    #[serde(default, deserialize_with = "text_or_number")]
    #[schema(schema_with = crate::tenant::management::schemas::text_or_number)]
    user_id: Option<String>,
    /// An ID token of the account to link, issued to the calling application.
    link_with: Option<String>,
}

fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Option::<Value>::deserialize(deserializer)? {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Number(number)) => integer(&number)
            .map(Some)
            .ok_or_else(|| serde::de::Error::custom("Expected type string or integer")),
        Some(_) => Err(serde::de::Error::custom("Expected type string or integer")),
    }
}

/// Returns an integer's digits. JSON Schema counts `1080.0` as an integer too.
fn integer(number: &Number) -> Option<String> {
    // Above this limit (2^53), several integers share one double.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if !number.is_f64() {
        return Some(number.to_string());
    }
    // `{:.0}` writes -0.0 as -0.
    number.as_f64().filter(|it| it.fract() == 0.0 && it.abs() <= EXACT).map(|it| format!("{:.0}", it + 0.0))
}

/// The scope to link and unlink the accounts of every user.
const ALL: &str = "update:users";
/// The scope to link and unlink the caller's own accounts.
const OWN: &str = "update:current_user_identities";

/// Link an account
#[utoipa::path(post, path = "/api/v2/users/{id}/identities", operation_id = "post_identities", tag = "users",
    params(("id" = inline(UserId), Path, description = "The primary's id, `provider|id`")), 
    request_body(content((LinkBody = "application/json"), (LinkBody = "application/x-www-form-urlencoded"))),
    security(("token" = ["update:users"]), ("token" = ["update:current_user_identities"])),
    responses((status = 201, description = "The identities that the primary now has, its own first", body = [IdentityObject]),
              (status = 404, description = "There is no such primary", body = ProblemBody),
              (status = 409, description = "Somebody has that identity already", body = ProblemBody),
              BodyRefusals, CommonRefusals))]
pub(super) async fn link(
    ManagementCall { caller, visit }: ManagementCall,
    UserId(primary): UserId,
    body: Body,
) -> Result<Response, Problem> {
    caller.require_for(&primary, &[ALL], OWN)?;
    if body.0.is_empty() {
        return Err(Problem::body("Too few properties defined (0), minimum 1"));
    }
    let body: LinkBody = body.deserialize()?;
    let user = visit.run(move |Visit { tenant, .. }| link_account(tenant, &caller, primary, body)).await?;
    Ok((StatusCode::CREATED, Json(user_json::render_identities(&user.identities))).into_response())
}

fn link_account(
    tenant: &Tenant,
    caller: &Caller,
    primary: String,
    body: LinkBody,
) -> Result<Arc<User>, Problem> {
    let (secondary, proof) = match body {
        LinkBody { link_with: Some(token), provider: None, user_id: None, connection_id: None } => {
            (verify_second_token(tenant, caller, &token)?, Some(token))
        }
        LinkBody { link_with: Some(_), .. } => {
            return Err(Problem::body(
                "Additional properties not allowed: beside link_with there is nothing else",
            ));
        }
        // A user's token must not link an account by its id alone, without proof that the user owns
        // the account: that was the security hole of 2018.
        _ if !caller.has(ALL) => return Err(caller.lacks(&[ALL])),
        by_id => (find_named_account(&tenant.config, &*tenant.directory, &by_id)?, None),
    };
    let answer = link_users(tenant, caller, Pair { primary, secondary, by_proof: proof.is_some() });
    if let (Err(_), Some(token)) = (&answer, proof) {
        tenant.management_data.spent_proofs.give_back(&token);
    }
    answer
}

/// The two accounts of a link.
struct Pair {
    primary: String,
    secondary: String,
    /// Whether the user asked for the link and proved the second account.
    by_proof: bool,
}

fn link_users(tenant: &Tenant, caller: &Caller, pair: Pair) -> Result<Arc<User>, Problem> {
    let directory = &*tenant.directory;
    let Pair { primary, secondary, by_proof } = &pair;
    let mut answer = Err(ApiError::StateChanged(primary.clone()));
    let mut moved = Vec::new();
    // Retry when an account changes at the same moment: such conflicts are short.
    for _ in 0..5 {
        let first = directory.get(primary)?;
        if primary == secondary {
            return Err(Problem::operation("Main identity and the new one are the same."));
        }
        let second = match directory.get(secondary) {
            Ok(stored) => Some(stored),
            // The directory's `link` reports that the account is missing.
            Err(ApiError::NotFound(_)) => None,
            Err(error) => return Err(error.into()),
        };
        if *by_proof {
            caller.require_unblocked(&first.user)?;
            second.iter().try_for_each(|it| caller.require_unblocked(&it.user))?;
            let refusal =
                second.as_ref().and_then(|it| tenant.logins.find_refusal_of_application(&first, it));
            if let Some(why) = refusal {
                return Err(Problem::operation(&why.to_string()));
            }
        }
        answer = directory.link(&CheckedLink {
            request: LinkRequest {
                primary: primary.clone(),
                secondary: secondary.clone(),
                user_metadata: None,
                app_metadata: None,
                reasons: Arc::new([]),
            },
            primary_version: second.as_ref().map(|_| first.version),
            secondary_version: second.as_ref().map(|it| it.version),
            read: None,
            provenance: Arc::new(Provenance {
                evidence: by_proof.then(|| Evidence {
                    client_id: Some(caller.client_id.clone()),
                    ..Evidence::from_request(&first.user)
                }),
                ..caller.provenance()
            }),
            now: directory.ambient().now(),
        });
        moved = second.map(|it| it.user.identities.clone()).unwrap_or_default();
        if !matches!(answer, Err(ApiError::StateChanged(_))) {
            break;
        }
    }
    if answer.is_ok() {
        tenant.people.end_refresh_tokens(&moved, primary);
    }
    tracing::info!(
        target: "audit", client = caller.client_id, primary = %mask_addresses(primary),
        secondary = %mask_addresses(secondary), done = answer.is_ok(), "link"
    );
    answer.map_err(|error| match error {
        ApiError::NotFound(who) if who == *primary => Problem::no_user(),
        ApiError::NotFound(_) if *by_proof => Problem::operation("Provided secondary account not found."),
        ApiError::NotFound(_) => Problem::operation("Linking to an inexistent identity is not allowed."),
        ApiError::StateChanged(_) => Problem::operation("Unable to link with the secondary account."),
        other => other.into(),
    })
}

/// Returns the id of the user that the provider and `user_id` name. `user_id` may start with
/// the provider: recordings of Auth0 have both forms.
fn find_named_account(
    config: &Config,
    directory: &dyn Administration,
    body: &LinkBody,
) -> Result<String, Problem> {
    let Some(user_id) = body.user_id.as_deref().filter(|id| !id.is_empty()) else {
        return Err(Problem::body("Missing required property: user_id"));
    };
    if user_id.chars().any(char::is_control) {
        return Err(Problem::body("there is a control character on property user_id"));
    }
    let not_configured =
        || Problem::bad("The provider/connection is not configured.", "inexistent_connection");
    let provider =
        body.provider.as_deref().filter(|provider| is_strategy(provider)).ok_or_else(not_configured)?;
    if config.connection_of(provider).is_none() {
        return Err(not_configured());
    }
    if let Some(id) = &body.connection_id
        && !config.connections().any(|it| it.id == *id && it.provider() == provider)
    {
        return Err(not_configured());
    }
    let id = user_id.strip_prefix(provider).and_then(|rest| rest.strip_prefix('|')).unwrap_or(user_id);
    let secondary = format!("{provider}|{id}");
    let is_there = match directory.get(&secondary) {
        Ok(stored) => {
            let own = stored.user.identities.first().and_then(|own| config.connection(&own.connection));
            if body.connection_id.as_ref().is_some_and(|id| own.is_none_or(|own| own.id != *id)) {
                return Err(Problem::operation("Linking to an inexistent identity is not allowed."));
            }
            true
        }
        Err(ApiError::NotFound(_)) => false,
        Err(error) => return Err(error.into()),
    };
    // With several databases, the id alone does not say which one has the account.
    let databases = config.connections().filter(|it| it.is_database()).count();
    if !is_there && provider == "auth0" && databases > 1 && body.connection_id.is_none() {
        let is_linked = config.connections().filter(|it| it.is_database()).any(|it| {
            let key = crate::model::IdentityKey { connection: &it.name, provider, user_id: id };
            matches!(directory.owner(key), Ok(Some(_)))
        });
        if !is_linked {
            return Err(Problem::operation("Linking to an inexistent identity requires a connection."));
        }
    }
    Ok(secondary)
}

#[derive(Deserialize)]
pub(super) struct IdentityPath {
    id: String,
    provider: String,
    user_id: String,
}

/// Unlink an account
#[utoipa::path(delete, path = "/api/v2/users/{id}/identities/{provider}/{user_id}",
    operation_id = "delete_user_identity_by_user_id", tag = "users",
    params(("id" = inline(UserId), Path, description = "The primary's id, `provider|id`"),
           ("provider" = inline(ProviderName), Path, description = "The provider of the account to be unlinked"),
           ("user_id" = String, Path, description = "The account's id, without the provider", min_length = 1)),
    security(("token" = ["update:users"]), ("token" = ["update:current_user_identities"])),
    responses((status = 200, description = "The identities that are left", body = [IdentityObject]),
              (status = 404, description = "There is no such primary", body = ProblemBody),
              CommonRefusals))]
pub(super) async fn unlink(
    ManagementCall { caller, visit }: ManagementCall,
    path: Result<Path<IdentityPath>, axum::extract::rejection::PathRejection>,
) -> Result<Json<Value>, Problem> {
    let IdentityPath { id, provider, user_id } = read_path(path)?;
    let UserId(primary) = UserId::parse(id)?;
    caller.require_for(&primary, &[ALL], OWN)?;
    if !is_strategy(&provider) {
        return Err(Problem::uri(format!("Invalid request URI: there is no provider {provider}")));
    }
    let user = visit
        .run(move |Visit { tenant, .. }| {
            let path = IdentityPath { id: primary, provider, user_id };
            unlink_identity(&*tenant.directory, &tenant.ambient, &caller, path)
        })
        .await?;
    Ok(Json(user_json::render_identities(&user.identities)))
}

fn unlink_identity(
    directory: &dyn Administration,
    ambient: &Ambient,
    caller: &Caller,
    path: IdentityPath,
) -> Result<Arc<User>, Problem> {
    let IdentityPath { id: primary, provider, user_id } = path;
    let who = format!("{provider}|{user_id}");
    let user = directory.get(&primary)?.user;
    let before = user.identities.len();
    let evidence = Evidence { client_id: Some(caller.client_id.clone()), ..Evidence::from_request(&user) };
    let unlink = Unlink {
        restores: None,
        keeps_factors: true,
        primary: primary.clone(),
        provider,
        user_id,
        provenance: Arc::new(Provenance { evidence: Some(evidence), ..caller.provenance() }),
        now: ambient.now(),
    };
    let answer = directory.unlink(&unlink);
    let is_no_op = answer.as_ref().is_ok_and(|user| user.identities.len() == before);
    tracing::info!(
        target: "audit", client = caller.client_id, primary = %mask_addresses(&primary),
        identity = %mask_addresses(&who), done = answer.is_ok() && !is_no_op, "unlink"
    );
    answer.map_err(|error| match error {
        ApiError::Invalid(_) => Problem::operation("Main identity cannot be removed."),
        other => other.into(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tenant::management::identities::LinkBody;

    #[test]
    fn an_id_is_text_or_an_integer_however_it_is_written() {
        let read = |id| serde_json::from_value::<LinkBody>(json!({ "user_id": id })).map(|body| body.user_id);
        for (id, text) in
            [(json!("1080"), "1080"), (json!(1080), "1080"), (json!(-1080.0), "-1080"), (json!(-0.0), "0")]
        {
            assert_eq!(read(id).unwrap().as_deref(), Some(text));
        }
        for id in [json!(1.5), json!(1e30), json!(true), json!([])] {
            assert!(read(id.clone()).is_err(), "{id}");
        }
    }
}
