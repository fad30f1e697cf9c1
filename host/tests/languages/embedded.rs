//! `examples/auth0-action-embedded`: the built-in policy inside an Auth0 Action. The package
//! is built as its README says, and decides every case as the host does.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use ligature_host::ambient::Ambient;
use ligature_host::harness::{Case, Report, run_case};
use ligature_host::model::mask_addresses;
use ligature_host::sandbox::{Options, Plugin, Sandbox};
use serde_json::{Value, json};

use super::project::copy;
#[cfg(all(feature = "serve", feature = "sqlite"))]
use super::serving::Tenant;

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const PACKAGE: &str = "examples/auth0-action-embedded";

/// The tenant of `test/serve.test.js`: pairs of users of one address, and machine applications.
#[cfg(all(feature = "serve", feature = "sqlite"))]
const TENANT: &str = include_str!("../actions/tenant.toml");

/// The package, built in a copy of its folder; or the reason why this machine cannot build it.
static BUILT: LazyLock<Result<PathBuf, String>> = LazyLock::new(build);

#[test]
fn auth0_action_decides_every_case_as_the_host() {
    let Some(folder) = built_package() else { return };
    let cases = read_cases();
    assert!(cases.len() > 300, "{} cases", cases.len());
    let policy = load_policy();
    let input: String = cases.iter().map(|case| format!("{}\n", describe_case(case))).collect();
    let printed = run(&folder, &["node", "test/decide-cases.js"], &input).expect("node decides the cases");
    let reports: Vec<Value> =
        printed.lines().map(|line| serde_json::from_str(line).expect("a report")).collect();
    assert_eq!(reports.len(), cases.len(), "reports");
    let mut failures = Vec::new();
    for (case, report) in cases.iter().zip(reports) {
        let host = comparable(&run_case(&policy, case, false).expect("the host decides the case"));
        let package = json!({
            "decision": mask(&report["decision"]), "reasons": mask(&report["reasons"]), "calls": mask(&report["calls"]),
        });
        if package != host {
            failures.push(format!("{}\n  host    {host}\n  package {package}", case.file.display()));
        }
    }
    let (failed, all) = (failures.len(), cases.len());
    assert!(failures.is_empty(), "{failed} of {all} cases differ:\n{}", failures.join("\n"));
}

/// Decision, reasons and calls of a report.
fn comparable(report: &Report) -> Value {
    json!({ "decision": report.decision, "reasons": report.reasons, "calls": report.calls })
}

/// The tests of the package itself: the guard's rules against a hostile component, replay, and a
/// tenant that fails in many ways.
#[test]
fn auth0_action_holds_its_rules() {
    let Some(folder) = built_package() else { return };
    let said = run(&folder, &["npm", "test"], "").unwrap_or_else(|said| panic!("{said}"));
    assert!(count_of(&said, "pass") > 90, "{said}");
    assert_eq!((count_of(&said, "fail"), count_of(&said, "cancelled")), (0, 0), "{said}");
}

/// Returns a count of Node's test runner.
fn count_of(said: &str, what: &str) -> u32 {
    let found =
        said.lines().find_map(|line| line.trim_start_matches(['#', '\u{2139}', ' ']).strip_prefix(what));
    found.and_then(|count| count.trim().parse().ok()).unwrap_or_else(|| panic!("no count `{what}`: {said}"))
}

#[cfg(all(feature = "serve", feature = "sqlite"))]
#[test]
fn auth0_action_links_at_the_local_tenant() {
    let Some(folder) = built_package() else { return };
    let place = tempfile::tempdir().expect("a temporary folder");
    let directory = format!("sqlite:{}", place.path().join("users.db").display());
    let tenant = Tenant::start(place.path(), TENANT, &["--directory", &directory]);
    let host = tenant.http.trim_start_matches("http://").trim_end_matches('/');
    let variable = format!("LIGATURE_TENANT={host}");
    let command = ["env", &variable, "node", "--test", "--test-reporter=spec", "test/serve.test.js"];
    let said = run(&folder, &command, "").unwrap_or_else(|said| panic!("{said}\n{}", tenant.last_words()));
    assert_eq!((count_of(&said, "pass"), count_of(&said, "skipped")), (5, 0), "{said}");
}

/// The package has everything that an Action needs, and nothing else.
#[test]
fn auth0_action_is_a_package() {
    let Some(folder) = built_package() else { return };
    let packed = run(&folder, &["npm", "pack", "--json"], "").unwrap_or_else(|said| panic!("{said}"));
    // The build, which npm runs before it packs, prints nothing.
    let json = packed.find("[\n").map_or("", |begin| &packed[begin..]);
    let packed: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {packed}"));
    let files = packed[0]["files"].as_array().expect("files");
    let files: Vec<&str> = files.iter().filter_map(|file| file["path"].as_str()).collect();
    for file in ["README.md", "index.js", "package.json", "dist/component.core.wasm", "dist/component.js"] {
        assert!(files.contains(&file), "{file} is not in {files:?}");
    }
    for file in &files {
        let is_wanted = ["README.md", "index.js", "package.json"].contains(file)
            || file.starts_with("dist/component.")
            || (file.starts_with("lib/") && file.ends_with(".js"));
        assert!(is_wanted, "{file} is packed");
    }
    let size = packed[0]["size"].as_u64().expect("a size");
    assert!(size < 400_000, "{size} bytes");

    // Installed as Auth0 installs it, it decides a login by the Action of the README.
    let place = tempfile::tempdir().expect("a temporary folder");
    let file = folder.join(packed[0]["filename"].as_str().expect("a name"));
    let file = file.to_str().expect("UTF-8");
    let install = ["npm", "install", "--offline", "--no-audit", "--no-fund", file];
    run(place.path(), &install, "").unwrap_or_else(|said| panic!("{said}"));
    let readme =
        fs::read_to_string(Path::new(WORKSPACE).join(PACKAGE).join("README.md")).expect("the README");
    let action = readme.split_once("```js\n").and_then(|(_, rest)| rest.split_once("```"));
    fs::write(place.path().join("action.js"), action.expect("an Action").0).expect("a file is written");
    let said = run(place.path(), &["node", "--eval", CALL], "").unwrap_or_else(|said| panic!("{said}"));
    assert_eq!(said, "ligature: proceed EMAIL_UNVERIFIED_CURRENT\n");
}

