//! A state of the game: the accounts, their identities and addresses, and the
//! passwords. It takes a few bytes, so that a million states can be kept.

/// Identities that there can be.
pub(crate) const IDENTITIES: usize = 10;

/// An identity that somebody can log in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Id {
    /// An identity at the attacker's own, untrusted provider.
    Idp,
    /// A second identity of the same kind.
    OtherIdp,
    /// An identity in the enterprise connection of the attacker's company.
    Company,
    /// An identity of the tenant's database that the attacker has registered.
    Database,
    /// A second identity of the same kind.
    OtherDatabase,
    /// The attacker's mailbox, by a code that is mailed to it.
    Mailbox,
    /// The attacker's Google account.
    Google,
    /// The victim's Google account.
    VictimsGoogle,
    /// The victim's mailbox, by a code that is mailed to it.
    VictimsMailbox,
    /// An identity of the tenant's database that the victim has registered.
    VictimsDatabase,
}

use Id::{Company, Database, Google, Idp, Mailbox, OtherDatabase, OtherIdp};
use Id::{VictimsDatabase, VictimsGoogle, VictimsMailbox};

impl Id {
    pub(crate) const ALL: [Self; IDENTITIES] = [
        Idp,
        OtherIdp,
        Company,
        Database,
        OtherDatabase,
        Mailbox,
        Google,
        VictimsGoogle,
        VictimsMailbox,
        VictimsDatabase,
    ];

    pub(crate) fn is_database(self) -> bool {
        matches!(self, Database | OtherDatabase | VictimsDatabase)
    }

    fn of(place: u8) -> Option<Self> {
        Self::ALL.get(usize::from(place)).copied()
    }

    fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// A player.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Player {
    Attacker,
    Victim,
}

/// An address. Each player can read the mail of their own, and of no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Address {
    Victims,
    Attackers,
}

/// An address, and whether it is said to be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Claim {
    pub(crate) address: Address,
    pub(crate) verified: bool,
}

/// A state of the game, but for the moves that are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct World {
    /// The primary identity of the account that has the identity.
    owner: [u8; IDENTITIES],
    /// The account's address, by its primary identity.
    root: [Option<Claim>; IDENTITIES],
    /// The identity's `profileData`.
    profile: [Option<Claim>; IDENTITIES],
    /// The accounts that the account was separated from.
    apart: [u16; IDENTITIES],
    /// The identities of the database whose password the victim has.
    victims: u16,
}

const NOBODY: u8 = u8::MAX;

impl World {
    /// The initial state, without users.
    pub(crate) const EMPTY: Self = Self {
        owner: [NOBODY; IDENTITIES],
        root: [None; IDENTITIES],
        profile: [None; IDENTITIES],
        apart: [0; IDENTITIES],
        victims: 1 << VictimsDatabase as u16,
    };

    /// Returns the state without accounts. The owners of the passwords stay.
    pub(crate) fn without_accounts(&self) -> Self {
        Self { victims: self.victims, ..Self::EMPTY }
    }

    /// The account that has the identity, by its primary identity.
    pub(crate) fn owner(&self, id: Id) -> Option<Id> {
        Id::of(self.owner[id as usize])
    }

