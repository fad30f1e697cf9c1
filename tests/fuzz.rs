//! Mutates the cases as JSON, at random, and lets the built component decide
//! them. Asserts that it does not trap, gives a reason, names only users of the
//! case, and links only users that have all verified the login's address.
//!
//! Runs for LIGATURE_FUZZ_SECONDS (3 if unset; CI: 30). A failure prints the
//! case; LIGATURE_FUZZ_SEED repeats a run. `fuzz/` fuzzes the decision guided by
//! coverage.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use ligature_host::harness::{Case, Change, Report, run_case};
use ligature_host::model::{Decision, User, mask_addresses};
use ligature_host::policies::PolicyError;
use ligature_tests::{POLICY, workspace};
use serde_json::{Map, Value, json};

#[test]
fn mutated_cases_are_decided_soundly() {
    let setting = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = setting("LIGATURE_FUZZ_SEED").unwrap_or_else(|| Rng::new().u64(..));
    let time = Duration::from_secs(setting("LIGATURE_FUZZ_SECONDS").unwrap_or(3));
    let mut rng = Rng::with_seed(seed);
    let cases = read_cases();
    let (mut tried, mut decided, mut linked) = (0_u64, 0_u64, 0_u64);
    let start = Instant::now();
    while start.elapsed() < time {
        tried += 1;
        let mut case = rng.choice(&cases).cloned().unwrap_or_default();
        for _ in 0..rng.usize(1..4) {
            mutate(&mut case, &mut rng, 0);
        }
        let text = case.to_string();
        let Ok(case) = Case::parse(Path::new("mutated.json"), &text) else { continue };
        match case.policy.check(&POLICY) {
            Ok(_) => {}
            Err(failed @ PolicyError::Failed { .. }) => panic!("seed {seed}: {failed}\n{text}"),
            Err(_) => continue,
        }
        // A mutated login may be none of the mutated users'.
        let (Ok((directory, arrived)), Ok(report)) = (case.arrive(), run_case(&POLICY, &case, rng.bool()))
        else {
            continue;
        };
        decided += 1;
        linked += u64::from(matches!(report.decision, Decision::Linked { .. }));
        if let Err(what) = check_report(&arrived, &directory.users(), &report) {
            panic!("seed {seed}: {what}\n{text}\n{}", report.to_json());
        }
    }
    println!("seed {seed}: {tried} mutated, {decided} decided, {linked} linked");
    assert!(
        decided > 50 && linked > 5,
        "seed {seed}: {decided} of {tried} could be decided, {linked} linked"
    );
}

fn read_cases() -> Vec<Value> {
    let files = std::fs::read_dir(workspace().join("tests/cases")).expect("the cases are there");
    let mut files: Vec<_> = files.map(|entry| entry.expect("a readable directory").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let read = |file| std::fs::read_to_string(file).expect("a readable case");
    files.into_iter().map(|file| serde_json::from_str(&read(file)).expect("JSON")).collect()
}

/// Checks the report of a login against the users that were there when it
/// arrived.
fn check_report(case: &Case, users: &[Arc<User>], report: &Report) -> Result<(), String> {
    if let Some(failure) = &report.failure {
        return Err(format!("the plugin {failure}"));
    }
    if report.reasons.is_empty() {
        return Err("no reason is given".to_owned());
    }
    // A fault writes while the login is decided: the users are not those of before.
    if !case.faults.is_empty() {
        return Ok(());
    }
    // A report masks addresses, also those within ids.
    let find = |id: &str| {
        let user = users.iter().find(|user| mask_addresses(&user.user_id) == mask_addresses(id));
        user.ok_or_else(|| format!("{id} was not given"))
    };
    for id in report.reasons.iter().flat_map(|reason| &reason.subject) {
        find(id)?;
    }
    let absorbed: Vec<&str> = report
        .changes
        .iter()
        .filter_map(|change| match change {
            Change::Removed { user_id } => Some(user_id.as_str()),
            Change::Added { .. } | Change::Changed { .. } => None,
        })
        .collect();
    let Decision::Linked { primary } = &report.decision else {
        return match absorbed[..] {
            [] => Ok(()),
            [id, ..] => Err(format!("{id} is gone, and the decision is {}", report.decision.kind())),
        };
    };
    if absorbed.is_empty() {
        return Err("the decision is a link, and no account was absorbed".to_owned());
    }
    let address = case.event.user.email.as_deref().unwrap_or_default();
    for id in absorbed.into_iter().chain([primary.as_str(), &case.event.user.user_id]) {
        check_linked(find(id)?, address).map_err(|what| format!("{id} was linked: {what}"))?;
    }
    Ok(())
}

/// Checks that an account may take part in a link at this address.
fn check_linked(user: &User, address: &str) -> Result<(), &'static str> {
    if !user.email_verified.is_verified() {
        return Err("it is not verified");
    }
    if user.blocked {
        return Err("it is blocked");
    }
    if !user.email.as_deref().is_some_and(|email| email.eq_ignore_ascii_case(address)) {
        return Err("it has another address");
    }
    Ok(())
}

