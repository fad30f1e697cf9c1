//! `ligature policy check`.

use insta::assert_snapshot;

use crate::{directory_with, ligature_in, sentence};

/// Returns the output of `policy check` for a document.
fn policy_check(text: &str) -> String {
    let directory = directory_with(&[("policy.json", text)]);
    let ran = ligature_in(directory.path(), &["policy", "check", "policy.json"]);
    if ran.code == Some(0) { ran.stdout } else { sentence(&ran) }
}

#[test]
fn good_policies_are_told_with_their_hash() {
    for text in ["{}", r#"{"preset": "auth0-rule"}"#, r#"{"preset": "strict", "mode": "auto"}"#] {
        assert!(policy_check(text).starts_with("policy.json: good, sha256 "), "{text}");
    }
}

#[test]
fn options_that_give_a_protection_up_are_told_with_the_attack() {
    assert_eq!(policy_check(r#"{"mode": "observe"}"#).lines().count(), 1);
    let text =
        r#"{"trusted_connections": ["*", {"strategy": "samlp"}, {"name": "acme", "domains": ["acme.com"]}]}"#;
    let told = [text, r#"{"preset": "auth0-rule"}"#].map(|text| {
        let warnings = policy_check(text).lines().skip(1).collect::<Vec<_>>().join("\n");
        format!("{text}\n{warnings}")
    });
    assert_snapshot!(told.join("\n\n"));
}

#[test]
fn policies_that_contradict_themselves_are_refused() {
    let contradictions = [
        r#"{"trusted_connections": ["crm"], "excluded_connections": ["crm"]}"#,
        r#"{"mode": "automatic"}"#,
        r#"{"prompts": {"max": -1}}"#,
        r#"{"limits": {"max_candidates": 0}}"#,
        r#"{"primary": "connection_order"}"#,
        r#"{"connection_groups": {"a": ["crm"], "b": ["crm"]}}"#,
        r#"{"trusted_connections": [{"name": "crm", "strategy": "oidc"}]}"#,
        r#"{"trusted_connections": [{"name": "crm", "domains": ["acme"]}]}"#,
        r#"{"blocked_domains": {"*": ["@acme.com"]}}"#,
        r#"{"proof_max_age_s": 0}"#,
        r#"{"linked_organizations": [["org_1"]]}"#,
        r#"{"trusted_connections": [""]}"#,
        r#"{"managed_connections": ["crm", ""]}"#,
        r#"{"connection_groups": {"a": [""]}}"#,
        r#"{"blocked_domains": {"": ["acme.com"]}}"#,
        r#"{"mode": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}"#,
        r#"{"preset": "auth0"}"#,
        r#"{"metadata": {"user": {"default": "merge"}}}"#,
        r#"[]"#,
    ];
    let told: Vec<String> =
        contradictions.iter().map(|text| format!("{text}\n  {}", policy_check(text))).collect();
    assert_snapshot!(told.join("\n"));
}
