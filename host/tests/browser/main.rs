//! Auth0's browser libraries and the tenant's own pages in Chromium, run against
//! `ligature serve`: a tenant of its own for every suite of
//! `host/tests/clients/browser/`.

mod examples;
mod expiry;
#[path = "../serving/in_process.rs"]
mod in_process;
#[path = "../../../tests/backfill/user_base.rs"]
mod known_base;
mod listings;
mod readme;
#[path = "../clients/suites.rs"]
mod suites;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use ligature_test_servers::{npm_ci, output, reserve_port};
use suites::{Suites, Tenant, run_to_its_end};

const SUITES: Suites = Suites { requirement: "browser", sources: "clients/browser" };

#[test]
fn auth0_spa_js_logs_in_and_links() {
    run("auth0-spa-js.test.mjs", USUAL);
}

#[test]
fn auth0_js_logs_in_and_links() {
    run("auth0-js.test.mjs", USUAL);
}

#[test]
fn lock_logs_in() {
    run("lock.test.mjs", USUAL);
}

#[test]
fn older_locks_log_in_where_they_are_let_in() {
    run("older-lock.test.mjs", Setting { switch: "legacy = true\n", ..USUAL });
}

#[test]
fn the_listings_of_document_000_run() {
    run("seed-000.test.mjs", Setting { switch: "legacy = true\n", ..USUAL });
}

#[test]
fn the_listings_of_document_001_run() {
    run("seed-001.test.mjs", USUAL);
}

#[test]
fn the_listings_of_document_002_run() {
    run("seed-002.test.mjs", Setting { switch: "legacy = true\n", ..USUAL });
}

#[test]
fn the_listings_of_document_003_run() {
    run("seed-003.test.mjs", Setting { switch: "legacy = true\n", ..USUAL });
}

#[test]
fn the_listings_of_document_004_run() {
    run("seed-004.test.mjs", Setting { switch: "legacy = true\n", ..USUAL });
}

/// The sample is not part of this repository.
#[test]
#[ignore = "needs a checkout of Auth0's sample in LIGATURE_SAMPLE: see docs/seeds.md"]
fn auth0s_sample_runs_with_changes_of_its_configuration_alone() {
    assert!(std::env::var_os("LIGATURE_SAMPLE").is_some(), "LIGATURE_SAMPLE names no checkout of the sample");
    run("sample.test.mjs", Setting { policy: Some("off-policy.json"), ..USUAL });
}

#[test]
fn the_requests_of_auth0s_sample_are_answered() {
    run("sample-requests.test.mjs", Setting { policy: Some("off-policy.json"), ..USUAL });
}

#[test]
fn people_log_in_on_the_tenants_own_pages() {
    run("pages.test.mjs", Setting { policy: Some("asking-policy.json"), ..USUAL });
}

#[test]
fn people_answer_a_suggestion() {
    run("suggestion.test.mjs", Setting { policy: Some("asking-policy.json"), ..USUAL });
}

#[test]
fn people_add_and_remove_ways_to_log_in() {
    run("account.test.mjs", USUAL);
}

#[test]
fn the_tenants_own_pages_look_as_approved() {
    if has_approved_font() {
        run("looks.test.mjs", Setting { policy: Some("asking-policy.json"), ..USUAL });
    }
}

#[test]
fn operators_work_at_the_console() {
    run("console.test.mjs", CONSOLE);
}

#[test]
fn the_console_looks_as_approved() {
    if has_approved_font() {
        run("console-looks.test.mjs", CONSOLE);
    }
}

#[test]
fn a_user_confirms_another_account_on_the_page_of_the_hook() {
    run("confirm.test.mjs", Setting { policy: Some("off-policy.json"), ..USUAL });
}

#[test]
fn operators_enter_the_console_of_the_hook() {
    run("console-hook.test.mjs", USUAL);
}

#[test]
fn chromium_trusts_the_tenants_authority_as_its_user_does() {
    run("certificate.test.mjs", USUAL);
}

#[test]
fn the_readmes_sequence_ends_with_two_accounts_linked() {
    let Some(folder) = installed() else { return };
    let place = tempfile::tempdir().expect("a temporary folder");
    let tenant = readme::typed(place.path());
    let mut suite = suite(folder, "readme.test.mjs", &tenant);
    suite.env("HOME", place.path()).env("LIGATURE_README", readme::FILE);
    // These applications are not started.
    suite.env("LIGATURE_HTTP_APP", "http://localhost:1").env("LIGATURE_HTTPS_APP", "https://localhost:1");
    run_to_its_end(&mut suite, &place.path().join("output"), &tenant);
    readme::see_the_link(place.path());
    assert!(!tenant.log().contains(" WARN "), "{}", tenant.log());
    tenant.stop();
}

