//! `ARCHITECTURE.md` and `CONTRIBUTING.md` name files, folders, functions and
//! types that exist, and so does `docs/glossary.md`, which names no files.
//!
//! A path is a code span or a link with a slash or an ending. A function is a
//! code span such as `decide()`, a type one such as `Guard`: each stands in one
//! of the files that the same paragraph or list item names.

use std::fs;
use std::path::{Path, PathBuf};

/// First parts of paths in the repository. Other spans with a slash are none.
const TOP: &[&str] = &[
    "docs",
    "examples",
    "fuzz",
    "host",
    "plugin",
    "tests",
    "wit",
    ".ci",
    "Makefile",
    "README.md",
    "SECURITY.md",
];

#[test]
fn every_path_and_item_of_the_pages_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut problems = Vec::new();
    let mut checked = 0;
    for page in ["ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(root.join(page)).unwrap();
        for block in blocks(&text) {
            let spans = spans(&block);
            let paths: Vec<&str> = spans.iter().map(String::as_str).filter(|it| is_path(it)).collect();
            for path in &paths {
                checked += 1;
                if !root.join(path).exists() {
                    problems.push(format!("{page}: there is no {path}"));
                }
            }
            let sources = sources(&root, &paths);
            for item in spans.iter().filter_map(|span| declaration(span)) {
                checked += 1;
                if !item.is_in(&sources) {
                    problems.push(format!("{page}: {} is in none of {}", item.name, paths.join(", ")));
                }
            }
        }
    }
    assert!(problems.is_empty(), "\n- {}\n", problems.join("\n- "));
    assert!(checked > 60, "the pages name little: {checked}");
}

/// A name of the glossary that the code does not have teaches a reader a word
/// that no search finds.
#[test]
fn every_rust_name_of_the_glossary_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = fs::read_to_string(root.join("docs/glossary.md")).unwrap();
    let sources = sources(&root, &["host/src", "plugin/src", "plugin/policy/src"]);
    let items: Vec<Item> =
        blocks(&text).iter().flat_map(|block| spans(block)).filter_map(|it| declaration(&it)).collect();
    let unknown: Vec<&str> =
        items.iter().filter(|it| !it.is_in(&sources)).map(|it| it.name.as_str()).collect();
    assert!(unknown.is_empty(), "docs/glossary.md names what the code does not have: {unknown:?}");
    assert!(items.len() > 80, "the glossary names little: {}", items.len());
}

/// Paragraphs, list items and rows of tables, without blocks of code.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks = vec![String::new()];
    let mut is_code = false;
    for line in text.lines() {
        let start = line.trim_start();
        if start.starts_with("```") {
            is_code = !is_code;
            continue;
        }
        let is_item = start.starts_with("- ")
            || start.starts_with('|')
            || start.split_once(". ").is_some_and(|(n, _)| n.parse::<u8>().is_ok());
        if start.is_empty() || is_item {
            blocks.push(String::new());
        }
        if let Some(block) = blocks.last_mut().filter(|_| !is_code) {
            block.push_str(line);
            block.push('\n');
        }
    }
    blocks
}

/// Code spans, and the targets of links.
fn spans(block: &str) -> Vec<String> {
    let code = block.split('`').skip(1).step_by(2).map(str::to_owned);
    let links = block.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    code.chain(links.map(|(target, _)| target.split('#').next().unwrap_or_default().to_owned())).collect()
}

fn is_path(span: &str) -> bool {
    let first = span.split('/').next().unwrap_or_default();
    TOP.contains(&first) && !span.contains([' ', '*', '<', '…']) && !span.contains("NAME")
}

/// The text of the files that a block names, and of every file in its folders.
fn sources(root: &Path, paths: &[&str]) -> String {
    let mut waiting: Vec<PathBuf> = paths.iter().map(|path| root.join(path)).collect();
    let mut text = String::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if let Some("rs" | "wit") = path.extension().and_then(|it| it.to_str()) {
            text.push_str(&fs::read_to_string(&path).unwrap_or_default());
        }
    }
    text
}

/// A function or a type that a page names.
struct Item {
    name: String,
    keywords: &'static [&'static str],
}

impl Item {
    fn is_in(&self, sources: &str) -> bool {
        self.keywords.iter().any(|keyword| {
            sources.match_indices(&format!("{keyword} {}", self.name)).any(|(at, found)| {
                let after = sources[at + found.len()..].chars().next();
                !after.is_some_and(|it| it.is_alphanumeric() || it == '_')
            })
        })
    }
}

/// None where the span is neither `function()`, `Type::function()` nor `Type`.
fn declaration(span: &str) -> Option<Item> {
    let is_word = |it: &str| !it.is_empty() && it.chars().all(|it| it.is_alphanumeric() || it == '_');
    if let Some(path) = span.strip_suffix("()") {
        let name = path.rsplit("::").next().filter(|it| is_word(it))?;
        return Some(Item { name: name.to_owned(), keywords: &["fn"] });
    }
    let is_type = is_word(span)
        && span.starts_with(|it: char| it.is_uppercase())
        && span.contains(|it: char| it.is_lowercase())
        && !["Makefile"].contains(&span);
    let keywords = &["struct", "enum", "trait", "type"];
    is_type.then(|| Item { name: span.to_owned(), keywords })
}
