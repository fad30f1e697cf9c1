//! Plugins that report something false or forbidden: about their decision, a link, or
//! their own failure.

use std::fmt::Write;

use insta::assert_snapshot;
use ligature_host::harness::Report;
use ligature_host::limits::Limits;
use ligature_host::sandbox::Wasi;

use crate::ring::{MINIMAL, Ring};

/// Returns the text about a login that people read.
fn report_text(report: &Report) -> String {
    let mut told = match &report.failure {
        Some(failure) => format!("the plugin {failure}\n"),
        None => format!("{}\n", report.reasons[0].detail),
    };
    for refusal in &report.refusals {
        let _ = writeln!(told, "refused {} times: {}: {}", refusal.times, refusal.call, refusal.why);
    }
    assert!(told.len() < 4_000 && !told.replace('\n', "").chars().any(char::is_control), "{told:?}");
    told
}

macro_rules! answers {
    ($($name:ident = $attack:literal;)+) => {
        $(#[test] fn $name() { assert_snapshot!(report_text(&MINIMAL.fails($attack))); })+
    };
}

answers! {
    code_in_small_letters = "code-in-small-letters";
    code_that_controls_the_terminal = "code-that-controls";
    code_of_300000_characters = "code-of-300000-characters";
    detail_that_controls_the_terminal = "detail-that-controls";
    detail_of_two_lines = "detail-of-two-lines";
    detail_with_a_c1_control = "detail-with-c1";
    reason_about_1001_users = "subjects-without-end";
    reason_about_a_stranger = "subject-unknown";
    verdict_that_controls_the_terminal = "verdict-that-controls";
    rule_of_900_kb = "rule-of-900-kb";
    evidence_of_900_kb = "evidence-of-900-kb";
    counterfactual_that_controls_the_terminal = "counterfactual-that-controls";
    deny_message_that_controls_the_terminal = "deny-that-controls";
    deny_message_that_runs_backwards = "deny-that-runs-backwards";
    deny_message_of_900_kb = "deny-of-900-kb";
    suggestion_of_nobody = "suggest-nobody";
    suggestion_of_the_logins_own_user = "suggest-itself";
    suggestion_of_one_user_twice = "suggest-twice";
    suggestion_of_1001_users = "suggest-without-end";
    giving_up_in_900_kb = "give-up-in-900-kb";
    panic_in_900_kb = "panic-in-900-kb";
    panic_that_controls_the_terminal = "panic-that-controls";
    link_for_a_code_of_300000_characters = "link-code-of-300000-characters";
    link_for_a_code_that_controls_the_terminal = "link-code-that-controls";
    link_for_a_detail_of_900_kb = "link-detail-of-900-kb";
    link_for_a_detail_that_controls_the_terminal = "link-detail-that-controls";
    link_for_101_reasons = "link-reasons-without-end";
    link_for_a_reason_about_a_stranger = "link-subject-unknown";
    link_for_a_reason_about_1001_users = "link-subjects-without-end";
    link_that_writes_900_kb = "link-metadata-of-900-kb";
    link_that_writes_65_levels = "link-metadata-65-deep";
    link_that_writes_10000_levels = "link-metadata-10000-deep";
    link_that_writes_a_text = "link-metadata-that-is-text";
    link_that_writes_a_prototype = "link-prototype";
    link_that_writes_a_prototype_within = "link-prototype-within";
    link_that_resets_the_prompts = "link-prompts";
    link_that_removes_the_marks_of_linking = "link-linking-removed";
    link_that_lifts_no_link = "link-no-link-lifted";
    link_that_removes_privileged = "link-privileged-removed";
    link_of_which_half_may_be_written = "link-half";
}

#[test]
fn log_line_that_controls_the_terminal() {
    assert_snapshot!(MINIMAL.fails("log-that-controls").log[0].message, @r"one\n\u{1b}[2J\u{202e}two");
}

#[test]
fn link_with_empty_metadata_wipes_nothing() {
    let report = MINIMAL.attack("link-metadata-empty");
    let changes = serde_json::to_string(&report.changes).expect("a report is JSON");
    assert!(changes.contains("identities") && !changes.contains("_metadata"), "{changes}");
}

#[test]
fn link_may_write_only_the_keys_that_the_operator_lists() {
    let link_metadata_keys = Some(vec!["plan".to_owned(), "locale".to_owned()]);
    let ring = Ring::new(
        Wasi::Minimal,
        ligature_test_guests::EVIL,
        &Limits { link_metadata_keys, ..Limits::default() },
    );
    assert_snapshot!(report_text(&ring.fails("link-roles")));
    assert_snapshot!(report_text(&ring.fails("link-key-that-controls")));
    assert!(!MINIMAL.attack("link-roles").changes.is_empty(), "without a list, the key may be written");
}

/// The record of a login in which a plugin calls again and again.
fn recorded(attack: &str) -> Report {
    let report = MINIMAL.fails(attack);
    assert!(report.to_json().len() < 2 << 20, "{} bytes", report.to_json().len());
    report
}

fn calls(report: &Report) -> String {
    let lines = report.calls.iter().map(|call| {
        let request = call.request.to_string();
        format!("{} × {} {} → {}\n", call.times, call.call, &request[..request.len().min(60)], call.answer)
    });
    let lines: Vec<String> = lines.collect();
    let shown = lines.len().min(3);
    format!("{} calls are kept\n{}…\n{}", lines.len(), lines[..shown].concat(), lines[lines.len() - 1])
}

#[test]
fn record_of_1500_look_ups_of_a_megabyte_each() {
    let report = recorded("megabyte-look-ups");
    assert_snapshot!(format!("{}{}", report_text(&report), calls(&report)));
}

#[test]
fn record_of_1500_look_ups_of_other_addresses() {
    let report = recorded("other-look-ups");
    assert_snapshot!(format!("{}{}", report_text(&report), calls(&report)));
}

#[test]
fn record_of_300_links_that_write_30_kb_each() {
    let report = recorded("other-links");
    assert_eq!(report.calls.iter().map(|call| call.times).sum::<u32>(), 301);
    assert_snapshot!(report_text(&report));
}

#[test]
fn record_of_1000_refusals_for_other_reasons() {
    let report = recorded("other-refusals");
    assert_eq!(report.refusals.len(), 101);
    assert_snapshot!(report.refusals[100].why, @"the first 100 different refusals of a login are listed");
    assert_eq!(report.refusals.iter().map(|refusal| refusal.times).sum::<u32>(), 1_000);
}
