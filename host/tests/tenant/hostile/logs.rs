//! Names and a plugin's texts in the log: one event is one line, and nothing in
//! it does anything to the terminal that shows it.

use crate::tenants::{CONFIG, Tenant, open};

crate::tests![a_line_of_text_for_each_event, a_line_of_json_for_each_event];

const ATTACKS: [&str; 3] = ["hostile-texts", "hostile-panic", "hostile-end"];
/// Marks and invisible characters, which an identity may have; control characters are refused.
const MARKS: &str = "\u{202e}\u{200b}";

/// The log of a tenant at logins of a hostile user, with a plugin that means harm.
fn log(format: &str) -> String {
    let connections = ATTACKS.map(|name| {
        format!(
            "\n[[connections]]\nname = {name:?}\nstrategy = \"facebook\"\n[[connections.accounts]]\nuser_id = \"{name}{MARKS}\"\n\
             email = \"ada@example.com\"\nemail_verified = true\nname = \"\\u001B]52;c;ZXZpbA==\\u0007\\n\"\n"
        )
    });
    let arguments = ["--plugin", ligature_test_guests::EVIL_FILE, "--log-format", format];
    let tenant = Tenant::logging(&(CONFIG.to_owned() + &connections.concat()), &arguments);
    for name in ATTACKS {
        let mut browser = tenant.browser();
        let state = open(&mut browser, &[]);
        let user_id = format!("{name}{MARKS}");
        let account = [("state", state.as_str()), ("connection", name), ("account", &user_id)];
        browser.submit("/u/stand-in", &account);
    }
    tenant.running.log()
}

fn assert_harmless(line: &str) {
    let is_hostile = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{e0000}'..='\u{e007f}')
    };
    let found: Vec<_> = line.chars().filter(|c| is_hostile(*c)).collect();
    assert!(found.is_empty(), "{found:?}: {line}");
    assert!(line.len() < 4_000, "{} bytes: {line}", line.len());
}

fn a_line_of_text_for_each_event() {
    let log = log("text");
    for line in log.lines() {
        assert_harmless(line);
        let (year, _) = line.split_once('-').unwrap_or_default();
        assert!(year.len() == 4 && year.parse::<u16>().is_ok(), "it begins with no time: {line}");
    }
    let events = |words: &str| log.lines().filter(|line| line.contains(words)).count();
    assert_eq!(events(" audit: the plugin failed user="), 2, "{log}");
    assert_eq!(events(" audit: the guard refused user="), 1, "{log}");
    assert_eq!(events(" login: login decided user="), 3, "{log}");
    assert!(log.contains(r"failure=panicked: \u{1b}]52;c;ZXZpbA==\u{7}\n\r\u{1b}[2J"), "{log}");
    assert!(log.contains(r"user=facebook|hostile-end\u{202e}\u{200b} "), "{log}");
}

fn a_line_of_json_for_each_event() {
    let log = log("json");
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| {
            assert_harmless(line);
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
        })
        .collect();
    let failures: Vec<_> = lines.iter().filter(|line| line["message"] == "the plugin failed").collect();
    assert_eq!(failures.len(), 2, "{log}");
    for failure in failures {
        assert!(failure["user"].as_str().is_some_and(|user| user.ends_with(MARKS)), "JSON means the same");
        assert!(failure["failure"].as_str().is_some_and(|it| it.len() <= (1 << 10) + "…".len()));
    }
}
