//! libpq's password file, which `PGPASSFILE` names. Each line is
//! `HOST:PORT:DATABASE:USER:PASSWORD`; the first match wins
//! (<https://www.postgresql.org/docs/current/libpq-pgpass.html>).

use std::path::Path;

use crate::directory::open_error::OpenError;
use crate::reading::read_secret_text;

/// The server, database and user whose password is looked up. Each field of a line matches
/// exactly, or with `*`.
pub(super) struct PasswordQuery<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) database: &'a str,
    pub(super) user: &'a str,
}

/// Reads a file that only its owner may read.
///
/// # Errors
///
/// If it cannot be read, or other users can read it.
pub(super) fn read_file(file: &Path) -> Result<String, OpenError> {
    read_secret_text(file).map_err(|why| OpenError::PasswordFile { file: file.display().to_string(), why })
}

/// Returns the password of the first line that matches.
pub(super) fn find_password(lines: &str, login: &PasswordQuery<'_>) -> Option<String> {
    let port = login.port.to_string();
    let wanted = [login.host, &port, login.database, login.user];
    lines.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let mut rest = line;
        for wanted in wanted {
            let (field, behind) = split_field(rest);
            if field != "*" && unescape(field) != wanted {
                return None;
            }
            rest = behind?;
        }
        Some(unescape(split_field(rest).0))
    })
}

/// Splits off the first field. Returns it, still escaped, and the rest after its colon.
fn split_field(line: &str) -> (&str, Option<&str>) {
    let mut is_escaped = false;
    let colon = line.find(|character| {
        let ends = character == ':' && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
        ends
    });
    match colon {
        Some(colon) => (&line[..colon], Some(&line[colon + 1..])),
        None => (line, None),
    }
}

/// Removes the backslashes that escape characters.
fn unescape(field: &str) -> String {
    let mut text = String::new();
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        text.push(if character == '\\' { characters.next().unwrap_or(character) } else { character });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{PasswordQuery, find_password};

    const LINES: &str = "# a comment\n\
        db:5432:users:ada:of ada\n\
        db:5432:users:a\\:b:p\\:q\\\\r\n\
        db:5432:users:cut\n\
        db:*:*:*:of the host\n\
        *:*:*:*:of all\n";

    fn find_in_lines(host: &str, port: u16, user: &str) -> Option<String> {
        find_password(LINES, &PasswordQuery { host, port, database: "users", user })
    }

    #[test]
    fn the_first_line_that_fits_counts() {
        assert_eq!(find_in_lines("db", 5432, "ada").as_deref(), Some("of ada"));
        assert_eq!(find_in_lines("db", 5432, "a:b").as_deref(), Some("p:q\\r"));
        assert_eq!(find_in_lines("db", 5432, "cut").as_deref(), Some("of the host"));
        assert_eq!(find_in_lines("db", 1, "ada").as_deref(), Some("of the host"));
        assert_eq!(find_in_lines("other", 1, "ada").as_deref(), Some("of all"));
        let login = PasswordQuery { host: "db", port: 1, database: "users", user: "ada" };
        assert_eq!(find_password("db:1:users:eve:x\n", &login), None);
    }
}
