//! The contract stays compatible with the plugins that were built against it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use ligature_host::harness::{Case, Report, run_case};
use ligature_host::model::Decision;
use ligature_host::sandbox::Plugin;
use ligature_tests::{SANDBOX, workspace};

const FILES: [&str; 3] = ["types.wit", "host.wit", "plugin.wit"];

static PINNED: LazyLock<Plugin> =
    LazyLock::new(|| SANDBOX.load("pinned", ligature_test_guests::PINNED).expect("a plugin of 2026 loads"));

fn text(folder: &str, file: &str) -> String {
    let path = workspace().join(folder).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn ran(change: impl FnOnce(&str) -> String) -> Report {
    let demo = include_str!("../examples/cases/verified-google-login.json");
    let case = Case::parse(Path::new("case.json"), &change(demo)).expect("a well-formed case");
    run_case(&PINNED, &case, true).expect("the login arrives")
}

#[test]
fn a_plugin_built_against_the_first_contract_decides() {
    let report = ran(str::to_owned);
    assert_eq!(report.failure, None);
    let primary = "auth0|6571c0ffee0000000000a001".to_owned();
    assert_eq!(report.decision, Decision::Linked { primary });
    assert_eq!(report.reasons[0].detail, "Linked by a plugin of 2026.");
    let calls: Vec<&str> = report.calls.iter().map(|call| call.call.as_str()).collect();
    assert_eq!(calls, ["users.find-by-email", "users.get", "accounts.link"]);
    assert_eq!(report.trace.len(), 1);
    let log: Vec<&str> = report.log.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(log, ["ignores case: true", "the raw objects are told: true"]);
}

#[test]
fn a_plugin_built_against_the_first_contract_goes_on_after_an_answer() {
    let with_answer = |answer: &str| {
        let report = ran(|demo| demo.replacen('{', &format!("{{ \"answer\": {answer},"), 1));
        assert_eq!(report.failure, None);
        report.reasons[0].detail.clone()
    };
    assert_eq!(with_answer(r#"{ "step": "confirm" }"#), "The user has declined.");
    let proof = r#"{ "step": "confirm", "proof": { "current": "google-oauth2|115014287643218005122",
        "candidate": "auth0|6571c0ffee0000000000a001", "proved_at": "2026-11-21T10:00:00Z", "methods": ["pwd"] } }"#;
    assert!(with_answer(proof).starts_with("auth0|6571c0ffee0000000000a001 was proved at "));
}

#[test]
fn the_settings_of_a_plugin_built_against_the_first_contract_are_asked_for() {
    assert!(PINNED.settings_schema().expect("it answers").is_some_and(|schema| schema.contains("object")));
    assert_eq!(PINNED.check_settings("{}"), Ok(Ok(())));
    let error = PINNED.check_settings("[]").expect("it answers").expect_err("no settings");
    assert_eq!((error.line, error.column, error.message.as_str()), (1, 2, "expected `{}`"));
    let warnings = PINNED.settings_warnings("{}").expect("it answers");
    assert_eq!(warnings[0].message, "of {}");
}

/// Every interface, type, function and world of the first contract, without
/// comments, by where it stands. Loading a component tells only that some shape
/// has changed; this tells which.
#[test]
fn the_contract_has_only_been_added_to() {
    for file in FILES {
        let now = items(&text("wit", file));
        for (name, pinned) in items(&text("tests/wit-0.1.0", file)) {
            let Some(now) = now.get(&name) else { panic!("{file}: `{name}` is gone; see tests/wit-0.1.0") };
            let missing = pinned.iter().find(|line| !now.contains(line));
            assert_eq!(missing, None, "{file}: a line of `{name}` is gone; see tests/wit-0.1.0");
            let may_grow = ["interface ", "world "].iter().any(|kind| name.starts_with(kind));
            assert!(may_grow || *now == pinned, "{file}: `{name}` has changed; see tests/wit-0.1.0");
        }
    }
}

/// A plugin's author reads there since when a host has an interface.
#[test]
fn additions_to_the_contract_are_marked() {
    for file in FILES {
        let pinned = items(&text("tests/wit-0.1.0", file));
        let now = text("wit", file);
        let lines = now.lines().map(str::trim).filter(|line| !line.starts_with("//"));
        let mut before = "";
        for line in lines {
            let name = line.strip_suffix('{').map(str::trim);
            let is_added = |name: &&str| {
                !pinned.contains_key(*name)
                    && ["interface ", "world "].iter().any(|kind| name.starts_with(kind))
            };
            if let Some(name) = name.filter(is_added) {
                assert!(before.starts_with("@since("), "{file}: `{name}` has no `@since`");
            }
            before = line;
        }
    }
}

/// The blocks of a WIT file: the name with the blocks that it stands in, and the
/// lines directly within.
fn items(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut items = BTreeMap::from([("the file".to_owned(), Vec::new())]);
    let mut open = vec!["the file".to_owned()];
    let is_shape = |line: &&str| !line.is_empty() && !line.starts_with("//") && !line.starts_with("@since(");
    for line in text.lines().map(str::trim).filter(is_shape) {
        let block = open.last().cloned().unwrap_or_default();
        match line.strip_suffix('{') {
            Some(_) if line.starts_with("use ") => panic!("a `use` over several lines is not read: {line}"),
            Some(name) => {
                let name = name.trim();
                let path = if open.len() > 1 { format!("{name} in {block}") } else { name.to_owned() };
                items.insert(path.clone(), Vec::new());
                open.push(path);
            }
            None if line == "}" => drop(open.pop()),
            None => items.entry(block).or_default().push(line.to_owned()),
        }
    }
    items
}

#[test]
fn blocks_are_read_with_what_they_stand_in() {
    let read = items(
        "package a:b;\n/// A comment.\ninterface i {\n  record r {\n    x: u8,\n  }\n  f: func();\n}\n",
    );
    let lines = |name: &str| read[name].join(" ");
    assert_eq!(lines("the file"), "package a:b;");
    assert_eq!(lines("interface i"), "f: func();");
    assert_eq!(lines("record r in interface i"), "x: u8,");
    assert_eq!(items(&text("wit", "types.wit"))["enum level in interface types"].len(), 4);
}

/// A crate has to hold what it is built from.
#[test]
fn the_crate_for_policies_holds_the_contract() {
    for file in FILES {
        assert!(
            text("plugin/ligature-policy/wit", file) == text("wit", file),
            "plugin/ligature-policy/wit/{file} is out of date: cp wit/*.wit plugin/ligature-policy/wit/"
        );
    }
}
