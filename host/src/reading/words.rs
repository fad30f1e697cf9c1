//! Plain words for the messages of serde, serde_json and toml.

/// The words before the value that was found, and before the expected form.
const FOUND: [&str; 2] = ["invalid type: ", "invalid value: "];
const EXPECTED: &str = ", expected ";

/// Returns a message without the place that serde_json appends, which is reported
/// on its own.
pub(crate) fn strip_place(message: &str, line: usize, column: usize) -> &str {
    message.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(message)
}

/// Returns a message of serde, serde_json or toml in plain words, with the nearest known
/// name where one is misspelt.
pub(crate) fn rewrite_message(message: &str) -> String {
    let found = FOUND.iter().find_map(|it| message.strip_prefix(it)).and_then(|it| it.rsplit_once(EXPECTED));
    if let Some((found, expected)) = found {
        return format!("expected {}, not {}", describe_expected(expected), describe_found(found));
    }
    if let Some((_, expected)) =
        message.strip_prefix("invalid length ").and_then(|it| it.split_once(EXPECTED))
    {
        return format!("expected {}, not a list", describe_expected(expected));
    }
    if message.starts_with("data did not match any variant") {
        return "this has none of the forms that are allowed here".to_owned();
    }
    if let Some(key) = message.strip_prefix("duplicate field ") {
        return format!("the key {key} appears twice");
    }
    // toml appends the characters that it expected.
    let what = message.split_once(EXPECTED).map_or(message, |it| it.0);
    let plain = PLAIN.iter().find(|(original, _)| *original == message);
    if let Some(plain) = plain.or_else(|| PLAIN_TOML.iter().find(|(original, _)| *original == what)) {
        return plain.1.to_owned();
    }
    with_suggestion(&message.replace("unknown variant", "unknown value"))
}

/// The messages of serde_json about the form of a text.
const PLAIN: [(&str, &str); 21] = [
    ("EOF while parsing a value", "the text ends where a value is expected"),
    ("EOF while parsing an object", "the text ends within an object; its `}` is missing"),
    ("EOF while parsing a list", "the text ends within a list; its `]` is missing"),
    ("EOF while parsing a string", "the text ends within a text; its `\"` is missing"),
    (
        "expected value",
        "expected a JSON value: an object, a list, a text in double quotes, a number, `true`, `false` or `null`",
    ),
    ("expected ident", "expected `true`, `false` or `null`"),
    ("key must be a string", "expected a key: a text in double quotes"),
    ("expected `,` or `}`", "expected a comma and the next key, or the object's end, `}`"),
    ("expected `,` or `]`", "expected a comma and the next value, or the list's end, `]`"),
    ("expected `:`", "expected a colon between the key and its value"),
    ("trailing comma", "there is a comma after the last value"),
    ("trailing characters", "there is text after the end of the JSON value"),
    ("invalid number", "this is not a JSON number"),
    ("recursion limit exceeded", "it is nested too deeply"),
    ("expected `\"`", "expected a text in double quotes"),
    ("number out of range", "the number is too large"),
    (
        "control character (\\u0000-\\u001F) found while parsing a string",
        "there is a line break or another control character within a text; write it as `\\n` or `\\u…`, or \
         end the text",
    ),
    ("invalid escape", "this is not a JSON escape: expected one of \" \\ / b f n r t u behind the `\\`"),
    ("invalid unicode code point", NO_CHARACTER),
    ("lone leading surrogate in hex escape", NO_CHARACTER),
    ("unexpected end of hex escape", NO_CHARACTER),
];

const NO_CHARACTER: &str = "this escape is not a character: expected `\\u` and four hexadecimal digits, and for a surrogate both of its halves";

