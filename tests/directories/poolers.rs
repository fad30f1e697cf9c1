//! A pooler that gives a client one server connection now and another one then.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use ligature_host::directory::{Administration, Directory};
use ligature_host::model::IdentityKey;
use ligature_test_servers::Pgbouncer;
use ligature_tests::open_pooled_directory;

use super::users::ada;
use super::{Implementation, Test};

pub(crate) const TESTS: &[Test] =
    &[("in_transaction_mode_says_what_to_set", in_transaction_mode_says_what_to_set)];

fn in_transaction_mode_says_what_to_set(implementation: &Implementation) {
    let Implementation::Pooled(in_session_mode) = implementation else { panic!("it needs a pooler") };
    let pooler =
        Pgbouncer::start(in_session_mode.server.clone(), "transaction").expect("it was there before");
    let directory = open_pooled_directory(&pooler);
    directory.create(ada()).expect("nobody else is there yet");
    let until = Instant::now() + Duration::from_secs(30);
    let refusal = OnceLock::new();
    let look = || {
        let identity = IdentityKey { connection: "auth0", provider: "auth0", user_id: "1" };
        while refusal.get().is_none() && Instant::now() < until {
            if let Err(error) = directory.owner(identity) {
                let _ = refusal.set(error.to_string());
            }
        }
    };
    // More than one, or each would have the same connection every time.
    std::thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(look))));
    let refusal = refusal.into_inner().expect("it does not work");
    assert!(refusal.contains("(pgbouncer: pool_mode = session)"), "{refusal}");
}
