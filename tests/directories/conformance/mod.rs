//! One test a rule. Source, where not said otherwise: Auth0 Management API v2.

pub(crate) mod accounts;
pub(crate) mod arriving;
pub(crate) mod clock;
pub(crate) mod credentials;
pub(crate) mod imported_credentials;
pub(crate) mod importing;
pub(crate) mod linking;
pub(crate) mod operating;
pub(crate) mod undoing;

use ligature_host::model::User;

use super::{Implementation, Opened};

macro_rules! tests {
    ($($name:ident)*) => { &[$((stringify!($name), $name as fn(&Implementation))),*] };
}
pub(crate) use tests;

/// A directory with these users.
fn with(implementation: &Implementation, users: impl IntoIterator<Item = User>) -> Opened {
    let opened = implementation.open();
    for user in users {
        opened.directory.create(user).expect("the user is made");
    }
    opened
}
