//! Every attack that the project knows has a row in `docs/security.md`, and
//! every row a test that is there.

#![allow(clippy::unwrap_used, reason = "a suite: what is unexpected fails it")]

use std::fs;
use std::path::{Path, PathBuf};

use link_users_by_email::decide::RULES;

/// Ids of the attacks, each of which has exactly one row. `S-` ids have gaps, which
/// `tests/cases/README.md` lists.
#[rustfmt::skip]
const IDS: &[&str] = &[
    "PH-1", "PH-2", "PH-3", "PH-4", "PH-5",
    "S-01", "S-02", "S-03", "S-04", "S-06", "S-07", "S-08", "S-09", "S-10", "S-11", "S-12", "S-14", "S-15",
    "S-16", "S-17", "S-18", "S-19", "S-20", "S-21", "S-22", "S-23", "S-25", "S-27", "S-28", "S-30", "S-31",
    "S-32", "S-34", "S-35", "S-36", "S-37", "S-38", "S-39", "S-40", "S-41", "S-42", "S-43", "S-44", "S-45",
    "S-46", "S-47", "S-49", "S-50", "S-51", "S-52", "S-53", "S-54", "S-55", "S-56", "S-57", "S-58", "S-59",
    "S-60", "S-61", "S-62", "S-64", "S-65", "S-66", "S-67", "S-69", "S-70", "S-71", "S-73", "S-74", "S-75",
    "S-76", "S-77", "S-78", "S-79", "S-80", "S-81", "S-83", "S-84", "S-85", "S-87", "S-88", "S-89", "S-90",
    "S-91", "S-92", "S-93", "S-95", "S-96", "S-97", "S-98", "S-99", "S-100", "S-101", "S-102", "S-103",
    "S-104", "S-105", "S-106", "S-107", "S-108", "S-109", "S-110", "S-111", "S-112", "S-113",
    "H1", "H2", "H3", "H9", "H10", "H11", "H12", "A1", "A2", "B", "D", "E", "T1", "T2", "T3", "T4", "T5", "T6", "T7",
    "U1", "U2", "U3", "U4", "U5", "U6", "U7", "U8", "U9", "U10", "U11", "U12", "U13", "U14", "U15", "U16", "U17", "U18", "U19", "U20", "U21", "U22", "U23", "U24", "L1", "L2", "L3", "L4", "L5",
    "L6", "L7", "L8", "L9", "L10", "L11", "L12", "L13", "L14", "L15", "L16", "L17", "L18", "L19", "L20", "L21", "L22",
    "C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9", "C10", "C11", "C12", "C13", "C14", "C15", "C16", "C17",
    "C18", "C19", "C20", "C21",
    "O1", "O2", "O3", "O4", "O5", "O6", "O7", "O8", "O9", "O10", "O11", "O12", "O13", "O14",
    "W1", "W2", "W3", "W4", "W5", "W6", "W7", "W8", "W9", "W10", "W11",
    "K1", "K2", "K3", "K4", "K5",
    "R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10", "I11", "I12",
    "I13", "I14",
];

/// Attacks that leave nothing to test, with the reason that the row gives.
const NOTHING_TO_TEST: &[(&str, &str)] = &[
    ("S-60", "a caller who may update a user may unlink any identity but the main one"),
    ("S-73", "there is no second policy that could choose"),
];

/// Cases of attack ids that end with a link, on purpose: the other side of an
/// attack that must not be barred, or an option that opens it. Any other one
/// whose snapshot says `linked` shows the attack succeeding.
#[rustfmt::skip]
const LINKED_ON_PURPOSE: &[&str] = &[
    "S-01", "S-09-own-domain", "S-12-proven-identity", "S-15", "S-18", "S-20", "S-21-allow", "S-21-domain",
    "S-22-stored-with-capitals", "S-38-link-all", "S-38-link-all-into-current", "S-38-link-all-metadata", "S-39", "S-40*", "S-41", "S-41-current-managed", "S-41-mark",
    "S-10-beside-another", "S-45-at-the-limit", "S-55-beside-another", "S-57-counted", "S-57-dated", "S-108-ignore", "S-45-id-of-128-characters", "S-91-other-pair", "S-91-to-the-day", "S-96-at-the-limit",
    "S-44-allow", "S-46", "S-54-linked-organizations", "S-57-allow", "S-59", "S-64",
    "S-74-auto", "S-91-cooled-down", "S-102-own-mailbox", "S-103-managed", "S-105-proving-identity",
    "S-106-custom", "S-106-other-customer", "S-108-stays", "S-109-factor-of-own-age", "S-109-mailbox-at-the-limit",
    "S-110-allow", "S-112-new-address", "S-113-without-power",
    "S-61", "S-61-before-the-look-up", "S-61-deny", "S-61-into-a-stranger", "S-61-into-this-login", "S-62-changed-deny",
];