fn mutate(value: &mut Value, rng: &mut Rng, depth: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() && rng.u8(..) > 20 => mutate_object(fields, rng, depth),
        Value::Array(items) if !items.is_empty() && rng.u8(..) > 40 => {
            let index = rng.usize(..items.len());
            match rng.u8(..6) {
                0 => drop(items.remove(index)),
                1 if items.len() < 50 => items.push(items[index].clone()),
                _ => mutate(&mut items[index], rng, depth + 1),
            }
        }
        Value::String(text) if rng.bool() => mutate_text(text, rng),
        _ if depth > 0 => *value = arbitrary(rng, 0),
        _ => {}
    }
}

fn mutate_object(fields: &mut Map<String, Value>, rng: &mut Rng, depth: usize) {
    let key = fields.keys().nth(rng.usize(..fields.len())).cloned().unwrap_or_default();
    match rng.u8(..12) {
        0 => drop(fields.remove(&key)),
        1 => drop(fields.insert(word(rng), arbitrary(rng, 0))),
        _ => {
            if let Some(value) = fields.get_mut(&key) {
                mutate(value, rng, depth + 1);
            }
        }
    }
}

fn mutate_text(text: &mut String, rng: &mut Rng) {
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let place = rng.choice(&places).copied().unwrap_or(0);
    match rng.u8(..6) {
        0 => text.insert(place, rng.char('\u{0}'..='\u{2ff}')),
        1 => text.truncate(place),
        2 => *text = text.to_uppercase(),
        3 => *text = text.repeat(rng.usize(2..40)),
        _ => *text = word(rng),
    }
}

fn arbitrary(rng: &mut Rng, depth: usize) -> Value {
    match rng.u8(..if depth > 3 { 7 } else { 9 }) {
        0 => Value::Null,
        1 => Value::Bool(rng.bool()),
        2 => json!(rng.i64(..)),
        3 => json!(rng.f64()),
        4 => json!(rng.u64(..4)),
        5 | 6 => Value::String(word(rng)),
        7 => (0..rng.usize(..4)).map(|_| arbitrary(rng, depth + 1)).collect(),
        _ => Value::Object((0..rng.usize(..4)).map(|_| (word(rng), arbitrary(rng, depth + 1))).collect()),
    }
}

/// Words that mean something somewhere, and some that do not.
fn word(rng: &mut Rng) -> String {
    const WORDS: [&str; 40] = [
        "",
        "ada@example.com",
        "Ada@Example.com",
        "a@b@c",
        "eve@evil.example",
        "ädä@example.com",
        "auth0|1",
        "auth0|2",
        "google-oauth2|2",
        "samlp|a|b|c",
        "auth0",
        "google-oauth2",
        "waad",
        "email",
        "*",
        "true",
        "null",
        "auto",
        "suggest",
        "observe",
        "required",
        "link_all",
        "choose",
        "deep",
        "union_arrays",
        "must_equal",
        "secondary_wins",
        "existing",
        "allow",
        "ignore",
        "linking",
        "no_link",
        "privileged",
        "mfa",
        "admin",
        "org_1",
        "\u{0}",
        "\"\\",
        "2026-11-21T10:00:00Z",
        "\u{202e}\u{200b}",
    ];
    rng.choice(WORDS).unwrap_or_default().to_owned()
}
