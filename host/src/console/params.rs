//! The parameters of a visit: of its query, or of its form.

use std::collections::BTreeMap;

/// The longest parameter, in bytes.
const LONGEST: usize = 8 << 10;

/// The parameters of a visit. None occurs twice, and none is empty.
#[derive(Debug, Clone, Default)]
pub(super) struct Params(BTreeMap<String, String>);

impl Params {
    /// Reads a query or a form. `None` if a parameter occurs twice, is too long, or contains the
    /// character NUL, which databases refuse.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let mut params = BTreeMap::new();
        for (key, value) in url::form_urlencoded::parse(text).filter(|(_, value)| !value.is_empty()) {
            let is_long = key.len() > LONGEST || value.len() > LONGEST;
            if is_long
                || value.contains('\0')
                || params.insert(key.into_owned(), value.into_owned()).is_some()
            {
                return None;
            }
        }
        Some(Self(params))
    }

    /// Returns the value of a parameter, without white space around it; none if it is missing.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, Params};

    #[test]
    fn a_parameter_is_there_once_and_not_empty() {
        let params = Params::read(b"a=1+2&b=&c=%20&d=%7C").unwrap();
        let values = ["a", "b", "c", "d", "e"].map(|name| params.get(name));
        assert_eq!(values, [Some("1 2"), None, None, Some("|"), None]);
        assert!(Params::read(b"a=1&a=2").is_none());
        assert!(Params::read(b"a=x%00").is_none());
        assert!(Params::read(format!("a={}", "x".repeat(LONGEST + 1)).as_bytes()).is_none());
    }
}
