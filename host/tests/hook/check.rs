//! `ligature hook --check`, and the faults that a start refuses.

use std::net::TcpListener;
use std::process::Output;

use crate::service::{Place, SECRET, program, set_mode};

crate::tests![
    a_check_without_a_fault_says_so,
    a_check_lists_the_protections_that_a_policy_gives_up,
    a_check_reports_on_each_policy,
    a_plugin_that_fails_when_it_is_asked_for_warnings_costs_no_login,
    every_fault_is_told_in_one_sentence,
    a_check_changes_nothing,
    a_port_that_is_taken_is_named,
    a_check_beside_the_running_hook_warns_of_its_port,
    a_check_names_what_is_left_to_defaults,
    a_check_and_a_start_warn_of_a_mode_that_asks_nobody,
    secret_files_that_others_may_read_are_refused,
    options_that_cannot_be_are_refused,
    a_journal_that_cannot_be_written_is_a_fault,
];

pub(crate) fn hook(place: &Place, arguments: &[&str]) -> (Option<i32>, String) {
    let output = program().arg("hook").args(arguments).current_dir(place.folder.path()).output();
    read(&output.expect("the program runs"), place)
}

pub(crate) fn read(output: &Output, place: &Place) -> (Option<i32>, String) {
    let said = [&output.stdout[..], &output.stderr].concat();
    let said =
        String::from_utf8(said).expect("UTF-8").replace(&place.folder.path().display().to_string(), "FOLDER");
    assert!(!said.contains("panicked"), "{said}");
    (output.status.code(), said)
}

pub(crate) const LISTEN: [&str; 2] = ["--listen", "127.0.0.1:0"];

fn a_check_without_a_fault_says_so() {
    let place = Place::new();
    let options =
        ["--check", "--directory", &place.directory, "--secret-file", "secret", "--policy", "policy.json"];
    let said = "Secret, directory, policies and address are usable\n".to_owned();
    assert_eq!(hook(&place, &[&options[..], &LISTEN].concat()), (Some(0), said));
    let (code, said) = hook(&place, &[&options[..], &LISTEN, &["--record", "."]].concat());
    assert_eq!(
        (code, said.as_str()),
        (Some(0), "Secret, directory, policies, recordings and address are usable\n")
    );
}

