//! Logins, accounts and policies at random: mostly good ones, so that every
//! rule is reached.

use ligature_link_policy::{Policy, Preset};
use link_users_by_email::bindings::{Identity, User, Verification};
use proptest::prelude::*;
use proptest::sample::select;

use super::{NOW, good, identity};

const IDS: [&str; 7] = [
    "auth0|1",
    "auth0|2",
    "email|1",
    "google-oauth2|1",
    "google-oauth2|2",
    "github|1",
    "samlp|acme|a@example.com",
];

fn verification() -> impl Strategy<Value = Verification> {
    prop_oneof![
        14 => Just(Verification::Verified),
        2 => Just(Verification::Unverified),
        1 => Just(Verification::Absent),
        1 => Just(Verification::Null),
        1 => Just(Verification::NotBoolean("\"true\"".to_owned())),
    ]
}

fn any_identity() -> impl Strategy<Value = Identity> {
    (select(&IDS[..]), prop::option::of(select(&["ada@example.com", "eve@example.com"][..])), verification())
        .prop_map(|(id, email, email_verified)| Identity {
            email: email.map(str::to_owned),
            email_verified,
            ..identity(id)
        })
}

pub(crate) fn any_user() -> impl Strategy<Value = User> {
    let marked = select(
        &[
            None,
            Some("{}"),
            Some(r#"{"a":1,"l":[1]}"#),
            Some(r#"{"a":2,"l":[2],"b":null}"#),
            Some("not json"),
            Some(r#"{"no_link":true}"#),
            Some(r#"{"privileged":1}"#),
            Some(r#"{"linking":{"unlinked":[{"from":"auth0|1","at":1795255100000}],"prompts":2}}"#),
            Some(r#"{"linking":{"managed_by":"scim"}}"#),
            Some(r#"{"linking":7}"#),
        ][..],
    );
    let metadata = prop_oneof![
        3 => select(&[None, Some(r#"{"a":1,"l":[1]}"#), Some(r#"{"a":2,"b":null}"#)][..]),
        1 => marked,
    ];
    let email = prop_oneof![
        16 => Just(Some("ada@example.com")),
        2 => Just(Some("Ada@Example.com")),
        1 => select(&[None, Some(""), Some("eve@example.com"), Some("ädä@example.com"), Some("a@b@c"), Some("undefined")][..]),
    ];
    let numbers = (
        prop::option::of(select(&[1_000, 2_000, NOW + 1][..])),
        prop::option::of(select(&[1_000, 2_000][..])),
        prop::option::of(0_u64..3),
    );
    let lists = (
        prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(any_identity(), 1..3)],
        prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(select(&["admin", "reader"][..]), 1..3)],
        prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(select(&["org_1", "org_2"][..]), 1..3)],
        prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(select(&["otp"][..]), 1..3)],
    );
    let strings = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect::<Vec<_>>();
    (
        select(&IDS[..]),
        email,
        verification(),
        numbers,
        prop::bool::weighted(0.05),
        lists,
        metadata.clone(),
        metadata,
    )
        .prop_map(
            move |(id, email, email_verified, numbers, blocked, lists, user_metadata, app_metadata)| {
                let mut identities = vec![identity(id)];
                identities.extend(lists.0);
                User {
                    email: email.map(str::to_owned),
                    email_verified,
                    created_at: numbers.0,
                    last_login: numbers.1,
                    logins_count: numbers.2,
                    blocked,
                    identities,
                    roles: strings(lists.1),
                    organizations: strings(lists.2),
                    mfa_factors: strings(lists.3),
                    user_metadata: user_metadata.map(str::to_owned),
                    app_metadata: app_metadata.map(str::to_owned),
                    ..good(id, 0)
                }
            },
        )
}

pub(crate) fn any_policy() -> impl Strategy<Value = Policy> {
    let presets = prop_oneof![
        4 => Just("{}".to_owned()),
        1 => select(&[Preset::Auth0Rule, Preset::Auth0RuleWithMetadata, Preset::Strict][..])
            .prop_map(|preset| preset.document().to_owned()),
    ];
    let pick = |values: &'static [&'static str]| select(values);
    let choices = (
        pick(&["off", "observe", "suggest", "auto", "auto", "auto", "required"]),
        pick(&["conflict_report", "choose", "prefer_linked", "link_all", "deny_login"]),
        pick(&["existing", "oldest", "database_first", "most_logins"]),
        pick(&["deny", "suggest", "allow"]),
        pick(&["suggest", "allow"]),
        pick(&["exact", "ascii_ci", "ascii_ci_domain_only"]),
        pick(&[
            "primary_wins",
            "secondary_wins",
            "newest_wins",
            "union_arrays",
            "deep",
            "must_equal",
            "drop",
        ]),
        pick(&[r#"["*"]"#, r#"["google-oauth2"]"#, "[]"]),
        pick(&["step_up", "deny", "ignore"]),
    );
    (presets, choices).prop_map(|(base, (mode, multiple, primary, strict, caution, compare, rule, trusted, mfa))| {
        let text = format!(
            r#"{{"mode":"{mode}","on_multiple":"{multiple}","primary":"{primary}","same_provider":"{strict}",
                "two_databases":"{strict}","never_logged_in":"{caution}","trojan_identity":"{caution}",
                "local_part_case":"{caution}","email_compare":"{compare}","mfa":"{mfa}",
                "trusted_connections":{trusted},"metadata":{{"user":{{"default":"{rule}"}},"app":{{"default":"{rule}"}}}}}}"#
        );
        // Either a preset as it is, or choices over the defaults.
        let text = if base == "{}" { text } else { base };
        Policy::parse(&text).expect("a well-formed policy")
    })
}

/// Users with different ids, the first of whom logs in.
pub(crate) fn any_party() -> impl Strategy<Value = Vec<User>> {
    prop::collection::vec(any_user(), 1..5).prop_map(|mut users| {
        let mut seen = std::collections::HashSet::new();
        users.retain(|user| seen.insert(user.user_id.clone()));
        users
    })
}