/// Ids of the list of expectations that are no attacks, as `tests/cases/README.md` says.
const GAPS: &[&str] =
    &["S-05", "S-13", "S-24", "S-26", "S-29", "S-33", "S-48", "S-63", "S-68", "S-72", "S-82", "S-86", "S-94"];

#[test]
fn every_id_that_the_code_cites_has_a_row() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for folder in ["plugin", "host", "tests", "fuzz", "docs", "wit", "examples"] {
        texts_below(&root.join(folder), &mut files);
    }
    let mut unknown = Vec::new();
    let mut cited = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap_or_default();
        for id in ids_in(&text) {
            cited += 1;
            if !IDS.contains(&id.as_str()) && !GAPS.contains(&id.as_str()) {
                unknown.push(format!("{} cites {id}, which docs/security.md does not list", file.display()));
            }
        }
    }
    assert!(unknown.is_empty(), "\n- {}\n", unknown.join("\n- "));
    assert!(cited > 200, "few ids are cited: {cited}");
}

/// Sources and pages below a folder, without what cargo and npm write.
fn texts_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !["target", "node_modules"].contains(&name) {
                texts_below(&path, files);
            }
        } else if let Some("rs" | "md" | "wit") = path.extension().and_then(|it| it.to_str()) {
            files.push(path);
        }
    }
}

/// Ids such as `S-07`, and numbers behind the word invariant, as `I11`.
fn ids_in(text: &str) -> Vec<String> {
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let mut ids = Vec::new();
    for prefix in ["S-", "PH-"] {
        for (at, _) in text.match_indices(prefix) {
            let number = digits(&text[at + prefix.len()..]);
            let stands_alone =
                !text[..at].ends_with(|it: char| it.is_alphanumeric() || it == '-' || it == '_');
            if stands_alone && !number.is_empty() {
                ids.push(format!("{prefix}{number}"));
            }
        }
    }
    let lower = text.to_ascii_lowercase();
    for word in ["invariant ", "invariants "] {
        for (at, _) in lower.match_indices(word) {
            let number = digits(lower[at + word.len()..].trim_start_matches('i'));
            if !number.is_empty() {
                ids.push(format!("I{number}"));
            }
        }
    }
    ids
}

#[test]
fn every_attack_has_a_row_and_every_row_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let tree = Tree::read(&root);
    let page = fs::read_to_string(root.join("docs/security.md")).unwrap();
    let warnings = fs::read_to_string(root.join("plugin/policy/src/warnings.rs")).unwrap();

    let mut problems = Vec::new();
    let rows = rows(&page, &mut problems);
    check_ids(&rows, &mut problems);
    for row in &rows {
        check_row(row, &tree, &mut problems);
    }
    check_cases(&rows, &tree, &mut problems);
    check_rules(&page, &mut problems);
    for id in attacks_in(&warnings) {
        if !rows.iter().any(|row| row.id == id) {
            problems.push(format!(
                "`plugin/policy/src/warnings.rs` names {id}, which has no row. Add the row, or name another attack."
            ));
        }
    }
    assert!(problems.is_empty(), "docs/security.md:\n- {}\n", problems.join("\n- "));
}

/// One line of a table.
struct Row<'a> {
    id: &'a str,
    held_by: &'a str,
    tests: &'a str,
}

impl Row<'_> {
    /// The cases that the row refers to, as they are written.
    fn cases(&self) -> impl Iterator<Item = &str> {
        references(self.tests).0.into_iter().filter_map(|it| it.strip_prefix("case "))
    }
}

fn rows<'a>(page: &'a str, problems: &mut Vec<String>) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    for line in page.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        match cells[..] {
            ["id", ..] | ["---", ..] => {}
            [id, _, held_by, tests] => rows.push(Row { id, held_by, tests }),
            _ => problems.push(format!("This line does not have four cells: {line}")),
        }
    }
    rows
}

