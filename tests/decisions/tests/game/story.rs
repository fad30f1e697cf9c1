//! Prints a play in words.

use std::fmt::Write;

use ligature_host::model::{Decision, Outcome};

use crate::moves::{Game, Move, taken_over};
use crate::world::{Claim, Id, Player, World};

/// A way of taking an account over: the identity that logs in, and the accounts
/// that its login joins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind(String);

impl Kind {
    /// The kind of a login that has joined accounts in this one.
    pub(crate) fn of(what: Move, before: &World, (after, joined): (&World, Id)) -> Self {
        let (Move::LogIn(by, _) | Move::Refresh(by)) = what else { return Self(format!("{what:?}")) };
        let own = before.owner(by).unwrap_or(by);
        let mut others: Vec<Id> = after.identities(joined).filter_map(|id| before.owner(id)).collect();
        others.retain(|account| *account != own);
        let is_gained =
            others.iter().chain([&own]).any(|account| !before.can_enter(Player::Attacker, *account));
        let mut others: Vec<&str> = others.into_iter().map(Id::kind).collect();
        others.dedup();
        let login =
            if by == own { by.kind().to_owned() } else { format!("{}, linked to {}", by.kind(), own.kind()) };
        let gained = if is_gained { "" } else { " (both of which the attacker could enter before)" };
        Self(format!("A login by {login} joins {}{gained}", others.join(" and ")))
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl Id {
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Idp | Self::OtherIdp => "the attacker's IdP",
            Self::Company => "the attacker's company",
            Self::Database | Self::OtherDatabase => "a database identity of the attacker's making",
            Self::Mailbox => "the attacker's mailbox",
            Self::Google => "the attacker's Google",
            Self::VictimsGoogle => "the victim's Google",
            Self::VictimsMailbox => "the victim's mailbox",
            Self::VictimsDatabase => "the victim's database identity",
        }
    }
}

/// The play of this kind through these states, move by move, with what was
/// decided at each login.
pub(crate) fn story(game: &Game, kind: &Kind, states: &[World]) -> String {
    let mut story = String::new();
    let mut world = World::EMPTY;
    for (number, state) in states.iter().enumerate() {
        // Interchangeable identities may have changed places in the states.
        let turns = [Player::Attacker, Player::Victim].into_iter();
        let turns =
            turns.flat_map(|player| game.moves(&world, player).into_iter().map(move |what| (player, what)));
        let mut played = turns.map(|(player, what)| (player, what, game.play(&world, player, what)));
        let is_last = number + 1 == states.len();
        let fits = |what: Move, after: &World| {
            let joined = taken_over(&world, after).filter(|_| is_last);
            after.canonical() == *state
                && joined.is_none_or(|account| Kind::of(what, &world, (after, account)) == *kind)
        };
        let Some((player, what, played)) = played.find(|(_, what, it)| fits(*what, &it.world)) else {
            let _ = writeln!(story, "  {}. to {state:?}", number + 1);
            break;
        };
        let _ = write!(story, "  {}. {}", number + 1, words(player, what, &world));
        if let Some(outcome) = &played.outcome {
            let _ = write!(story, " → {}", decided(outcome));
        }
        story.push('\n');
        world = played.world;
    }
    for account in world.accounts() {
        let _ = writeln!(story, "     {}", shown(&world, account));
    }
    story
}

fn words(player: Player, what: Move, world: &World) -> String {
    let who = match player {
        Player::Attacker => "The attacker",
        Player::Victim => "The victim",
    };
    match what {
        Move::LogIn(by, Some(claim)) => {
            let first = if world.owner(by).is_none() { ", for the first time" } else { "" };
            format!("{who} logs in as {}, which says {}{first}", by.user_id(), said(claim))
        }
        Move::LogIn(by, None) => format!("{who} logs in as {}", by.user_id()),
        Move::Refresh(by) => format!("{who} uses a session of {}", by.user_id()),
        Move::SignUp(id, address) => format!("{who} registers {} as {}", address.text(), id.user_id()),
        Move::Verify(id) => format!("{who} verifies the address of {}", id.user_id()),
        Move::Reset(id) => format!("{who} resets the password of {}", id.user_id()),
        Move::Link { primary, secondary } => {
            format!(
                "{who} proves both {} and {}, and links the latter into it",
                primary.user_id(),
                secondary.user_id()
            )
        }
        Move::Unlink(id) => format!("{who} unlinks {}", id.user_id()),
        Move::ChangeAddress(id, address) => {
            format!("{who} changes the address of {} to {}", id.user_id(), address.text())
        }
    }
}

fn said(claim: Claim) -> String {
    format!("{} {}", claim.address.text(), if claim.verified { "verified" } else { "unverified" })
}

fn decided(outcome: &Outcome) -> String {
    let codes: Vec<&str> = outcome.reasons.iter().map(|reason| reason.code.as_str()).collect();
    let decision = match &outcome.decision {
        Decision::Proceed => "goes on".to_owned(),
        Decision::Linked { primary } => format!("LINKED into {primary}"),
        Decision::Suggest { .. } => "asked, and skipped".to_owned(),
        Decision::Deny { .. } => "denied".to_owned(),
    };
    format!("{decision} ({})", codes.join(", "))
}

fn shown(world: &World, account: Id) -> String {
    let identity = |id: Id| {
        let whose = match world.controller(id) {
            Player::Attacker => "attacker",
            Player::Victim => "victim",
        };
        format!("{} ({whose})", id.user_id())
    };
    let identities: Vec<String> = world.identities(account).map(identity).collect();
    let address = world.address(account).map(said).unwrap_or_default();
    format!("{}, {address}: {}", account.user_id(), identities.join(", "))
}
