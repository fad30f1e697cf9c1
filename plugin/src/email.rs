//! Comparison of e-mail addresses.

pub use ligature_contact_syntax::{AddressForm, classify_address};
use ligature_link_policy::{EmailCompare, Names};

/// The result of comparing two addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// The addresses are equal, or differ in the case of the domain only.
    Same,
    /// The addresses differ in the case of the part before the `@` only.
    LocalPartCase,
    /// The addresses are different.
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

/// The domain, as it stands.
#[must_use]
pub fn domain_of(address: &str) -> &str {
    address.rsplit_once('@').map_or("", |(_, domain)| domain)
}

/// Returns whether the address is at one of these domains.
#[must_use]
pub fn is_at(address: &str, domains: &Names) -> bool {
    domains.contains_ignoring_case(domain_of(address))
}

#[cfg(test)]
mod tests {
    use super::{EmailCompare, Match, compare};

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