fn check_ids(rows: &[Row], problems: &mut Vec<String>) {
    for id in IDS {
        match rows.iter().filter(|row| row.id == *id).count() {
            0 => problems.push(format!("{id} has no row. Add it, with what holds it and its tests.")),
            1 => {}
            count => problems.push(format!("{id} has {count} rows. Join them.")),
        }
    }
    for row in rows.iter().filter(|row| !IDS.contains(&row.id)) {
        problems.push(format!("{} is not in the list of ids of `plugin/tests/security.rs`. Add it.", row.id));
    }
}

fn check_row(row: &Row, tree: &Tree, problems: &mut Vec<String>) {
    let Row { id, held_by, tests } = row;
    if held_by.is_empty() {
        problems.push(format!(
            "{id} does not say what holds it. Name the rule, the guard, or why nothing has to."
        ));
    }
    let excused = NOTHING_TO_TEST.iter().find(|(excused, _)| excused == id);
    if let Some(reason) = tests.strip_prefix("none: ") {
        if excused.is_none_or(|(_, known)| *known != reason) {
            problems.push(format!(
                "{id} has no test. Write one, or give this reason in `NOTHING_TO_TEST` too: {reason}"
            ));
        }
        return;
    }
    if excused.is_some() {
        problems.push(format!("{id} is in `NOTHING_TO_TEST` and has tests. Remove it there."));
    }
    let (references, rest) = references(tests);
    if references.is_empty() {
        problems.push(format!("{id} has no test. Write one and name it."));
    }
    if !rest.chars().all(|it| it == ',' || it.is_whitespace()) {
        problems.push(format!(
            "{id} has tests in a form that cannot be checked: {}",
            rest.trim_matches([',', ' '])
        ));
    }
    for reference in references {
        if let Err(why) = tree.resolve(reference) {
            problems.push(format!("{id} names `{reference}`: {why}"));
        }
    }
}

/// The texts between backticks or quotes, the quotes kept, and the text
/// outside.
fn references(cell: &str) -> (Vec<&str>, String) {
    let (mut found, mut outside, mut rest) = (Vec::new(), String::new(), cell);
    while let Some(start) = rest.find(['`', '"']) {
        let mark = &rest[start..=start];
        let Some(length) = rest[start + 1..].find(mark) else { break };
        let end = start + length + 2;
        outside.push_str(&rest[..start]);
        found.push(if mark == "`" { &rest[start + 1..end - 1] } else { &rest[start..end] });
        rest = &rest[end..];
    }
    outside.push_str(rest);
    (found, outside)
}

/// Every case of an attack stands in the row of its id, and no case links that
/// is not known to.
fn check_cases(rows: &[Row], tree: &Tree, problems: &mut Vec<String>) {
    for case in tree.cases.iter().filter(|case| case.starts_with("S-")) {
        let is_of =
            |id: &str| case.strip_prefix(id).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
        match rows.iter().find(|row| is_of(row.id)) {
            None => problems
                .push(format!("`tests/cases/{case}.json` begins with an id that has no row. Add the row.")),
            Some(row) if !row.cases().any(|written| matches(written, case)) => problems.push(format!(
                "`tests/cases/{case}.json` is not among the tests of {}. Add `case {case}`.",
                row.id
            )),
            Some(_) => {}
        }
        let is_known = LINKED_ON_PURPOSE.iter().any(|known| matches(known, case));
        match tree.links(case) {
            Some(true) if !is_known => problems.push(format!(
                "The snapshot of `{case}` says `linked`: the attack succeeds. Correct what lets it through, or, if this \
                 link is right, add the case to `LINKED_ON_PURPOSE`."
            )),
            Some(false) if is_known => {
                problems.push(format!("`{case}` links no more. Remove it from `LINKED_ON_PURPOSE`."));
            }
            None => problems.push(format!("`{case}` has no snapshot. Accept it with `ligature test --accept`.")),
            _ => {}
        }
    }
}

/// Returns whether a case's name is the one written, or begins so before a `*`.
fn matches(written: &str, case: &str) -> bool {
    written.strip_suffix('*').map_or(written == case, |beginning| case.starts_with(beginning))
}

/// A rule that is named is one of the rules, and is not called by its number, which
/// changes.
fn check_rules(page: &str, problems: &mut Vec<String>) {
    for (place, _) in page.match_indices("rule ") {
        let after = &page[place + "rule ".len()..];
        if after.starts_with(|it: char| it.is_ascii_digit()) {
            let written: String = after.chars().take(40).collect();
            problems.push(format!("A rule is called by its name, not by its number: rule {written}"));
        }
        let Some(name) = after.strip_prefix('“').and_then(|it| it.split('”').next()) else { continue };
        if !RULES.contains(&name) {
            problems.push(format!("There is no rule “{name}” in `plugin/src/rules/mod.rs`."));
        }
    }
}