/// Returns whether this machine has the font with which the pictures were made.
fn has_approved_font() -> bool {
    let is_there = Path::new("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf").exists();
    if !is_there {
        SUITES.skip("the looks of pages", "there is no DejaVu Sans (Debian: fonts-dejavu-core)");
    }
    is_there
}

fn installed() -> Option<&'static Path> {
    static INSTALLED: OnceLock<Option<PathBuf>> = OnceLock::new();
    SUITES.installed(&INSTALLED, "Chromium", packages)
}

/// Builds the command that runs a suite.
fn suite(folder: &Path, file: &str, tenant: &Tenant) -> Command {
    let mut suite = Command::new("node");
    suite
        .args(["--test-reporter=spec", file])
        .current_dir(folder)
        .env("LIGATURE_HTTP", &tenant.http)
        .env("LIGATURE_HTTPS", &tenant.https)
        .env("LIGATURE_CA", &tenant.ca)
        .env("LIGATURE_CHROMIUM", chromium().expect("it was found"))
        .env("NODE_EXTRA_CA_CERTS", &tenant.ca);
    suite
}

/// Settings of a suite's tenant beside `tenant.toml`.
#[derive(Clone, Copy)]
struct Setting {
    policy: Option<&'static str>,
    /// A line before what is there.
    switch: &'static str,
}

const USUAL: Setting = Setting { policy: None, switch: "" };
const CONSOLE: Setting = Setting { policy: Some("console-policy.json"), switch: "console.enabled = true\n" };

/// Runs one suite against a tenant of its own.
fn run(file: &str, setting: Setting) {
    let Some(folder) = installed() else { return };
    let place = tempfile::tempdir().expect("a temporary folder");
    // The tenant must know where the application will listen.
    let [http, https] = ["http", "https"].map(|scheme| format!("{scheme}://localhost:{}", reserve_port()));
    let config = include_str!("../clients/browser/tenant.toml");
    let config = config.replace("HTTPS_APP", &https).replace("HTTP_APP", &http);
    let config = setting.switch.to_owned() + &config;
    let policy = setting.policy.map(|name| folder.join(name));
    let policy = policy.as_ref().map(|policy| policy.to_str().expect("a path in UTF-8"));
    let args: Vec<&str> = policy.iter().flat_map(|policy| ["--policy", policy]).collect();
    let tenant = Tenant::start(&place.path().join("tenant"), &config, &args);
    let home = place.path().join("home");
    trust(&home, &tenant.ca);

    let mut suite = suite(folder, file, &tenant);
    let hook_place = place.path().join("hook");
    fs::create_dir_all(&hook_place).expect("a folder");
    if file == "looks.test.mjs" {
        write_known_base(&hook_place.join("base"));
    }
    suite
        .env("LIGATURE_PROGRAM", env!("CARGO_BIN_EXE_ligature"))
        .env("LIGATURE_SOURCES", env!("CARGO_MANIFEST_DIR"))
        .env("LIGATURE_PLACE", &hook_place);
    suite.env("HOME", &home).env("LIGATURE_HTTP_APP", http).env("LIGATURE_HTTPS_APP", https);
    run_to_its_end(&mut suite, &place.path().join("output"), &tenant);
    tenant.stop();
}

/// The groups of each kind of the known user base: more conflicts than a report shows.
const GROUPS_OF_EACH: u64 = 105;

/// Writes users and policy of a report into a folder.
fn write_known_base(folder: &Path) {
    fs::create_dir_all(folder).expect("a folder");
    let mut users = Vec::new();
    known_base::write_groups(GROUPS_OF_EACH, &mut users).expect("it is written to memory");
    fs::write(folder.join("users.ndjson"), users).expect("a file");
    fs::write(folder.join("policy.json"), known_base::POLICY).expect("a file");
}

/// Has Chromium trust an authority, as `ligature serve` tells its users to.
fn trust(home: &Path, authority: &Path) {
    let folder = home.join(".pki/nssdb");
    fs::create_dir_all(&folder).expect("a folder");
    let certutil = || {
        let mut command = Command::new("certutil");
        command.arg("-d").arg(format!("sql:{}", folder.display()));
        command
    };
    output(certutil().args(["-N", "--empty-password"])).expect("a database of certificates");
    output(certutil().args(["-A", "-t", "C,,", "-n", "ligature", "-i"]).arg(authority))
        .expect("it is trusted");
}

fn packages(folder: &Path) -> Result<(), String> {
    output(Command::new(chromium()?).arg("--version"))?;
    output(Command::new("sh").args(["-c", "command -v certutil"]))
        .map_err(|_| "there is no certutil (Debian: libnss3-tools)")?;
    npm_ci(folder, include_str!("../clients/browser/package-lock.json"))
}

/// Returns the full path of Chromium. Its shell without windows takes a third less time.
fn chromium() -> Result<String, String> {
    output(Command::new("sh").args(["-c", "command -v chromium-headless-shell || command -v chromium"]))
        .map_err(|_| "there is no chromium".to_owned())
}
