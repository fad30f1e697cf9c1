//! An account: the identities that lead into it, and the claims that each of
//! them makes of an address.

use ligature_link_policy::{Names, Policy};

use crate::address_claim::{AddressClaim, Trust};
use crate::bindings::{Identity, LoginEvent, User, Verification};
use crate::linking_state::LinkingState;
use crate::trust::assess_trust;

/// An account, its marks, and the claims of its identities.
pub(crate) struct Account<'a> {
    pub(crate) user: &'a User,
    pub(crate) state: LinkingState,
    /// The root identity's claim first, which the account has its id and its
    /// address from. Never empty.
    claims: Vec<AddressClaim<'a>>,
}

impl<'a> Account<'a> {
    /// An account that a look-up has found.
    pub(crate) fn from_user(user: &'a User, policy: &Policy) -> Self {
        let (root, linked) = match user.identities.split_first() {
            Some((root, linked)) => (AddressClaim::from_identity(root), linked),
            None => (AddressClaim::NONE, &[][..]),
        };
        let mut claims = Vec::with_capacity(user.identities.len() + 1);
        claims.push(AddressClaim { address: user.email.as_deref().unwrap_or_default(), ..root });
        claims.extend(linked.iter().map(AddressClaim::from_identity));
        for claim in &mut claims {
            claim.trust = assess_trust(policy, claim);
        }
        Self { user, state: LinkingState::parse(user.app_metadata.as_deref()), claims }
    }

    /// The account of this login. If no identity is of the login's connection, the
    /// account gets a claim of that connection without an address.
    pub(crate) fn from_login(event: &'a LoginEvent, policy: &Policy) -> Self {
        let mut account = Self::from_user(&event.user, policy);
        let (connection, strategy) = (event.connection.name.as_str(), event.connection.strategy.as_str());
        let mut is_known = false;
        for claim in account.claims.iter_mut().filter(|claim| claim.connection == connection) {
            is_known = true;
            // The provider contradicts the strategy of the connection, so that the claim is not trusted.
            if !strategy.is_empty() && claim.strategy != strategy {
                claim.trust = Trust::Untrusted;
            }
        }
        if !is_known {
            let unknown = AddressClaim { connection, strategy, ..AddressClaim::NONE };
            account.claims.push(unknown);
        }
        account
    }

    pub(crate) fn id(&self) -> &'a str {
        &self.user.user_id
    }

    pub(crate) fn email(&self) -> &'a str {
        self.user.email.as_deref().unwrap_or_default()
    }

    /// Returns the claim of the root identity, about the account's own address.
    pub(crate) fn root(&self) -> &AddressClaim<'a> {
        self.claims.first().unwrap_or(&AddressClaim::NONE)
    }

    /// Returns the claims of the linked identities.
    pub(crate) fn linked(&self) -> &[AddressClaim<'a>] {
        self.claims.get(1..).unwrap_or_default()
    }

    /// Returns the claims of all identities.
    pub(crate) fn claims(&self) -> &[AddressClaim<'a>] {
        &self.claims
    }

    /// The first connection of the account that is in this list.
    pub(crate) fn connection_in(&self, names: &Names) -> Option<&'a str> {
        if names.is_empty() {
            return None;
        }
        let mut connections = self.claims.iter().map(|claim| claim.connection);
        connections.find(|connection| names.contains(connection))
    }

    /// Returns whether the root identity contradicts the account's address: it came
    /// with another one, or did not call it verified. No connection vouches for the
    /// address then.
    pub(crate) fn root_contradicts_address(&self) -> bool {
        let Some(root) = self.user.identities.first() else { return false };
        let denies = matches!(root.email_verified, Verification::Unverified | Verification::NotBoolean(_));
        denies || root.email.as_deref().is_some_and(|own| !own.eq_ignore_ascii_case(self.email()))
    }

    /// Returns the address that the root identity supplied; the account's own if that is
    /// unknown.
    pub(crate) fn root_address(&self) -> &'a str {
        self.user.identities.first().and_then(|root| root.email.as_deref()).unwrap_or(self.email())
    }

    /// Returns whether this id is the account's or that of one of its identities.
    pub(crate) fn is_or_has(&self, user_id: &str) -> bool {
        self.id() == user_id || self.user.identities.iter().any(|it| is_called(it, user_id))
    }

    /// Returns whether one of these ids is the account's or that of one of its identities.
    pub(crate) fn is_or_has_one_of(&self, user_ids: &Names) -> bool {
        let id_of = |it: &Identity| [it.provider.as_str(), "|", &it.user_id].concat();
        let is_other = |it: &&Identity| !is_called(it, self.id());
        !user_ids.is_empty()
            && (user_ids.contains(self.id())
                || self.user.identities.iter().filter(is_other).any(|it| user_ids.contains(&id_of(it))))
    }

    /// Returns whether an identity of this account is one of the other.
    pub(crate) fn shares_identity_with(&self, other: &Account) -> bool {
        let same = |a: &Identity, b: &Identity| {
            a.user_id == b.user_id && a.provider == b.provider && a.connection == b.connection
        };
        self.user.identities.iter().any(|a| other.user.identities.iter().any(|b| same(a, b)))
    }

    /// Returns whether the root identity is in one of the tenant's own databases.
    pub(crate) fn is_in_own_database(&self) -> bool {
        self.claims.iter().any(|claim| claim.strategy == "auth0")
    }
}

/// Returns whether a user of this id would have the identity as its root.
fn is_called(identity: &Identity, user_id: &str) -> bool {
    let id = user_id.strip_prefix(identity.provider.as_str()).and_then(|rest| rest.strip_prefix('|'));
    id == Some(identity.user_id.as_str())
}
