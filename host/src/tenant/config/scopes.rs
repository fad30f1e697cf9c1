//! Scopes of the Management API.

/// The operations on each resource: `c` creates, `r` reads, `u` updates, `d` deletes.
///
/// Source: Auth0, "Auth0 Management API", permissions, November 2026.
const RESOURCES: &[(&str, &str)] = &[
    ("actions", "crud"),
    ("actions_log_sessions", "c"),
    ("anomaly_blocks", "rd"),
    ("attack_protection", "ru"),
    ("authentication_methods", "crud"),
    ("branding", "rud"),
    ("client_credentials", "crud"),
    ("client_grants", "crud"),
    ("client_keys", "crud"),
    ("clients", "crud"),
    ("connection_profiles", "crud"),
    ("connections", "crud"),
    ("connections_keys", "cru"),
    ("connections_options", "ru"),
    ("custom_domains", "crud"),
    ("custom_signing_keys", "crud"),
    ("device_credentials", "crud"),
    ("directory_provisionings", "crud"),
    ("email_provider", "crud"),
    ("email_templates", "cru"),
    ("encryption_keys", "crud"),
    ("entitlements", "r"),
    ("event_deliveries", "ru"),
    ("event_streams", "crud"),
    ("federated_connections_tokens", "rd"),
    ("flows", "crud"),
    ("flows_executions", "rd"),
    ("flows_vault", "r"),
    ("flows_vault_connections", "crud"),
    ("forms", "crud"),
    ("grants", "rd"),
    ("group_members", "crd"),
    ("groups", "crud"),
    ("guardian_enrollment_tickets", "c"),
    ("guardian_enrollments", "rd"),
    ("guardian_factors", "ru"),
    ("hooks", "crud"),
    ("insights", "r"),
    ("limits", "ru"),
    ("log_streams", "crud"),
    ("logs", "r"),
    ("logs_users", "r"),
    ("mfa_policies", "ru"),
    ("network_acls", "crud"),
    ("organization_client_grants", "crd"),
    ("organization_connections", "crud"),
    ("organization_discovery_domains", "crud"),
    ("organization_invitations", "crd"),
    ("organization_member_roles", "crd"),
    ("organization_members", "crd"),
    ("organizations", "crud"),
    ("organizations_summary", "r"),
    ("passwords_checking_job", "cd"),
    ("phone_providers", "crud"),
    ("phone_templates", "crud"),
    ("prompts", "ru"),
    ("rate_limit_policies", "crud"),
    ("refresh_tokens", "rd"),
    ("resource_servers", "crud"),
    ("role_members", "crd"),
    ("roles", "crud"),
    ("rules", "crud"),
    ("rules_configs", "rud"),
    ("scim_config", "crud"),
    ("scim_token", "crd"),
    ("self_service_profile_custom_texts", "ru"),
    ("self_service_profiles", "crud"),
    ("sessions", "rd"),
    ("shields", "crud"),
    ("signing_keys", "cru"),
    ("sso_access_tickets", "cd"),
    ("stats", "r"),
    ("tenant_settings", "ru"),
    ("token_exchange_profiles", "crud"),
    ("triggers", "ru"),
    ("user_attribute_profiles", "crud"),
    ("user_custom_blocks", "crd"),
    ("user_idp_tokens", "r"),
    ("user_tickets", "c"),
    ("users", "crud"),
    ("users_app_metadata", "crud"),
    ("vdcs_templates", "crud"),
];

/// Scopes without the form `operation:resource` of the others.
const OTHERS: [&str; 1] = ["blacklist:tokens"];

/// Returns whether Auth0 has this scope. The tenant has endpoints for some scopes only; a client
/// may have any, as in the tenant that it is copied from.
pub(super) fn is_management_scope(scope: &str) -> bool {
    let Some((verb, resource)) = scope.split_once(':') else { return false };
    let letter = match verb {
        "create" => 'c',
        "read" => 'r',
        "update" => 'u',
        "delete" => 'd',
        _ => return OTHERS.contains(&scope),
    };
    RESOURCES.iter().any(|(known, verbs)| *known == resource && verbs.contains(letter))
}

#[cfg(test)]
mod tests {
    use crate::tenant::config::scopes::{RESOURCES, is_management_scope};

    #[test]
    fn scopes_of_auth0_are_known_and_others_are_not() {
        for scope in
            ["read:users", "create:user_tickets", "blacklist:tokens", "delete:sessions", "read:rules_configs"]
        {
            assert!(is_management_scope(scope), "{scope}");
        }
        for scope in [
            "",
            "users",
            "read:",
            "reed:users",
            "read:user",
            "create:stats",
            "read:users ",
            "tokens:blacklist",
        ] {
            assert!(!is_management_scope(scope), "{scope}");
        }
        assert!(RESOURCES.is_sorted());
    }
}
