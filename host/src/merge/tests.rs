use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};

use super::{
    MergeAuthor, MergeChoice, MergeError, MergePair, MergePlan, MergeRefusal, MergeScope, MergeWarning,
    MetadataRule, PrivilegedAccounts, plan_merge,
};
use crate::ambient::Ambient;
use crate::directory::{Administration, Directory, JournalQuery, Memory, Provenance, Undo};
use crate::model::{ApiError, Timestamp, User};

const KEPT: &str = "auth0|1";
const MOVED: &str = "google-oauth2|2";

/// Two accounts of one person, which nothing is to be said about.
fn users(change: impl FnOnce(&mut Value, &mut Value)) -> Memory {
    let user = |id: &str, provider: &str, own: &str| {
        json!({
            "user_id": id, "email": "ada@example.com", "email_verified": true,
            "last_login": "2026-11-20T08:00:00.000Z", "logins_count": 3,
            "identities": [{ "provider": provider, "user_id": own, "connection": provider, "isSocial": false }],
        })
    };
    let (mut kept, mut moved) = (user(KEPT, "auth0", "1"), user(MOVED, "google-oauth2", "2"));
    change(&mut kept, &mut moved);
    let read = |user: Value| serde_json::from_value::<User>(user).unwrap();
    Memory::with_users(&Ambient::fixed(Timestamp::default()), [read(kept), read(moved)])
}

fn plan(directory: &Memory, choice: MergeChoice, scope: MergeScope<'_>) -> Result<MergePlan, MergeRefusal> {
    let (kept, moved) = (directory.get(KEPT).unwrap(), directory.get(MOVED).unwrap());
    plan_merge(MergePair { kept: &kept, moved: &moved }, choice, scope, Timestamp::default())
}

/// An owner, at a tenant whose policies name no privileged account.
fn owner() -> MergeScope<'static> {
    static NONE: LazyLock<PrivilegedAccounts> = LazyLock::new(PrivilegedAccounts::default);
    MergeScope::Owner { privileged: &NONE }
}

fn operator() -> MergeAuthor {
    MergeAuthor::Operator {
        provenance: Arc::new(Provenance::operator("ada".to_owned())),
        reason: Some("ticket 7".into()),
    }
}

fn use_directory(memory: &Memory) -> &dyn Administration {
    memory
}

#[test]
fn the_account_that_stays_is_first_and_a_plan_tells_what_will_be() {
    let directory = users(|kept, moved| {
        kept["user_metadata"] = json!({ "theme": "dark" });
        moved["user_metadata"] = json!({ "theme": "light", "lang": "en" });
        moved["app_metadata"] = json!({ "plan": "pro" });
        moved["roles"] = json!(["editor"]);
    });
    let choice = MergeChoice { user_metadata: MetadataRule::Fill, app_metadata: MetadataRule::Keep };
    let plan = plan(&directory, choice, MergeScope::Operator).unwrap();
    assert_eq!(plan.lost.app_metadata, ["plan"]);
    assert_eq!(plan.lost.roles, ["editor"]);
    assert_eq!(plan.warnings, []);
    let before = directory.users();
    let merged = plan.carry_out(use_directory(&directory), &operator(), Timestamp::default()).unwrap();
    assert_eq!(*merged.user, plan.after, "the plan told it");
    assert_eq!(
        merged.user.user_metadata.clone().map(Value::Object),
        Some(json!({ "theme": "dark", "lang": "en" }))
    );
    let ids: Vec<String> = merged.user.identities.iter().map(|it| it.as_user_id()).collect();
    assert_eq!(ids, [KEPT, MOVED]);

    let entry = directory.journal_entry(&merged.link.unwrap()).unwrap();
    assert_eq!(
        (entry.reasons[0].code.as_str(), entry.reasons[0].detail.as_str()),
        ("MERGED_BY_OPERATOR", "ticket 7")
    );
    let provenance = Arc::new(Provenance::operator("ada".to_owned()));
    let undo = Undo { id: entry.id.clone(), provenance, now: Timestamp::default(), dry_run: false };
    let undone = directory.undo(&undo).unwrap();
    assert_eq!(undone.secondary.app_metadata.as_ref().and_then(|it| it.get("plan")), Some(&json!("pro")));
    assert_eq!(undone.primary.user_metadata, before[0].user_metadata);
}

#[test]
fn planning_changes_nothing() {
    let directory = users(|_, _| {});
    let before = directory.users();
    plan(&directory, MergeChoice::default(), owner()).unwrap();
    assert_eq!(directory.users(), before);
}

