//! The page to which a login leads.

use axum::extract::Request;

use crate::console::paths::{HOME, LOG_IN, with_query};

/// The longest path, in bytes.
const LONGEST: usize = 1_000;

/// Returns the address at which an operator logs in, and comes back to the page of this request.
pub(in crate::console) fn path_of_login(request: &Request) -> String {
    let to = request.uri().path_and_query().map_or(HOME, |it| it.as_str());
    with_query(LOG_IN, &[("to", Some(accept_return_path(to)))])
}

/// Returns a path of the console, or the first page for anything else: an address that somebody wrote
/// must not lead elsewhere.
pub(super) fn accept_return_path(path: &str) -> &str {
    let rest = path.strip_prefix(HOME);
    let is_of_console = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    let is_plain = path.len() <= LONGEST && path.bytes().all(|it| it.is_ascii_graphic() && it != b'\\');
    if is_of_console && is_plain { path } else { HOME }
}

#[cfg(test)]
mod tests {
    use super::accept_return_path;

    #[test]
    fn a_login_leads_to_a_page_of_the_console() {
        for path in ["/console", "/console?a=b", "/console/users/auth0%7C1?x=%2F"] {
            assert_eq!(accept_return_path(path), path);
        }
        let long = format!("/console/{}", "x".repeat(1_000));
        for path in [
            "",
            "/",
            "//evil.test/console",
            "https://evil.test/console",
            "/consolex",
            "/console\\x",
            "/console/\r\nx: y",
            "console",
            &long,
        ] {
            assert_eq!(accept_return_path(path), "/console", "{path}");
        }
    }
}
