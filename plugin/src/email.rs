//! What can be said of an e-mail address.

use email_address::{EmailAddress, Options};
use link_policy::EmailCompare;

/// What an address is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// It can be compared.
    Plain,
    /// It has characters beyond ASCII.
    NonAscii,
    /// It is no address, or one of a kind that is not compared: quoted, with an
    /// IP literal, too long, with control characters.
    Malformed,
}

/// Longest address, in bytes. Source: Auth0's OpenAPI document.
const MAX_BYTES: usize = 254;

/// Looks at an address.
#[must_use]
pub fn form(address: &str) -> Form {
    if address.len() > MAX_BYTES || address.chars().any(char::is_control) {
        return Form::Malformed;
    }
    if !address.is_ascii() {
        return Form::NonAscii;
    }
    let options = Options::default().without_domain_literal().without_display_text().with_required_tld();
    match EmailAddress::parse_with_options(address, options) {
        Ok(_) if !address.contains('"') => Form::Plain,
        _ => Form::Malformed,
    }
}

/// Whether two addresses are one, and how surely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// Byte for byte, or but for the case of the domain.
    Same,
    /// But for the case of the part before the `@`.
    LocalPartCase,
    /// They are two.
    Different,
}

/// Compares two addresses. Never by Unicode case mapping or normalisation.
#[must_use]
pub fn compare(a: &str, b: &str, how: EmailCompare) -> Match {
    if a == b {
        return Match::Same;
    }
    if how == EmailCompare::Exact || !a.eq_ignore_ascii_case(b) {
        return Match::Different;
    }
    match (local_part(a) == local_part(b), how) {
        (true, _) => Match::Same,
        (false, EmailCompare::AsciiCi) => Match::LocalPartCase,
        (false, _) => Match::Different,
    }
}

fn local_part(address: &str) -> &str {
    address.rsplit_once('@').map_or(address, |(local, _)| local)
}

/// Whether the host looks an address up: it has something before and behind its
/// last `@`.
#[must_use]
pub fn may_be_looked_up(address: &str) -> bool {
    address.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
}

/// The domain, as it stands.
#[must_use]
pub fn domain(address: &str) -> &str {
    address.rsplit_once('@').map_or("", |(_, domain)| domain)
}

/// Whether the address is at one of these domains.
#[must_use]
pub fn is_at(address: &str, domains: &[String]) -> bool {
    let own = domain(address);
    domains.iter().any(|domain| domain.eq_ignore_ascii_case(own))
}

#[cfg(test)]
mod tests {
    use super::{EmailCompare, Form, Match, compare, form};

    #[test]
    fn only_plain_addresses_are_compared() {
        assert_eq!(form("ada.lovelace+x@mail.example.com"), Form::Plain);
        for malformed in [
            "",
            "undefined",
            "ada",
            "@example.com",
            "ada@",
            "a@b@example.com",
            "ada@example.com.",
            "ada@localhost",
            "\"a b\"@example.com",
            "ada@[192.0.2.1]",
            "ada\n@example.com",
            "ada@example..com",
            "Ada <ada@example.com>",
            " ada@example.com",
        ] {
            assert_eq!(form(malformed), Form::Malformed, "{malformed:?}");
        }
        assert_eq!(form(&format!("{}@example.com", "a".repeat(320))), Form::Malformed);
        let of_bytes = |bytes: usize| {
            let label = "b".repeat(60);
            format!("{}@{label}.{label}.{label}.{}.com", "a".repeat(60), "c".repeat(bytes - 248))
        };
        assert_eq!((of_bytes(254).len(), form(&of_bytes(254))), (254, Form::Plain));
        assert_eq!(form(&of_bytes(255)), Form::Malformed);
        for beyond in [
            "mıke@example.com",
            "straße@example.com",
            "ｊane@example.com",
            "a@раypal.com",
            "a\u{200b}@example.com",
        ] {
            assert_eq!(form(beyond), Form::NonAscii, "{beyond}");
        }
    }

    #[test]
    fn ascii_case_is_all_that_is_ignored() {
        let ci = EmailCompare::AsciiCi;
        assert_eq!(compare("a@x.com", "a@X.com", ci), Match::Same);
        assert_eq!(compare("a@x.com", "A@x.com", ci), Match::LocalPartCase);
        assert_eq!(compare("a@x.com", "A@x.com", EmailCompare::Exact), Match::Different);
        assert_eq!(compare("a@x.com", "A@x.com", EmailCompare::AsciiCiDomainOnly), Match::Different);
        assert_eq!(compare("a@x.com", "a@X.com", EmailCompare::AsciiCiDomainOnly), Match::Same);
        assert_eq!(compare("jane@gmail.com", "j.ane@gmail.com", ci), Match::Different);
        assert_eq!(compare("jane@gmail.com", "jane+x@gmail.com", ci), Match::Different);
        assert_eq!(compare("k@x.com", "\u{212a}@x.com", ci), Match::Different);
    }
}
