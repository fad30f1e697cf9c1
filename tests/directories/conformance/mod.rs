//! The conformance tests, one for each rule. Source unless stated otherwise: Auth0 Management API
//! v2.

pub(crate) mod accounts;
pub(crate) mod arriving;
pub(crate) mod backfilling;
pub(crate) mod clock;
pub(crate) mod conflicts;
pub(crate) mod credentials;
pub(crate) mod forgetting;
pub(crate) mod imported_credentials;
pub(crate) mod importing;
pub(crate) mod keeping;
pub(crate) mod linking;
pub(crate) mod operating;
pub(crate) mod undo_refusals;
pub(crate) mod undoing;

use ligature_host::model::User;

use super::{Implementation, Opened};

macro_rules! tests {
    ($($name:ident)*) => { &[$((stringify!($name), $name as fn(&Implementation))),*] };
}
pub(crate) use tests;

/// Returns the parts of a user that the implementation keeps as they are. A tenant derives a
/// name, a nickname and a picture, shows roles and organizations elsewhere, and has times, a
/// count of logins and factors of its own.
fn kept(implementation: &Implementation, mut user: User) -> User {
    if !implementation.is_tenant() {
        return user;
    }
    for derived in ["name", "nickname", "picture", "multifactor", "ſtrange"] {
        user.rest.remove(derived);
    }
    user.identities.iter_mut().for_each(|identity| identity.profile_data = None);
    let (roles, organizations) = (Vec::new(), Vec::new());
    User {
        created_at: None,
        updated_at: None,
        last_login: None,
        logins_count: None,
        roles,
        organizations,
        ..user
    }
}

/// Returns the notes of an undo without those that only a tenant has.
fn common_notes(implementation: &Implementation, mut notes: Vec<String>) -> Vec<String> {
    const OWN: [&str; 4] =
        ["The tenant ", "These fields of ", " has to enroll its factors ", "The identity of "];
    notes.retain(|note| !implementation.is_tenant() || !OWN.iter().any(|own| note.contains(own)));
    notes
}

/// A directory with these users.
fn with(implementation: &Implementation, users: impl IntoIterator<Item = User>) -> Opened {
    let opened = implementation.open();
    for user in users {
        opened.users().create(user).expect("the user is made");
    }
    opened
}