/// Ids of attacks between quotes.
fn attacks_in(source: &str) -> Vec<&str> {
    let is_id = |it: &&str| {
        it.strip_prefix("S-")
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit()))
    };
    let mut ids: Vec<&str> = source.split('"').filter(is_id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The project's tests: sources by path, and cases by name.
struct Tree {
    root: PathBuf,
    sources: Vec<(PathBuf, String)>,
    cases: Vec<String>,
}

impl Tree {
    fn read(root: &Path) -> Self {
        let mut sources = Vec::new();
        for folder in ["tests", "plugin", "host"] {
            collect(&root.join(folder), &mut sources);
        }
        let entries = fs::read_dir(root.join("tests/cases")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut cases: Vec<String> =
            names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned)).collect();
        cases.sort();
        Self { root: root.to_owned(), sources, cases }
    }

    fn resolve(&self, reference: &str) -> Result<(), String> {
        if let Some(title) = reference.strip_prefix('"').and_then(|it| it.strip_suffix('"')) {
            let calls = ['\'', '"', '`'].map(|quote| format!("test({quote}{title}{quote}"));
            let count: usize = self
                .sources
                .iter()
                .map(|(_, text)| calls.iter().map(|it| text.matches(it).count()).sum::<usize>())
                .sum();
            return match count {
                0 => Err("no suite has a test of this title. Write it, or correct the title.".to_owned()),
                1 => Ok(()),
                _ => Err(format!("{count} tests have this title. Give each its own.")),
            };
        }
        match reference.split_once(' ') {
            Some(("case", written)) if self.cases.iter().any(|case| matches(written, case)) => Ok(()),
            Some(("case", _)) => {
                Err("`tests/cases` has no such case. Write it, or correct the name.".to_owned())
            }
            Some(("fn", name)) if self.sources.iter().any(|(path, text)| has_test(path, text, name)) => {
                Ok(())
            }
            Some(("fn", _)) => {
                Err("no source has a test of this name. Write it, or correct the name.".to_owned())
            }
            Some(("suite", path)) if self.root.join(path).is_file() => Ok(()),
            Some(("suite", _)) => Err("there is no such file. Write it, or correct the path.".to_owned()),
            _ => Err("it is neither `case …`, `fn …`, `suite …` nor a title in quotes.".to_owned()),
        }
    }

    /// Returns whether the decision that a case is held against is a link.
    fn links(&self, case: &str) -> Option<bool> {
        let snapshot =
            fs::read_to_string(self.root.join(format!("tests/cases/snapshots/{case}.snap"))).ok()?;
        let kind = snapshot.lines().find_map(|line| line.trim().strip_prefix("\"kind\": "))?;
        Some(kind.contains("linked"))
    }
}

fn collect(folder: &Path, sources: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && !["node_modules", "target", "cases", "snapshots"].contains(&name.as_ref()) {
            collect(&path, sources);
        } else if [".rs", ".mjs", ".py"].iter().any(|end| name.ends_with(end)) && !path.ends_with(file!()) {
            sources.push((path.clone(), fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Returns whether a source has a test of this name: a function with `#[test]`, one
/// that is in a list of its suite, a row of a table of tests, or one of Python.
fn has_test(path: &Path, text: &str, name: &str) -> bool {
    let (function, method) = (format!("fn {name}("), format!("def {name}("));
    let is_row = |line: &str| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with(" = \"") || rest.starts_with(" = |"))
    };
    let mut has_attribute = false;
    let mut is_defined = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with(&function) {
            if has_attribute {
                return true;
            }
            is_defined = true;
        }
        if line.starts_with(&method) || is_row(line) {
            return true;
        }
        has_attribute = line == "#[test]" || has_attribute && line.starts_with(['#', '/']);
    }
    // Suites with a list of their own: the name stands there too.
    let lists = ["tests/directories", "host/tests/hook", "host/tests/tenant"];
    let words =
        text.split(|it: char| !it.is_alphanumeric() && it != '_').filter(|word| *word == name).count();
    is_defined && words > 1 && lists.iter().any(|list| path.to_string_lossy().contains(list))
}
