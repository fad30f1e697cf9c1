//! Errors of `ligature serve` for input that it cannot serve.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs the program and returns its exit code and output.
fn serve(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_ligature"))
        .arg("serve")
        .args(arguments)
        .current_dir(folder)
        .env("LIGATURE_STATE", folder.join("state"))
        .env("LIGATURE_LOG", "error")
        .env("RUST_BACKTRACE", "1")
        .env_remove("LIGATURE_DIRECTORY")
        .stdin(Stdio::null())
        .output()
        .expect("the program runs");
    let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("the program prints UTF-8");
    assert!(!said.contains("panicked") && !said.contains("backtrace"), "{said}");
    (output.status.code(), said.replace(&folder.display().to_string(), "FOLDER"))
}

fn said(files: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("a file is written");
    }
    let any_port = ["--port", "0", "--tls-port", "0"];
    serve(folder.path(), &[&any_port, arguments].concat())
}

#[test]
fn init_writes_a_configuration_that_only_its_owner_may_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (code, said) = serve(folder.path(), &["--init"]);
    assert_eq!(code, Some(0), "{said}");
    let file = folder.path().join("tenant.toml");
    let mode = fs::metadata(&file).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let before = fs::read(&file).expect("it can be read");
    let again = serve(folder.path(), &["--init"]);
    assert_eq!(again, (Some(2), "error: tenant.toml already exists, and was not changed\n".to_owned()));
    assert_eq!(fs::read(&file).expect("it can be read"), before);
}

#[test]
fn init_writes_a_policy_beside_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let policy = folder.path().join("policy.json");
    let next = "  ligature serve --config tenant.toml --directory sqlite:users.db --policy policy.json\n";
    let said = "tenant.toml is written, with random secrets, and policy.json beside it. Next:\n";
    assert_eq!(serve(folder.path(), &["--init"]), (Some(0), format!("{said}{next}")));
    let checked =
        Command::new(env!("CARGO_BIN_EXE_ligature")).args(["policy", "check"]).arg(&policy).output();
    assert!(checked.expect("the program runs").status.success());

    // One that is there stays.
    fs::remove_file(folder.path().join("tenant.toml")).expect("it was there");
    fs::write(&policy, "{}").expect("a file is written");
    let said = "tenant.toml is written, with random secrets; policy.json already existed, and was not changed. Next:\n";
    assert_eq!(serve(folder.path(), &["--init"]), (Some(0), format!("{said}{next}")));
    assert_eq!(fs::read_to_string(&policy).expect("it can be read"), "{}");

    // Beside a configuration elsewhere.
    fs::create_dir(folder.path().join("sub")).expect("a folder");
    let (code, said) = serve(folder.path(), &["--init", "--config", "sub/dev.toml"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.ends_with("--config sub/dev.toml --directory sqlite:users.db --policy sub/policy.json\n"),
        "{said}"
    );
    assert!(folder.path().join("sub/policy.json").is_file());
}

#[test]
fn a_mistake_in_the_configuration_is_told_with_its_line() {
    let config =
        "name = \"dev\"\n\n[[clients]]\nclient_id = \"web\"\nclient_sekret = \"do not print this\"\n";
    let (code, said) = said(&[("tenant.toml", config)], &["--config", "tenant.toml"]);
    assert_eq!(code, Some(2));
    assert!(
        said.starts_with("error: tenant.toml: line 5, column 1: unknown field `client_sekret`"),
        "{said}"
    );
    assert!(!said.contains("do not print this"), "{said}");
}

