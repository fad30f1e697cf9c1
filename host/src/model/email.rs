//! E-mail addresses: those that a login may look up, and how they are masked.

use std::borrow::Cow;

/// The addresses that a login may look up: its own as it stands, and the same in
/// ASCII lower case. Databases store lower case, and some look-ups are
/// case-sensitive. Unicode case mapping is never applied: `ı` is not `i`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    literal: String,
    lower: String,
}

impl Addresses {
    /// The forms of this address. None if the text is not an address: all accounts
    /// without an address would match it.
    #[must_use]
    pub fn from_email(email: &str) -> Option<Self> {
        let (local, domain) = email.rsplit_once('@')?;
        let is_address = !local.is_empty() && !domain.is_empty();
        is_address.then(|| Self { literal: email.to_owned(), lower: email.to_ascii_lowercase() })
    }

    /// Returns whether the login may look this address up.
    #[must_use]
    pub fn contains(&self, email: &str) -> bool {
        email == self.literal || email == self.lower
    }

    /// Returns whether a stored address is the login's, ignoring the case of ASCII
    /// letters.
    #[must_use]
    pub fn match_stored(&self, stored: &str) -> bool {
        stored.eq_ignore_ascii_case(&self.lower)
    }
}

/// Masks every e-mail address in a text: only its first letter and its domain
/// remain, so `ada@corp.com` becomes `a…@corp.com`. Addresses at reserved domains
/// (RFC 2606: `example.com`, `.test` …) stay whole.
#[must_use]
pub fn mask_addresses(text: &str) -> Cow<'_, str> {
    replace_addresses(text, |local, domain| {
        let first = local.chars().next().filter(|_| !is_reserved_domain(domain))?;
        Some(format!("{first}…@{domain}"))
    })
}

/// Replaces the e-mail addresses in a text. `replace` gets the part before the last `@` and
/// the domain of each, and returns none to keep it.
pub(crate) fn replace_addresses(
    text: &str,
    mut replace: impl FnMut(&str, &str) -> Option<String>,
) -> Cow<'_, str> {
    let Some(_) = find_at(text) else { return Cow::Borrowed(text) };
    let mut replaced = String::with_capacity(text.len());
    let mut written = 0;
    while let Some((at, sign)) = find_at(&text[written..]).map(|(found, sign)| (written + found, sign)) {
        let start = start_of_local_part(text, written, at);
        let first = at + sign.len();
        let end = end_of_domain(text, first);
        let behind = &text[first..end];
        let (local, domain) = match behind.rsplit_once('@') {
            Some((more, domain)) => (&text[start..first + more.len()], domain),
            None => (&text[start..at], behind),
        };
        let is_address = start < at && (domain.contains(char::is_alphabetic) || domain.starts_with('['));
        replaced.push_str(&text[written..start]);
        match is_address.then(|| replace(local, domain)).flatten() {
            Some(replacement) => replaced.push_str(&replacement),
            None => replaced.push_str(&text[start..end]),
        }
        written = end;
    }
    replaced.push_str(&text[written..]);
    Cow::Owned(replaced)
}

/// The forms of an `@`: itself, in a URL, full-width and small, and in HTML.
const AT: [&str; 8] = ["@", "%40", "%2540", "\u{ff20}", "\u{fe6b}", "&#64;", "&#x40;", "&commat;"];

/// Returns the place and the form of the first `@`.
fn find_at(text: &str) -> Option<(usize, &'static str)> {
    let begins = |c: char| matches!(c, '@' | '%' | '&' | '\u{ff20}' | '\u{fe6b}');
    let form = |at: usize| AT.into_iter().find(|form| text[at..].starts_with(form)).map(|form| (at, form));
    text.match_indices(begins).find_map(|(at, _)| form(at))
}

fn start_of_local_part(text: &str, from: usize, at: usize) -> usize {
    let before = &text[from..at];
    if let Some(quoted) = before.strip_suffix('"') {
        return quoted.rfind('"').map_or(from, |quote| from + quote);
    }
    before.char_indices().rfind(|(_, c)| ends_local_part(*c)).map_or(from, |(i, c)| from + i + c.len_utf8())
}