fn a_check_and_a_start_warn_of_a_mode_that_asks_nobody() {
    let place = Place::new();
    let warning = |mode: &str| {
        format!(
            "the policy link-users-by-email has the mode {mode}, which asks users, and without --confirm-url no user"
        )
    };
    for (document, mode) in [
        (r#"{"mode": "suggest"}"#, "suggest"),
        (r#"{"mode": "required"}"#, "required"),
        (r#"{"preset": "strict"}"#, "suggest"),
    ] {
        place.write("policy.json", document);
        let options = [
            "--check",
            "--directory",
            &place.directory,
            "--secret-file",
            "secret",
            "--policy",
            "policy.json",
        ];
        let (code, said) = hook(&place, &[&options[..], &LISTEN].concat());
        assert!(
            code == Some(0) && said.contains(&format!("warning: confirmation: {}", warning(mode))),
            "{said}"
        );
    }
    let service = place.start(&[]);
    service.log_with(&warning("suggest"));
    let configured = service.log_with("the login hook is configured");
    let line = configured.lines().find(|line| line.contains("is configured")).expect("the line");
    for field in
        [&format!("directory=\"{}\"", place.directory), "secrets=1", "policies=\"/", "on_failure=Proceed"]
    {
        assert!(line.contains(field), "{line}");
    }
    assert!(service.log_with("the policy decides logins").contains("mode=\"suggest\""));
    place.write("policy.json", r#"{"mode": "off"}"#);
    assert!(service.log_with("plugin and policy reloaded").contains("mode=\"off\""));

    // Variables of a confirmation that is not configured.
    let output = program()
        .args(["hook", "--check", "--directory", &place.directory, "--secret-file", "secret"])
        .args(["--policy", "policy.json", "--listen", "127.0.0.1:0"])
        .env("LIGATURE_CONFIRM_CLIENT_ID", "web")
        .current_dir(place.folder.path())
        .output();
    let (code, said) = read(&output.expect("the program runs"), &place);
    let unused = "LIGATURE_CONFIRM_CLIENT_ID is set, and has no effect without --confirm-url";
    assert!(code == Some(0) && said.contains(unused), "{said}");
}

fn a_check_lists_the_protections_that_a_policy_gives_up() {
    let place = Place::new();
    place.write("policy.json", r#"{"preset": "auth0-rule"}"#);
    let options =
        ["--check", "--directory", &place.directory, "--secret-file", "secret", "--policy", "policy.json"];
    let (code, said) = hook(&place, &[&options[..], &LISTEN].concat());
    let warnings = said.matches("warning: policy `link-users-by-email`: ").count();
    assert!(code == Some(0) && warnings >= 10 && said.contains("(S-08 in docs/security.md)"), "{said}");
}

fn a_check_reports_on_each_policy() {
    let place = Place::new();
    let policies = "[[policy]]\nname = \"a\"\nsettings = { preset = \"auth0-rule\" }\n\
                    [[policy]]\nname = \"b\"\nsettings = { mode = \"sometimes\" }\n\
                    [[policy]]\nname = \"c\"\nsettings = { mode = \"never\" }\n";
    place.write("policies.toml", policies);
    let options = [
        "--check",
        "--directory",
        &place.directory,
        "--secret-file",
        "secret",
        "--policies",
        "policies.toml",
    ];
    let (code, said) = hook(&place, &[&options[..], &LISTEN].concat());
    assert_eq!(code, Some(2), "{said}");
    let faults = ["error: policies: policies.toml, line 6,", "error: policies: policies.toml, line 9,"];
    for part in ["warning: policy `a`: ", faults[0], faults[1]] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

fn a_plugin_that_fails_when_it_is_asked_for_warnings_costs_no_login() {
    let place = Place::new();
    let options = [
        "--check",
        "--directory",
        &place.directory,
        "--secret-file",
        "secret",
        "--policies",
        "policies.toml",
    ];
    // Asking for warnings takes more fuel than checking the policy.
    let mut fuel = 40_000;
    let said = loop {
        let settings = "[[policy]]\nsettings = { preset = \"auth0-rule\" }\n";
        place.write("policies.toml", format!("[limits]\nfuel = {fuel}\n{settings}"));
        let (code, said) = hook(&place, &[&options[..], &LISTEN].concat());
        if code == Some(0) {
            break said;
        }
        assert!(said.contains("error: policies: ") && said.contains("ran out of fuel"), "{said}");
        fuel += fuel / 10;
    };
    let warning = "warning: policy `link-users-by-email`: its warnings are not known: plugin link-users-by-email ran out of fuel";
    assert!(said.contains(warning), "{said}");
}

fn every_fault_is_told_in_one_sentence() {
    let place = Place::new();
    place.write("short", &SECRET[..31]);
    place.write("broken.json", "{ \"mode\": \"sometimes\" }");
    place.write("cert.pem", "no certificate");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("its address").to_string();
    let options = [
        "--check",
        "--directory",
        "sqlite:nowhere/users.db",
        "--secret-file",
        "short",
        "--policy",
        "broken.json",
        "--tls-certificate",
        "cert.pem",
        "--tls-key",
        "nowhere.pem",
        "--listen",
        &address,
    ];
    let (code, said) = hook(&place, &options);
    assert_eq!(code, Some(2), "{said}");
    insta::assert_snapshot!(said.replace(&address, "127.0.0.1:PORT"));
}

fn a_check_changes_nothing() {
    let place = Place::new();
    let options = ["--check", "--directory", "sqlite:new.db", "--secret-file", "secret"];
    let (code, said) = hook(&place, &[&options[..], &LISTEN].concat());
    assert!(code != Some(0) && said.contains("error: directory: "), "{said}");
    assert!(!place.file("new.db").exists());
    // Nor does a start create a directory from a mistyped path.
    let (code, said) = hook(&place, &[&options[1..], &LISTEN].concat());
    assert!(code != Some(0) && said.contains("new.db"), "{said}");
    assert!(!place.file("new.db").exists());
}

fn a_port_that_is_taken_is_named() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("its address").to_string();
    let options = ["--directory", &place.directory, "--secret-file", "secret", "--listen", &address];
    let (code, said) = hook(&place, &options);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.starts_with(&format!("error: {address} cannot be listened on: ")), "{said}");
}

/// The configuration is checked before a restart, while the service runs.
fn a_check_beside_the_running_hook_warns_of_its_port() {
    let place = Place::new();
    let service = place.start(&[]);
    let address = service.url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let options =
        ["--check", "--directory", &place.directory, "--secret-file", "secret", "--policy", "policy.json"];
    let (code, said) = hook(&place, &[&options[..], &["--listen", &address]].concat());
    let warning = format!(
        "warning: address: a program listens on {address} already. If it is this hook, that is not a fault; a second \
         service needs another address, by --listen\n"
    );
    assert_eq!((code, said), (Some(0), format!("Secret, directory and policies are usable\n{warning}")));
    let (code, said) = hook(&place, &[&options[..], &["--listen", "192.0.2.1:4490"]].concat());
    assert!(
        code == Some(1) && said.contains("error: address: 192.0.2.1:4490 cannot be listened on"),
        "{said}"
    );
    assert!(!said.contains("os error"), "{said}");
}

fn a_check_names_what_is_left_to_defaults() {
    let place = Place::new();
    let options = ["--check", "--directory", &place.directory, "--secret-file", "secret"];
    let (code, said) = hook(&place, &[&options[..], &LISTEN].concat());
    assert_eq!(code, Some(0), "{said}");
    let defaults = "warning: policies: no --policy and no --policies is given, so the plugin's defaults decide; with the \
                    built-in plugin, they only observe, and link nothing\n";
    assert!(said.ends_with(defaults), "{said}");
    let open = "warning: address: the service listens beyond this machine, and answers HTTP without TLS: only a proxy \
                with TLS should reach 0.0.0.0:0; or give --tls-certificate and --tls-key\n";
    assert!(!said.contains(open), "{said}");
    let (code, said) =
        hook(&place, &[&options[..], &["--policy", "policy.json", "--listen", "0.0.0.0:0"]].concat());
    assert!(code == Some(0) && said.ends_with(open), "{said}");
}

fn secret_files_that_others_may_read_are_refused() {
    let place = Place::new();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    place.write("cert.pem", made.cert.pem());
    place.write("key.pem", made.signing_key.serialize_pem());
    let base =
        ["--check", "--directory", &place.directory, "--policy", "policy.json", "--listen", "127.0.0.1:0"];
    let tls = ["--tls-certificate", "cert.pem", "--tls-key", "key.pem", "--secret-file", "secret"];
    let told = |name: &str| {
        format!("{name}: other users of this machine may read it; `chmod 600 {name}` corrects that\n")
    };
    for (name, part) in [("secret", "secret: the secret file "), ("key.pem", "certificate: ")] {
        for mode in [0o644, 0o604] {
            set_mode(&place.file(name), mode);
            let (code, said) = hook(&place, &[&base[..], &tls].concat());
            assert_eq!((code, said), (Some(2), format!("error: {part}{}", told(name))));
        }
        set_mode(&place.file(name), 0o600);
    }
    let (code, said) = hook(&place, &[&base[..], &tls].concat());
    assert_eq!(
        (code, said.as_str()),
        (Some(0), "Secret, certificate, directory, policies and address are usable\n")
    );
}

fn options_that_cannot_be_are_refused() {
    let place = Place::new();
    place.write("empty.toml", "");
    let base = ["--directory", &place.directory];
    let refused = [
        (&["--secret-file", "nowhere"][..], "the secret file nowhere: there is no such file"),
        (&[], "there is no secret; name its file with --secret-file"),
        (&["--secret-file", "secret", "--secret-file", "secret"], "are the same; leave one out"),
        (&["--secret-file", "secret", "--listen", "localhost"], "expected an IP address and a port"),
        (&["--secret-file", "secret", "--tls-key", "key.pem"], "--tls-certificate"),
        (&["--secret-file", "secret", "--policies", "empty.toml"], "there is no [[policy]] in it"),
        (&["--secret-file", "secret", "--concurrent-logins", "0"], "expected a whole number from 1 to 1000"),
    ];
    for (options, expected) in refused {
        let (code, said) = hook(&place, &[&base[..], options].concat());
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(expected), "{said}");
        assert!(!said.contains(SECRET), "{said}");
    }
}

/// Users of a database can be looked up without writing, and links cannot be recorded.
fn a_journal_that_cannot_be_written_is_a_fault() {
    use std::os::unix::process::CommandExt;
    const NOBODY: u32 = 65_534;
    let place = Place::new();
    let folder = place.folder.path();
    set_mode(&place.file("policy.json"), 0o644);
    set_mode(&place.file("users.db"), 0o644);
    let copy = place.file("ligature");
    std::fs::copy(env!("CARGO_BIN_EXE_ligature"), &copy).expect("a copy of the program");
    set_mode(folder, 0o555);
    let mut command = std::process::Command::new(copy);
    command
        .args(["hook", "--check", "--directory", &place.directory, "--policy", "policy.json"])
        .args(LISTEN);
    command.current_dir(folder).env_clear().env("LIGATURE_HOOK_SECRET", SECRET);
    // Modes do not bind root.
    if std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").expect("this process")) == 0 {
        command.uid(NOBODY).gid(NOBODY);
    }
    let (code, said) = read(&command.output().expect("the program runs"), &place);
    set_mode(folder, 0o755);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("no link can be recorded: nothing can be written to the folder FOLDER"), "{said}");
}