#[test]
fn an_account_that_changes_after_the_plan_is_not_merged() {
    let directory = users(|_, _| {});
    let plan = plan(&directory, MergeChoice::default(), MergeScope::Operator).unwrap();
    let mut changed = User::clone(&directory.get(MOVED).unwrap().user);
    changed.blocked = true;
    directory.put(changed);
    let before = directory.users();
    let error = plan.carry_out(use_directory(&directory), &operator(), Timestamp::default()).unwrap_err();
    assert!(matches!(error, MergeError::Changed(_)), "{error}");
    assert_eq!(directory.users(), before);
}

#[test]
fn another_choice_or_version_has_another_digest() {
    let directory = users(|_, _| {});
    let digest = |choice| plan(&directory, choice, MergeScope::Operator).unwrap().digest();
    let first = digest(MergeChoice::default());
    assert_eq!(first.as_str().len(), 64);
    assert_eq!(first, digest(MergeChoice::default()));
    assert_ne!(first, digest(MergeChoice { user_metadata: MetadataRule::Take, ..MergeChoice::default() }));
    let user = User::clone(&directory.get(KEPT).unwrap().user);
    directory.put(user);
    assert_ne!(first, digest(MergeChoice::default()));
}

type Change = fn(&mut Value, &mut Value);

#[test]
fn nobody_merges_these() {
    let refused: [(&str, Change); 5] = [
        ("lift the block", |_, moved| moved["blocked"] = json!(true)),
        ("lock out", |kept, _| kept["blocked"] = json!(true)),
        ("let it be the account that stays", |_, moved| {
            moved["app_metadata"] = json!({ "linking": { "managed_by": "scim" } });
        }),
        ("both accounts are managed", |kept, moved| {
            for user in [kept, moved] {
                user["app_metadata"] = json!({ "linking": { "managed_by": "scim" } });
            }
        }),
        ("both are the same user", |_, _| {}),
    ];
    for (why, change) in refused {
        let directory = users(change);
        let (kept, moved) = (directory.get(KEPT).unwrap(), directory.get(MOVED).unwrap());
        let moved = if why.contains("same user") { &kept } else { &moved };
        for scope in [owner(), MergeScope::Operator] {
            let pair = MergePair { kept: &kept, moved };
            let refusal = plan_merge(pair, MergeChoice::default(), scope, Timestamp::default()).unwrap_err();
            assert!(refusal.to_string().contains(why), "{refusal}");
        }
    }
}

#[test]
fn an_owner_is_refused_where_an_operator_is_warned() {
    let cases: [(&str, &str, Change); 13] = [
        ("not to be linked", "not to be linked", |_, moved| {
            moved["app_metadata"] = json!({ "no_link": true })
        }),
        ("not to be linked", "not to be linked", |kept, _| {
            kept["app_metadata"] = json!({ "linking": { "opt_out": "yes" } });
        }),
        ("not to be linked", "not to be linked", |_, moved| {
            moved["app_metadata"] = json!({ "linking": { "deleted": true } });
        }),
        ("not to be linked", "not to be linked", |kept, _| {
            kept["app_metadata"] = json!({ "linking": { "pending_email": "new@example.com" } });
        }),
        ("not to be linked", "not to be linked", |_, moved| {
            moved["app_metadata"] = json!({ "linking": "opt_out" });
        }),
        ("not verified", "not verified", |kept, _| {
            kept["app_metadata"] = json!({ "linking": { "verified_email": "old@example.com" } });
        }),
        ("privileged", "privileged", |_, moved| moved["app_metadata"] = json!({ "privileged": true })),
        ("privileged", "privileged", |_, moved| {
            moved["app_metadata"] = json!({ "roles": { "admin": true } });
        }),
        ("privileged", "privileged", |kept, _| {
            kept["app_metadata"] = json!({ "authorization": { "roles": [{ "Owner": { "since": 1 } }] } });
        }),
        ("not verified", "not verified", |kept, _| kept["email_verified"] = json!(false)),
        ("not verified", "not verified", |_, moved| moved["email_verified"] = json!("true")),
        ("second factor", "second factor", |_, moved| moved["multifactor"] = json!(["guardian"])),
        ("", "different addresses", |_, moved| moved["email"] = json!("ada@corp.com")),
    ];
    for (refusal, warning, change) in cases {
        let directory = users(change);
        let owner = plan(&directory, MergeChoice::default(), owner());
        match owner {
            Ok(_) => assert_eq!(refusal, "", "{warning}"),
            Err(why) => assert!(!refusal.is_empty() && why.to_string().contains(refusal), "{why}"),
        }
        let operator = plan(&directory, MergeChoice::default(), MergeScope::Operator).unwrap();
        let told: Vec<String> = operator.warnings.iter().map(MergeWarning::to_string).collect();
        assert!(told.iter().any(|told| told.contains(warning)), "{warning}: {told:?}");
    }
}

