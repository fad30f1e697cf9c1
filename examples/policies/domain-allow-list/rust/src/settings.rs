//! The policy document: domains, the message for users of others, and whether to
//! link.

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny};

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    #[serde(deserialize_with = "domains")]
    domains: Vec<String>,
    #[serde(deserialize_with = "message", default = "default_message")]
    pub(crate) message: String,
    #[serde(deserialize_with = "link", default = "default_link")]
    pub(crate) link: bool,
}

impl ligature_policy::Settings for Settings {
    fn schema() -> String {
        include_str!("../settings.schema.json").to_owned()
    }
}

impl Settings {
    /// Returns whether the domain of an address is listed.
    pub(crate) fn list(&self, email: &str) -> bool {
        // Not `to_lowercase`, which makes a `k` of the Kelvin sign.
        let Some((_, domain)) = email.rsplit_once('@') else { return false };
        let domain = domain.to_ascii_lowercase();
        self.domains.iter().any(|entry| match entry.strip_prefix('*') {
            Some(suffix) => domain.len() > suffix.len() && domain.ends_with(suffix),
            None => domain == *entry,
        })
    }
}

fn default_message() -> String {
    "This address may not be used here.".to_owned()
}

fn default_link() -> bool {
    true
}

/// A value that ought to be of a type, so that another type is reported in our own words.
#[derive(Deserialize)]
#[serde(untagged)]
enum Given<T> {
    Wanted(T),
    Other(IgnoredAny),
}

fn message<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Given::<String>::deserialize(deserializer)? {
        Given::Wanted(text) if (1..=255).contains(&text.chars().count()) => Ok(text),
        _ => Err(D::Error::custom("`message`: expected a text of 1 to 255 characters")),
    }
}

fn link<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match Given::deserialize(deserializer)? {
        Given::Wanted(link) => Ok(link),
        Given::Other(_) => Err(D::Error::custom("`link`: expected true or false")),
    }
}

fn domains<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let list: Vec<Given<String>> = match Given::deserialize(deserializer)? {
        Given::Wanted(list) => list,
        Given::Other(_) => Vec::new(),
    };
    if list.is_empty() {
        return Err(D::Error::custom("`domains`: expected a list of at least one domain"));
    }
    let domain = |(place, entry): (usize, Given<String>)| match entry {
        Given::Wanted(text) if is_entry(&text) => Ok(text),
        _ => Err(D::Error::custom(format!(
            "`domains[{place}]`: expected a domain in lower case, such as `example.com` or `*.example.com`"
        ))),
    };
    list.into_iter().enumerate().map(domain).collect()
}

fn is_entry(text: &str) -> bool {
    text.len() <= 253 && is_domain(text.strip_prefix("*.").unwrap_or(text))
}

fn is_domain(text: &str) -> bool {
    let is_letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(is_letter)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.contains('.') && text.split('.').all(is_label)
}
