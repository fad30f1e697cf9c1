//! Attacks on logins, on the browser that runs them, and on the server.

mod browsers;
mod connections;
mod grants;
mod logs;
mod pages;
mod retry_after;
mod unwritten_logs;
mod wire;

use std::sync::Arc;

use crate::tenants::{Tenant, database_user, shared, user};

/// The modules' tests.
pub(crate) fn tests() -> Vec<crate::Test> {
    [
        browsers::TESTS,
        connections::TESTS,
        grants::TESTS,
        logs::TESTS,
        pages::TESTS,
        retry_after::TESTS,
        unwritten_logs::TESTS,
        wire::TESTS,
    ]
    .concat()
}

fn tenant() -> Arc<Tenant> {
    shared("hostile", || {
        let mut users = String::new();
        for id in ["ada", "eve", "twice", "reset"] {
            users += &database_user(id, &format!("{id}@example.com"));
        }
        Tenant::with(&(users + &user("google-oauth2|1", "x@example.com", "google-oauth2")))
    })
}
