//! Every reason code, in one list: `docs/reasons.md` is made from it.

use std::borrow::Cow;

use crate::bindings::{Level, Reason};
use crate::json::may_hold_controls;

macro_rules! codes {
    ($($family:literal { $($name:ident $text:literal $level:ident $meaning:literal, $remedy:literal;)+ })+) => {
        /// A reason code. The texts are stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ReasonCode {
            $($(#[doc = $meaning] $name,)+)+
        }

        impl ReasonCode {
            /// Every code there is, in families.
            pub const FAMILIES: &[(&str, &[ReasonCode])] = &[$(($family, &[$(ReasonCode::$name),+])),+];

            /// The code in outcomes and snapshots.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $($(ReasonCode::$name => $text,)+)+
                }
            }

            /// The severity of the reason.
            #[must_use]
            pub fn level(self) -> Level {
                match self {
                    $($(ReasonCode::$name => Level::$level,)+)+
                }
            }
        }

        /// The texts of `docs/reasons.md`. The component does not contain them.
        #[cfg(not(target_family = "wasm"))]
        impl ReasonCode {
            /// The meaning, in one sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {
                    $($(ReasonCode::$name => $meaning,)+)+
                }
            }

            /// The remedy, in one sentence.
            #[must_use]
            pub fn remedy(self) -> &'static str {
                match self {
                    $($(ReasonCode::$name => $remedy,)+)+
                }
            }
        }
    };
}

