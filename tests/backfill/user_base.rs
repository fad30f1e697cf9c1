//! A generated user base with a known answer: most users are alone, and one in twenty belongs to a
//! group of a known kind.

#![allow(dead_code, reason = "each suite uses what it needs")]

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};

/// The policy by which the answer is known.
pub(crate) const POLICY: &str = r#"{
    "mode": "auto",
    "trusted_connections": ["google-oauth2", "github", "Username-Password-Authentication"],
    "managed_connections": ["corp"]
}"#;

/// The number of users of one block: a group of each story, and users that are alone.
const BLOCK: u64 = 460;

/// A story about accounts with one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Story {
    /// A verified login by Google beside a verified database account.
    Duplicate,
    /// The same, and one of the two has capitals in its address.
    Capitals,
    /// Three verified accounts.
    Three,
    /// The newer account has not verified the address.
    Unverified,
    /// The older account has not verified the address.
    UnverifiedOlder,
    /// One of the accounts is blocked.
    Blocked,
    /// One of the accounts is privileged.
    Privileged,
    /// A provider has two ids for the address: the mailbox has another owner.
    ReassignedMailbox,
    /// An enterprise account beside a social one.
    Enterprise,
    /// A family shares a mailbox: two database accounts.
    Family,
}

/// The stories of a block, with the expected answer: kind, deciding reason, accounts fewer.
const STORIES: [(Story, &str, &str, u64); 10] = [
    (Story::Duplicate, "LINK", "LINKED_VERIFIED_BOTH", 1),
    (Story::Capitals, "SUGGEST", "CASE_VARIANT_ONLY", 0),
    (Story::Three, "CONFLICT", "MULTIPLE_CANDIDATES", 0),
    (Story::Unverified, "SKIP", "EMAIL_UNVERIFIED_CURRENT", 0),
    (Story::UnverifiedOlder, "SKIP", "CANDIDATE_UNVERIFIED", 0),
    (Story::Blocked, "SKIP", "CANDIDATE_BLOCKED", 0),
    (Story::Privileged, "SUGGEST", "PRIVILEGED_ACCOUNT", 0),
    (Story::ReassignedMailbox, "SKIP", "SAME_PROVIDER_DIFFERENT_SUBJECT", 0),
    (Story::Enterprise, "SKIP", "DIFFERENT_CONNECTION_GROUPS", 0),
    (Story::Family, "CONFLICT", "TWO_DATABASE_ACCOUNTS", 0),
];

/// The expected counts of a user base.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    /// The users.
    pub(crate) users: u64,
    /// The accounts in groups.
    pub(crate) accounts: u64,
    /// The groups of each kind.
    pub(crate) groups: BTreeMap<&'static str, u64>,
    /// The groups of each kind and reason.
    pub(crate) reasons: BTreeMap<(&'static str, &'static str), u64>,
    /// The accounts that links remove.
    pub(crate) removed: u64,
}

fn account(number: u64, place: u64, (id, connection): (&str, &str), more: Value) -> Value {
    let (provider, own) = id.split_once('|').unwrap_or_default();
    let mut user = json!({
        "user_id": format!("{id}{number}-{place}"),
        "email": format!("person{number}@example.com"),
        "email_verified": true,
        "created_at": format!("2024-0{}-01T10:00:00.000Z", place + 1),
        "updated_at": "2026-01-01T10:00:00.000Z",
        "last_login": "2026-01-01T10:00:00.000Z",
        "logins_count": 5,
        "name": format!("Person {number}"),
        "nickname": format!("person{number}"),
        "picture": format!("https://pictures.example.com/{number}.png"),
        "identities": [{
            "provider": provider,
            "user_id": format!("{own}{number}-{place}"),
            "connection": connection,
            "isSocial": provider == "google-oauth2" || provider == "github",
        }],
        "user_metadata": { "theme": "dark", "language": "en" },
    });
    if let (Some(user), Some(more)) = (user.as_object_mut(), more.as_object()) {
        user.extend(more.clone());
    }
    user
}

const DATABASE: (&str, &str) = ("auth0|", "Username-Password-Authentication");
const GOOGLE: (&str, &str) = ("google-oauth2|", "google-oauth2");
const GITHUB: (&str, &str) = ("github|", "github");
const CORP: (&str, &str) = ("samlp|corp|", "corp");

