//! The meanings of reason codes, from `docs/reasons.md`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

const PAGE: &str = include_str!("../../../docs/reasons.md");

/// The meaning of a reason code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) words: &'static str,
    /// The advice to operators.
    pub(super) remedy: &'static str,
}

/// Returns the meaning of a code; none for a code of another policy.
pub(super) fn find_meaning(code: &str) -> Option<Meaning> {
    static MEANINGS: OnceLock<BTreeMap<&'static str, Meaning>> = OnceLock::new();
    MEANINGS.get_or_init(|| PAGE.lines().filter_map(read_row).collect()).get(code).copied()
}

fn read_row(line: &'static str) -> Option<(&'static str, Meaning)> {
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    let ["", code, _, words, remedy, ""] = cells[..] else { return None };
    let code = code.strip_prefix('`')?.strip_suffix('`')?;
    Some((code, Meaning { words, remedy }))
}

#[cfg(test)]
mod tests {
    use super::{PAGE, find_meaning};

    #[test]
    fn each_reason_of_the_page_has_a_meaning() {
        let codes: Vec<&str> =
            PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
        assert!(codes.len() > 50, "{codes:?}");
        for code in codes {
            let meaning = find_meaning(code).unwrap_or_else(|| panic!("{code}"));
            assert!(meaning.words.ends_with('.') && meaning.remedy.ends_with('.'), "{code}: {meaning:?}");
        }
        assert_eq!(find_meaning("OTHER"), None);
    }
}
