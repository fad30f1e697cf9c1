//! Places in texts, told once.

/// A message without the place that serde_json writes behind it, which is told
/// on its own.
pub(crate) fn without_place(message: &str, line: usize, column: usize) -> &str {
    message.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(message)
}

#[cfg(test)]
mod tests {
    use super::without_place;

    #[test]
    fn only_the_errors_own_place_is_left_out() {
        assert_eq!(without_place("trailing comma at line 3 column 1", 3, 1), "trailing comma");
        assert_eq!(without_place("`x at line 3` is unknown", 3, 1), "`x at line 3` is unknown");
        assert_eq!(
            without_place("trailing comma at line 3 column 1", 0, 0),
            "trailing comma at line 3 column 1"
        );
    }
}
