//! Changes of the login and the accounts.

use super::change::Change::{self, Fact};
use super::world::World;
use crate::bindings::{AuthenticationMethod, User, Verification};

/// Facts that could bring a login nearer to a link.
pub(super) const FACTS: &[Change] = &[
    Fact("the other account had verified its address", |w| {
        change_each_user(w, |it| it.email_verified = Verification::Verified);
    }),
    Fact("the other account were not blocked", |w| change_each_user(w, |it| it.blocked = false)),
    Fact("only one other account had the address", |w| w.found.truncate(1)),
    Fact("the other account had logged in before", |w| {
        change_each_user(w, |it| it.logins_count = it.logins_count.max(Some(1)));
    }),
    Fact("`app_metadata` held no marks", |w| {
        w.event.user.app_metadata = None;
        change_each_user(w, |user| user.app_metadata = None);
    }),
    Fact("this login were interactive", |w| {
        w.event.protocol = None;
        w.event.prompt.clear();
    }),
    Fact("no account had roles", |w| {
        w.event.user.roles.clear();
        change_each_user(w, |it| it.roles.clear());
    }),
    Fact("this login had passed a second factor of its own account just now", |w| {
        w.event.user.mfa_factors.push("otp".to_owned());
        let factor = AuthenticationMethod { name: "mfa".to_owned(), factor: None, at: Some(w.now) };
        w.event.methods.push(factor);
    }),
    Fact("no account had linked identities that do not prove the address", |w| {
        w.event.user.identities.truncate(1);
        change_each_user(w, |it| it.identities.truncate(1));
    }),
    Fact("the accounts were in one organization", |w| {
        w.event.organization_id = None;
        w.event.user.organizations.clear();
    }),
];

/// Facts that could keep two accounts apart which are linked.
pub(super) const AWAY: &[Change] = &[
    Fact("the other account had not verified its address", |w| {
        change_each_user(w, |it| it.email_verified = Verification::Unverified);
    }),
    Fact("the login's address were not verified", |w| {
        w.event.user.email_verified = Verification::Unverified;
    }),
];

fn change_each_user(world: &mut World, change: fn(&mut User)) {
    world.found.iter_mut().for_each(change);
}