codes! {
    "E-mail and verification" {
        NoEmail "NO_EMAIL" Info "The account that logs in has no e-mail address.", "Nothing: there is nothing to compare.";
        EmailMalformed "EMAIL_MALFORMED" Finding "The address cannot be compared: it is malformed, quoted or too long, or has control characters.", "Correct the address at the identity provider.";
        EmailNonAscii "EMAIL_NON_ASCII" Finding "The address has non-ASCII characters, which can look like other characters.", "Link by hand if both accounts belong to one person.";
        EmailUnverifiedCurrent "EMAIL_UNVERIFIED_CURRENT" Info "The address of this login is not verified.", "Let the user verify the address; the next login decides again.";
        EmailVerifiedUnknown "EMAIL_VERIFIED_UNKNOWN" Info "The login does not report whether its address is verified.", "Configure the connection to pass on `email_verified`.";
        EmailVerifiedNotBoolean "EMAIL_VERIFIED_NOT_BOOLEAN" Finding "`email_verified` of this login is not a boolean; only `true` counts.", "Correct the connection's profile mapping: it has to pass on a boolean.";
        VerificationStale "VERIFICATION_STALE" Finding "The address was changed after it was verified.", "Let the user verify the new address.";
        AddressNotVouchedFor "ADDRESS_NOT_VOUCHED_FOR" Finding "The root identity of an account supplied another address than the account's, or did not verify it: the account's address is not proved.", "Let the user verify the address, or correct the account.";
        PendingEmailChange "PENDING_EMAIL_CHANGE" Finding "A change of an account's address is pending.", "Let the user finish or cancel the change.";
        NoFreshMailboxProof "NO_FRESH_MAILBOX_PROOF" Info "The policy requires a proof of the mailbox at this login, and there was none.", "Log in with a code or link by e-mail.";
    }
    "Candidates" {
        NotFirstLogin "NOT_FIRST_LOGIN" Info "This is not the account's first login, and the policy looks up at first logins only.", "Set `look_up` to `until_checked` or `every_login`.";
        CheckedBefore "CHECKED_BEFORE" Info "A recent look-up found no other account, and neither the policy nor the account has changed since.", "Nothing: the account is looked up again after `look_up_again_after_days`.";
        MarkedAsChecked "MARKED_AS_CHECKED" Info "The look-up found no other account, and the host notes it in `app_metadata.linking.checked`.", "Nothing.";
        CapitalsMayBeMissed "CAPITALS_MAY_BE_MISSED" Info "The look-up is case-sensitive, and an account of an enterprise connection keeps the capital letters of its address: one may have been missed.", "Let the identity provider send addresses in lower case, or link by hand (`ligature users merge`).";
        NoCandidate "NO_CANDIDATE" Info "No other account has this address.", "Nothing.";
        AlreadyLinked "ALREADY_LINKED" Info "The accounts with this address are one user already.", "Nothing.";
        ForeignCandidate "FOREIGN_CANDIDATE" Finding "The directory returned an account that does not have this address; it was ignored.", "Check the directory: a look-up should return only matches.";
        CandidateGone "CANDIDATE_GONE" Info "The other account is deleted or being deleted.", "Nothing.";
        CandidateUnverified "CANDIDATE_UNVERIFIED" Finding "The other account's address is not verified, or its verification is missing or not a boolean; the detail says which. Somebody else may have created the account in advance.", "Let its owner verify the address, or remove the account.";
        MatchOnUnverifiedSecondary "MATCH_ON_UNVERIFIED_SECONDARY" Finding "Only an unverified linked identity of the other account has the address.", "Let its owner verify the address.";
        SameProviderDifferentSubject "SAME_PROVIDER_DIFFERENT_SUBJECT" Finding "The same provider knows this address under another id: the mailbox may have changed hands.", "Find out whether both belong to one person; then link by hand, or set `same_provider`.";
        TwoDatabaseAccounts "TWO_DATABASE_ACCOUNTS" Conflict "Both accounts are in databases of the tenant.", "Link by hand, or set `two_databases`.";
        NonUniqueEmailConnection "NON_UNIQUE_EMAIL_CONNECTION" Conflict "In the database of one account, several people share an address.", "Link by hand, with a proof of both accounts.";
        CaseVariantOnly "CASE_VARIANT_ONLY" Info "The addresses differ in the case of the part before the `@`.", "Set `local_part_case` to `allow` if your mail systems ignore it, and `email_compare` to `ascii_ci` where it is stricter.";
        MultipleCandidates "MULTIPLE_CANDIDATES" Conflict "Several other accounts could be linked; a person has to choose one.", "Link by hand, or set `on_multiple`.";
        CaseVariantCandidates "CASE_VARIANT_CANDIDATES" Conflict "Several accounts of one connection differ only in the case of the address.", "Merge or remove the variants in that connection.";
        TooManyCandidates "TOO_MANY_CANDIDATES" Conflict "More accounts have this address than the policy examines.", "Find out why; raise `limits.max_candidates` if the number is correct.";
    }
    "State of the accounts" {
        CurrentBlocked "CURRENT_BLOCKED" Info "The account that logs in is blocked.", "Nothing: the tenant denies the login.";
        CandidateBlocked "CANDIDATE_BLOCKED" Finding "The other account is blocked; linking would let its owner in.", "Unblock the account if that is right.";
        OptedOut "OPTED_OUT" Info "An account is excluded by `app_metadata.no_link` or `app_metadata.linking.opt_out`, or its marks there do not have the documented types.", "Remove or correct the mark if the account may be linked.";
        PrivilegedAccount "PRIVILEGED_ACCOUNT" Finding "An account is privileged, by a role, a mark or a list of the policy.", "Link by hand, or let the user prove both accounts with a second factor.";
        MfaDowngrade "MFA_DOWNGRADE" Finding "The other account has MFA, or the login's account has and its second factor was not passed, or the account that would be the primary has none.", "Let the user pass the second factor of the account that has one, or enrol one for the primary.";
        TrojanIdentitySuspected "TROJAN_IDENTITY_SUSPECTED" Finding "An account has a linked identity that does not itself prove the address through a trusted connection.", "Check its identities and unlink those that are not the owner's.";
        NeverLoggedIn "NEVER_LOGGED_IN" Info "The other account has never logged in.", "Set `never_logged_in` to `allow` if you have imported verified accounts.";
    }
    "Trust: connections, domains, organizations" {
        PolicyDisabled "POLICY_DISABLED" Info "The policy's mode is `off`.", "Set `mode`.";
        ConnectionExcluded "CONNECTION_EXCLUDED" Info "The policy excludes this connection.", "Remove it from `excluded_connections`.";
        ClientExcluded "CLIENT_EXCLUDED" Info "The policy excludes this application.", "Remove it from `excluded_clients`.";
        OrganizationExcluded "ORGANIZATION_EXCLUDED" Info "The policy excludes this organization.", "Remove it from `excluded_organizations`.";
        DomainNotOwned "DOMAIN_NOT_OWNED_BY_CONNECTION" Finding "The `domains` of a connection that claims the address do not include the address's domain.", "Add the domain to the connection's `domains` if it owns it.";
        DomainNotAllowed "DOMAIN_NOT_ALLOWED" Info "Addresses of this domain are not linked.", "Remove the domain from `blocked_domains`.";
        CrossOrganization "CROSS_ORGANIZATION" Info "The accounts belong to different organizations.", "Name both in `linked_organizations` if they belong together.";
        DifferentConnectionGroups "DIFFERENT_CONNECTION_GROUPS" Info "The accounts' connections are in different groups.", "Place both in one of `connection_groups`.";
        TwoManaged "TWO_MANAGED" Conflict "A directory manages both accounts, so neither can become a secondary.", "Correct it in the directory.";
        ConnectionNotTrusted "CONNECTION_NOT_TRUSTED" Info "A connection that claims the address is not trusted to verify it.", "List the connection in `trusted_connections`, an enterprise one with its domains.";
        ConnectionWithoutDomains "CONNECTION_WITHOUT_DOMAINS" Info "An enterprise connection is not trusted to verify the address: it is in `trusted_connections` without its `domains`.", "List the connection by `name`, with the `domains` that its owner owns.";
        VerificationByPolicyOnly "VERIFICATION_BY_POLICY_ONLY" Info "The address counts as verified only by a setting of the tenant for the whole connection.", "Let the user prove the address.";
    }
    "Primary" {
        ScimMustBePrimary "SCIM_MUST_BE_PRIMARY" Info "The account that a directory manages is the primary.", "Nothing.";
        PrimaryByIdentities "PRIMARY_BY_IDENTITIES" Info "The account that already has linked identities is the primary.", "Nothing.";
        PrimaryByPolicy "PRIMARY_BY_POLICY" Info "The account that the policy's `primary` prefers is the primary.", "Set `primary`.";
        PrimaryByAge "PRIMARY_BY_AGE" Info "The older account is the primary.", "Set `primary`.";
        PrimaryByUserId "PRIMARY_BY_USER_ID" Info "No other criterion distinguishes the accounts: the one with the smaller user id is the primary.", "Nothing.";
        DemotesCluster "DEMOTES_CLUSTER" Info "An account with linked identities would become a secondary.", "Set `allow_demote_with_identities`, or link by hand.";
        IdentityLimit "IDENTITY_LIMIT" Finding "The user would have more identities than allowed.", "Raise `limits.max_identities`.";
        IdTooLong "ID_TOO_LONG" Finding "The primary's user id has more than 128 characters, which Auth0 does not accept as a login's primary.", "Link by hand.";
    }
    "Metadata" {
        MetadataConflict "METADATA_CONFLICT" Conflict "A metadata key that must be equal differs.", "Find out which value is right and correct the other.";
        MetadataDropped "METADATA_DROPPED" Info "Keys of the secondary's app_metadata were not copied to the primary.", "Set `metadata.app` to copy them.";
        RolesNotCopied "ROLES_NOT_COPIED" Finding "The secondary had roles; the primary does not get them.", "Give the primary the roles that it should have.";
    }
    "Asking the user" {
        Suggested "SUGGESTED" Info "The policy asks the user to log in to the other account too.", "Nothing.";
        NotConfirmed "NOT_CONFIRMED" Info "The user of one of the accounts was asked recently and has not confirmed the link: it is not made without a question.", "Nothing: the question is due until `prompts.ask_again_after_days` are over.";
        NonInteractive "NON_INTERACTIVE" Info "The user would be asked, but the login is not interactive.", "Nothing: the next interactive login asks.";
        PromptsExhausted "PROMPTS_EXHAUSTED" Info "The user has been asked as often as allowed.", "Raise `prompts.max`.";
        AskedRecently "ASKED_RECENTLY" Info "The user was asked recently.", "Nothing: the user is asked again after `prompts.ask_again_after_days`.";
        LinkRequired "LINK_REQUIRED" Info "The policy requires the link, and the user has not confirmed it.", "Raise `prompts.grace`.";
        Declined "DECLINED" Info "The user was asked and has declined.", "Nothing.";
        UnlinkedByUser "UNLINKED_BY_USER" Info "The two accounts were unlinked recently and are not linked again yet.", "Wait for `unlink_cooldown_days`, or link by hand.";
        UnlinkedByOperator "UNLINKED_BY_OPERATOR" Info "An operator separated the two accounts recently, and they are not linked again yet.", "Wait for `unlink_cooldown_days`, or link by hand (`ligature users merge`).";
    }
    "Running" {
        LookupFailed "LOOKUP_FAILED" Error "The accounts with this address could not be looked up.", "Check the directory; the next login decides again.";
        RateLimited "RATE_LIMITED" Error "The directory asked for fewer calls.", "Check the tenant's rate limits; the next login decides again.";
        LinkFailed "LINK_FAILED" Error "The link failed; the detail says whether anything was changed.", "Check the directory; the next login decides again.";
        RaceLost "RACE_LOST" Info "Another login linked or removed an account first.", "Nothing: the next login finds the accounts linked.";
        StateChanged "STATE_CHANGED" Error "An account changed while the login was being decided.", "Nothing: the next login decides again.";
        PlanRejected "PLAN_REJECTED" Error "The host refused the link.", "Read the detail. If it names a key of the metadata, let the policy's `metadata` drop the key, or list it in the host's `link_metadata_keys`; report anything else as a bug.";
        LinkedVerifiedBoth "LINKED_VERIFIED_BOTH" Info "Both accounts have verified the same address: they were linked.", "Nothing.";
        LinkedByProof "LINKED_BY_PROOF" Info "The user has proved both accounts: they were linked.", "Nothing.";
        WouldLink "WOULD_LINK" Info "In mode `auto` the accounts would have been linked.", "Set `mode` when you have seen enough.";
        WouldSuggest "WOULD_SUGGEST" Info "In mode `auto` the user would have been asked.", "Set `mode` when you have seen enough.";
        WouldConflict "WOULD_CONFLICT" Info "In mode `auto` a conflict would have been reported.", "Look at the conflict.";
        WouldDeny "WOULD_DENY" Info "In mode `auto` the login would have been denied.", "Set `mode` when you have seen enough.";
    }
    "Proof" {
        ProofForeign "PROOF_FOREIGN" Finding "The proof is for other accounts than this login's pair.", "Nothing: the login continues without a link.";
        ProofStale "PROOF_STALE" Finding "The proof is too old or has a time in the future, or an account has changed since.", "Let the user prove the other account again.";
    }
}

