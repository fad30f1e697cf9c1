//! Every reason code, in one list: `docs/reasons.md` is made from it.

use std::borrow::Cow;

use crate::bindings::{Level, Reason};

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

            /// The code as it stands in outcomes and snapshots.
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
        EmailMalformed "EMAIL_MALFORMED" Finding "The address is not one that can be compared: broken, quoted, too long, or with control characters.", "Correct the address at the identity provider.";
        EmailNonAscii "EMAIL_NON_ASCII" Finding "The address has characters beyond ASCII, which can look like others.", "Link by hand if both accounts belong to one person.";
        EmailUnverifiedCurrent "EMAIL_UNVERIFIED_CURRENT" Info "The address of this login is not verified.", "Let the user verify the address; the next login decides again.";
        EmailVerifiedUnknown "EMAIL_VERIFIED_UNKNOWN" Info "Nothing says whether the address of this login is verified.", "Let the connection pass on `email_verified`.";
        EmailVerifiedNotBoolean "EMAIL_VERIFIED_NOT_BOOLEAN" Finding "`email_verified` of this login is not a boolean; only `true` counts.", "Correct the connection's profile mapping: it has to pass on a boolean.";
        VerificationStale "VERIFICATION_STALE" Finding "The address was changed after it was verified.", "Let the user verify the new address.";
        AddressNotVouchedFor "ADDRESS_NOT_VOUCHED_FOR" Finding "The identity that an account is made of came with another address than the account's, or did not verify it: nobody vouches for the account's address.", "Let the user verify the address, or correct the account.";
        PendingEmailChange "PENDING_EMAIL_CHANGE" Finding "An account has a change of its address waiting.", "Let the user finish or cancel the change.";
        NoFreshMailboxProof "NO_FRESH_MAILBOX_PROOF" Info "The policy wants the address's own mailbox proved at this login, and it was not.", "Log in with a code or link by e-mail.";
    }
    "Candidates" {
        NoCandidate "NO_CANDIDATE" Info "No other account has this address.", "Nothing.";
        AlreadyLinked "ALREADY_LINKED" Info "The accounts with this address are one user already.", "Nothing.";
        ForeignCandidate "FOREIGN_CANDIDATE" Finding "The directory returned an account that does not have this address; it was ignored.", "Look into the directory: a look-up should return only matches.";
        CandidateGone "CANDIDATE_GONE" Info "The other account is deleted or being deleted.", "Nothing.";
        CandidateUnverified "CANDIDATE_UNVERIFIED" Finding "The other account's address is not verified, or nothing says so in a form that counts; the detail tells which. Somebody else may have made the account in advance.", "Let its owner verify the address, or remove the account.";
        MatchOnUnverifiedSecondary "MATCH_ON_UNVERIFIED_SECONDARY" Finding "The address stands only in an unverified linked identity of the other account.", "Let its owner verify the address.";
        SameProviderDifferentSubject "SAME_PROVIDER_DIFFERENT_SUBJECT" Finding "The same provider knows this address under another id: the mailbox may have changed hands.", "Find out whether both belong to one person; then link by hand, or set `same_provider`.";
        TwoDatabaseAccounts "TWO_DATABASE_ACCOUNTS" Conflict "Both accounts are in databases of the tenant.", "Link by hand, or set `two_databases`.";
        NonUniqueEmailConnection "NON_UNIQUE_EMAIL_CONNECTION" Conflict "In the database of an account several people share one address.", "Link by hand, with a proof of both accounts.";
        CaseVariantOnly "CASE_VARIANT_ONLY" Info "The addresses differ in the case of the part before the `@`.", "Set `local_part_case` to `allow` if your mail systems ignore it, and `email_compare` to `ascii_ci` where it is stricter.";
        MultipleCandidates "MULTIPLE_CANDIDATES" Conflict "Several other accounts could be linked; a person has to say which is meant.", "Link by hand, or set `on_multiple`.";
        CaseVariantCandidates "CASE_VARIANT_CANDIDATES" Conflict "Several accounts of one connection differ only in the case of the address.", "Join or remove the variants in that connection.";
        TooManyCandidates "TOO_MANY_CANDIDATES" Conflict "More accounts have this address than are weighed.", "Look into why; raise `limits.max_candidates` if it is right.";
    }
    "State of the accounts" {
        CurrentBlocked "CURRENT_BLOCKED" Info "The account that logs in is blocked.", "Nothing: the tenant denies the login.";
        CandidateBlocked "CANDIDATE_BLOCKED" Finding "The other account is blocked; linking would let its owner in.", "Unblock the account if that is right.";
        OptedOut "OPTED_OUT" Info "An account is excepted by `app_metadata.no_link` or `app_metadata.linking.opt_out`, or its marks there are of another type than documented.", "Remove or correct the mark if the account may be linked.";
        PrivilegedAccount "PRIVILEGED_ACCOUNT" Finding "An account has power (a role, a mark, or it is listed).", "Link by hand, or let the user prove both accounts with a second factor.";
        MfaDowngrade "MFA_DOWNGRADE" Finding "An account has MFA, and this login has passed no second factor, or the account that would stay has none.", "Let the user pass a second factor, or enrol one for the account that stays.";
        TrojanIdentitySuspected "TROJAN_IDENTITY_SUSPECTED" Finding "An account has a linked identity that does not itself prove the address by a trusted connection.", "Look at its identities and unlink what is not the owner's.";
        NeverLoggedIn "NEVER_LOGGED_IN" Info "The other account has never logged in.", "Set `never_logged_in` to `allow` if you have imported verified accounts.";
    }
    "Trust: connections, domains, organizations" {
        PolicyDisabled "POLICY_DISABLED" Info "The policy's mode is `off`.", "Set `mode`.";
        ConnectionExcluded "CONNECTION_EXCLUDED" Info "The policy leaves this connection alone.", "Remove it from `excluded_connections`.";
        ClientExcluded "CLIENT_EXCLUDED" Info "The policy leaves this application alone.", "Remove it from `excluded_clients`.";
        OrganizationExcluded "ORGANIZATION_EXCLUDED" Info "The policy leaves this organization alone.", "Remove it from `excluded_organizations`.";
        DomainNotOwned "DOMAIN_NOT_OWNED_BY_CONNECTION" Finding "A connection that claims the address speaks for other domains than the address's.", "Add the domain to the connection's `domains` if it owns it.";
        DomainNotAllowed "DOMAIN_NOT_ALLOWED" Info "Addresses of this domain are not linked.", "Remove the domain from `blocked_domains`.";
        CrossOrganization "CROSS_ORGANIZATION" Info "The accounts belong to different organizations.", "Name both in `linked_organizations` if they belong together.";
        DifferentConnectionGroups "DIFFERENT_CONNECTION_GROUPS" Info "The accounts' connections are in different groups.", "Place both in one of `connection_groups`.";
        TwoManaged "TWO_MANAGED" Conflict "A directory manages both accounts, so neither can become a secondary.", "Correct it in the directory.";
        ConnectionNotTrusted "CONNECTION_NOT_TRUSTED" Info "The word of a connection on a verified address is not taken.", "List the connection in `trusted_connections`, an enterprise one with its domains.";
        ConnectionWithoutDomains "CONNECTION_WITHOUT_DOMAINS" Info "The word of an enterprise connection is not taken: it is in `trusted_connections`, without the `domains` that it speaks for.", "List the connection by `name`, with the `domains` that its owner owns.";
        VerificationByPolicyOnly "VERIFICATION_BY_POLICY_ONLY" Info "The address counts as verified only because the tenant says so for the whole connection.", "Let the user prove the address.";
    }
    "Primary" {
        ScimMustBePrimary "SCIM_MUST_BE_PRIMARY" Info "The account that a directory manages stays.", "Nothing.";
        PrimaryByIdentities "PRIMARY_BY_IDENTITIES" Info "The account that has linked identities already stays.", "Nothing.";
        PrimaryByPolicy "PRIMARY_BY_POLICY" Info "The account that the policy's `primary` names stays.", "Set `primary`.";
        PrimaryByAge "PRIMARY_BY_AGE" Info "The older account stays.", "Set `primary`.";
        PrimaryByUserId "PRIMARY_BY_USER_ID" Info "Nothing else tells the accounts apart: the smaller user id stays.", "Nothing.";
        DemotesCluster "DEMOTES_CLUSTER" Info "An account with linked identities would become a secondary.", "Set `allow_demote_with_identities`, or link by hand.";
        IdentityLimit "IDENTITY_LIMIT" Finding "The user would have more identities than allowed.", "Raise `limits.max_identities`.";
        IdTooLong "ID_TOO_LONG" Finding "The primary's user id has more than 128 characters, which Auth0 does not take as a login's primary.", "Link by hand.";
    }
    "Metadata" {
        MetadataConflict "METADATA_CONFLICT" Conflict "A key that must be equal differs.", "Find out which value is right and correct the other.";
        MetadataDropped "METADATA_DROPPED" Info "Keys of the secondary's app_metadata were not taken over.", "Set `metadata.app` if they should be.";
        RolesNotCopied "ROLES_NOT_COPIED" Finding "The secondary had roles; the primary does not get them.", "Give the primary the roles that it should have.";
    }
    "Asking the user" {
        Suggested "SUGGESTED" Info "The policy has the user log in to the other account too.", "Nothing.";
        NonInteractive "NON_INTERACTIVE" Info "The user would be asked, but nobody is there to answer.", "Nothing: the next interactive login asks.";
        PromptsExhausted "PROMPTS_EXHAUSTED" Info "The user has been asked as often as allowed.", "Raise `prompts.max`.";
        AskedRecently "ASKED_RECENTLY" Info "The user was asked not long ago.", "Nothing: it is asked again after `prompts.ask_again_after_days`.";
        LinkRequired "LINK_REQUIRED" Info "The policy requires the link, and the user has declined.", "Raise `prompts.grace`.";
        Declined "DECLINED" Info "The user was asked and has declined.", "Nothing.";
        UnlinkedByUser "UNLINKED_BY_USER" Info "The two accounts were unlinked not long ago and stay apart.", "Wait for `unlink_cooldown_days`, or link by hand.";
        UnlinkedByOperator "UNLINKED_BY_OPERATOR" Info "An operator has parted the two accounts not long ago, and they stay apart.", "Wait for `unlink_cooldown_days`, or link by hand (`ligature users link`).";
    }
    "Running" {
        LookupFailed "LOOKUP_FAILED" Error "The accounts with this address could not be looked up.", "Look into the directory; the next login decides again.";
        RateLimited "RATE_LIMITED" Error "The directory asked for fewer calls.", "Look into the tenant's rate limits; the next login decides again.";
        LinkFailed "LINK_FAILED" Error "The link failed; nothing was changed.", "Look into the directory; the next login decides again.";
        RaceLost "RACE_LOST" Info "Another login linked or removed an account first.", "Nothing: the next login finds the accounts linked.";
        StateChanged "STATE_CHANGED" Error "An account changed while the login was being decided.", "Nothing: the next login decides again.";
        PlanRejected "PLAN_REJECTED" Error "The host would not carry the link out.", "Look at what the detail says. If it names a key of the metadata, let the policy's `metadata` drop the key, or list it in the host's `link_metadata_keys`; anything else is worth a report.";
        LinkedVerifiedBoth "LINKED_VERIFIED_BOTH" Info "Both accounts have verified the same address: they were linked.", "Nothing.";
        LinkedByProof "LINKED_BY_PROOF" Info "The user has proved both accounts: they were linked.", "Nothing.";
        WouldLink "WOULD_LINK" Info "In mode `auto` the accounts would have been linked.", "Set `mode` when you have seen enough.";
        WouldSuggest "WOULD_SUGGEST" Info "In mode `auto` the user would have been asked.", "Set `mode` when you have seen enough.";
        WouldConflict "WOULD_CONFLICT" Info "In mode `auto` a conflict would have been reported.", "Look at the conflict.";
        WouldDeny "WOULD_DENY" Info "In mode `auto` the login would have been denied.", "Set `mode` when you have seen enough.";
    }
    "Proof" {
        ProofForeign "PROOF_FOREIGN" Finding "The proof is about other accounts than this login's pair.", "Nothing: the login goes on unlinked.";
        ProofStale "PROOF_STALE" Finding "The proof is too old, from the future, or an account has changed since.", "Let the user prove the other account again.";
    }
}

