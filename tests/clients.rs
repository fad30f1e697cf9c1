//! The official clients, run against `ligature serve`: a tenant of its own for
//! every suite of `tests/clients/`, and one whose rate limit is narrow.

#[path = "clients/suites.rs"]
mod suites;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use suites::{Suites, Tenant, npm_ci, output, run_to_its_end, unless_stamped};

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
fn auth0_python_logs_in_manages_users_and_links() {
    static INSTALLED: OnceLock<Option<PathBuf>> = OnceLock::new();
    if let Some(folder) = SUITES.installed(&INSTALLED, "python", python_packages) {
        let mut command = Command::new(folder.join("venv/bin/python"));
        command.args(["-W", "ignore", "-m", "unittest", "-v", "test_auth0_python"]);
        run(command.current_dir(folder));
    }
}

fn node(file: &str) {
    static INSTALLED: OnceLock<Option<PathBuf>> = OnceLock::new();
    if let Some(folder) = SUITES.installed(&INSTALLED, "node", node_packages) {
        let mut command = Command::new("node");
        command.args(["--test-reporter=spec", file]);
        run(command.current_dir(folder));
    }
}

/// One suite, with the tenants that it asks.
fn run(suite: &mut Command) {
    let place = tempfile::tempdir().expect("a temporary folder");
    // The tenants must know where the application will listen. Its port is held
    // until then, or one of them might get it.
    let held = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let app = format!("http://localhost:{}", held.local_addr().expect("its port").port());
    let config = include_str!("clients/tenant.toml").replace("APP", &app);
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
    drop(held);
    run_to_its_end(suite, &place.path().join("output"), &wide);
    wide.stop();
    narrow.stop();
}

fn node_packages(folder: &Path) -> Result<(), String> {
    npm_ci(folder, include_str!("clients/package-lock.json"))
}

fn python_packages(folder: &Path) -> Result<(), String> {
    // Debian's has a venv without the pip that goes into it.
    let check =
        "import ensurepip, sys, venv; assert sys.version_info >= (3, 10), sys.version; print(sys.version)";
    let python = output(Command::new("python3").args(["-c", check]))?;
    let stamp = python + include_str!("clients/requirements.txt");
    unless_stamped(&folder.join("venv"), &stamp, || {
        output(Command::new("python3").args(["-m", "venv", "--clear", "venv"]).current_dir(folder))?;
        let mut pip = Command::new(folder.join("venv/bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
        pip.args(["--require-hashes", "--only-binary=:all:", "-r", "requirements.txt"]);
        output(pip.current_dir(folder))
    })
}
