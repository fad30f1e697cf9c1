//! Decides logins of arbitrary accounts under arbitrary policies. Asserts that
//! the decision does not panic, gives a reason, names only accounts of the
//! input, and links only accounts that have both verified the login's address.
//!
//! `make fuzz` runs it on the stable toolchain, `cargo fuzz run decide` on
//! nightly. `tests/fuzz.rs` fuzzes the built component.

#![no_main]

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use ligature_link_policy::Policy;
use link_users_by_email::bindings::Connection;
use link_users_by_email::bindings::{Identity, LoginEvent, User, Verification};
use link_users_by_email::decide::{Input, PlannedDecision, decide};

/// Policies that link, asked for by number; another number reads a policy from
/// the data.
const POLICIES: [&str; 3] = [
    r#"{"mode":"auto","trusted_connections":["*"],"never_logged_in":"allow"}"#,
    r#"{"mode":"auto","trusted_connections":["*"],"never_logged_in":"allow","on_multiple":"link_all"}"#,
    include_str!("../../plugin/policy/presets/auth0-rule.json"),
];

fuzz_target!(
    init: {
        // One found account, and defaults: had the generator no road to a link, every
        // assertion about links would hold.
        assert_eq!(decide_one_login(&mut Unstructured::new(&[0, 1])), Ok(1), "the defaults link");
    },
    |data: &[u8]| {
        let _ = decide_one_login(&mut Unstructured::new(data));
    }
);

/// Decides a login, asserts the properties, and returns the number of links.
/// Used-up data gives defaults, under which two accounts link.
fn decide_one_login(data: &mut Unstructured) -> Result<usize> {
    let policy = match POLICIES.get(data.int_in_range(0..=POLICIES.len())?) {
        Some(text) => Policy::parse(text).expect("a policy of the list"),
        None => match Policy::read_and_check(data.arbitrary::<&str>()?) {
            Ok(policy) => policy,
            Err(_) => return Ok(0),
        },
    };
    let others = data.int_in_range(0..=4)?;
    let current = generate_user(data, 0)?;
    let found: Vec<User> = (1..=others).map(|place| generate_user(data, place)).collect::<Result<_>>()?;
    let event = LoginEvent {
        connection: Connection {
            name: current.identities[0].connection.clone(),
            strategy: data.choose(&["google-oauth2", "auth0", "waad", "email", ""])?.to_string(),
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
    let given = |id: &str| found.iter().chain([&event.user]).find(|user| user.user_id == id);
    for id in plan.reasons.iter().flat_map(|reason| &reason.subject) {
        assert!(given(id).is_some(), "a reason names {id}, which is not in the input");
    }
    let PlannedDecision::Link(links) = &plan.decision else { return Ok(0) };
    let primary = &links.first().expect("at least one link").primary;
    let mut sides = links.iter().flat_map(|link| [&link.primary, &link.secondary]);
    assert!(sides.any(|id| *id == event.user.user_id), "the login's account is linked");
    for link in links {
        assert_eq!(link.primary, *primary, "every link has the same primary");
        assert_ne!(link.primary, link.secondary);
        for id in [&link.primary, &link.secondary] {
            assert_may_be_linked(given(id).expect("only accounts of the input are linked"), &event.user);
        }
    }
    Ok(links.len())
}

/// Asserts that an account has verified the address of the login, and is not blocked.
fn assert_may_be_linked(account: &User, login: &User) {
    let id = &account.user_id;
    assert!(!account.blocked, "{id} is blocked, and linked");
    assert_eq!(account.email_verified, Verification::Verified, "{id} is linked");
    let address = |user: &User| user.email.as_deref().unwrap_or_default().to_ascii_lowercase();
    assert!(!address(account).is_empty(), "{id} is linked without an address");
    assert_eq!(address(account), address(login), "{id} is linked");
}

fn generate_user(data: &mut Unstructured, place: usize) -> Result<User> {
    let email: Option<String> = match data.int_in_range(0..=5)? {
        0..=3 => Some("ada@example.com".to_owned()),
        4 => Some("Ada@example.com".to_owned()),
        _ => data.arbitrary()?,
    };
    let providers = ["google-oauth2", "github", "samlp", "auth0", "email"];
    // The defaults of two accounts have two providers.
    let provider = providers[(place + data.int_in_range(0..=4)?) % providers.len()];
    let mut identities = vec![identity(provider, place.to_string())];
    for _ in 0..data.int_in_range(0..=2)? {
        identities.push(Identity { email: data.arbitrary()?, ..identity("github", data.arbitrary()?) });
    }
    Ok(User {
        user_id: format!("{provider}|{place}"),
        email,
        email_verified: match data.int_in_range(0..=5)? {
            0..=2 => Verification::Verified,
            3 => Verification::Unverified,
            4 => Verification::Absent,
            _ => Verification::NotBoolean(data.arbitrary()?),
        },
        created_at: data.arbitrary()?,
        last_login: data.arbitrary()?,
        logins_count: data.arbitrary()?,
        blocked: data.int_in_range(0..=9)? == 9,
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
