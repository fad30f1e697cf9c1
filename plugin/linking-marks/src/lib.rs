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
    /// The last look-up that found no other account.
    pub const CHECKED: &str = "checked";

    /// Every key.
    pub const KEYS: [&str; 9] = [
        OPT_OUT,
        DELETED,
        MANAGED_BY,
        VERIFIED_EMAIL,
        PENDING_EMAIL,
        UNLINKED,
        PROMPTS,
        LAST_PROMPTED_AT,
        CHECKED,
    ];
}

/// Keys of `app_metadata.linking.checked`, and the reason by which a plugin asks the
/// host to write it.
pub mod checked {
    /// The time of the look-up, in milliseconds since 1970-01-01T00:00:00Z.
    pub const AT: &str = "at";
    /// The [`fingerprint`] of the settings and the account.
    pub const FOR: &str = "for";

    /// Every key.
    pub const KEYS: [&str; 2] = [AT, FOR];

    /// The code of the reason by which a plugin that lets a login proceed asks the host
    /// to write the mark.
    pub const REASON: &str = "MARKED_AS_CHECKED";

    /// Returns a fingerprint of everything that a look-up depends on: the settings
    /// document, the account's id, its address, and the ids of its identities. It has 16
    /// hexadecimal digits.
    ///
    /// It notices changes and is no protection against forgery: whoever can write the
    /// mark can also write `opt_out`. The hash is FNV-1a.
    pub fn fingerprint<'a>(
        settings: &str,
        user_id: &str,
        email: &str,
        identities: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> String {
        SettingsHash::new(settings).fingerprint(user_id, email, identities)
    }

    /// The hash of a settings document, with which every fingerprint begins.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct SettingsHash(Fnv);

    impl SettingsHash {
        /// Hashes a settings document.
        #[must_use]
        pub fn new(settings: &str) -> Self {
            let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
            hash.add(settings);
            Self(hash)
        }

        /// Returns the [`fingerprint`] of these settings and an account.
        pub fn fingerprint<'a>(
            self,
            user_id: &str,
            email: &str,
            identities: impl Iterator<Item = (&'a str, &'a str)>,
        ) -> String {
            let Self(mut hash) = self;
            [user_id, email].into_iter().for_each(|text| hash.add(text));
            for (provider, id) in identities {
                hash.add(provider);
                hash.add(id);
            }
            hash.to_hex()
        }
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct Fnv(u64);

    impl Fnv {
        /// Adds a text and its end, which no byte of UTF-8 equals.
        fn add(&mut self, text: &str) {
            for byte in text.bytes().chain([0xff]) {
                self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }

        fn to_hex(self) -> String {
            let digits = (0..16).rev().map(|place| (self.0 >> (4 * place)) & 15);
            digits.filter_map(|digit| char::from_digit(digit as u32, 16)).collect()
        }
    }
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
    use super::{AUTHORIZATION, LINKING, NO_LINK, PRIVILEGED, ROLES, checked, linking, unlinked};

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
        keys.extend(checked::KEYS.map(|key| format!("{LINKING}.{}.{key}", linking::CHECKED)));
        keys.sort_unstable();
        documented.sort_unstable();
        assert_eq!(documented, keys);
    }

    #[test]
    fn a_fingerprint_changes_with_each_of_its_parts() {
        let of = |settings, user_id, email, identities: &[(&str, &str)]| {
            let fingerprint = checked::fingerprint(settings, user_id, email, identities.iter().copied());
            assert!(fingerprint.len() == 16 && fingerprint.bytes().all(|it| it.is_ascii_hexdigit()));
            fingerprint
        };
        let own = [("auth0", "1")];
        let one = of("{}", "auth0|1", "ada@example.com", &own);
        assert_eq!(of("{}", "auth0|1", "ada@example.com", &own), one);
        for other in [
            of("{ }", "auth0|1", "ada@example.com", &own),
            of("{}", "auth0|2", "ada@example.com", &own),
            of("{}", "auth0|1", "Ada@example.com", &own),
            of("{}", "auth0|1", "ada@example.com", &[]),
            of("{}", "auth0|1", "ada@example.com", &[("auth0", "2")]),
            of("{}", "auth0|1", "ada@example.com", &[("auth0", "1"), ("sms", "7")]),
            of("{}auth0|1", "", "ada@example.com", &own),
        ] {
            assert_ne!(other, one);
        }
    }
}
