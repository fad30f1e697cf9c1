//! `ligature hook` over HTTP, and the example Action against it.

#[path = "../tenant/http.rs"]
#[allow(dead_code, reason = "each suite uses what it needs")]
mod http;
#[path = "../serving/mod.rs"]
mod serving;
#[path = "../auth0_client/standin.rs"]
#[allow(dead_code, reason = "each suite uses what it needs")]
mod standin;

mod action;
mod answers;
mod check;
mod check_tenant;
mod confirmation;
mod confirmation_attacks;
mod killed;
mod load;
mod recordings;
mod requests;
mod scene;
mod service;
mod signatures;
mod tenant_routes;

use libtest_mimic::{Arguments, Completion, Trial};
use ligature_test_servers::NoServer;

/// A test and its name.
type Test = (&'static str, fn() -> Completion);

/// The end of a test: one that the machine cannot run is reported as ignored.
trait End {
    fn completion(self) -> Completion;
}

impl End for () {
    fn completion(self) -> Completion {
        Completion::Completed
    }
}

impl End for Result<(), NoServer> {
    fn completion(self) -> Completion {
        match self {
            Ok(()) => Completion::Completed,
            Err(NoServer(why)) => Completion::ignored_with(why),
        }
    }
}

impl End for Completion {
    fn completion(self) -> Completion {
        self
    }
}

/// A list of tests, each under its own name.
macro_rules! tests {
    ($($name:ident),* $(,)?) => { pub(crate) const TESTS: &[crate::Test] = &[$((stringify!($name), || crate::End::completion($name()))),*]; };
}
use tests;

fn main() -> std::process::ExitCode {
    let args = Arguments::from_args();
    let modules = [
        ("action", action::TESTS),
        ("answers", answers::TESTS),
        ("check", check::TESTS),
        ("check_tenant", check_tenant::TESTS),
        ("confirmation", confirmation::TESTS),
        ("confirmation_attacks", confirmation_attacks::TESTS),
        ("killed", killed::TESTS),
        ("load", load::TESTS),
        ("recordings", recordings::TESTS),
        ("requests", requests::TESTS),
        ("signatures", signatures::TESTS),
        ("tenant_routes", tenant_routes::TESTS),
    ];
    let trials = modules.into_iter().flat_map(|(module, tests)| {
        tests
            .iter()
            .map(move |(name, test)| Trial::ignorable_test(format!("{module}::{name}"), || Ok(test())))
    });
    libtest_mimic::run(&args, trials.collect()).exit_code()
}