#[test]
fn a_separation_and_an_unused_account_are_told() {
    let directory = users(|kept, moved| {
        kept["app_metadata"] = json!({ "linking": { "unlinked": [
            { "from": "sms|9", "at": 9_000 }, { "from": MOVED, "at": 5_000 }, { "from": MOVED, "at": 1_000 },
        ] } });
        moved.as_object_mut().unwrap().remove("last_login");
    });
    let plan = plan(&directory, MergeChoice::default(), owner()).unwrap();
    let told: Vec<String> = plan.warnings.iter().map(MergeWarning::to_string).collect();
    assert_eq!(
        told,
        ["google-oauth2|2 has never logged in", "the two were separated at 1970-01-01T00:00:05.000Z"]
    );
}

#[test]
fn an_owner_never_writes_app_metadata() {
    let directory = users(|_, moved| moved["app_metadata"] = json!({ "role": "admin" }));
    let all = MergeChoice { user_metadata: MetadataRule::Take, app_metadata: MetadataRule::Take };
    let plan = plan(&directory, all, owner()).unwrap();
    assert_eq!(plan.after.app_metadata, None);
    assert_eq!(plan.lost.app_metadata, ["role"]);
}

/// The link is made: its page must not say that nothing was changed.
#[test]
fn a_link_whose_entry_cannot_be_read_was_made_nevertheless() {
    let directory = users(|_, _| {});
    let plan = plan(&directory, MergeChoice::default(), owner()).unwrap();
    let unavailable = || Err(ApiError::Unavailable("the journal".to_owned()));
    assert_eq!(plan.name_link(unavailable()), None);
    let merged = plan.carry_out(use_directory(&directory), &operator(), Timestamp::default()).unwrap();
    let entries = directory.journal(&JournalQuery { limit: 9, ..JournalQuery::default() }).unwrap();
    assert!(merged.link.is_some() && merged.link == plan.name_link(Ok(entries)));
}

/// Roles stand in several places.
#[test]
fn an_owner_does_not_link_an_account_with_power() {
    for change in [
        json!({ "roles": ["Admin"] }),
        json!({ "app_metadata": { "roles": ["viewer", "owner"] } }),
        json!({ "app_metadata": { "authorization": { "roles": [{ "name": "superuser" }] } } }),
        json!({ "app_metadata": { "roles": "viewer, administrator" } }),
    ] {
        for side in [0, 1] {
            let directory = users(|kept, moved| {
                let user = if side == 0 { kept } else { moved };
                user.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            });
            let refused = plan(&directory, MergeChoice::default(), owner());
            assert!(matches!(refused, Err(MergeRefusal::Privileged(_))), "{change} {side}: {refused:?}");
            let planned = plan(&directory, MergeChoice::default(), MergeScope::Operator).unwrap();
            assert!(planned.warnings.iter().any(|it| matches!(it, MergeWarning::Privileged { .. })));
        }
    }
    let harmless = users(|kept, _| kept["roles"] = json!(["administration-reader"]));
    assert!(plan(&harmless, MergeChoice::default(), owner()).is_ok());
}

/// The policy names roles and accounts; the usual roles stay privileged.
#[test]
fn an_owner_does_not_link_an_account_that_a_policy_names() {
    let documents = [
        r#"{ "privileged": { "roles": ["Billing"] } }"#,
        r#"{ "privileged": { "user_ids": ["github|7", "auth0|9"] } }"#,
        r#"{ "privileged": "of another form" }"#,
        "no JSON",
    ];
    let privileged = PrivilegedAccounts::from_documents(documents);
    let by_owner = MergeScope::Owner { privileged: &privileged };
    let github = json!({ "provider": "github", "user_id": "7", "connection": "github", "isSocial": true });
    for (change, named) in [
        (json!({ "roles": ["billing"] }), true),
        (json!({ "app_metadata": { "roles": "viewer billing" } }), true),
        (json!({ "app_metadata": { "authorization": { "roles": [{ "name": "BILLING" }] } } }), true),
        (json!({ "roles": ["admin"] }), true),
        (json!({ "roles": ["billing-reader"] }), false),
    ] {
        for side in [0, 1] {
            let directory = users(|kept, moved| {
                let user = if side == 0 { kept } else { moved };
                user.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            });
            let planned = plan(&directory, MergeChoice::default(), by_owner);
            let is_refused = matches!(planned, Err(MergeRefusal::Privileged(_)));
            assert_eq!(is_refused, named, "{change} {side}: {planned:?}");
        }
    }
    let linked = users(|kept, _| kept["identities"].as_array_mut().unwrap().push(github));
    let planned = plan(&linked, MergeChoice::default(), by_owner);
    assert!(matches!(planned, Err(MergeRefusal::Privileged(_))), "{planned:?}");
    assert!(plan(&linked, MergeChoice::default(), owner()).is_ok());
}
