//! Plugins of others, `ligature inspect` and `ligature bench`.

use std::fs;

use insta::assert_snapshot;
use serde_json::Value;

use crate::{DEMO, demo_case, directory_with, ligature, ligature_in, sentence};

#[test]
fn a_plugin_of_ones_own_runs_and_is_tested() {
    let ran = ligature(&["run", DEMO, "--plugin", ligature_test_guests::MINIMAL_FILE]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("LINKED") && ran.stdout.contains("The other account was here first."));

    let directory = directory_with(&[("case.json", &demo_case())]);
    let arguments = ["test", ".", "--plugin", ligature_test_guests::MINIMAL_FILE];
    assert_eq!(ligature_in(directory.path(), &arguments).code, Some(1));
    assert_eq!(ligature_in(directory.path(), &[&arguments[..], &["--accept"]].concat()).code, Some(0));
    assert_eq!(ligature_in(directory.path(), &arguments).code, Some(0));
}

#[test]
fn a_plugin_that_fails_is_exit_1_and_one_sentence() {
    let text = demo_case().replace(r#""name": "google-oauth2","#, r#""name": "panic","#);
    let directory = directory_with(&[("case.json", &text)]);
    let ran =
        ligature_in(directory.path(), &["run", "case.json", "--plugin", ligature_test_guests::EVIL_FILE]);
    assert!(ran.stdout.contains("PLUGIN_FAILED"), "the page is printed all the same: {}", ran.stdout);
    assert_snapshot!(sentence(&ran).replace(ligature_test_guests::EVIL_FILE, "evil.wasm"));
}

#[test]
fn inspect_shows_imports_and_exports() {
    let ran = ligature(&["inspect"]);
    assert_eq!(ran.code, Some(0));
    let table: Vec<&str> =
        ran.stdout.lines().filter(|line| !line.contains("sha256") && !line.contains("size")).collect();
    // Its needs are the build's.
    let is_need = |line: &&str| line.starts_with("  ") && line.contains(" of ");
    let (needs, table): (Vec<&str>, Vec<&str>) = table.into_iter().partition(is_need);
    assert_eq!(needs.len(), 9, "{needs:?}");
    assert_snapshot!(table.join("\n"));
}

#[test]
fn inspect_says_what_keeps_a_plugin_from_loading() {
    let directory = directory_with(&[]);
    fs::write(directory.path().join("worldly.wasm"), ligature_test_guests::WORLDLY).expect("it is written");
    let ran = ligature_in(directory.path(), &["inspect", "worldly.wasm"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stdout.contains("not offered") && ran.stdout.contains("it does not load"), "{}", ran.stdout);
    assert_eq!(
        ligature_in(directory.path(), &["inspect", "worldly.wasm", "--wasi", "virtual"]).code,
        Some(0)
    );
}

#[test]
fn bench_prints_its_figures() {
    let ran = ligature(&["bench", DEMO, "--seconds", "0.05", "--json"]);
    let bench: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    for figure in ["p50_us", "p99_us", "logins_per_s", "fuel", "peak_memory_bytes"] {
        assert!(bench[figure].as_f64().is_some_and(|figure| figure > 0.0), "{figure}: {bench}");
    }
    assert!(bench["allocator"].is_string());
}

/// With instances that are mapped on demand, because a pool keeps memory.
#[test]
fn bench_of_several_threads_compares_them_with_one_and_measures_their_memory() {
    let bench = |case: &str| -> Value {
        let ran = ligature(&["bench", case, "--seconds", "0.05", "--threads", "3", "--on-demand", "--json"]);
        serde_json::from_str(&ran.stdout).expect("JSON")
    };
    let linking = bench(DEMO);
    for figure in
        [&linking["scaling"]["logins"], &linking["scaling"]["spin_loop"], &linking["resident_bytes"]]
    {
        assert!(figure.as_f64().is_some_and(|figure| figure > 0.0), "{linking}");
    }
    // No login waits for a link.
    let unverified = bench("tests/cases/S-55-beside-an-unverified.json");
    assert_eq!(unverified["resident_bytes"], Value::Null, "{unverified}");
}

/// Without its policies, another login would be measured.
#[test]
fn bench_refuses_a_case_that_names_policies() {
    let case = include_str!("../../../examples/cases/verified-google-login.json");
    let mut case: Value = serde_json::from_str(case).expect("JSON");
    let keys = case.as_object_mut().expect("an object");
    keys.remove("policy");
    keys.insert("policies".to_owned(), serde_json::json!([{ "name": "second" }]));
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(&file, case.to_string()).expect("it is written");
    let ran = ligature(&["bench", file.path().to_str().expect("UTF-8"), "--seconds", "0.05"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("it names the policy `second` of a policies file"), "{}", ran.stderr);
}

#[test]
fn bench_shows_the_cost_of_a_trace() {
    let fuel = |more: &[&str]| {
        let ran = ligature(&[&["bench", DEMO, "--seconds", "0.05", "--json"], more].concat());
        serde_json::from_str::<Value>(&ran.stdout).expect("JSON")["fuel"].as_u64().expect("a number")
    };
    assert!(fuel(&["--trace"]) > fuel(&[]));
}

#[test]
fn plugin_that_is_not_there() {
    assert_snapshot!(sentence(&ligature(&["run", DEMO, "--plugin", "nowhere.wasm"])));
}

#[test]
fn plugin_that_is_a_text() {
    assert_snapshot!(sentence(&ligature(&["run", DEMO, "--plugin", "README.md"])));
}
