//! Cells of a CSV file.

use serde_json::Value;

use crate::model::join_lines;

/// Characters that spreadsheet programs read as the start of a formula.
///
/// Source: OWASP, "CSV Injection".
const FORMULA: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// Formats a value as a quoted cell (RFC 4180). A text that a spreadsheet could run as a
/// formula gets an apostrophe in front, so that it is shown as text. Characters that are not seen or
/// that control the direction of text are escaped, and so are line ends: programs that read lines
/// would take one for the end of the row.
pub(super) fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::Bool(_) | Value::Number(_) => return value.to_string(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    // Spreadsheet programs skip leading blanks, and may read `;` as a separator that starts a new
    // cell.
    let is_skipped = |it: char| it.is_whitespace() && !FORMULA.contains(&it) || it == ';';
    // A sign followed by digits only, such as a phone number, is not a formula.
    let is_number = text.strip_prefix(['+', '-']).unwrap_or(&text);
    let is_number = !is_number.is_empty() && is_number.bytes().all(|it| it.is_ascii_digit());
    let guard = if text.trim_start_matches(is_skipped).starts_with(FORMULA) && !is_number { "'" } else { "" };
    format!("\"{guard}{}\"", join_lines(&text, usize::MAX).replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tenant::management::csv::cell;

    #[test]
    fn a_cell_is_one_cell_and_no_formula() {
        for (value, written) in [
            (json!(null), ""),
            (json!(true), "true"),
            (json!(7), "7"),
            (json!("Ada"), "\"Ada\""),
            (json!("a \"b\", c\r\nd"), "\"a \"\"b\"\", c\\r\\nd\""),
            (json!("\u{202e}cod\u{200b}.exe\u{1b}"), "\"\\u{202e}cod\\u{200b}.exe\\u{1b}\""),
            (json!("=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\""),
            (json!("@SUM(1)"), "\"'@SUM(1)\""),
            (json!("\t=1"), "\"'\\t=1\""),
            (json!("+1-1"), "\"'+1-1\""),
            (json!("\n=1"), "\"'\\n=1\""),
            (json!(" =1"), "\"' =1\""),
            (json!(";=1"), "\"';=1\""),
            (json!("＝1"), "\"'＝1\""),
            (json!("-"), "\"'-\""),
            (json!("+15550100"), "\"+15550100\""),
            (json!({ "a": [1] }), "\"{\"\"a\"\":[1]}\""),
        ] {
            assert_eq!(cell(&value), written);
        }
    }
}
