//! The moves of the players, and the states that they lead to.

use std::sync::Arc;

use ligature_decision_tests::{Login, log_in};
use ligature_host::directory::{Administration, CheckedLink, Directory, Memory, Provenance, Unlink};
use ligature_host::model::{Decision, LinkRequest, Outcome, StepAnswer, Timestamp};
use ligature_link_policy::Policy;

use crate::directory::{NOW, Older, directory, event, world};
use crate::world::{Address, Claim, Id, Player, World};

/// Something that a player does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Move {
    /// Logs in, for the first time too, and skips the question if one is asked.
    /// A provider of the attacker's own says what the attacker likes.
    LogIn(Id, Option<Claim>),
    /// Uses a session or a refresh token.
    Refresh(Id),
    /// Registers an address in the database.
    SignUp(Id, Address),
    /// Opens the mail that verifies the address.
    Verify(Id),
    /// Sets a new password by a mail, which verifies the address too.
    Reset(Id),
    /// Links two accounts that the player has proved both.
    Link { primary: Id, secondary: Id },
    /// Makes a linked identity an account of its own.
    Unlink(Id),
    /// Gives an identity of the database another address.
    ChangeAddress(Id, Address),
}

impl Move {
    /// Returns whether the policy decides the move.
    pub(crate) fn is_login(self) -> bool {
        matches!(self, Self::LogIn(..) | Self::Refresh(_))
    }
}

/// A game: the policy that decides logins, and the player whose accounts are
/// older.
#[derive(Debug, Clone)]
pub(crate) struct Game {
    pub(crate) policy: Policy,
    pub(crate) older: Older,
    /// Identities that nobody uses in it.
    pub(crate) without: &'static [Id],
}

/// A move that was made.
pub(crate) struct Played {
    pub(crate) world: World,
    /// The decision, where the move was a login.
    pub(crate) outcome: Option<Outcome>,
}

impl Played {
    /// Returns whether the move was a login that linked accounts.
    pub(crate) fn has_linked(&self) -> bool {
        self.outcome.as_ref().is_some_and(|outcome| matches!(outcome.decision, Decision::Linked { .. }))
    }
}

/// The words of the attacker's own providers on the address.
const CLAIMS: [Claim; 4] = [
    Claim { address: Address::Victims, verified: true },
    Claim { address: Address::Victims, verified: false },
    Claim { address: Address::Attackers, verified: true },
    Claim { address: Address::Attackers, verified: false },
];

impl Game {
    /// The moves that the player has in this state.
    pub(crate) fn moves(&self, world: &World, player: Player) -> Vec<Move> {
        let mut moves = Vec::new();
        let ids = Id::ALL.into_iter().filter(|id| !self.without.contains(id));
        for id in ids.filter(|id| world.controller(*id) == player) {
            let is_there = world.owner(id).is_some();
            match id {
                Id::OtherIdp if world.owner(Id::Idp).is_none() => {}
                Id::Idp | Id::OtherIdp | Id::Company => {
                    moves.extend(CLAIMS.map(|claim| Move::LogIn(id, Some(claim))));
                }
                _ if id.is_database() && !is_there => moves.extend(sign_ups(world, player, id)),
                _ if id.is_database() => moves.push(Move::LogIn(id, None)),
                _ => {
                    moves.push(Move::LogIn(id, Some(Claim { address: own_address(player), verified: true })))
                }
            }
            if is_there && player == Player::Attacker {
                moves.push(Move::Refresh(id));
            }
        }
        moves.extend(by_mail(world, player));
        if player == Player::Attacker {
            moves.extend(of_accounts(world, player));
        }
        moves
    }
}

fn own_address(player: Player) -> Address {
    match player {
        Player::Attacker => Address::Attackers,
        Player::Victim => Address::Victims,
    }
}

/// The victim registers their own address, the attacker any.
fn sign_ups(world: &World, player: Player, id: Id) -> Vec<Move> {
    if id == Id::OtherDatabase && world.owner(Id::Database).is_none() {
        return Vec::new();
    }
    let addresses = match player {
        Player::Attacker => &[Address::Victims, Address::Attackers][..],
        Player::Victim => &[Address::Victims],
    };
    let free = addresses.iter().filter(|address| !world.is_registered(**address));
    free.map(|address| Move::SignUp(id, *address)).collect()
}

/// Moves that take a mail to the player's own address.
fn by_mail(world: &World, player: Player) -> Vec<Move> {
    let mut moves = Vec::new();
    for id in Id::ALL.into_iter().filter(|id| id.is_database()) {
        if world.claim(id).is_some_and(|claim| claim.address == own_address(player)) {
            moves.push(Move::Reset(id));
            // The victim does not open the mail of a sign-up that was not theirs.
            if world.controller(id) == player {
                moves.push(Move::Verify(id));
            }
        }
    }
    moves
}

