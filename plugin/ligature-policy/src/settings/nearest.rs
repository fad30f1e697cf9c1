//! Suggestions for misspelt keys.

/// serde's message, with the nearest known name where it is about an unknown
/// key or value.
pub(super) fn with_nearest(message: &str) -> String {
    let is_unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    let mut quoted = message.split('`').skip(1).step_by(2);
    let Some(given) = quoted.next().filter(|_| is_unknown) else { return message.to_owned() };
    let nearest = quoted.map(|known| (distance(given, known), known)).min();
    match nearest {
        Some((distance, known)) if distance <= given.chars().count().max(3) / 2 => {
            format!("{message}; did you mean `{known}`?")
        }
        _ => message.to_owned(),
    }
}

/// The Levenshtein distance: the number of letters to insert, remove or replace.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{distance, with_nearest};

    #[test]
    fn distances() {
        for (a, b, expected) in
            [("", "", 0), ("", "ab", 2), ("mode", "mode", 0), ("mdoe", "mode", 2), ("kitten", "sitting", 3)]
        {
            assert_eq!((distance(a, b), distance(b, a)), (expected, expected), "{a} {b}");
        }
    }

    #[test]
    fn the_nearest_name_is_told_if_it_is_near() {
        assert_eq!(
            with_nearest("unknown field `mod`, expected `mode` or `now`"),
            "unknown field `mod`, expected `mode` or `now`; did you mean `mode`?"
        );
        assert_eq!(
            with_nearest("unknown variant `zzzzzz`, expected `mode`"),
            "unknown variant `zzzzzz`, expected `mode`"
        );
        assert_eq!(with_nearest("missing field `mode`"), "missing field `mode`");
    }
}