/// Returns the end of the last domain, where several `@` follow each other, or of the address of
/// a host in brackets.
fn end_of_domain(text: &str, from: usize) -> usize {
    if text[from..].starts_with('[') {
        return text[from..].find(']').map_or(text.len(), |found| from + found + 1);
    }
    let ends = |c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '@'));
    text[from..].find(ends).map_or(text.len(), |found| from + found)
}

fn ends_local_part(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '"' | '\'' | '`' | '<' | '>' | '(' | ')' | ',' | ';' | ':' | '|' | '[' | ']' | '=')
}

/// Returns whether a domain is reserved for documentation and tests.
///
/// Source: RFC 2606 and RFC 6761.
fn is_reserved_domain(domain: &str) -> bool {
    let domain = domain.trim_end_matches('.').to_ascii_lowercase();
    let mut labels = domain.rsplit('.');
    match (labels.next().unwrap_or(""), labels.next()) {
        ("test" | "example" | "invalid" | "localhost", _) => true,
        ("com" | "net" | "org", second) => second == Some("example"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Addresses, mask_addresses};

    fn addresses(email: &str) -> Addresses {
        Addresses::from_email(email).unwrap()
    }

    #[test]
    fn the_literal_and_the_lower_cased_address_may_be_looked_up() {
        let mixed = addresses("Ada@Example.com");
        assert!(mixed.contains("Ada@Example.com") && mixed.contains("ada@example.com"));
        assert!(!mixed.contains("ADA@EXAMPLE.COM"));
        assert!(!addresses("mıke@example.com").contains("mike@example.com"));
    }

    #[test]
    fn a_stored_address_is_the_logins_whatever_the_case_of_ascii_letters() {
        let own = addresses("Ada@example.com");
        for stored in ["Ada@example.com", "ada@example.com", "ADA@Example.COM"] {
            assert!(own.match_stored(stored), "{stored}");
        }
        assert!(!own.match_stored("ada@example.org"));
        assert!(!addresses("mike@example.com").match_stored("mıke@example.com"));
    }

    /// Otherwise all accounts without an address would share one.
    #[test]
    fn a_text_that_is_no_address_is_nobodys() {
        for text in ["", " ", "@", "ada", "@example.com", "ada@"] {
            assert_eq!(Addresses::from_email(text), None, "{text:?}");
        }
    }

    #[test]
    fn addresses_are_masked_wherever_they_stand() {
        assert_eq!(mask_addresses("of ada@corp.com, bob@x.org."), "of a…@corp.com, b…@x.org.");
        assert_eq!(mask_addresses("samlp|conn|ada@corp.com"), "samlp|conn|a…@corp.com");
        assert_eq!(mask_addresses("émile@corp.com"), "é…@corp.com");
        assert_eq!(mask_addresses("a@b@c.com"), "a…@c.com");
        assert_eq!(mask_addresses(r#"to "ada l"@corp.com"#), "to \"…@corp.com");
        assert_eq!(mask_addresses("ligature:login@0.1.0"), "ligature:login@0.1.0");
        for other in ["ada%40corp.com", "ada%2540corp.com", "ada\u{ff20}corp.com", "ada&#64;corp.com"] {
            assert_eq!(mask_addresses(other), "a…@corp.com");
        }
        assert_eq!(mask_addresses("of ada@[192.0.2.1], x"), "of a…@[192.0.2.1], x");
        assert_eq!(mask_addresses("100% of ads & more"), "100% of ads & more");
        assert_eq!(mask_addresses("no address @ all"), "no address @ all");
    }

    #[test]
    fn reserved_domains_are_nobodys() {
        for whole in ["ada@example.com", "ada@mail.example.org", "ada@corp.test", "<ada@x.example>"] {
            assert_eq!(mask_addresses(whole), whole);
        }
        assert_eq!(mask_addresses("ada@notexample.com"), "a…@notexample.com");
        assert_eq!(mask_addresses("ada@example.com.evil.de"), "a…@example.com.evil.de");
    }
}