impl ReasonCode {
    /// A reason with this code, about these users, in one plain sentence. Only a
    /// text that was put together is checked against the contract.
    #[must_use]
    pub fn about(self, subject: &[&str], detail: impl Into<Cow<'static, str>>) -> Reason {
        self.of_checked(
            subject,
            match detail.into() {
                Cow::Borrowed(own) => own.to_owned(),
                Cow::Owned(text) => truncate(text),
            },
        )
    }

    /// A reason with this code, about these users, whose text begins with a number. To format it and to
    /// check the text takes longer than most rules.
    #[must_use]
    pub(crate) fn about_number(self, subject: &[&str], number: usize, rest: &'static str) -> Reason {
        self.of_checked(subject, number.to_string() + rest)
    }

    fn of_checked(self, subject: &[&str], detail: String) -> Reason {
        Reason {
            code: self.as_str().to_owned(),
            level: self.level(),
            subject: subject.iter().map(|&id| id.to_owned()).collect(),
            detail,
        }
    }
}

/// Cuts a text to the length that the contract allows and replaces control
/// characters, which the names of connections and keys may contain.
#[must_use]
pub fn truncate(mut text: String) -> String {
    const BYTES: usize = 1000;
    if may_hold_controls(text.as_bytes()) {
        text = text.replace(char::is_control, "�");
    }
    if text.len() > BYTES {
        text.truncate(text.floor_char_boundary(BYTES));
        text.push('…');
    }
    text
}

