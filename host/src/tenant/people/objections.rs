//! Objections: the links in notices by which the owner of an account says "this was not me".

use crate::directory::EntryId;
use crate::tenant::store::per_owner::Owned;
use crate::tenant::store::weight::Weighed;

/// The lifetime of an objection, in seconds.
pub(crate) const OBJECTION_S: u64 = 7 * 86_400;
/// The maximum number of objections per account. Beyond it, the account's oldest ends.
pub(crate) const MOST_OBJECTIONS: usize = 20;

/// A change to which the owner of an account may object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Objection {
    /// The id of the account whose owner may object.
    pub(crate) account: String,
    pub(crate) change: ContestedChange,
}

/// A change of accounts, by what is needed to undo it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ContestedChange {
    /// Two accounts were linked.
    Link {
        /// The entry of the link.
        link: EntryId,
        /// The id of the account that stayed.
        kept: String,
        /// The ids of the identities that moved to it.
        moved: Vec<String>,
    },
    /// Identities have left an account.
    Separation {
        /// The ids of the account and of the one that has left it, as they were afterwards.
        accounts: [String; 2],
        /// Their versions.
        versions: [u64; 2],
    },
}

impl Weighed for Objection {
    fn bytes(&self) -> usize {
        let change = match &self.change {
            ContestedChange::Link { link, kept, moved } => link.as_str().len() + kept.len() + moved.bytes(),
            ContestedChange::Separation { accounts, versions: _ } => accounts.iter().map(String::len).sum(),
        };
        self.account.len() + change
    }
}

impl Owned for Objection {
    fn owner(&self) -> &str {
        &self.account
    }
}
