//! The take-over game (invariant 11): an attacker plays against a victim.
//!
//! The attacker has a provider of their own that claims whatever they like, the
//! enterprise connection of their own company, accounts in the tenant's
//! database, a mailbox and a Google account. The victim has a Google account, a
//! mailbox and accounts in the database, one of which they may recover from the
//! attacker, who has registered it. Six moves of the attacker and three of the
//! victim are explored in every order. None may end with a login that joins what
//! the attacker can enter with what the victim can.
//!
//! Questions are skipped: whoever answers one has proved both accounts. An
//! identity that the attacker has linked to an account which the victim then
//! recovers stays there; no login may join that account with another.
//!
//! `LIGATURE_GAME_ALL=1` prints a play of every kind that was found, not only
//! the shortest ones.

mod directory;
mod known;
mod moves;
mod search;
mod story;
mod world;

use ligature_link_policy::Policy;

use directory::Older;
use moves::Game;
use search::{Found, Moves, search};
use story::story;
use world::Id;

const LIMIT: Moves = Moves { attacker: 6, victim: 3 };
/// The moves of a game against a policy that is known to be unsafe.
const SHORT: Moves = Moves { attacker: 3, victim: 3 };

/// The attacker's company changes nothing where nobody trusts it, and a second
/// identity at their provider little: most games do without.
const FEW: &[Id] = &[Id::OtherIdp, Id::Company];

fn game(policy: &str, older: Older, without: &'static [Id]) -> Game {
    Game { policy: Policy::read_and_check(policy).expect("a policy"), older, without }
}

/// Plays a game that the attacker may not win.
fn nobody_is_taken_over(name: &str, game: &Game) {
    let found = play(name, game, LIMIT);
    assert!(found.linked > 0, "{name}: no login links anything, so that nothing is shown");
    assert!(found.takeovers.is_empty(), "{name}: {}", list_takeovers(game, &found));
}

fn play(name: &str, game: &Game, limit: Moves) -> Found {
    let found = search(game, limit);
    let Found { states, turns, decided, linked, plays, time, .. } = &found;
    eprintln!(
        "{name}: {states} states, {turns} turns in them ({decided} differ, {linked} link), {plays} plays, {} ms",
        time.as_millis()
    );
    found
}

/// A play of each kind, the shortest first.
fn list_takeovers(game: &Game, found: &Found) -> String {
    let mut plays: Vec<_> = found.takeovers.iter().collect();
    plays.sort_by_key(|(kind, states)| (states.len(), *kind));
    let kinds = plays.len();
    let told = if std::env::var_os("LIGATURE_GAME_ALL").is_some() { kinds } else { 5 };
    let plays = plays.into_iter().take(told);
    let stories: Vec<String> =
        plays.map(|(kind, states)| format!("{}\n{}", kind.text(), story(game, kind, states))).collect();
    format!("{kinds} kinds of take-over\n\n{}", stories.join("\n"))
}

const DEFAULTS: &str = r#"{ "mode": "auto", "trusted_connections": ["google-oauth2"] }"#;

#[test]
fn the_defaults_and_an_older_attacker() {
    let game = game(DEFAULTS, Older::Attackers, &[Id::OtherIdp]);
    nobody_is_taken_over("the defaults, the attacker is older", &game);
}

#[test]
fn the_defaults_and_an_older_victim() {
    let game = game(DEFAULTS, Older::Victims, FEW);
    nobody_is_taken_over("the defaults, the victim is older", &game);
}

#[test]
fn the_defaults_and_two_identities_at_the_attackers_provider() {
    nobody_is_taken_over("two identities at one provider", &game(DEFAULTS, Older::Victims, &[Id::Company]));
}

#[test]
fn a_fresh_proof_of_the_mailbox() {
    let policy = r#"{ "mode": "auto", "trusted_connections": ["google-oauth2"],
        "require_verified": "fresh_mailbox_proof" }"#;
    nobody_is_taken_over("a fresh proof of the mailbox", &game(policy, Older::Attackers, FEW));
}

#[test]
fn all_are_linked_and_databases_come_first() {
    let policy = r#"{ "mode": "auto", "trusted_connections": ["google-oauth2"],
        "on_multiple": "link_all", "primary": "database_first", "unverified_candidate": "suggest" }"#;
    nobody_is_taken_over("all are linked, databases first", &game(policy, Older::Attackers, FEW));
}

#[test]
fn the_linked_one_is_preferred_and_may_be_demoted() {
    let policy = r#"{ "mode": "auto", "trusted_connections": ["google-oauth2"],
        "on_multiple": "prefer_linked", "primary": "most_logins", "allow_demote_with_identities": true }"#;
    nobody_is_taken_over(
        "the linked one is preferred, the busiest first",
        &game(policy, Older::Victims, FEW),
    );
}

#[test]
fn the_existing_one_stays_and_nothing_cools_down() {
    let policy = r#"{ "mode": "auto", "trusted_connections": ["google-oauth2"],
        "primary": "existing", "unlink_cooldown_days": 0, "same_provider": "suggest" }"#;
    nobody_is_taken_over("the existing one stays, no cool-down", &game(policy, Older::Attackers, FEW));
}

#[test]
fn a_company_that_speaks_for_its_own_domain() {
    let policy = r#"{ "mode": "auto",
        "trusted_connections": ["google-oauth2", { "name": "evil-company", "domains": ["evil.example"] }],
        "connection_groups": { "all": ["*"] } }"#;
    nobody_is_taken_over("a company for its own domain", &game(policy, Older::Attackers, &[Id::OtherIdp]));
}

/// The game would be won by nobody if it explored nothing.
#[test]
fn a_policy_that_allows_foreign_identities_is_beaten() {
    let policy =
        r#"{ "mode": "auto", "trusted_connections": ["google-oauth2"], "trojan_identity": "allow" }"#;
    let game = game(policy, Older::Victims, FEW);
    let found = play("foreign identities are allowed", &game, SHORT);
    let is_joined = |id: Id, with: &str| {
        found.takeovers.keys().any(|kind| kind.text() == format!("A login by {} joins {with}", id.kind()))
    };
    assert!(is_joined(Id::VictimsGoogle, Id::Database.kind()), "{}", list_takeovers(&game, &found));
    assert!(is_joined(Id::Database, Id::VictimsGoogle.kind()), "{}", list_takeovers(&game, &found));
}

#[test]
fn a_policy_that_trusts_everybody_is_beaten() {
    let game = game(r#"{ "mode": "auto", "trusted_connections": ["*"] }"#, Older::Victims, FEW);
    let found = play("everybody is trusted", &game, SHORT);
    let shortest = found.takeovers.values().map(Vec::len).min();
    assert!(shortest.is_some_and(|moves| moves <= 3), "{}", list_takeovers(&game, &found));
}
