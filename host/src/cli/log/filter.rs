//! The filter of log events: `LIGATURE_LOG`.

use tracing_subscriber::EnvFilter;

use crate::reading::find_nearest;

/// The environment variable.
pub(super) const VARIABLE: &str = "LIGATURE_LOG";

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// The program's parts, as log lines name them.
const PARTS: [&str; 5] = ["audit", "http", "login", "plugin", "ligature_host"];

/// The libraries that log.
const LIBRARIES: [&str; 7] =
    ["h2", "hyper", "postgres", "tokio_postgres", "tower_http", "wasmtime", "wasmtime_wasi"];

/// Parses a filter. If it sets no level for all parts, that level is `info`, so that a
/// level for one part does not silence the others.
///
/// # Errors
///
/// An unknown part or level, with the most similar one. The library would accept any word
/// as a part, and then log nothing else.
pub(super) fn parse(text: &str) -> Result<EnvFilter, String> {
    let mut has_level = false;
    // Filters of fields may contain commas; only the library parses them.
    if !text.contains('[') {
        for directive in text.split(',').map(str::trim).filter(|it| !it.is_empty()) {
            let (part, level) = match directive.rsplit_once('=') {
                Some((part, level)) => (Some(part), level),
                None => (None, directive),
            };
            if !is_level(level) {
                return Err(unknown_level(part, level));
            }
            if let Some(part) = part.filter(|part| !is_part(part)) {
                return Err(unknown_part(part));
            }
            has_level |= part.is_none();
        }
    }
    let whole = if has_level { text.to_owned() } else { format!("info,{text}") };
    EnvFilter::builder().parse(whole).map_err(|error| format!("{VARIABLE}: {error}"))
}

fn is_level(text: &str) -> bool {
    LEVELS.iter().any(|level| level.eq_ignore_ascii_case(text))
}

/// Returns whether this part logs. A module belongs to its crate.
fn is_part(part: &str) -> bool {
    let part = part.split("::").next().unwrap_or(part);
    PARTS.contains(&part) || LIBRARIES.contains(&part)
}

fn unknown_part(part: &str) -> String {
    let known = PARTS.into_iter().chain(LIBRARIES);
    let meant = find_nearest(part, known).map(|it| format!("; did you mean `{it}`?")).unwrap_or_default();
    format!(
        "{VARIABLE}: `{part}` is not a part of the program; expected one of `{}`, or a library: `{}`{meant}",
        PARTS.join("`, `"),
        LIBRARIES.join("`, `")
    )
}

fn unknown_level(part: Option<&str>, level: &str) -> String {
    let meant = match find_nearest(&level.to_ascii_lowercase(), LEVELS.into_iter()) {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None if part.is_none() && is_part(level) => {
            format!("; for one part of the program, write `{level}=debug`")
        }
        None => String::new(),
    };
    format!("{VARIABLE}: `{level}` is not a level; expected one of `{}`{meant}", LEVELS.join("`, `"))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_word_that_is_no_level_is_refused() {
        let refused = |text| parse(text).map(|filter| filter.to_string()).unwrap_err();
        let levels = "expected one of `off`, `error`, `warn`, `info`, `debug`, `trace`";
        assert_eq!(
            refused("debgu"),
            format!("LIGATURE_LOG: `debgu` is not a level; {levels}; did you mean `debug`?")
        );
        assert_eq!(
            refused("info,audit=wran"),
            format!("LIGATURE_LOG: `wran` is not a level; {levels}; did you mean `warn`?")
        );
        assert!(
            refused("ligature_host").ends_with("; for one part of the program, write `ligature_host=debug`")
        );
        assert!(refused("5").contains("`5` is not a level"));
        assert!(
            refused("x=debug").contains("`x` is not a part of the program; expected one of `audit`, `http`,")
        );
        assert!(refused("info,adit=debug").ends_with("did you mean `audit`?"));
        assert!(refused("[a").starts_with("LIGATURE_LOG: "));
    }

    #[test]
    fn what_is_said_of_one_part_silences_no_other() {
        for (text, filter) in [
            ("", "info"),
            ("debug", "debug"),
            ("DEBUG", "debug"),
            ("hyper=off", "hyper=off,info"),
            ("warn,hyper=trace", "hyper=trace,warn"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), filter, "{text}");
        }
    }
}
