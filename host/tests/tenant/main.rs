//! `ligature serve` over HTTP: the requests that it refuses, the attacks that it
//! withstands, and the plugin's effect on its logins.

#[path = "../serving/mod.rs"]
mod serving;
#[path = "../auth0_client/standin.rs"]
#[allow(dead_code, reason = "each suite uses what it needs")]
mod standin;

mod accounts;
mod attacks;
mod bearers;
mod clocked;
mod expiry;
mod hostile;
mod http;
mod legacy;
mod linking;
mod logins;
mod management;
mod older;
mod outages;
mod paths;
mod refusals;
mod tenants;
mod tokens;

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
    let modules: Vec<(&str, Vec<Test>)> = vec![
        ("accounts", accounts::tests()),
        ("attacks", attacks::TESTS.to_vec()),
        ("bearers", bearers::TESTS.to_vec()),
        ("expiry", expiry::TESTS.to_vec()),
        ("hostile", hostile::tests()),
        ("legacy", legacy::TESTS.to_vec()),
        ("linking", linking::tests()),
        ("logins", logins::tests()),
        ("management", management::tests()),
        ("paths", paths::TESTS.to_vec()),
        ("older", older::TESTS.to_vec()),
        ("outages", outages::TESTS.to_vec()),
        ("refusals", refusals::TESTS.to_vec()),
    ];
    let trials = modules.into_iter().flat_map(|(module, tests)| {
        tests
            .into_iter()
            .map(move |(name, test)| Trial::ignorable_test(format!("{module}::{name}"), move || Ok(test())))
    });
    let conclusion = libtest_mimic::run(&args, trials.collect());
    // Nothing else ends what a static holds.
    tenants::stop_shared();
    conclusion.exit_code()
}