impl ReasonCode {
    /// A reason with this code, about these users, in one plain sentence. Only a
    /// text that was put together is checked against the contract.
    #[must_use]
    pub fn about(self, subject: &[&str], detail: impl Into<Cow<'static, str>>) -> Reason {
        Reason {
            code: self.as_str().to_owned(),
            level: self.level(),
            subject: subject.iter().map(|&id| id.to_owned()).collect(),
            detail: match detail.into() {
                Cow::Borrowed(own) => own.to_owned(),
                Cow::Owned(text) => truncate(text),
            },
        }
    }
}

/// Cuts a text to the length that the contract allows and replaces control
/// characters, which the names of connections and keys may contain.
#[must_use]
pub fn truncate(mut text: String) -> String {
    const BYTES: usize = 1000;
    // The two bytes of U+0080 to U+009F begin with 0xC2.
    if text.bytes().any(|it| it < b' ' || it == 0x7f || it == 0xc2) {
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
         Made from `plugin/src/reason.rs` by `make docs`; CI checks that it is current. The codes are stable: \
         tools may match on them. The host adds two of its own: `PLUGIN_FAILED`, where a plugin gives no valid \
         answer, and `PROMPT_NOT_COUNTED`, where the directory does not take down that the user was asked.\n\n\
         A login whose accounts another login links while it is decided is decided again, as the user that \
         has the identity by then. If the policy lets it proceed, the host says `linked`, by `RACE_LOST`; if the \
         account is gone or the identity unlinked, the host says `deny`, by the same code.\n",
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
    #[test]
    fn no_text_is_longer_than_the_contract_allows() {
        let reason = super::ReasonCode::ConnectionExcluded.about(&[], "é".repeat(5_000));
        assert!(reason.detail.len() <= 1024 && reason.detail.ends_with('…'));
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
        assert!(held == page, "docs/reasons.md is not current; `make docs` makes it so");
    }
}
