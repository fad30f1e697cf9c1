//! The options of the console.

use super::desk::Office;
use crate::http::Browser;
use crate::service::{Place, program, set_mode};

crate::tests![
    without_its_options_there_is_no_console,
    every_fault_of_the_console_is_told_in_one_sentence,
    a_check_tries_the_application_at_the_issuer,
];

/// The output of `ligature hook` with these options.
fn hook(place: &Place, more: &[&str], credentials: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = program();
    command.args(["hook", "--listen", "127.0.0.1:0", "--directory", &place.directory]);
    command.args(["--policy", "policy.json", "--secret-file", "secret", "--check"]).args(more);
    command.envs(credentials.iter().copied()).current_dir(place.folder.path());
    let output = command.output().expect("the program runs");
    let said = [&output.stdout[..], &output.stderr].concat();
    (output.status.code(), String::from_utf8(said).expect("UTF-8"))
}

const CREDENTIALS: [(&str, &str); 2] = [
    ("LIGATURE_CONSOLE_CLIENT_ID", "console"),
    ("LIGATURE_CONSOLE_CLIENT_SECRET", "the-secret-of-the-console"),
];

fn without_its_options_there_is_no_console() {
    let place = Place::new();
    let service = place.start(&[]);
    for path in ["/console", "/console/log-in", "/console/users"] {
        assert_eq!(Browser::at(&service.url).get(path).status, 404, "{path}");
    }
}

/// The options, the variables of the environment, and the expected words.
type Case<'a> = (Vec<&'a str>, &'a [(&'a str, &'a str)], &'a str);

fn every_fault_of_the_console_is_told_in_one_sentence() {
    let place = Place::new();
    let url = ["--console-url", "https://hook.example.com"];
    let issuer = ["--console-issuer", "https://login.example.com"];
    let operator = ["--console-operator", "ada@example.com"];
    let cases: [Case<'_>; 9] = [
        ([&url[..], &issuer, &operator].concat(), &[], "set LIGATURE_CONSOLE_CLIENT_ID and"),
        ([&url[..], &issuer].concat(), &CREDENTIALS, "no operator is named"),
        ([&url[..], &issuer, &["--console-operator", "a b"]].concat(), &CREDENTIALS, "contains white space"),
        (
            [&url[..], &issuer, &["--console-operators", "none.txt"]].concat(),
            &CREDENTIALS,
            "none.txt: there is no",
        ),
        (
            [&["--console-url", "http://hook.example.com"][..], &issuer, &operator].concat(),
            &CREDENTIALS,
            "not https",
        ),
        (
            [&["--console-url", "https://a.test/path"][..], &issuer, &operator].concat(),
            &CREDENTIALS,
            "a path",
        ),
        (
            [&url[..], &["--console-issuer", "login.example.com"], &operator].concat(),
            &CREDENTIALS,
            "not a URL",
        ),
        (url.to_vec(), &CREDENTIALS, "--console-issuer"),
        (operator.to_vec(), &CREDENTIALS, "--console-url"),
    ];
    for (options, credentials, words) in cases {
        let (code, said) = hook(&place, &options, credentials);
        assert_eq!(code, Some(2), "{options:?}: {said}");
        assert!(said.contains(words), "{options:?}: {said}");
        assert!(!said.contains("the-secret"), "{said}");
    }
    place.write("open.toml", "client_id = \"console\"\nclient_secret = \"the-secret\"\n");
    set_mode(&place.file("open.toml"), 0o644);
    let file = [("LIGATURE_CONSOLE_CREDENTIALS_FILE", "open.toml")];
    let (code, said) = hook(&place, &[&url[..], &issuer, &operator].concat(), &file);
    assert!(code == Some(2) && said.contains("chmod 600"), "{said}");
}

fn a_check_tries_the_application_at_the_issuer() {
    let office = Office::open();
    let callback = format!("{}/console/callback", office.public_url);
    let options = |url: &str| {
        let issuer = office.issuer.http.clone();
        ["--console-url", url, "--console-issuer", &issuer, "--console-operator", "x"].map(str::to_owned)
    };
    let check = |url: &str, secret: &str| {
        let options = options(url);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        hook(&office.place, &options, &[CREDENTIALS[0], (CREDENTIALS[1].0, secret)])
    };
    let (code, said) = check(&office.public_url, CREDENTIALS[1].1);
    let told =
        format!("The console's issuer accepts the application, its secret and the callback {callback}");
    assert!(code == Some(0) && said.contains(&told), "{said}");
    for (url, secret, words) in [
        (&*office.public_url, "another", "refuses the application"),
        ("http://localhost:1", CREDENTIALS[1].1, "add this URL to the application's Allowed Callback URLs"),
    ] {
        let (code, said) = check(url, secret);
        assert!(code == Some(2) && said.contains(words), "{said}");
    }
}