#[test]
fn a_configuration_that_is_not_there_is_offered() {
    let (code, said) = said(&[], &["--config", "nowhere.toml"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("nowhere.toml") && said.contains("`ligature serve --init` writes one"), "{said}");
}

#[test]
fn a_policy_that_is_wrong_is_told_with_its_place() {
    let (code, said) =
        said(&[("policy.json", "{\n  \"mode\": \"sometimes\"\n}")], &["--policy", "policy.json"]);
    assert_eq!(code, Some(2));
    assert!(
        said.starts_with(
            "error: policy.json, line 2, column 21: the policy: `mode`: unknown value `sometimes`"
        ),
        "{said}"
    );
}

#[test]
fn a_plugin_that_is_none_is_told() {
    let (code, said) = said(&[("plugin.wasm", "no wasm")], &["--plugin", "plugin.wasm"]);
    assert_eq!(code, Some(2));
    assert!(said.starts_with("error: plugin plugin.wasm "), "{said}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("its port").port().to_string();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (code, said) = serve(folder.path(), &["--port", &port, "--tls-port", "0"]);
    assert_eq!(code, Some(1));
    assert!(said.starts_with(&format!("error: port {port} cannot be used: ")), "{said}");
}

#[test]
fn a_directory_that_is_none_is_told_without_its_password() {
    let (code, said) = said(&[], &["--directory", "mysql://root:hunter2@localhost/users"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("expected sqlite:PATH, postgres://USER@HOST/DATABASE or auth0://DOMAIN"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn another_tenant_is_no_directory_of_a_tenant() {
    let (code, said) =
        said(&[], &["--directory", "auth0://acme.eu.auth0.com", "--journal", "sqlite:journal.db"]);
    assert_eq!(code, Some(2));
    assert!(
        said.starts_with("error: `ligature serve` is a tenant itself") && said.contains("`ligature hook`"),
        "{said}"
    );
}

#[test]
fn a_state_folder_that_is_a_file_is_named() {
    let (code, said) = said(&[("state", "")], &[]);
    assert_eq!(code, Some(2));
    assert!(said.starts_with("error: FOLDER/state: "), "{said}");
}

#[test]
fn a_signing_key_that_is_none_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("state")).expect("a folder");
    fs::write(folder.path().join("state/signing-key.pem"), "nonsense").expect("a file is written");
    let (code, said) = serve(folder.path(), &["--port", "0", "--tls-port", "0"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("FOLDER/state/signing-key.pem: this is not an RSA key in PEM"), "{said}");
}

/// A supervisor may end the program, or hang up, as soon as it is ready.
#[test]
#[cfg(unix)]
fn signals_are_heard_from_the_first_moment() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for signals in ["kill -TERM $0", "kill -INT $0", "kill -HUP $0; kill -TERM $0"] {
        let status = ended(folder.path(), &[], signals);
        assert_eq!(status.code(), Some(0), "{signals}: {status}");
    }
}

/// SQLite takes its log away when the last connection is closed in order.
#[test]
#[cfg(unix)]
fn the_directory_is_closed_when_it_ends() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("policy.json"), "{}").expect("a file is written");
    for arguments in [&[][..], &["--policy", "policy.json"]] {
        let status =
            ended(folder.path(), &[arguments, &["--directory", "sqlite:users.db"]].concat(), "kill -TERM $0");
        assert_eq!(status.code(), Some(0), "{status}");
        assert!(folder.path().join("users.db").exists());
        assert!(!folder.path().join("users.db-wal").exists(), "{arguments:?}");
    }
}

/// Sends these signals as soon as the program is ready, and returns how it ends.
#[cfg(unix)]
fn ended(folder: &Path, arguments: &[&str], signals: &str) -> std::process::ExitStatus {
    let mut server = Command::new(env!("CARGO_BIN_EXE_ligature"))
        .args(["serve", "--port", "0", "--tls-port", "0"])
        .args(arguments)
        .current_dir(folder)
        .env("LIGATURE_STATE", folder.join("state"))
        .env("LIGATURE_LOG", "error")
        .env_remove("LIGATURE_DIRECTORY")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    // The shell is there already, and loses no time.
    let mut shell = Command::new("sh")
        .args(["-c", &format!("read -r _; {signals}"), &server.id().to_string()])
        .stdin(server.stdout.take().expect("its output"))
        .spawn()
        .expect("a shell");
    assert!(shell.wait().expect("it ends").success());
    server.wait().expect("it ends")
}