/// Moves that take a login to the accounts in question.
fn of_accounts(world: &World, player: Player) -> Vec<Move> {
    let mut moves = Vec::new();
    let own: Vec<Id> = world.accounts().filter(|account| world.can_enter(player, *account)).collect();
    for &primary in &own {
        let others = own.iter().filter(|account| **account != primary);
        moves.extend(others.map(|&secondary| Move::Link { primary, secondary }));
        for id in world.identities(primary) {
            if id != primary {
                moves.push(Move::Unlink(id));
            }
            if id.is_database() {
                let free = [Address::Victims, Address::Attackers].into_iter();
                let free = free.filter(|address| !world.is_registered(*address));
                moves.extend(free.map(|address| Move::ChangeAddress(id, address)));
            }
        }
    }
    moves
}

impl Game {
    /// Makes a move. Logins run through the real directory, guard and
    /// policy, links and unlinks through the real directory; the rest is what the
    /// tenant does.
    pub(crate) fn play(&self, before: &World, player: Player, what: Move) -> Played {
        let mut after = *before;
        match what {
            Move::LogIn(by, sent) => return self.log_in(before, by, sent),
            Move::Refresh(by) => return self.refresh(before, by),
            Move::Link { primary, secondary } => {
                let memory = directory(before, self.older);
                link(&memory, primary, secondary);
                after = world(&memory, before);
            }
            Move::Unlink(id) => {
                let memory = directory(before, self.older);
                unlink(&memory, before.owner(id).expect("the identity is somebody's"), id);
                after = world(&memory, before);
            }
            Move::SignUp(id, address) => {
                after.put_identity(id, id, None);
                after.set_address(id, Some(Claim { address, verified: false }));
            }
            Move::ChangeAddress(id, address) => after.set_claim(id, Claim { address, verified: false }),
            Move::Verify(id) => verify(&mut after, id),
            Move::Reset(id) => {
                after.set_password(id, player);
                verify(&mut after, id);
            }
        }
        Played { world: after, outcome: None }
    }

    fn log_in(&self, before: &World, by: Id, sent: Option<Claim>) -> Played {
        let memory = Arc::new(directory(before, self.older));
        let event = event(by, sent, false);
        let login = Login { event: &event, answer: None, policy: &self.policy, document: "", now: now() };
        let outcome = log_in(&memory, login).expect("a login is decided");
        if let Decision::Suggest { step, .. } = outcome.decision {
            let skipped = StepAnswer { step, proof: None, policy: None };
            log_in(&memory, Login { answer: Some(&skipped), ..login }).expect("a login goes on");
        }
        Played { world: world(&memory, before), outcome: Some(outcome) }
    }

    fn refresh(&self, before: &World, by: Id) -> Played {
        let memory = Arc::new(directory(before, self.older));
        let event = event(by, None, true);
        let login = Login { event: &event, answer: None, policy: &self.policy, document: "", now: now() };
        let outcome = log_in(&memory, login).expect("a login is decided");
        Played { world: world(&memory, before), outcome: Some(outcome) }
    }
}

/// The mail proves the address of an account; of a linked identity it changes
/// nothing.
fn verify(world: &mut World, id: Id) {
    if let Some(claim) = world.claim(id).filter(|_| world.owner(id) == Some(id)) {
        world.set_claim(id, Claim { verified: true, ..claim });
    }
}

fn link(memory: &Memory, primary: Id, secondary: Id) {
    let request = LinkRequest {
        primary: primary.user_id().to_owned(),
        secondary: secondary.user_id().to_owned(),
        user_metadata: None,
        app_metadata: None,
        reasons: Arc::from([]),
    };
    let provenance = Arc::new(Provenance::operator("the game"));
    let link = CheckedLink {
        request,
        primary_version: None,
        secondary_version: None,
        read: None,
        provenance,
        now: now(),
    };
    memory.link(&link).expect("both accounts are there");
}

fn unlink(memory: &Memory, account: Id, id: Id) {
    let (provider, user_id) = id.user_id().split_once('|').expect("a user id");
    let unlink = Unlink {
        restores: None,
        keeps_factors: true,
        primary: account.user_id().to_owned(),
        provider: provider.to_owned(),
        user_id: user_id.to_owned(),
        provenance: Arc::new(Provenance::operator("the game")),
        now: now(),
    };
    memory.unlink(&unlink).expect("the identity is there");
}

fn now() -> Timestamp {
    Timestamp::from_millis(NOW).expect("a time")
}

/// The account in which a login has linked what the attacker can enter with what
/// the victim can, if there is one.
pub(crate) fn taken_over(before: &World, after: &World) -> Option<Id> {
    after.accounts().find(|&account| {
        let mut sources: Vec<Id> =
            after.identities(account).map(|id| before.owner(id).unwrap_or(id)).collect();
        sources.dedup();
        let is_joined = sources.iter().any(|source| *source != sources[0]);
        is_joined && after.can_enter(Player::Attacker, account) && after.can_enter(Player::Victim, account)
    })
}
