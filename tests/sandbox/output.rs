//! The output of components whose library leaves out all streams but standard error.

use std::path::Path;

use ligature_host::harness::{Case, Report, run_case};
use ligature_host::limits::Limits;
use ligature_host::sandbox::{Allocator, Direction, Plugin, Wasi};
use serde_json::{Value, json};

use super::sandbox;

fn probe(limits: &Limits) -> Plugin {
    let sandbox = sandbox(Allocator::OnDemand, Wasi::Minimal, limits);
    sandbox.load("probe", ligature_test_guests::PROBE).expect("it loads")
}

fn run(plugin: &Plugin, call: Value) -> Report {
    run_calls(plugin, &[call])
}

fn run_calls(plugin: &Plugin, calls: &[Value]) -> Report {
    let text = json!({
        "title": "output",
        "now": "2026-11-21T10:00:00Z",
        "policy": {"calls": calls},
        "event": {
            "user": {"user_id": "google-oauth2|2", "email": "ada@example.com", "email_verified": true},
            "connection": {"name": "google-oauth2", "strategy": "google-oauth2"},
        },
    });
    let case = Case::parse(Path::new("output.json"), &text.to_string()).expect("a well-formed case");
    run_case(plugin, &case, false).expect("the login arrives")
}

#[test]
fn everything_that_is_printed_goes_to_standard_error() {
    let report = run(&probe(&Limits::default()), json!({"print": ["a line", 2]}));
    assert_eq!(report.output.stdout, "");
    assert_eq!(report.output.stderr, "a line\na line\na line\n");
    assert_eq!(report.failure, None);
}

/// A write of WASI takes at most 4096 bytes.
#[test]
fn a_long_line_is_printed_whole() {
    let line = "0123456789".repeat(900);
    let limits = Limits { output_bytes: 1 << 20, ..Limits::default() };
    let report = run(&probe(&limits), json!({"print": [line, 0]}));
    assert_eq!(report.output.stderr, format!("{line}\n"));
}

/// Each stream that is opened takes a handle until the login ends.
#[test]
fn many_lines_take_one_handle() {
    let limits = Limits { output_bytes: 1 << 20, ..Limits::default() };
    let lines = limits.handles + 10;
    let report = run(&probe(&limits), json!({"print": ["x", lines]}));
    assert_eq!(report.failure, None);
    assert_eq!(report.output.stderr.lines().count(), lines + 1);
}

#[test]
fn a_panic_is_named_by_its_message() {
    let report = run(&probe(&Limits::default()), json!({"panic": "boom on purpose"}));
    let failure = report.failure.unwrap_or_default();
    assert!(failure.starts_with("panicked: boom on purpose, at tests/probe/src/lib.rs:"), "{failure}");
}

/// Everything that is printed is in one stream, with one limit.
#[test]
fn a_panic_after_much_output_is_named_by_its_message() {
    let limits = Limits { output_bytes: 100, ..Limits::default() };
    let calls = [json!({"print": ["a line", 100]}), json!({"panic": "boom on purpose"})];
    let failure = run_calls(&probe(&limits), &calls).failure.unwrap_or_default();
    assert!(failure.starts_with("panicked: boom on purpose, at tests/probe/src/lib.rs:"), "{failure}");
}

#[test]
fn the_built_in_policy_imports_nothing_that_it_does_not_use() {
    let sandbox = sandbox(Allocator::OnDemand, Wasi::Minimal, &Limits::default());
    let report = sandbox.inspect("policy", ligature_host::PLUGIN).expect("a component");
    let imports = report.items.iter().filter(|item| item.direction == Direction::Import);
    let imports: Vec<&str> = imports.map(|item| item.name.as_str()).collect();
    insta::assert_snapshot!(imports.join("\n"), @r"
    ligature:login/accounts@0.1.0
    ligature:login/types@0.1.0
    ligature:login/users@0.1.0
    wasi:cli/stderr@0.2.12
    wasi:clocks/wall-clock@0.2.12
    wasi:io/error@0.2.12
    wasi:io/streams@0.2.12
    ");
}
