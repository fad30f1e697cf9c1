//! Plugins that make the host work without end. No test measures a time: fuel ends
//! each plugin long before the deadline.

use std::path::Path;

use insta::assert_snapshot;
use ligature_host::harness::run_case;
use ligature_host::limits::Limits;
use ligature_host::sandbox::{Allocator, Plugin, Wasi};

use super::{case, decided, sandbox};

/// The deadline is out of reach, so that only fuel can end the login: the
/// answer is the same however busy the machine is.
fn limits() -> Limits {
    Limits { deadline_ms: 60_000, ..Limits::default() }
}

fn evil(allocator: Allocator) -> Plugin {
    let sandbox = sandbox(allocator, Wasi::Minimal, &limits());
    sandbox.load("evil", ligature_test_guests::EVIL).expect("the plugin loads")
}

fn worldly(allocator: Allocator) -> Plugin {
    let sandbox = sandbox(allocator, Wasi::Virtual, &limits());
    sandbox.load("worldly", ligature_test_guests::WORLDLY).expect("the plugin loads")
}

/// The end of the login, the same with both allocators.
fn with_both(load: fn(Allocator) -> Plugin, attack: &str) -> String {
    let (on_demand, pooled) = (load(Allocator::OnDemand), load(Allocator::Pool));
    let answer = decided(&on_demand, attack);
    assert_eq!(answer, decided(&pooled, attack));
    answer
}

#[test]
fn random_bytes_without_end_cost_fuel() {
    assert_snapshot!(with_both(worldly, "random-flood"));
}

#[test]
fn random_bytes_of_64_mib_are_refused_before_they_are_made() {
    assert_snapshot!(with_both(worldly, "random-bytes-of-64-mib"));
}

#[test]
fn asking_for_the_time_without_end_costs_fuel() {
    assert_snapshot!(with_both(worldly, "clock-flood"));
}

#[test]
fn sleeping_without_end_costs_fuel() {
    assert_snapshot!(with_both(worldly, "many-sleeps"));
}

#[test]
fn standard_output_without_end_costs_fuel() {
    assert_snapshot!(with_both(evil, "stdout-flood"));
}

#[test]
fn the_raw_event_without_end_costs_fuel() {
    assert_snapshot!(with_both(evil, "raw-event-flood"));
}

#[test]
fn the_raw_user_without_end_costs_fuel() {
    assert_snapshot!(with_both(evil, "raw-user-flood"));
}

#[test]
fn refused_look_ups_without_end_cost_fuel() {
    assert_snapshot!(with_both(evil, "look-up-flood"));
}

#[test]
fn log_lines_of_1_mib_are_kept_as_they_are_counted() {
    let plugin = evil(Allocator::OnDemand);
    let report = run_case(&plugin, &case("log-flood-of-1-mib-lines"), false).expect("the login arrives");
    let kept: usize = report.log.iter().map(|line| line.message.capacity()).sum();
    assert!(kept <= 101 * (1024 + '…'.len_utf8()), "{kept} bytes");
}

#[test]
fn output_of_both_streams_is_shown() {
    let plugin = evil(Allocator::OnDemand);
    let report = run_case(&plugin, &case("some-output"), false).expect("the login arrives");
    assert_eq!(report.output.stdout, "a line on standard output\n");
    assert_eq!(report.output.stderr, "a line on standard error\n");
}

#[test]
fn output_is_cut_at_its_limit() {
    let plugin = evil(Allocator::OnDemand);
    let report = run_case(&plugin, &case("stdout-flood"), false).expect("the login arrives");
    let (kept, told) = report.output.stdout.split_once('\n').expect("a line that tells of the rest");
    assert_eq!(kept.len(), 8 << 10);
    assert!(told.ends_with(" more byte(s) were dropped (the limit is `output_bytes`: 8192)\n"), "{told}");
}

/// The host's work cannot outlast the deadline either, were fuel without limit.
#[test]
fn the_deadline_holds_in_every_call_of_the_host() {
    let limits = Limits { fuel: 1 << 50, deadline_ms: 50, ..Limits::default() };
    for (wasi, bytes, attack) in [
        (Wasi::Virtual, ligature_test_guests::WORLDLY, "random-flood"),
        (Wasi::Virtual, ligature_test_guests::WORLDLY, "clock-flood"),
        (Wasi::Virtual, ligature_test_guests::WORLDLY, "many-sleeps"),
        (Wasi::Minimal, ligature_test_guests::EVIL, "stdout-flood"),
        (Wasi::Minimal, ligature_test_guests::EVIL, "raw-event-flood"),
        (Wasi::Minimal, ligature_test_guests::EVIL, "look-up-flood"),
    ] {
        let plugin = sandbox(Allocator::OnDemand, wasi, &limits).load("evil", bytes).expect("it loads");
        let answer = decided(&plugin, attack);
        assert!(answer.contains("did not answer within 50 ms"), "{attack}: {answer}");
    }
}

#[test]
fn the_built_in_policy_is_far_from_every_limit() {
    let text = include_str!("../../examples/cases/verified-google-login.json");
    let good = ligature_host::harness::Case::parse(Path::new("good.json"), text).expect("a case");
    let sandbox = sandbox(Allocator::Pool, Wasi::Minimal, &Limits::default());
    let plugin = sandbox.load("policy", ligature_host::PLUGIN).expect("it loads");
    let cost = run_case(&plugin, &good, false).expect("the login arrives").cost.expect("it cost something");
    assert!(cost.fuel < 70_000, "{} units of fuel", cost.fuel);
}
