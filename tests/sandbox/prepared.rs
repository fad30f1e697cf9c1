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

fn tries_all() -> bool {
    std::env::var_os("LIGATURE_ALL_SNAPSHOTS").is_some()
}

/// The cases whose decisions are compared.
fn cases() -> Vec<Case> {
    if !tries_all() {
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
fn a_plugin_of_another_sandbox_is_not_prepared() {
    let plugin = pool().load("built-in", ligature_host::PLUGIN).expect("it loads");
    let refused = prepare(&pool(), &plugin, "{}").err().expect("another sandbox");
    assert_eq!(refused.to_string(), "cannot be kept as a snapshot: another sandbox has loaded it");
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

/// A list of a policy document, and how names get into it. The login is linked as it is without them.
type List = (&'static str, fn(&mut Value, &[String]));

const LISTS: [List; 25] = [
    ("excluded_connections", |policy, names| policy["excluded_connections"] = json!(names)),
    ("excluded_clients", |policy, names| policy["excluded_clients"] = json!(names)),
    ("excluded_organizations", |policy, names| policy["excluded_organizations"] = json!(names)),
    ("trusted_connections by name", |policy, names| {
        prepend(&mut policy["trusted_connections"], names, |name| json!(name));
    }),
    ("trusted_connections by name, with domains", |policy, names| {
        prepend(&mut policy["trusted_connections"], names, |name| json!({"name": name, "domains": [name]}));
    }),
    ("trusted_connections by strategy", |policy, names| {
        prepend(&mut policy["trusted_connections"], names, |name| json!({"strategy": name}));
    }),
    ("trusted_connections of one name", |policy, names| {
        let entry = |name: &str| json!({"name": "google-oauth2", "domains": [name]});
        prepend(&mut policy["trusted_connections"], names, entry);
    }),
    ("trusted_connections of one strategy", |policy, names| {
        let entry = |name: &str| json!({"strategy": "google-oauth2", "domains": [name]});
        prepend(&mut policy["trusted_connections"], names, entry);
    }),
    ("domains of a trusted connection", |policy, names| {
        let entry = json!({"name": "google-oauth2", "domains": names});
        policy["trusted_connections"].as_array_mut().expect("a list").insert(0, entry);
    }),
    ("verified_by_tenant", |policy, names| policy["verified_by_tenant"] = json!(names)),
    ("non_unique_email_connections", |policy, names| policy["non_unique_email_connections"] = json!(names)),
    ("managed_connections", |policy, names| policy["managed_connections"] = json!(names)),
    ("connections of blocked_domains", |policy, names| {
        insert(&mut policy["blocked_domains"], names, |name| json!([name]));
    }),
    ("blocked_domains of every connection", |policy, names| policy["blocked_domains"]["*"] = json!(names)),
    ("blocked_domains of one connection", |policy, names| {
        policy["blocked_domains"]["google-oauth2"] = json!(names);
    }),
    ("connection_order", |policy, names| {
        policy["primary"] = json!("connection_order");
        policy["connection_order"] = json!(["Username-Password-Authentication", "google-oauth2"]);
        prepend(&mut policy["connection_order"], names, |name| json!(name));
    }),
    ("privileged.roles", |policy, names| policy["privileged"]["roles"] = json!(names)),
    ("privileged.user_ids", |policy, names| policy["privileged"]["user_ids"] = json!(names)),
    ("metadata.user.keys", |policy, names| {
        insert(&mut policy["metadata"]["user"]["keys"], names, |_| json!("must_equal"));
    }),
    ("metadata.app.keys", |policy, names| {
        insert(&mut policy["metadata"]["app"]["keys"], names, |_| json!("primary_wins"));
    }),
    ("connection_groups", |policy, names| {
        insert(&mut policy["connection_groups"], names, |name| json!([name]));
        policy["connection_groups"]["the last"] =
            json!(["google-oauth2", "Username-Password-Authentication"]);
    }),
    ("names in a group", |policy, names| policy["connection_groups"]["a group"] = json!(names)),
    ("linked_organizations", |policy, names| {
        prepend(&mut policy["linked_organizations"], names, |name| json!([name, format!("of {name}")]));
    }),
    ("linked_organizations of one", |policy, names| {
        prepend(&mut policy["linked_organizations"], names, |name| json!(["org_0000000000000001", name]));
    }),
    ("the document that a mark is compared with", |policy, names| {
        policy["look_up"] = json!("until_checked");
        policy["excluded_clients"] = json!(names);
    }),
];

/// In front of the entries by which the login is linked.
fn prepend(list: &mut Value, names: &[String], entry: fn(&str) -> Value) {
    list.as_array_mut().expect("a list").splice(0..0, names.iter().map(|name| entry(name)));
}

fn insert(object: &mut Value, names: &[String], value: fn(&str) -> Value) {
    for name in names {
        object[name] = value(name);
    }
}

/// A login at which a policy searches every list that it has: both accounts are in organizations,
/// which are different ones. The account that logs in has the mark of a look-up with another policy.
fn searching_case() -> Value {
    let path = ligature_tests::workspace().join("examples/cases/verified-google-login.json");
    let text = std::fs::read_to_string(path).expect("a file");
    let mut case: Value = serde_json::from_str(&text).expect("JSON");
    // An hour before the login.
    let checked = json!({"at": 1_795_251_600_000_u64, "for": "0123456789abcdef"});
    case["event"]["user"]["app_metadata"]["linking"]["checked"] = checked;
    case["users"][0]["organizations"] = json!(["org_0000000000000002"]);
    case["policy"]["linked_organizations"] = json!([["org_0000000000000001", "org_0000000000000002"]]);
    case
}

/// The fuel of a login whose policy has so many more names in each of these lists.
fn fuel_of_lists(lists: &[List], names: usize, (sandbox, plain): (&Sandbox, &Plugin)) -> u64 {
    let mut case = searching_case();
    let names: Vec<String> = (0..names).map(|number| format!("name-{number}.example")).collect();
    lists.iter().for_each(|(_, write)| write(&mut case["policy"], &names));
    let case = Case::parse(Path::new("case.json"), &case.to_string()).expect("a case");
    let document = case.policy.settings().text().to_owned();
    let prepared = prepare(sandbox, plain, &document).expect("a snapshot").expect("it offers one");
    let report = run_case(&prepared, &case, false).expect("it arrives");
    assert_eq!(report.reasons[0].code, "LINKED_VERIFIED_BOTH");
    fuel(&report)
}

/// Eight lists at once are as many as can be read with a login's fuel. Each is tried alone if they cost
/// more together, to name it, or if `LIGATURE_ALL_SNAPSHOTS` is set.
#[test]
fn a_login_costs_the_same_with_a_long_policy() {
    let sandbox = pool();
    let plain = sandbox.load("built-in", ligature_host::PLUGIN).expect("it loads");
    let grows = |lists: &[List]| {
        let [short, long] = [10, 1_000].map(|names| fuel_of_lists(lists, names, (&sandbox, &plain)));
        let names: Vec<&str> = lists.iter().map(|list| list.0).collect();
        println!("{short} with 10 names, {long} with 1,000: {}", names.join(", "));
        long > short + short / 50
    };
    let together: Vec<&[List]> = LISTS.chunks(8).filter(|lists| grows(lists)).collect();
    let tried_alone = if tries_all() { LISTS.to_vec() } else { together.concat() };
    let growing = tried_alone.iter().filter(|list| grows(std::slice::from_ref(list)));
    let growing: Vec<&str> = growing.map(|list| list.0).collect();
    assert!(together.is_empty() && growing.is_empty(), "a login costs more with these lists: {growing:?}");
}

/// A policy of one login gets no index, which would take as long as reading the document.
#[test]
fn a_very_long_document_is_read_with_the_fuel_of_a_login() {
    let plain = pool().load("built-in", ligature_host::PLUGIN).expect("it loads");
    let names: Vec<String> = (0..44_000).map(|number| format!("connection-{number}")).collect();
    let document = json!({"trusted_connections": names}).to_string();
    assert_eq!(plain.check_settings(&document).expect("it answers"), Ok(()));
}

/// The host asks for memory of no bytes first.
#[test]
fn an_empty_document_is_refused_and_ends_no_plugin() {
    let plain = pool().load("built-in", ligature_host::PLUGIN).expect("it loads");
    let fault = plain.check_settings("").expect("it answers").expect_err("it is refused");
    assert_eq!((fault.line, fault.column), (1, 0), "{fault}");
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