/// toml's words about the form of a text.
const PLAIN_TOML: [(&str, &str); 21] = [
    ("duplicate key", "this key or table appears twice"),
    ("extra `=`", "there is a second `=` here"),
    (
        "extra assignment between key-value pairs",
        "there is a second `=` here; expected a comma and the next key, or the end",
    ),
    ("extra comma in array", NO_TOML_VALUE),
    ("extra comma in inline table", "there is a comma where a key is expected"),
    ("invalid key-value pair", "expected a line `KEY = VALUE`, or a table, `[NAME]`"),
    (
        "invalid unquoted key",
        "a key with characters other than letters, digits, `-` and `_` has to be in quotes",
    ),
    ("invalid value", NO_TOML_VALUE),
    ("key with no value", "this key has no value: expected `=` and a value after it"),
    ("missing assignment between key-value pairs", "expected `=` between the key and its value"),
    ("missing comma between array elements", "expected a comma and the next value, or the list's end, `]`"),
    ("missing comma between key-value pairs", "expected a comma and the next key, or the table's end, `}`"),
    ("missing value", NO_TOML_VALUE),
    ("missing value for key", NO_TOML_VALUE),
    ("string values must be quoted", "a text is written in quotes"),
    ("unclosed array", "the list's end, `]`, is missing"),
    ("unclosed array table", "the end of the table's name, `]]`, is missing"),
    ("unclosed inline table", "the table's end, `}`, is missing"),
    ("unclosed table", "the end of the table's name, `]`, is missing"),
    ("unexpected key or value", "there is text after the value; expected the end of the line"),
    ("unquoted keys cannot be empty", "a key is missing here"),
];

const NO_TOML_VALUE: &str =
    "expected a value: a text in quotes, a number, `true`, `false`, a time, a list or a table";

fn describe_found(found: &str) -> String {
    let quoted = |kind: &str| found.strip_prefix(kind).and_then(|it| it.strip_suffix('`'));
    match found {
        "map" => "an object".to_owned(),
        "sequence" => "a list".to_owned(),
        "null" | "unit value" | "Option value" => "`null`".to_owned(),
        _ => {
            if let Some(number) = quoted("integer `").or_else(|| quoted("floating point `")) {
                return format!("the number {number}");
            }
            if let Some(value) = quoted("boolean `") {
                return format!("`{value}`");
            }
            match found.strip_prefix("string ") {
                Some(text) => format!("the text {}", shorten(text)),
                None => shorten(found),
            }
        }
    }
}

fn describe_expected(expected: &str) -> String {
    let plain = match expected {
        "a string" | "a borrowed string" | "str" | "string" | "path string" | "variant identifier" => {
            "a text"
        }
        "a sequence" | "tuple" => "a list",
        "a map" | "map" => "an object",
        "a boolean" => "`true` or `false`",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" | "u128" => "a whole number from 0",
        "i8" | "i16" | "i32" | "i64" | "isize" | "i128" => "a whole number",
        "f32" | "f64" => "a number",
        "unit" => "`null`",
        _ if expected.starts_with("struct ") => "an object",
        _ if expected.starts_with("enum ") => "a text",
        _ => expected,
    };
    plain.to_owned()
}

/// Cuts a text of any length.
fn shorten(text: &str) -> String {
    const LONG: usize = 60;
    match text.char_indices().nth(LONG) {
        Some((at, _)) => format!("{}…\"", &text[..at]),
        None => text.to_owned(),
    }
}

/// serde's message about an unknown key or value, with the nearest known one.
fn with_suggestion(message: &str) -> String {
    let is_unknown = message.starts_with("unknown field") || message.starts_with("unknown value");
    // A plugin may have added the suggestion itself, as the contract asks for.
    let is_unknown = is_unknown && !message.contains("did you mean");
    let mut quoted = message.split('`').skip(1).step_by(2);
    let Some(given) = quoted.next().filter(|_| is_unknown) else { return message.to_owned() };
    match find_nearest(given, quoted) {
        Some(known) => format!("{message}; did you mean `{known}`?"),
        None => message.to_owned(),
    }
}

/// Returns the nearest of these names, if it is near.
pub(crate) fn find_nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let nearest = known.min_by_key(|known| strsim::damerau_levenshtein(given, known));
    nearest.filter(|it| strsim::damerau_levenshtein(given, it) <= given.chars().count().max(3) / 2)
}

#[cfg(test)]
mod tests {
    use super::{rewrite_message, strip_place};

