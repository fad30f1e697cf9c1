//! The decision over arbitrary accounts and an arbitrary policy: no panic,
//! always a reason, nobody named who was not given, and no link of accounts
//! that have not both verified one address.
//!
//! `cargo fuzz run decide`, with cargo-fuzz and a nightly toolchain. Its sister
//! on stable, through the real component, is `tests/fuzz.rs`.

#![no_main]

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use link_policy::Policy;
use link_users_by_email::bindings::Connection;
use link_users_by_email::bindings::{Identity, LoginEvent, User, Verification};
use link_users_by_email::decide::{Input, PlannedDecision, decide};

fuzz_target!(|data: &[u8]| {
    let _ = one(&mut Unstructured::new(data));
});

fn one(data: &mut Unstructured) -> Result<()> {
    let policy = match Policy::read_and_check(data.arbitrary::<&str>()?) {
        Ok(policy) => policy,
        Err(_) => {
            let text = r#"{"mode":"auto","trusted_connections":["*"],"never_logged_in":"allow"}"#;
            let Ok(policy) = Policy::read(text) else { return Ok(()) };
            policy
        }
    };
    let current = user(data, 0)?;
    let found: Vec<User> =
        (1..=data.int_in_range(0..=4)?).map(|place| user(data, place)).collect::<Result<_>>()?;
    let event = LoginEvent {
        connection: Connection {
            name: data.arbitrary()?,
            strategy: data.choose(&["auth0", "google-oauth2", "waad", "email", ""])?.to_string(),
        },
        user: current,
        client_id: data.arbitrary()?,
        organization_id: data.arbitrary()?,
        protocol: data.arbitrary()?,
        prompt: Vec::new(),
        methods: Vec::new(),
        settings: String::new(),
        trace: data.arbitrary()?,
    };
    let now = data.arbitrary()?;
    let plan = decide(&Input {
        event: &event,
        policy: &policy,
        found: &found,
        failed: None,
        proof: None,
        exact_look_up: data.arbitrary()?,
        now,
    });

    assert!(!plan.reasons.is_empty(), "there is a reason");
    let known = |id: &String| *id == event.user.user_id || found.iter().any(|user| user.user_id == *id);
    assert!(plan.reasons.iter().flat_map(|reason| &reason.subject).all(known), "nobody else is named");
    if let PlannedDecision::Link(links) = &plan.decision {
        assert_eq!(event.user.email_verified, Verification::Verified);
        for link in links {
            assert!(known(&link.primary) && known(&link.secondary) && link.primary != link.secondary);
            let other = if link.primary == event.user.user_id { &link.secondary } else { &link.primary };
            let verified =
                |user: &User| user.user_id != *other || user.email_verified == Verification::Verified;
            assert!(found.iter().any(verified), "both are verified");
        }
    }
    Ok(())
}

fn user(data: &mut Unstructured, place: usize) -> Result<User> {
    let email: Option<String> = match data.int_in_range(0..=3)? {
        0 => data.arbitrary()?,
        1 => Some("Ada@example.com".to_owned()),
        _ => Some("ada@example.com".to_owned()),
    };
    let provider = data.choose(&["auth0", "google-oauth2", "github", "samlp", "email"])?;
    let mut identities = vec![identity(provider, place.to_string())];
    for _ in 0..data.int_in_range(0..=2)? {
        identities.push(Identity { email: data.arbitrary()?, ..identity("github", data.arbitrary()?) });
    }
    Ok(User {
        user_id: format!("{provider}|{place}"),
        email,
        email_verified: match data.int_in_range(0..=5)? {
            0 => Verification::Unverified,
            1 => Verification::Absent,
            2 => Verification::NotBoolean(data.arbitrary()?),
            _ => Verification::Verified,
        },
        created_at: data.arbitrary()?,
        last_login: data.arbitrary()?,
        logins_count: data.arbitrary()?,
        blocked: data.ratio(1, 10)?,
        identities,
        roles: data.arbitrary()?,
        organizations: data.arbitrary()?,
        mfa_factors: Vec::new(),
        user_metadata: data.arbitrary()?,
        app_metadata: data.arbitrary()?,
    })
}

fn identity(provider: &str, user_id: String) -> Identity {
    Identity {
        provider: provider.to_owned(),
        user_id,
        connection: provider.to_owned(),
        is_social: provider != "auth0",
        email: None,
        email_verified: Verification::Absent,
    }
}
