//! libpq's file of passwords, where `PGPASSFILE` names one: a line
//! `HOST:PORT:DATABASE:USER:PASSWORD` for each, of which the first that fits
//! counts (<https://www.postgresql.org/docs/current/libpq-pgpass.html>).

use std::fs;
use std::path::Path;

use crate::directory::open::OpenError;

/// A login at a server. Each part is matched by itself or by `*`.
pub(super) struct Login<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) database: &'a str,
    pub(super) user: &'a str,
}

/// The lines of a file that nobody but its owner may read.
///
/// # Errors
///
/// When it cannot be read, or others can.
pub(super) fn read(file: &Path) -> Result<String, OpenError> {
    let refused = |expected| OpenError::Variable { name: "PGPASSFILE", expected };
    let lines = fs::read_to_string(file).map_err(|_| refused("a file that can be read"))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(file).map_err(|_| refused("a file that can be read"))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(refused("a file that only its owner may read (chmod 600)"));
        }
    }
    Ok(lines)
}

/// The password of the first line that fits.
pub(super) fn password(lines: &str, login: &Login<'_>) -> Option<String> {
    let port = login.port.to_string();
    let wanted = [login.host, &port, login.database, login.user];
    lines.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let mut rest = line;
        for wanted in wanted {
            let (field, behind) = split(rest);
            if field != "*" && unescaped(field) != wanted {
                return None;
            }
            rest = behind?;
        }
        Some(unescaped(split(rest).0))
    })
}

/// A field as it is written, and what is behind its colon.
fn split(line: &str) -> (&str, Option<&str>) {
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

fn unescaped(field: &str) -> String {
    let mut text = String::new();
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        text.push(if character == '\\' { characters.next().unwrap_or(character) } else { character });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Login, password};

    const LINES: &str = "# a comment\n\
        db:5432:users:ada:of ada\n\
        db:5432:users:a\\:b:p\\:q\\\\r\n\
        db:5432:users:cut\n\
        db:*:*:*:of the host\n\
        *:*:*:*:of all\n";

    fn of(host: &str, port: u16, user: &str) -> Option<String> {
        password(LINES, &Login { host, port, database: "users", user })
    }

    #[test]
    fn the_first_line_that_fits_counts() {
        assert_eq!(of("db", 5432, "ada").as_deref(), Some("of ada"));
        assert_eq!(of("db", 5432, "a:b").as_deref(), Some("p:q\\r"));
        assert_eq!(of("db", 5432, "cut").as_deref(), Some("of the host"));
        assert_eq!(of("db", 1, "ada").as_deref(), Some("of the host"));
        assert_eq!(of("other", 1, "ada").as_deref(), Some("of all"));
        let login = Login { host: "db", port: 1, database: "users", user: "ada" };
        assert_eq!(password("db:1:users:eve:x\n", &login), None);
    }
}
