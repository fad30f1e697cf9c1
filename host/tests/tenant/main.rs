//! `ligature serve` over HTTP: the requests that it refuses, the attacks that it
//! withstands, and the plugin's effect on its logins.

#[path = "../serving/in_process.rs"]
mod in_process;
#[path = "../named_tests/mod.rs"]
mod named_tests;
#[path = "../serving/mod.rs"]
mod serving;
#[path = "../auth0_client/standin.rs"]
#[allow(dead_code, reason = "each suite uses what it needs")]
mod standin;

mod account;
mod accounts;
mod attacks;
mod bearers;
mod clocked;
mod console;
mod dev;
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
mod waiting_requests;

use named_tests::{Test, tests};

fn main() -> std::process::ExitCode {
    let modules: Vec<(&str, Vec<Test>)> = vec![
        ("account", account::tests()),
        ("accounts", accounts::tests()),
        ("attacks", attacks::TESTS.to_vec()),
        ("bearers", bearers::TESTS.to_vec()),
        ("console", console::tests()),
        ("dev", dev::tests()),
        ("expiry", expiry::TESTS.to_vec()),
        ("hostile", hostile::tests()),
        ("legacy", legacy::TESTS.to_vec()),
        ("linking", linking::tests()),
        ("logins", logins::tests()),
        ("management", management::tests()),
        ("paths", paths::TESTS.to_vec()),
        ("older", older::tests()),
        ("outages", outages::TESTS.to_vec()),
        ("refusals", refusals::TESTS.to_vec()),
        ("waiting_requests", waiting_requests::TESTS.to_vec()),
    ];
    let conclusion = named_tests::run(modules);
    // Nothing else ends what a static holds.
    tenants::stop_shared();
    conclusion.exit_code()
}
