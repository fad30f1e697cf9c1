//! Plugins that read their policy document once, before the logins.

use std::collections::BTreeMap;
use std::path::Path;

use ligature_host::harness::{Case, Report, run_case};
use ligature_host::limits::Limits;
use ligature_host::policies::PolicyDocument;
use ligature_host::sandbox::{Allocator, Cancel, Plugin, Sandbox, Settings, SnapshotError, Wasi};
use ligature_test_guests::{EVIL, MINIMAL, PROBE};
use serde_json::{Value, json};

use crate::{decided, sandbox};

fn pool() -> Sandbox {
    sandbox(Allocator::Pool, Wasi::Minimal, &Limits::default())
}

/// The built-in policy, and the same after it has read this document.
fn built_in(document: &str) -> (Plugin, Plugin) {
    let sandbox = pool();
    let plugin = sandbox.load("built-in", ligature_host::PLUGIN).expect("it loads");
    let prepared = prepare(&sandbox, &plugin, document).expect("a snapshot").expect("it offers one");
    assert!(prepared.has_read(&Settings::new(document)) && !plugin.has_read(&Settings::new(document)));
    (plugin, prepared)
}

fn prepare(sandbox: &Sandbox, plugin: &Plugin, document: &str) -> Result<Option<Plugin>, SnapshotError> {
    let bytes = match plugin.name() {
        "evil" => EVIL,
        "probe" => PROBE,
        _ => ligature_host::PLUGIN,
    };
    sandbox.prepare_settings(plugin, bytes, &Settings::new(document), &Cancel::default())
}

fn read_case(file: &str) -> Case {
    Case::read_file(&ligature_tests::workspace().join(file)).expect("a case")
}

fn fuel(report: &Report) -> u64 {
    report.cost.expect("it is known").fuel
}

/// A snapshot compiles the policy twice, so that only these cases are tried, unless
/// `LIGATURE_ALL_SNAPSHOTS` is set: `make snapshots` tries the policy documents of all cases.
const USUAL: [&str; 3] = [
    "examples/cases/verified-google-login.json",
    "tests/cases/continue-with-mfa.json",
    // Its decision depends on the text of the document.
    "tests/cases/look-up-checked-before.json",
];

#[test]
fn a_prepared_plugin_decides_as_it_does_without() {
    let mut by_document: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for case in cases() {
        by_document.entry(case.policy.settings().text().to_owned()).or_default().push(case);
    }
    for (document, cases) in by_document {
        let (plain, prepared) = built_in(&document);
        for case in cases {
            for trace in [false, true] {
                let run = |plugin| run_case(plugin, &case, trace).expect("it arrives");
                let (plain, prepared) = (run(&plain), run(&prepared));
                assert_eq!(prepared.to_snapshot(), plain.to_snapshot(), "{}", case.file.display());
                assert!(fuel(&prepared) < fuel(&plain), "{}", case.file.display());
            }
        }
    }
}

/// The cases whose decisions are compared.
fn cases() -> Vec<Case> {
    if std::env::var_os("LIGATURE_ALL_SNAPSHOTS").is_none() {
        return USUAL.into_iter().map(read_case).collect();
    }
    let folders = ["tests/cases", "examples/cases"].map(|folder| ligature_tests::workspace().join(folder));
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).expect("a folder"));
    let files = files.map(|entry| entry.expect("an entry").path());
    let files = files.filter(|file| file.extension().is_some_and(|it| it == "json"));
    let cases: Vec<Case> = files.map(|file| Case::read_file(&file).expect("a case")).collect();
    assert!(cases.len() > 300, "they are found");
    cases
}