/// Calls the Action for a login that needs no request.
const CALL: &str = r#"
const user = { user_id: "github|1", email: "ada@example.com", email_verified: false, identities: [] };
const connection = { name: "github", strategy: "github" };
const secrets = { LIGATURE_AUTH0_DOMAIN: "tenant.example", LIGATURE_AUTH0_CLIENT_ID: "a", LIGATURE_AUTH0_CLIENT_SECRET: "b" };
require("./action.js").onExecutePostLogin({ user, connection, secrets }, {});
"#;

fn read_cases() -> Vec<Case> {
    let mut files: Vec<PathBuf> = ["tests/cases", "examples/cases"]
        .iter()
        .flat_map(|folder| fs::read_dir(Path::new(WORKSPACE).join(folder)).expect("the cases"))
        .map(|file| file.expect("a file").path())
        .filter(|file| file.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    files.iter().map(|file| Case::read_file(file).expect("a case")).collect()
}

fn load_policy() -> Plugin {
    let sandbox = Sandbox::start(Options::default(), &Ambient::system()).expect("the sandbox starts");
    sandbox.load(ligature_host::PLUGIN_NAME, ligature_host::PLUGIN).expect("the built-in policy loads")
}

/// Returns a case as the package's test reads it: after the arrival of its login, as an Action
/// receives the event of a user that exists.
fn describe_case(case: &Case) -> Value {
    let (memory, arrived) = case.arrive().expect("the login arrives");
    let users = memory.users();
    let users: Vec<_> = users.iter().map(|user| &**user).collect();
    json!({
        "name": case.file.file_stem().and_then(|name| name.to_str()),
        "now": case.now.as_millis(),
        "event": &*arrived.event,
        "settings": case.policy.settings().text(),
        "answer": case.answer,
        "users": users,
        "faults": case.faults,
        "exact_look_up": case.exact_look_up,
    })
}

/// Masks the addresses in every text, as the host does in its report.
fn mask(value: &Value) -> Value {
    match value {
        Value::String(text) => mask_addresses(text).into(),
        Value::Array(items) => items.iter().map(mask).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| (mask_addresses(key).into_owned(), mask(value))).collect()
        }
        other => other.clone(),
    }
}

/// Returns the folder of the built package, or reports why this machine cannot build it.
fn built_package() -> Option<PathBuf> {
    match &*BUILT {
        Ok(folder) => Some(folder.clone()),
        Err(why) => {
            let required = std::env::var("LIGATURE_REQUIRE").unwrap_or_default();
            assert!(!required.split([',', ' ']).any(|name| name == "languages"), "{why}");
            // `eprintln!` is captured in a test that passes.
            let _ = writeln!(std::io::stderr(), "{why}");
            None
        }
    }
}

fn build() -> Result<PathBuf, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a target folder");
    let folder = target.join("languages/auth0-action-embedded");
    let _ = fs::remove_dir_all(&folder);
    let package = Path::new(WORKSPACE).join(PACKAGE);
    for part in ["lib", "test"] {
        copy(&package.join(part), &folder.join(part));
    }
    let files = fs::read_dir(&package).expect("the package").map(|entry| entry.expect("an entry").path());
    for file in files.filter(|file| file.is_file() && file.extension().is_none_or(|it| it != "tgz")) {
        fs::copy(&file, folder.join(file.file_name().expect("a name"))).expect("a copy");
    }
    run(&folder, &["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], "")
        .map_err(|said| format!("languages: the embedded Action was not built: npm ci: {said}"))?;
    run(&folder, &["npm", "run", "build"], "").unwrap_or_else(|said| panic!("npm run build: {said}"));
    Ok(folder)
}

/// Runs a command with the program `ligature` in its path, and returns its standard output.
///
/// # Errors
///
/// Everything that it printed, if it fails.
fn run(folder: &Path, command: &[&str], input: &str) -> Result<String, String> {
    let programs = Path::new(env!("CARGO_BIN_EXE_ligature")).parent().expect("a folder").to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([programs].into_iter().chain(std::env::split_paths(&path)));
    let child = Command::new(command[0])
        .args(&command[1..])
        .current_dir(folder)
        .env("PATH", path.expect("a PATH"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.map_err(|error| format!("{}: {error}", command[0]))?;
    let mut stdin = child.stdin.take().expect("its input");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let _ = writer.join();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let stdout = text(&output.stdout);
    if output.status.success() { Ok(stdout) } else { Err(stdout + &text(&output.stderr)) }
}