    #[test]
    fn only_the_errors_own_place_is_left_out() {
        assert_eq!(strip_place("trailing comma at line 3 column 1", 3, 1), "trailing comma");
        assert_eq!(strip_place("`x at line 3` is unknown", 3, 1), "`x at line 3` is unknown");
        let other = "trailing comma at line 3 column 1";
        assert_eq!(strip_place(other, 0, 0), other);
    }

    #[test]
    fn types_have_the_names_of_json() {
        let cases = [
            ("invalid type: map, expected a string", "expected a text, not an object"),
            ("invalid type: sequence, expected struct CaseFile", "expected an object, not a list"),
            ("invalid length 1, expected struct CaseFile with 10 elements", "expected an object, not a list"),
            ("invalid type: null, expected a boolean", "expected `true` or `false`, not `null`"),
            (
                "invalid value: integer `-1`, expected u32",
                "expected a whole number from 0 to 4294967295, not the number -1",
            ),
            (
                "invalid type: floating point `3.5`, expected u64",
                "expected a whole number from 0, not the number 3.5",
            ),
            (
                "invalid type: string \"a, expected b\", expected f64",
                "expected a number, not the text \"a, expected b\"",
            ),
            ("invalid type: integer `7`, expected a time", "expected a time, not the number 7"),
            ("expected ident", "expected `true`, `false` or `null`"),
            ("duplicate field `mode`", "the key `mode` appears twice"),
            ("number out of range", "the number is too large"),
            ("invalid key-value pair, expected key", "expected a line `KEY = VALUE`, or a table, `[NAME]`"),
        ];
        for (original, plain) in cases {
            assert_eq!(rewrite_message(original), plain);
        }
        let long = format!("invalid type: string \"{}\", expected u8", "x".repeat(1000));
        assert!(rewrite_message(&long).len() < 150);
    }

    #[test]
    fn no_term_of_a_library_is_left_in_a_message() {
        let json = [
            r#""\u12""#,
            r#""\ud800""#,
            r#""\ud800\u0041""#,
            r#""\x""#,
            "\"a\nb\"",
            "{1:2}",
            "[1",
            "[1 2]",
            r#"{"a" 1}"#,
            r#"{"a":1 "b"}"#,
            "[1,]",
            "nul",
            "01",
            "\"a",
            "{",
            "+1",
        ];
        for text in json {
            let original = crate::reading::parse_json::<serde_json::Value>(text).unwrap_err().1;
            for word in
                ["EOF", "ident", "surrogate in", "hex escape", "parsing", "out of range", "code point"]
            {
                assert!(!original.contains(word), "{text}: {original}");
            }
        }
        let toml = [
            "= 1",
            "a",
            "a =",
            "a 1",
            "a = b",
            "a = 1\na = 2",
            "a = [1",
            "a = [1 2]",
            "a = {b = 1",
            "[a",
            "[[a]",
            "a = 1 2",
            "[a]\n[a]",
            "a = {b = 1 c = 2}",
            "ü = 1",
            "a = [,]",
        ];
        for text in toml {
            let read = crate::reading::read_toml_text::<toml::Table>("a.toml".as_ref(), text);
            let original = read.unwrap_err().message;
            for word in ["pair", "unclosed", "missing assignment", "array", "duplicate", "unquoted", "inline"]
            {
                assert!(!original.contains(word), "{text}: {original}");
            }
        }
    }

    #[test]
    fn the_nearest_key_is_suggested_if_it_is_near() {
        assert!(
            rewrite_message("unknown field `mod`, expected `mode` or `now`")
                .ends_with("did you mean `mode`?")
        );
        assert!(!rewrite_message("unknown field `zzzzzz`, expected `mode`").contains("did you mean"));
        assert_eq!(
            rewrite_message("unknown variant `of`, expected `off` or `on`"),
            "unknown value `of`, expected `off` or `on`; did you mean `off`?"
        );
        assert_eq!(rewrite_message("missing field `x`"), "missing field `x`");
        let original = "unknown field `mod`, expected `mode` or `now`; did you mean `mode`?";
        assert_eq!(rewrite_message(original), original);
    }
}