/// The text of `docs/reasons.md`.
#[cfg(not(target_family = "wasm"))]
#[must_use]
pub fn render_page() -> String {
    use std::fmt::Write;

    let mut page = String::from(
        "# Reason codes of `link-users-by-email`\n\n\
         Generated from `plugin/src/reason.rs` by `make docs`; CI checks that it is current. The codes are \
         stable: \
         tools may match on them. The host adds four of its own: `PLUGIN_FAILED`, if a plugin gives no valid \
         answer, `PROMPT_NOT_COUNTED`, if the directory cannot record that the user was asked, \
         `CHECK_NOT_NOTED`, if the mark of `MARKED_AS_CHECKED` cannot be written, and `USER_NOT_FOUND`, if the \
         directory has no user with the identity of the login by its end, whose outcome is `deny`. \
         The login hook adds those of hook.md. A link by hand has `MERGED_BY_OPERATOR`, or `LINKED_BY_OWNER` if \
         the owner has proved both accounts.\n\n\
         If another login links the accounts while a login is decided, this login is decided again, as a \
         login of the identity's new owner. If the policy then lets it proceed, the outcome is `linked` with \
         the code `RACE_LOST`; if the identity belongs to a user who has none of the login's accounts, the \
         outcome is `deny` with the same code.\n",
    );
    for (family, codes) in ReasonCode::FAMILIES {
        let _ = write!(page, "\n## {family}\n\n| code | level | meaning | what to do |\n|---|---|---|---|\n");
        for code in *codes {
            let level = format!("{:?}", code.level()).to_lowercase();
            let level = level.rsplit("::").next().unwrap_or_default();
            let _ =
                writeln!(page, "| `{}` | {level} | {} | {} |", code.as_str(), code.meaning(), code.remedy());
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    #[test]
    fn no_text_is_longer_than_the_contract_allows() {
        let reason = super::ReasonCode::ConnectionExcluded.about(&[], "é".repeat(5_000));
        assert!(reason.detail.len() <= 1024 && reason.detail.ends_with('…'));
    }

    proptest! {
        #[test]
        fn a_control_character_is_found_at_every_place(text in "[a-zé 0-9]{0,20}", control in "[\\x00-\\x1f\\x7f-\u{9f}]", place in 0_usize..21) {
            let mut changed: Vec<char> = text.chars().collect();
            changed.insert(place.min(changed.len()), control.chars().next().expect("one"));
            let changed: String = changed.into_iter().collect();
            prop_assert!(super::truncate(changed.clone()).contains('�'), "{changed:?}");
            prop_assert_eq!(super::truncate(text.clone()), text);
        }
    }

    #[test]
    fn no_text_controls_a_terminal() {
        let reason = super::ReasonCode::ConnectionExcluded.about(&[], "a\n\u{1b}[2J\u{9b}é\u{7f}".to_owned());
        assert_eq!(reason.detail, "a��[2J�é�");
    }

    #[test]
    fn the_page_of_reasons_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reasons.md");
        let page = super::render_page();
        if std::env::var_os("LIGATURE_UPDATE_DOCS").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        let held = std::fs::read_to_string(path).unwrap_or_default();
        assert!(held == page, "docs/reasons.md is not current; run `make docs`");
    }
}
