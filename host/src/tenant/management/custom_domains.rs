//! The custom domains of `tenant.toml`.

use axum::Json;
use serde_json::{Value, json};

use crate::tenant::config::derive_id_with_prefix;
use crate::tenant::http::visit::Visit;
use crate::tenant::management::access::ManagementCall;
use crate::tenant::management::openapi::{CommonRefusals, CustomDomainList};
use crate::tenant::management::paging::PageQuery;
use crate::tenant::management::path::ValidQuery;
use crate::tenant::management::problem::Problem;

/// List custom domains
///
/// Every custom domain is ready, and its certificate is the tenant's own.
#[utoipa::path(get, path = "/api/v2/custom-domains", operation_id = "get_custom_domains", tag = "custom-domains",
    params(PageQuery), security(("token" = ["read:custom_domains"])),
    responses((status = 200, description = "Custom domains, or a page of them", body = CustomDomainList), CommonRefusals))]
pub(super) async fn list(
    ManagementCall { caller, visit: Visit { tenant, .. } }: ManagementCall,
    ValidQuery(query): ValidQuery<PageQuery>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:custom_domains"])?;
    let domains = tenant.config.custom_domains.iter().enumerate();
    let domains: Vec<Value> = domains
        .map(|(n, domain)| {
            json!({
                "custom_domain_id": derive_id_with_prefix("cd_", domain), "domain": domain, "primary": n == 0,
                "is_default": n == 0, "status": "ready", "type": "self_managed_certs",
                "verification": { "methods": [] },
            })
        })
        .collect();
    query.select_page(&domains, "custom_domains", "custom_domain_id").map(Json)
}