fn tell(story: Story, n: u64) -> Vec<Value> {
    let database = |more| account(n, 0, DATABASE, more);
    let google = |place, more| account(n, place, GOOGLE, more);
    let none = || json!({});
    match story {
        Story::Duplicate => vec![database(none()), google(1, none())],
        Story::Capitals => {
            vec![database(none()), google(1, json!({ "email": format!("Person{n}@Example.com") }))]
        }
        Story::Three => vec![database(none()), google(1, none()), account(n, 2, GITHUB, none())],
        Story::Unverified => vec![database(none()), google(1, json!({ "email_verified": false }))],
        Story::UnverifiedOlder => vec![database(json!({ "email_verified": false })), google(1, none())],
        Story::Blocked => vec![database(json!({ "blocked": true })), google(1, none())],
        Story::Privileged => {
            vec![database(json!({ "app_metadata": { "privileged": true } })), google(1, none())]
        }
        Story::ReassignedMailbox => vec![google(0, none()), google(1, none())],
        Story::Enterprise => vec![google(0, none()), account(n, 1, CORP, none())],
        Story::Family => vec![database(none()), account(n, 1, ("auth0|", "family"), none())],
    }
}

/// Writes a user base of at least so many users, one per line, and returns the expected counts.
pub(crate) fn write_users(users: u64, out: &mut dyn Write) -> io::Result<Expected> {
    let mut expected = Expected::default();
    let mut number = 0;
    while expected.users < users {
        let mut block: Vec<Value> = Vec::new();
        for (story, kind, reason, removed) in STORIES {
            number += 1;
            block.extend(tell(story, number));
            *expected.groups.entry(kind).or_default() += 1;
            *expected.reasons.entry((kind, reason)).or_default() += 1;
            expected.removed += removed;
        }
        expected.accounts += block.len() as u64;
        while (block.len() as u64) < BLOCK {
            number += 1;
            let connection = if number % 2 == 0 { DATABASE } else { GOOGLE };
            block.push(account(number, 0, connection, json!({})));
        }
        // The accounts of a group are not next to each other.
        block.sort_by_cached_key(|user| {
            let id = user["user_id"].as_str().unwrap_or_default();
            id.bytes().fold(7_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)))
        });
        expected.users += block.len() as u64;
        for user in block {
            writeln!(out, "{user}")?;
        }
    }
    Ok(expected)
}

/// Writes so many pairs of accounts that a login would link, one account per line, and returns the
/// expected counts.
pub(crate) fn write_pairs(pairs: u64, out: &mut dyn Write) -> io::Result<Expected> {
    let accounts = pairs * 2;
    for number in 1..=pairs {
        for user in tell(Story::Duplicate, number) {
            writeln!(out, "{user}")?;
        }
    }
    Ok(Expected {
        users: accounts,
        accounts,
        groups: BTreeMap::from([("LINK", pairs)]),
        reasons: BTreeMap::from([(("LINK", "LINKED_VERIFIED_BOTH"), pairs)]),
        removed: pairs,
    })
}

/// Writes so many groups of three accounts that the policy `LINK_ALL` links, one account per line.
pub(crate) fn write_threes(groups: u64, out: &mut dyn Write) -> io::Result<()> {
    // Other numbers than those of pairs.
    for number in 1_000_001..=1_000_000 + groups {
        for user in tell(Story::Three, number) {
            writeln!(out, "{user}")?;
        }
    }
    Ok(())
}

/// The policy that links all accounts of a group.
pub(crate) const LINK_ALL: &str = r#"{
    "mode": "auto",
    "trusted_connections": ["google-oauth2", "github", "Username-Password-Authentication"],
    "on_multiple": "link_all"
}"#;

/// Writes so many pairs of accounts of which some are privileged, as a seed chooses. Returns the expected
/// numbers of links and of privileged groups.
pub(crate) fn write_privileged(pairs: u64, seed: u64, out: &mut dyn Write) -> io::Result<(u64, u64)> {
    let powers = [
        json!({ "roles": ["reader", "Admin"] }),
        json!({ "app_metadata": { "roles": ["owner"] } }),
        json!({ "app_metadata": { "authorization": { "roles": ["superuser"] } } }),
        json!({ "app_metadata": { "privileged": true } }),
    ];
    let none =
        [json!({}), json!({ "roles": ["reader"] }), json!({ "app_metadata": { "privileged": false } })];
    let mut random = fastrand::Rng::with_seed(seed);
    let mut privileged = 0;
    for number in 1..=pairs {
        let mut more = [random.choice(&none).cloned(), random.choice(&none).cloned()];
        if random.u8(0..3) == 0 {
            privileged += 1;
            more[random.usize(0..2)] = random.choice(&powers).cloned();
        }
        for ((place, connection), more) in [(0, DATABASE), (1, GOOGLE)].into_iter().zip(more) {
            writeln!(out, "{}", account(number, place, connection, more.unwrap_or_default()))?;
        }
    }
    Ok((pairs - privileged, privileged))
}

/// Writes so many groups of each story, without the users that are alone, one account per line.
pub(crate) fn write_groups(of_each: u64, out: &mut dyn Write) -> io::Result<()> {
    let stories = (0..of_each).flat_map(|_| STORIES);
    for (number, (story, ..)) in (1..).zip(stories) {
        for user in tell(story, number) {
            writeln!(out, "{user}")?;
        }
    }
    Ok(())
}
