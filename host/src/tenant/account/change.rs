//! The changes of an account that need a fresh login, and their pages.

use crate::directory::EntryId;
use crate::tenant::account::paths::{ADD, REMOVE, UNDO};

/// A change of the account that needs a fresh login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// Another way to log in is added.
    Add,
    /// The identity with this digest is removed.
    Remove(String),
    /// The link with this entry is undone.
    Undo(EntryId),
}

impl Change {
    /// Parses the change that a form or the address of its page names.
    pub(super) fn parse(kind: Option<&str>, subject: Option<&str>) -> Option<Self> {
        let subject = subject.unwrap_or_default();
        match kind? {
            "add" => Some(Self::Add),
            "remove" => Some(Self::Remove(subject.to_owned())),
            "undo" => subject.parse().ok().map(Self::Undo),
            _ => None,
        }
    }

    /// Returns the kind and the subject of the change, for a form.
    pub(super) fn fields(&self) -> (&'static str, &str) {
        match self {
            Self::Add => ("add", ""),
            Self::Remove(digest) => ("remove", digest),
            Self::Undo(link) => ("undo", link.as_str()),
        }
    }

    /// Returns the path of the change's page.
    pub(super) fn path(&self) -> String {
        let (page, name, value) = match self {
            Self::Add => return ADD.to_owned(),
            Self::Remove(digest) => (REMOVE, "identity", digest.as_str()),
            Self::Undo(link) => (UNDO, "link", link.as_str()),
        };
        let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
        format!("{page}?{name}={value}")
    }
}

#[cfg(test)]
mod tests {
    use super::Change;

    #[test]
    fn a_change_is_one_of_three() {
        let link = "0190b6f0-0000-4000-8000-000000000000";
        for (kind, subject, path) in [
            ("add", "x", "/account/add"),
            ("remove", "0a&b", "/account/remove?identity=0a%26b"),
            ("undo", link, "/account/undo?link=0190b6f0-0000-4000-8000-000000000000"),
        ] {
            assert_eq!(Change::parse(Some(kind), Some(subject)).map(|it| it.path()).as_deref(), Some(path));
        }
        for (kind, subject) in [(None, None), (Some("undo"), Some("x")), (Some("https://evil.test"), None)] {
            assert_eq!(Change::parse(kind, subject), None, "{kind:?}");
        }
    }
}
