//! One test per attack: a malicious plugin, the host's reaction, and a check that
//! nothing has changed afterwards.

mod answers;
mod ring;

use insta::assert_snapshot;
use ligature_host::harness::run_case;
use ligature_host::sandbox::Plugin;
use ligature_tests::{POLICY, SANDBOX};

use crate::ring::{MINIMAL, VIRTUAL, case, next_login_works};

/// Runs an attack and returns the report: failure, decision, refusals, calls.
fn attack(attack: &str) -> String {
    MINIMAL.fails(attack).to_snapshot()
}

macro_rules! attacks {
    ($($(#[$doc:meta])* $name:ident = $attack:literal;)+) => {
        $($(#[$doc])* #[test] fn $name() { assert_snapshot!(attack($attack)); })+
    };
}

attacks! {
    panic_keeps_its_message = "panic";
    endless_loop_runs_out_of_fuel = "endless-loop";
    memory_growth_runs_out_of_memory = "memory-growth";
    deep_recursion_runs_out_of_stack = "deep-recursion";
    exit_is_no_answer = "exit";
    giving_up_is_told = "gives-up";
    return_value_of_4_mib = "huge-return";
    text_beyond_the_limit = "long-return";
    answer_without_a_reason = "no-reason";
    log_line_of_2_mib = "huge-log-line";
    ten_thousand_look_ups = "ten-thousand-look-ups";
    look_up_of_somebody_elses_address = "foreign-address";
    look_up_of_somebody_elses_id = "foreign-user";
    raw_user_of_somebody_else = "foreign-user-raw";
    raw_event_holds_no_secret = "raw-event";
    link_of_an_account_never_looked_up = "link-never-looked-up";
    link_of_two_strangers = "link-two-strangers";
    link_of_a_user_to_itself = "link-to-itself";
    link_of_a_blocked_candidate = "link-blocked";
    link_of_an_unverified_candidate = "link-unverified";
    link_of_an_account_with_anothers_address = "link-other-address";
    link_of_an_account_whose_own_identity_is_unverified = "link-unverified-root";
    link_of_such_an_account_as_the_secondary = "link-unverified-root-into-own";
    call_after_a_refusal = "call-after-a-refusal";
    metadata_that_is_no_json = "bad-metadata";
    claim_of_a_link_never_made = "says-linked";
    suggestion_of_a_stranger = "suggests-a-stranger";
}

#[test]
fn log_flood_is_cut_off() {
    let report = MINIMAL.attack("log-flood");
    assert_eq!(report.log.len(), 101);
    assert!(report.log[0].message.len() <= 1024 + '…'.len_utf8());
    assert_snapshot!(report.log[100].message, @"900 more line(s) were dropped: the limit is 100");
}

#[test]
fn stderr_flood_is_cut_off() {
    let report = MINIMAL.attack("stderr-flood");
    assert!(report.failure.is_some_and(|failure| failure.len() < 9000));
}

#[test]
fn a_link_kept_quiet_is_told_by_the_host() {
    let report = MINIMAL.attack("keeps-a-link-quiet");
    assert_snapshot!(report.to_snapshot());
}

#[test]
fn a_link_made_before_a_panic_is_whole_and_the_login_follows_it() {
    let report = MINIMAL.attack("links-then-panics");
    assert_snapshot!(report.to_snapshot());
}

/// Runs an attack in a sandbox whose WASI functions all exist and do nothing.
fn worldly(attack: &str) -> String {
    let report = VIRTUAL.fails(attack);
    report.failure.clone().unwrap_or_else(|| report.reasons[0].detail.clone())
}

#[test]
fn virtual_files_are_not_there() {
    assert_snapshot!(worldly("read-a-file"));
    assert_snapshot!(worldly("list-files"));
}

#[test]
fn virtual_network_reaches_nobody() {
    assert_snapshot!(worldly("open-a-connection"));
    assert_snapshot!(worldly("listen"));
    assert_snapshot!(worldly("look-up-a-host"));
}

#[test]
fn virtual_environment_is_empty() {
    assert_snapshot!(worldly("read-the-environment"), @"0 variables");
}

#[test]
fn virtual_sleep_takes_no_time() {
    assert_snapshot!(worldly("sleep-for-an-hour"), @"slept for 3600 s");
}

#[test]
fn virtual_random_numbers_are_the_same_every_time() {
    assert_eq!(worldly("random-numbers"), worldly("random-numbers"));
}

/// Returns the reason why the component is refused.
fn refusal(bytes: &[u8]) -> String {
    let refused = SANDBOX.load("evil", bytes).err().map(|error| format!("plugin evil {error}"));
    next_login_works(&POLICY);
    refused.unwrap_or_else(|| "it loads".to_owned())
}

fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("well-formed text")
}

/// A component that imports one function of an interface.
fn importing(interface: &str, function: &str) -> Vec<u8> {
    component(&format!(r#"(component (import "{interface}" (instance (export "{function}" (func)))))"#))
}

#[test]
fn import_of_the_monotonic_clock() {
    assert_snapshot!(refusal(&importing("wasi:clocks/monotonic-clock@0.2.6", "now")));
}

#[test]
fn import_of_files() {
    assert_snapshot!(refusal(&importing("wasi:filesystem/preopens@0.2.6", "get-directories")));
}

#[test]
fn import_of_sockets() {
    assert_snapshot!(refusal(&importing("wasi:sockets/tcp-create-socket@0.2.6", "create-tcp-socket")));
}

#[test]
fn import_of_random_numbers() {
    assert_snapshot!(refusal(&importing("wasi:random/random@0.2.6", "get-random-u64")));
}

#[test]
fn import_of_http() {
    assert_snapshot!(refusal(&importing("wasi:http/outgoing-handler@0.2.6", "handle")));
}

#[test]
fn import_of_something_unheard_of() {
    assert_snapshot!(refusal(&importing("acme:bank/vault@1.0.0", "open")));
}

#[test]
fn real_component_that_wants_more_of_wasi() {
    assert_snapshot!(refusal(ligature_test_guests::WORLDLY));
}

#[test]
fn component_for_another_version_of_the_contract() {
    let exporting = r#"(component (instance $i) (export "ligature:login/handler@0.2.0" (instance $i)))"#;
    assert_snapshot!(refusal(&component(exporting)));
}

#[test]
fn component_that_answers_no_login() {
    assert_snapshot!(refusal(&component("(component)")));
}

#[test]
fn component_whose_handler_has_another_shape() {
    let exporting = r#"(component (instance $i) (export "ligature:login/handler@0.1.0" (instance $i)))"#;
    assert_snapshot!(refusal(&component(exporting)));
}

#[test]
fn component_whose_handler_has_other_types() {
    let exporting = r#"(component
        (core module $code (func (export "answer") (result i32) i32.const 1))
        (core instance $instance (instantiate $code))
        (func $answer (result bool) (canon lift (core func $instance "answer")))
        (instance $handler (export "on-login" (func $answer)) (export "on-continue" (func $answer)))
        (export "ligature:login/handler@0.1.0" (instance $handler)))"#;
    assert_snapshot!(
        refusal(&component(exporting)),
        @"plugin evil does not fit ligature:login@0.1.0: the type of `on-login` in `ligature:login/handler@0.1.0` differs from the contract's: expected 1-tuple, found 0-tuple"
    );
}

#[test]
fn core_module() {
    assert_snapshot!(refusal(&component("(module)")));
}

#[test]
fn truncated_file() {
    let refused = refusal(&ligature_host::PLUGIN[..ligature_host::PLUGIN.len() / 2]);
    // Where it is cut off depends on the build.
    let (told, _) = refused.split_once(" (at offset").expect("it tells what is cut off");
    assert_snapshot!(told);
}

#[test]
fn empty_file() {
    assert_snapshot!(refusal(b""));
}

#[test]
fn text_file() {
    assert_snapshot!(refusal(b"(component)"));
}

#[test]
fn policy_of_the_wrong_shape_is_refused_by_the_plugin() {
    let refused = POLICY.check_settings(r#"{"mode": "automatic"}"#);
    assert_snapshot!(format!("{refused:?}"));
}

#[test]
fn plugin_without_settings_takes_every_policy() {
    let minimal: Plugin = SANDBOX.load("minimal", ligature_test_guests::MINIMAL).expect("it loads");
    assert_eq!(minimal.check_settings("{\"whatever\": 1}"), Ok(Ok(())));
    assert_eq!(minimal.settings_schema(), Ok(None));
}

/// Pages would show it as an explanation that somebody asked for.
#[test]
fn a_trace_that_nobody_asked_for_is_dropped() {
    let evil = SANDBOX.load("evil", ligature_test_guests::EVIL).expect("it loads");
    let told = |trace| run_case(&evil, &case("unasked-trace"), trace).expect("the login arrives");
    let asked = told(true);
    assert_eq!(asked.trace.len(), 1);
    assert!(asked.counterfactual.is_some());
    let unasked = told(false);
    assert_eq!((unasked.trace.as_slice(), unasked.counterfactual), (&[][..], None));
}