    /// The accounts there are, by their primary identities.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = Id> {
        Id::ALL.into_iter().filter(|id| self.owner(*id) == Some(*id))
    }

    /// The identities of an account.
    pub(crate) fn identities(&self, account: Id) -> impl Iterator<Item = Id> {
        Id::ALL.into_iter().filter(move |id| self.owner(*id) == Some(account))
    }

    /// Gives an account an identity with this profile.
    pub(crate) fn put_identity(&mut self, account: Id, id: Id, profile: Option<Claim>) {
        self.owner[id as usize] = account as u8;
        self.profile[id as usize] = profile;
    }

    /// The account's address.
    pub(crate) fn address(&self, account: Id) -> Option<Claim> {
        self.root[account as usize]
    }

    pub(crate) fn set_address(&mut self, account: Id, claim: Option<Claim>) {
        self.root[account as usize] = claim;
    }

    /// The identity's `profileData`.
    pub(crate) fn profile(&self, id: Id) -> Option<Claim> {
        self.profile[id as usize]
    }

    /// The identity's own address, as it is known.
    pub(crate) fn claim(&self, id: Id) -> Option<Claim> {
        if self.owner(id)? == id { self.address(id) } else { self.profile(id) }
    }

    /// Replaces the identity's own address. As in every
    /// directory, the `profileData` of an account's own identity follows the root
    /// address that it repeats.
    pub(crate) fn set_claim(&mut self, id: Id, claim: Claim) {
        if self.owner(id) != Some(id) {
            self.profile[id as usize] = Some(claim);
            return;
        }
        if self.profile(id).is_some() && self.profile(id) == self.address(id) {
            self.profile[id as usize] = Some(claim);
        }
        self.root[id as usize] = Some(claim);
    }

    /// The accounts that the account was separated from.
    pub(crate) fn apart(&self, account: Id) -> impl Iterator<Item = Id> {
        let from = self.apart[account as usize];
        Id::ALL.into_iter().filter(move |id| from & id.bit() != 0)
    }

    pub(crate) fn set_apart(&mut self, account: Id, from: Id) {
        self.apart[account as usize] |= from.bit();
    }

    /// The player who can log in with the identity.
    pub(crate) fn controller(&self, id: Id) -> Player {
        let is_victims = match id {
            VictimsGoogle | VictimsMailbox => true,
            Database | OtherDatabase | VictimsDatabase => self.victims & id.bit() != 0,
            Idp | OtherIdp | Company | Mailbox | Google => false,
        };
        if is_victims { Player::Victim } else { Player::Attacker }
    }

    /// Gives a player the password of an identity of the database; the other's
    /// ends.
    pub(crate) fn set_password(&mut self, id: Id, player: Player) {
        match player {
            Player::Victim => self.victims |= id.bit(),
            Player::Attacker => self.victims &= !id.bit(),
        }
    }

    /// Returns whether the player can log in to the account.
    pub(crate) fn can_enter(&self, player: Player, account: Id) -> bool {
        self.identities(account).any(|id| self.controller(id) == player)
    }

    /// Returns whether an identity of the database has this address, which only one can have.
    pub(crate) fn is_registered(&self, address: Address) -> bool {
        let has_it = |id: &Id| self.claim(*id).is_some_and(|claim| claim.address == address);
        Id::ALL.iter().filter(|id| id.is_database()).any(has_it)
    }

    /// The accounts of whom this holds, and the others.
    pub(crate) fn split(&self, is_inside: impl Fn(Id) -> bool) -> (Self, Self) {
        let (mut inside, mut outside) = (self.without_accounts(), self.without_accounts());
        inside.victims = 0;
        for id in Id::ALL {
            let Some(owner) = self.owner(id) else { continue };
            let part = if is_inside(owner) {
                inside.victims |= self.victims & id.bit();
                &mut inside
            } else {
                &mut outside
            };
            part.put_identity(owner, id, self.profile(id));
            (part.root[id as usize], part.apart[id as usize]) =
                (self.root[id as usize], self.apart[id as usize]);
        }
        (inside, outside)
    }

    /// The accounts of both; who has the passwords is as in the second.
    pub(crate) fn joined(&self, outside: &Self) -> Self {
        let mut joined = *outside;
        for id in Id::ALL.into_iter().filter(|id| self.owner(*id).is_some()) {
            joined.owner[id as usize] = self.owner[id as usize];
            joined.profile[id as usize] = self.profile[id as usize];
            (joined.root[id as usize], joined.apart[id as usize]) =
                (self.root[id as usize], self.apart[id as usize]);
        }
        joined
    }

    /// The same state with interchangeable identities in one order: which of
    /// two at one provider comes first means nothing.
    pub(crate) fn canonical(self) -> Self {
        let other_idp = self.swapped(Idp, OtherIdp);
        let both = other_idp.swapped(Database, OtherDatabase);
        self.min(self.swapped(Database, OtherDatabase)).min(other_idp).min(both)
    }

    fn swapped(mut self, a: Id, b: Id) -> Self {
        let (i, j) = (a as usize, b as usize);
        self.owner.swap(i, j);
        self.root.swap(i, j);
        self.profile.swap(i, j);
        self.apart.swap(i, j);
        for owner in &mut self.owner {
            match Id::of(*owner) {
                Some(id) if id == a => *owner = b as u8,
                Some(id) if id == b => *owner = a as u8,
                _ => {}
            }
        }
        let swap = |bits: u16| {
            let others = bits & !(a.bit() | b.bit());
            others | ((bits >> i & 1) << j) | ((bits >> j & 1) << i)
        };
        self.apart = self.apart.map(swap);
        self.victims = swap(self.victims);
        self
    }
}