#[test]
fn a_login_with_another_document_reads_that() {
    let case = read_case("examples/cases/verified-google-login.json");
    let (plain, prepared) = built_in(r#"{"mode": "off"}"#);
    let plain = run_case(&plain, &case, true).expect("it arrives");
    let prepared = run_case(&prepared, &case, true).expect("it arrives");
    assert_eq!(prepared.to_snapshot(), plain.to_snapshot());
    assert_eq!(fuel(&prepared), fuel(&plain));
}

/// A login with a policy that trusts so many connections.
fn fuel_of_policy(connections: usize) -> u64 {
    let mut case = read_case("examples/cases/verified-google-login.json");
    let mut document: Value = serde_json::from_str(case.policy.settings().text()).expect("JSON");
    let trusted = document["trusted_connections"].as_array_mut().expect("a list");
    trusted.extend((trusted.len()..connections).map(|number| json!(format!("connection-{number}"))));
    let (_, prepared) = built_in(&document.to_string());
    case.policy = PolicyDocument::from_json_value(Path::new("policy.json"), (1, 1), document.to_string());
    let report = run_case(&prepared, &case, false).expect("it arrives");
    assert_eq!(report.reasons[0].code, "LINKED_VERIFIED_BOTH");
    fuel(&report)
}

#[test]
fn a_login_costs_the_same_with_a_long_policy() {
    let (short, long) = (fuel_of_policy(2), fuel_of_policy(1_000));
    assert!(long < short + short / 20, "{short} with 2 connections, {long} with 1,000");
}

/// The macro of `ligature-policy` exports what the snapshot needs.
#[test]
fn a_policy_of_the_library_reads_its_document_once() {
    let document =
        json!({"calls": ["ignores_case", "settings"], "decision": {"deny": "Not today."}}).to_string();
    let mut case = read_case("examples/cases/verified-google-login.json");
    case.policy = PolicyDocument::from_json_value(Path::new("policy.json"), (1, 1), document.clone());
    let sandbox = pool();
    let plain = sandbox.load("probe", PROBE).expect("it loads");
    let prepared = prepare(&sandbox, &plain, &document).expect("a snapshot").expect("it offers one");
    assert!(prepared.has_read(&Settings::new(&document)));
    let run = |plugin| run_case(plugin, &case, false).expect("it arrives");
    let (plain, prepared) = (run(&plain), run(&prepared));
    assert_eq!(plain.reasons[2].detail, document, "the event has the text");
    assert_eq!(prepared.to_snapshot(), plain.to_snapshot());
    assert!(fuel(&prepared) < fuel(&plain));
}

/// The result of a hostile plugin that is asked to read this document.
fn evil(document: &str) -> String {
    let sandbox = pool();
    let plugin = sandbox.load("evil", EVIL).expect("it loads");
    let prepared = prepare(&sandbox, &plugin, document);
    match prepared {
        Ok(prepared) => {
            let prepared = prepared.expect("it offers one");
            // Its instances differ from nobody else's.
            assert!(decided(&prepared, "panic").contains("boom on purpose"));
            "a snapshot".to_owned()
        }
        Err(why) => format!("the plugin {why}"),
    }
}

#[test]
fn a_plugin_that_fails_to_prepare_has_no_snapshot() {
    let results: Vec<String> = [
        "read",
        "refuse",
        "panic",
        "endless-loop",
        "fill-the-memory",
        "scatter-bytes",
        "call-the-host",
        "write-a-line",
    ]
    .map(|attack| format!("{attack}: {}", evil(&json!({ "attack": attack }).to_string())))
    .into();
    insta::assert_snapshot!(results.join("\n"));
}

/// Wizer adds what it reads to the exports of a module, and fails if there are none.
#[test]
fn a_module_that_exports_nothing_prevents_the_snapshot() {
    let sandbox = pool();
    for module in ["(module (memory 1))", "(module (global (mut i32) (i32.const 0)))"] {
        let module = wat::parse_str(module).expect("a module");
        let bytes = ligature_test_guests::with_module(EVIL, &module);
        let plugin = sandbox.load("evil", &bytes).expect("it loads");
        let prepared = sandbox.prepare_settings(&plugin, &bytes, &Settings::new("read"), &Cancel::default());
        let why = prepared.err().expect("no snapshot").to_string();
        assert_eq!(
            why,
            "cannot be kept as a snapshot: a module in it has a memory or a global and exports nothing"
        );
        assert!(decided(&plugin, "panic").contains("boom on purpose"));
    }
}

#[test]
fn a_plugin_that_does_not_offer_it_has_no_snapshot() {
    let sandbox = pool();
    let plugin = sandbox.load("minimal", MINIMAL).expect("it loads");
    let settings = Settings::new("{}");
    let prepared = sandbox.prepare_settings(&plugin, MINIMAL, &settings, &Cancel::default());
    assert!(prepared.expect("no failure").is_none());
    assert!(!decided(&plugin, "panic").is_empty());
}
