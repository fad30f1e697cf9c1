//! The tenant's settings.

use axum::Json;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use crate::tenant::http::visit::Visit;
use crate::tenant::management::access::{Caller, ManagementCall};
use crate::tenant::management::openapi::CommonRefusals;
use crate::tenant::management::path::ValidQuery;
use crate::tenant::management::problem::Problem;
use crate::tenant::management::user_json::FieldSelection;
use crate::tenant::people::attempts::FROM_ONE;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct FieldsQuery {
    /// Field names, separated by commas.
    #[param(schema_with = crate::tenant::management::schemas::field_names)]
    fields: Option<String>,
    /// Whether to show only these fields (the default), or all others.
    include_fields: Option<bool>,
}

/// Get the tenant's settings
#[utoipa::path(get, path = "/api/v2/tenants/settings", operation_id = "tenant_settings_route", tag = "tenants",
    params(FieldsQuery), security(("token" = ["read:tenant_settings"])),
    responses((status = 200, description = "The settings", body = Object), CommonRefusals))]
pub(super) async fn get_tenant_settings(
    ManagementCall { caller, visit: Visit { tenant, .. } }: ManagementCall,
    ValidQuery(query): ValidQuery<FieldsQuery>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:tenant_settings"])?;
    let fields = FieldSelection::parse(query.fields.as_deref(), query.include_fields)?;
    let hours = tenant.config.lifetimes.session as f64 / 3600.0;
    let mut settings = json!({
        "friendly_name": tenant.config.name, "enabled_locales": ["en"], "session_lifetime": hours,
        "idle_session_lifetime": hours, "allowed_logout_urls": [],
    });
    if let Value::Object(settings) = &mut settings {
        fields.apply(settings);
    }
    Ok(Json(settings))
}

/// Get brute-force protection
#[utoipa::path(get, path = "/api/v2/attack-protection/brute-force-protection",
    operation_id = "get_brute-force-protection", tag = "attack-protection",
    security(("token" = ["read:attack_protection"])),
    responses((status = 200, description = "The number of wrong passwords allowed", body = Object), CommonRefusals))]
pub(super) async fn brute_force(caller: Caller) -> Result<Json<Value>, Problem> {
    caller.require(&["read:attack_protection"])?;
    Ok(Json(json!({
        "enabled": true, "shields": ["block"], "mode": "count_per_identifier_and_ip", "allowlist": [],
        "max_attempts": FROM_ONE,
    })))
}
