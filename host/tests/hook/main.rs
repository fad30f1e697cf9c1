//! `ligature hook` over HTTP, and the example Action against it.

#[path = "../tenant/http.rs"]
#[allow(dead_code, reason = "each suite uses what it needs")]
mod http;
#[path = "../named_tests/mod.rs"]
mod named_tests;
#[path = "../serving/mod.rs"]
mod serving;
#[path = "../auth0_client/standin.rs"]
#[allow(dead_code, reason = "each suite uses what it needs")]
mod standin;

mod action;
mod answers;
mod check;
mod check_confirmation;
mod check_tenant;
mod confirmation;
mod confirmation_attacks;
mod confirmation_mfa;
mod console;
mod decisions;
mod killed;
mod load;
mod recordings;
mod requests;
mod scene;
mod service;
mod signatures;
mod tenant_directory;
mod tenant_routes;

use named_tests::tests;

fn main() -> std::process::ExitCode {
    let modules = [
        ("action", action::TESTS),
        ("answers", answers::TESTS),
        ("check", check::TESTS),
        ("check_confirmation", check_confirmation::TESTS),
        ("check_tenant", check_tenant::TESTS),
        ("confirmation", confirmation::TESTS),
        ("confirmation_attacks", confirmation_attacks::TESTS),
        ("confirmation_mfa", confirmation_mfa::TESTS),
        ("decisions", decisions::TESTS),
        ("killed", killed::TESTS),
        ("load", load::TESTS),
        ("recordings", recordings::TESTS),
        ("requests", requests::TESTS),
        ("signatures", signatures::TESTS),
        ("tenant_directory", tenant_directory::TESTS),
        ("tenant_routes", tenant_routes::TESTS),
    ];
    let console = [("console", console::tests())];
    let modules = modules.map(|(module, tests)| (module, tests.to_vec())).into_iter().chain(console);
    named_tests::run(modules).exit_code()
}
