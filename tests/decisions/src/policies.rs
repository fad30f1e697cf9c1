//! The policies for which the invariants of small states are checked: the options
//! that decide between two accounts, each in a strict and in a lenient form.

/// Policies for two accounts, of which any may log in.
pub const OF_TWO: [&str; 9] = [
    r#"{ "mode": "auto", "trusted_connections": ["google-oauth2"] }"#,
    r#"{ "mode": "auto", "trusted_connections": ["google-oauth2"], "trojan_identity": "allow" }"#,
    r#"{ "mode": "auto", "trusted_connections": ["google-oauth2", { "name": "company", "domains": ["example.com"] }],
         "connection_groups": { "all": ["*"] } }"#,
    r#"{ "mode": "auto", "trusted_connections": ["google-oauth2", { "name": "company", "domains": ["company.example"] }],
         "connection_groups": { "all": ["*"] }, "trojan_identity": "allow" }"#,
    r#"{ "mode": "auto", "trusted_connections": ["google-oauth2"], "primary": "most_logins",
         "allow_demote_with_identities": true }"#,
    r#"{ "mode": "auto", "trusted_connections": ["*"], "primary": "database_first", "two_databases": "allow",
         "same_provider": "suggest", "connection_groups": { "all": ["*"] } }"#,
    r#"{ "mode": "auto", "trusted_connections": ["*"], "verified_by_tenant": ["samlp"], "trojan_identity": "allow",
         "connection_groups": { "all": ["*"] } }"#,
    r#"{ "mode": "auto", "trusted_connections": ["*"], "excluded_connections": ["idp"],
         "blocked_domains": { "google-oauth2": ["example.com"] }, "trojan_identity": "allow" }"#,
    r#"{ "mode": "suggest", "trusted_connections": ["google-oauth2"], "require_verified": "fresh_mailbox_proof" }"#,
];

/// Policies for three, of which several may be meant.
pub const OF_THREE: [&str; 3] = [
    r#"{ "mode": "auto", "trusted_connections": ["google-oauth2"], "on_multiple": "link_all" }"#,
    r#"{ "mode": "auto", "trusted_connections": ["*"], "on_multiple": "link_all", "trojan_identity": "allow",
         "allow_demote_with_identities": true, "connection_groups": { "all": ["*"] } }"#,
    r#"{ "mode": "auto", "trusted_connections": ["google-oauth2"], "on_multiple": "prefer_linked" }"#,
];
