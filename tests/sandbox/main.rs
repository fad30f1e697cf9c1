//! The sandbox against plugins that exhaust the host: each attack with both
//! allocators, which give the same answer.

mod components;
mod floods;
mod output;
mod prepared;

use std::path::Path;

use ligature_host::ambient::Ambient;
use ligature_host::harness::{Case, run_case};
use ligature_host::limits::Limits;
use ligature_host::sandbox::{Allocator, Options, Plugin, Sandbox, Wasi};
use serde_json::json;

fn sandbox(allocator: Allocator, wasi: Wasi, limits: &Limits) -> Sandbox {
    let limits = limits.clone();
    let options = Options { allocator, wasi, limits, optimise: false, ..Options::default() };
    Sandbox::start(options, &Ambient::system()).expect("the sandbox starts")
}

/// A login in which the evil plugin makes this attack.
fn case(attack: &str) -> Case {
    let text = json!({
        "title": attack,
        "now": "2026-11-21T10:00:00Z",
        "event": {
            "user": {"user_id": "google-oauth2|2", "email": "ada@example.com", "email_verified": true},
            "connection": {"name": attack, "strategy": "google-oauth2"},
        },
    });
    Case::parse(Path::new("attack.json"), &text.to_string()).expect("a well-formed case")
}

/// The end of a login in words: the decision and its first reason, or the
/// failure.
fn decided(plugin: &Plugin, attack: &str) -> String {
    let report = run_case(plugin, &case(attack), false).expect("the login arrives");
    let decision = serde_json::to_value(&report.decision).expect("JSON")["kind"].clone();
    let decision = decision.as_str().unwrap_or_default();
    match &report.failure {
        Some(failure) => format!("{decision}: the plugin {failure}"),
        None => format!("{decision}: {}", report.reasons[0].detail),
    }
}
