//! The marks in `app_metadata`: the one place that spells their keys. The host
//! writes some of them for every plugin, the tenant writes the others, and the
//! plugin `link-users-by-email` reads them. `docs/marks.md` documents them.

/// The object of the marks that Ligature defines.
pub const LINKING: &str = "linking";
/// The account is not to be linked.
pub const NO_LINK: &str = "no_link";
/// The account has power.
pub const PRIVILEGED: &str = "privileged";
/// Roles of the account.
pub const ROLES: &str = "roles";
/// The entry of Auth0's Authorization Extension, with `roles` in it.
pub const AUTHORIZATION: &str = "authorization";

/// The keys that a link neither writes nor removes, and that no import sets: each
/// is about one account.
pub const PROTECTED: [&str; 3] = [LINKING, NO_LINK, PRIVILEGED];

/// Keys of `app_metadata.linking`.
pub mod linking {
    /// The account is not to be linked.
    pub const OPT_OUT: &str = "opt_out";
    /// The account is deleted, or is being deleted.
    pub const DELETED: &str = "deleted";
    /// The directory that manages the account.
    pub const MANAGED_BY: &str = "managed_by";
    /// The address that was verified.
    pub const VERIFIED_EMAIL: &str = "verified_email";
    /// The address that a pending change would set.
    pub const PENDING_EMAIL: &str = "pending_email";
    /// The identities that the account was separated from.
    pub const UNLINKED: &str = "unlinked";
    /// The number of prompts that the user has had.
    pub const PROMPTS: &str = "prompts";
    /// The time of the last prompt.
    pub const LAST_PROMPTED_AT: &str = "last_prompted_at";

    /// Every key.
    pub const KEYS: [&str; 8] =
        [OPT_OUT, DELETED, MANAGED_BY, VERIFIED_EMAIL, PENDING_EMAIL, UNLINKED, PROMPTS, LAST_PROMPTED_AT];
}

/// Keys of an element of `app_metadata.linking.unlinked`.
pub mod unlinked {
    /// The identity, `provider|id`.
    pub const FROM: &str = "from";
    /// The time, in milliseconds since 1970-01-01T00:00:00Z.
    pub const AT: &str = "at";
    /// The person who separated the two.
    pub const BY: &str = "by";
    /// The value of `by` for an operator. Without `by` it was the user, or an
    /// application for them.
    pub const OPERATOR: &str = "operator";

    /// Every key.
    pub const KEYS: [&str; 3] = [FROM, AT, BY];
}

#[cfg(test)]
mod tests {
    use super::{AUTHORIZATION, LINKING, NO_LINK, PRIVILEGED, ROLES, linking, unlinked};

    #[test]
    fn the_page_documents_every_mark_once_and_no_other() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/marks.md");
        let page = std::fs::read_to_string(page).unwrap_or_else(|error| panic!("{page}: {error}"));
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        let mut documented: Vec<&str> = rows.collect();
        let mut keys: Vec<String> =
            [NO_LINK, PRIVILEGED, ROLES, AUTHORIZATION, LINKING].map(str::to_owned).into();
        keys.extend(linking::KEYS.map(|key| format!("{LINKING}.{key}")));
        keys.extend(unlinked::KEYS.map(|key| format!("{LINKING}.{}[].{key}", linking::UNLINKED)));
        keys.sort_unstable();
        documented.sort_unstable();
        assert_eq!(documented, keys);
    }
}
