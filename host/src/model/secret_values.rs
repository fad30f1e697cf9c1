//! Secrets that are recognized by their form, in texts of others.

use std::borrow::Cow;
use std::ops::Range;

use super::email::mask_addresses;
use super::provider_tokens::is_secret;

/// The beginnings of keys that well-known services issue.
///
/// Source: the documentation of GitHub's secret scanning, and of Stripe, Slack and AWS.
const PREFIXES: [&str; 16] = [
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "rk_test_",
    "whsec_",
    "sk-",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "AKIA",
];

/// The words before a credential in a header.
const SCHEMES: [&str; 3] = ["bearer", "basic", "digest"];

/// The fewest bytes of a credential: shorter words occur in sentences.
const SHORTEST: usize = 8;

/// Masks the secrets that are recognized by their form, and the addresses, in a text for a log line.
#[must_use]
pub fn mask_secrets(text: &str) -> Cow<'_, str> {
    let found = find_secrets(text);
    if found.is_empty() {
        return mask_addresses(text);
    }
    let (mut masked, mut written) = (String::with_capacity(text.len()), 0);
    for secret in found {
        masked.push_str(&text[written..secret.start]);
        masked.push_str("[secret]");
        written = secret.end;
    }
    masked.push_str(&text[written..]);
    Cow::Owned(mask_addresses(&masked).into_owned())
}

/// Returns whether a text has a secret that is recognized by its form: a JSON Web Token, the
/// credential of a header, a key of a well-known service, or a URL with a password or a token.
pub(crate) fn has_secret(text: &str) -> bool {
    !find_secrets(text).is_empty()
}

/// Returns the places of secrets, in order, none within another.
fn find_secrets(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut is_credential = false;
    for (start, word) in words(text) {
        let end = start + word.len();
        let token = word.find("eyJ").filter(|at| word.len() - at >= 2 * SHORTEST);
        if let Some(at) = token {
            found.push(start + at..end);
        } else if (is_credential && looks_random(word)) || is_key(word) || is_value(text, start) {
            found.push(start..end);
        }
        let is_scheme = SCHEMES.iter().any(|scheme| scheme.eq_ignore_ascii_case(word));
        is_credential = is_scheme;
    }
    found.extend(passwords_of_urls(text));
    found.sort_by_key(|range| (range.start, range.end));
    let mut end = 0;
    found.retain_mut(|range| {
        range.start = range.start.max(end);
        end = end.max(range.end);
        range.start < range.end
    });
    found
}

/// Returns the words of a text that could be tokens, with their places.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let ends = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | '+' | '/' | '%'));
    let mut at = 0;
    text.split_inclusive(ends).filter_map(move |part| {
        let start = at;
        at += part.len();
        let word = part.trim_end_matches(ends);
        (!word.is_empty()).then_some((start, word))
    })
}

/// Returns whether a word is no word of a sentence, such as "basic authentication".
fn looks_random(word: &str) -> bool {
    word.len() >= SHORTEST && word.bytes().any(|byte| !byte.is_ascii_lowercase() && byte != b'.')
}

fn is_key(word: &str) -> bool {
    PREFIXES.iter().any(|prefix| word.starts_with(prefix) && word.len() >= prefix.len() + SHORTEST)
}

/// Returns whether the word at `start` is the value of a parameter of a URL or a form whose name is
/// that of a secret.
fn is_value(text: &str, start: usize) -> bool {
    let Some(before) = text[..start].strip_suffix('=') else { return false };
    let begins = before.rfind(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')));
    let (separator, name) = match begins {
        Some(at) => before[at..].split_at(before[at..].chars().next().map_or(0, char::len_utf8)),
        None => return false,
    };
    matches!(separator, "?" | "&" | "#" | ";") && is_secret(name)
}

/// Returns the passwords in `https://user:password@host`.
fn passwords_of_urls(text: &str) -> Vec<Range<usize>> {
    let schemes = text.match_indices("://").map(|(at, scheme)| at + scheme.len());
    let password = |start: usize| {
        let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '<' | '>');
        let authority = &text[start..text[start..].find(ends).map_or(text.len(), |end| start + end)];
        let (credentials, _) = authority.rsplit_once('@')?;
        let (user, password) = credentials.split_once(':')?;
        let start = start + user.len() + 1;
        (!password.is_empty()).then_some(start..start + password.len())
    };
    schemes.filter_map(password).collect()
}

#[cfg(test)]
mod tests {
    use super::{has_secret, mask_secrets};

    #[test]
    fn secrets_are_recognized_by_their_form() {
        for (text, masked) in [
            ("a eyJhbGciOiJIUzI1NiJ9.e30.c4nary b", "a [secret] b"),
            ("`metadata.eyJhbGciOiJIUzI1NiJ9.e30.c4nary`: x", "`metadata.[secret]`: x"),
            ("Authorization: Bearer c4naryc4nary", "Authorization: Bearer [secret]"),
            ("key sk_live_c4naryc4nary", "key [secret]"),
            (
                "https://u:c4nary@host.test/?access_token=c4nary&x=1",
                "https://u:[secret]@host.test/?access_token=[secret]&x=1",
            ),
            ("of ada@corp.com, ghp_c4naryc4nary", "of a…@corp.com, [secret]"),
        ] {
            assert!(has_secret(text), "{text}");
            assert_eq!(mask_secrets(text), masked);
        }
        for plain in [
            "a bearer of news",
            "basic membership.",
            "https://example.com/a?page=2",
            "ey and eyJ",
            "task-runner",
            "postgres://ligature@db/users",
        ] {
            assert!(!has_secret(plain), "{plain}");
        }
    }
}
