//! The official clients, run against `ligature serve`: a tenant of its own for
//! every suite of `host/tests/clients/`, and one whose rate limit is narrow. Beside
//! them schemathesis, which makes requests from what the tenant says of itself.

mod suites;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use ligature_test_servers::{npm_ci, output, reserve_port, unless_stamped};
use suites::{Suites, Tenant, run_to_its_end};

const SUITES: Suites = Suites { requirement: "clients", sources: "clients" };

const NARROW: &str = "\n[rate_limit]\nmanagement = { per_second = 1, burst = 1 }\n";

#[test]
fn auth0_7_for_node_manages_users_and_links() {
    node("auth0-v7.test.mjs");
}

#[test]
fn auth0_5_for_node_manages_users_and_links() {
    node("auth0-v5.test.mjs");
}

#[test]
fn auth0_4_for_node_manages_users_and_links() {
    node("auth0-v4.test.mjs");
}

#[test]
fn auth0_4_for_node_logs_in_without_a_browser() {
    node("authentication.test.mjs");
}

#[test]
fn express_openid_connect_logs_in_and_links() {
    node("express-openid-connect.test.mjs");
}

#[test]
fn auth0_server_js_logs_in_links_and_unlinks() {
    node("auth0-server-js.test.mjs");
}

#[test]
fn passport_auth0_logs_in() {
    node("passport-auth0.test.mjs");
}

#[test]
fn auth0_for_node_hands_out_tickets_and_runs_jobs() {
    node("operations.test.mjs");
}

#[test]
fn auth0_deploy_cli_exports_the_whole_tenant() {
    node("deploy-cli.test.mjs");
}

#[test]
fn auth0_python_logs_in_manages_users_and_links() {
    static INSTALLED: OnceLock<Option<PathBuf>> = OnceLock::new();
    let packages =
        |folder: &Path| python_packages(&folder.join("venv"), "(3, 10)", include_str!("requirements.txt"));
    if let Some(folder) = SUITES.installed(&INSTALLED, "python", packages) {
        let mut command = Command::new(folder.join("venv/bin/python"));
        command.args(["-W", "ignore", "-m", "unittest", "-v", "test_auth0_python"]);
        run(command.current_dir(folder));
    }
}

/// The Management API's own document says what may be asked, and what the
/// answers are. LIGATURE_FUZZ_SEED and LIGATURE_FUZZ_EXAMPLES (60 if unset) ask
/// otherwise.
#[test]
fn schemathesis_finds_nothing_in_the_management_api() {
    static INSTALLED: OnceLock<Option<PathBuf>> = OnceLock::new();
    let packages = |folder: &Path| {
        let pins = include_str!("schemathesis/requirements.txt");
        python_packages(&folder.join("schemathesis"), "(3, 11)", pins)
    };
    let Some(folder) = SUITES.installed(&INSTALLED, "schemathesis", packages) else { return };
    let place = tempfile::tempdir().expect("a temporary folder");
    let config = include_str!("schemathesis/tenant.toml");
    let tenant = Tenant::start(&place.path().join("tenant"), config, &[]);
    let document = format!("{}openapi.json", tenant.http);
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/schemathesis");
    let ask = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(folder.join("schemathesis/bin").join(program));
        command.args(arguments).env("LIGATURE_HTTP", &tenant.http);
        command.env("SCHEMATHESIS_HOOKS", suite.join("hooks.py")).env("PYTHONDONTWRITEBYTECODE", "1");
        // The program leaves files in its working folder.
        run_to_its_end(command.current_dir(place.path()), &place.path().join("output"), &tenant);
    };
    let text = |path: PathBuf| path.to_str().expect("a path in UTF-8").to_owned();
    ask("python", &[&text(suite.join("validate.py")), &document]);

    let setting = |name: &str, otherwise: &str| std::env::var(name).unwrap_or_else(|_| otherwise.to_owned());
    let (seed, examples) = (setting("LIGATURE_FUZZ_SEED", "1"), setting("LIGATURE_FUZZ_EXAMPLES", "60"));
    let config = text(suite.join("schemathesis.toml"));
    let run = ["--config-file", &config, "run", &document, "--seed", &seed, "--max-examples"];
    // Each rotation outdates tokens that other requests would have been sent with.
    ask("st", &[&run[..], &[&examples, "--exclude-operation-id", "post_signing_keys"]].concat());
    let alone = ["10", "--include-operation-id", "post_signing_keys", "--phases", "coverage,fuzzing"];
    ask("st", &[&run[..], &alone].concat());
    tenant.stop();
}

fn node(file: &str) {
    static INSTALLED: OnceLock<Option<PathBuf>> = OnceLock::new();
    if let Some(folder) = SUITES.installed(&INSTALLED, "node", node_packages) {
        let mut command = Command::new("node");
        command.args(["--test-reporter=spec", file]);
        run(command.current_dir(folder));
    }
}

/// Runs one suite against tenants of its own.
fn run(suite: &mut Command) {
    let place = tempfile::tempdir().expect("a temporary folder");
    // The tenants must know where the application will listen.
    let app = format!("http://localhost:{}", reserve_port());
    let config = include_str!("tenant.toml").replace("APP", &app);
    let wide = Tenant::start(&place.path().join("wide"), &config, &[]);
    let narrow = Tenant::start(&place.path().join("narrow"), &(config + NARROW), &[]);

    let authorities = place.path().join("ca.pem");
    let pem = |tenant: &Tenant| fs::read_to_string(&tenant.ca).expect("the tenant's own authority");
    fs::write(&authorities, pem(&wide) + &pem(&narrow)).expect("a file is written");
    suite
        .env("LIGATURE_HTTP", &wide.http)
        .env("LIGATURE_HTTPS", &wide.https)
        .env("LIGATURE_NARROW", &narrow.https)
        .env("LIGATURE_APP", format!("{app}/"))
        .env("NODE_EXTRA_CA_CERTS", &authorities)
        .env("SSL_CERT_FILE", &authorities)
        .env("REQUESTS_CA_BUNDLE", &authorities)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    run_to_its_end(suite, &place.path().join("output"), &wide);
    wide.stop();
    narrow.stop();
}

fn node_packages(folder: &Path) -> Result<(), String> {
    npm_ci(folder, include_str!("package-lock.json"))
}

/// A virtual environment of what is pinned.
fn python_packages(venv: &Path, at_least: &str, pins: &str) -> Result<(), String> {
    // Debian's has a venv without the pip that goes into it.
    let check = format!(
        "import ensurepip, sys, venv; assert sys.version_info >= {at_least}, sys.version; print(sys.version)"
    );
    let python = output(Command::new("python3").args(["-c", &check]))?;
    unless_stamped(venv, &(python + pins), || {
        output(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv))?;
        let requirements = venv.join("requirements.txt");
        fs::write(&requirements, pins).map_err(|error| format!("{}: {error}", requirements.display()))?;
        let mut pip = Command::new(venv.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
        output(pip.args(["--require-hashes", "--only-binary=:all:", "-r"]).arg(requirements))
    })
}
