//! Endpoints of Auth0 features that this tenant does not have. Programs that read a whole
//! tenant call them; each answers with an empty list, or with a refusal that names the missing
//! feature.

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, extract::Request};
use serde_json::{Map, Value, json};

use crate::tenant::management::access::Caller;
use crate::tenant::management::problem::Problem;
use crate::tenant::state::Shared;

/// The response of an endpoint whose feature is absent.
#[derive(Clone, Copy)]
enum AbsentFeature {
    /// An empty array.
    Array,
    /// An empty list: a bare array, or under this name if the request asks for a page.
    List(&'static str),
    /// An empty list, always under this name.
    Named(&'static str),
    /// An object that says the feature is off.
    Off,
    /// An empty object: there are no settings.
    Nothing,
    /// A refusal with status 404. The text names the thing that does not exist.
    Missing(&'static str),
    /// A refusal with status 403. The text names the feature that does not exist.
    Unavailable(&'static str),
}

use AbsentFeature::{Array, List, Missing, Named, Nothing, Off, Unavailable};

/// The paths below `/api/v2/`, the scope that each requires, and its response.
#[rustfmt::skip]
const ABSENT: &[(&str, &str, AbsentFeature)] = &[
    ("actions/actions", "read:actions", Named("actions")),
    ("actions/modules", "read:actions", Named("modules")),
    ("actions/triggers", "read:actions", Named("triggers")),
    ("attack-protection/bot-detection", "read:attack_protection", Unavailable("bot detection")),
    ("attack-protection/breached-password-detection", "read:attack_protection", Off),
    ("attack-protection/captcha", "read:attack_protection", Unavailable("captcha")),
    ("attack-protection/suspicious-ip-throttling", "read:attack_protection", Off),
    ("branding", "read:branding", Missing("branding")),
    ("branding/phone/providers", "read:phone_providers", Named("providers")),
    ("branding/phone/templates", "read:phone_templates", Named("templates")),
    ("branding/templates/universal-login", "read:branding", Missing("template of a login page")),
    ("branding/themes/default", "read:branding", Missing("theme")),
    ("connection-profiles", "read:connection_profiles", Named("connection_profiles")),
    ("connections/{id}/scim-configuration", "read:scim_config", Missing("SCIM")),
    ("connections-directory-provisionings", "read:directory_provisionings", Named("directory_provisionings")),
    ("email-templates/{name}", "read:email_templates", Missing("template of a mail")),
    ("emails/provider", "read:email_provider", Missing("mail provider")),
    ("event-streams", "read:event_streams", Named("eventStreams")),
    ("flows", "read:flows", Named("flows")),
    ("flows/vault/connections", "read:flows_vault_connections", Named("connections")),
    ("forms", "read:forms", Named("forms")),
    ("guardian/factors", "read:guardian_factors", Array),
    ("guardian/factors/{factor}/providers/{provider}", "read:guardian_factors", Missing("second factor")),
    ("guardian/factors/phone/message-types", "read:guardian_factors", Missing("second factor")),
    ("guardian/factors/phone/selected-provider", "read:guardian_factors", Missing("second factor")),
    ("guardian/factors/sms/templates", "read:guardian_factors", Missing("second factor")),
    ("guardian/policies", "read:mfa_policies", Array),
    ("hooks", "read:hooks", List("hooks")),
    ("log-streams", "read:log_streams", Array),
    ("network-acls", "read:network_acls", Named("network_acls")),
    ("organizations/{id}/client-grants", "read:organization_client_grants", List("client_grants")),
    ("organizations/{id}/discovery-domains", "read:organization_discovery_domains", Named("domains")),
    ("organizations/{id}/enabled_connections", "read:organization_connections", List("enabled_connections")),
    ("prompts", "read:prompts", Nothing),
    ("prompts/rendering", "read:prompts", Named("configs")),
    ("prompts/{prompt}/custom-text/{language}", "read:prompts", Nothing),
    ("prompts/{prompt}/partials", "read:prompts", Nothing),
    ("rate-limit-policies", "read:rate_limit_policies", Named("rate_limit_policies")),
    ("risk-assessments/settings", "read:attack_protection", Missing("risk assessment")),
    ("risk-assessments/settings/new-device", "read:attack_protection", Missing("risk assessment")),
    ("rules", "read:rules", List("rules")),
    ("rules-configs", "read:rules_configs", Array),
    ("self-service-profiles", "read:self_service_profiles", Named("self_service_profiles")),
    ("supplemental-signals", "read:attack_protection", Unavailable("supplemental signals")),
    ("token-exchange-profiles", "read:token_exchange_profiles", Named("token_exchange_profiles")),
    ("user-attribute-profiles", "read:user_attribute_profiles", Named("user_attribute_profiles")),
];

pub(super) fn paths() -> impl Iterator<Item = String> {
    ABSENT.iter().map(|(path, ..)| format!("/api/v2/{path}"))
}

/// Returns the paths with the answers in words, for the documentation.
#[cfg(test)]
pub(super) fn describe() -> impl Iterator<Item = (String, &'static str)> {
    let words = |absent: &AbsentFeature| match absent {
        Array | List(_) | Named(_) => "an empty list",
        Off => "off",
        Nothing => "no settings",
        Missing(_) => "404",
        Unavailable(_) => "403",
    };
    ABSENT.iter().map(move |(path, _, absent)| (format!("/api/v2/{path}"), words(absent)))
}

pub(super) fn router() -> Router<Shared> {
    ABSENT.iter().fold(Router::new(), |router, (path, scope, absent)| {
        let answer = async move |State(_): State<Shared>, caller: Caller, request: Request| {
            caller.require(&[scope])?;
            absent.answer(&request)
        };
        router.route(&format!("/api/v2/{path}"), get(answer))
    })
}

impl AbsentFeature {
    fn answer(self, request: &Request) -> Result<Response, Problem> {
        let asked: Result<Query<Map<String, Value>>, _> = Query::try_from_uri(request.uri());
        let Query(asked) = asked.map_err(|_| Problem::query("no value appears twice"))?;
        let by_pages = asked.get("include_totals").is_some_and(|it| it == "true");
        let answer = match self {
            Array => json!([]),
            List(_) if !by_pages && !asked.contains_key("take") => json!([]),
            List(name) | Named(name) if by_pages && !asked.contains_key("take") => {
                json!({ "start": 0, "limit": 50, "length": 0, "total": 0, name: [] })
            }
            List(name) | Named(name) => json!({ name: [] }),
            Off => json!({ "enabled": false }),
            Nothing => json!({}),
            Missing(what) => {
                let message = format!("This tenant has no {what}.");
                return Err(Problem { code: None, ..Problem::new(StatusCode::NOT_FOUND, message, "") });
            }
            Unavailable(what) => {
                let message = format!("This tenant has no {what}.");
                return Err(Problem::new(StatusCode::FORBIDDEN, message, "feature_not_enabled"));
            }
        };
        Ok(Json(answer).into_response())
    }
}
