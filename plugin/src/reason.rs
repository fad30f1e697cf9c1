//! Every reason code, in one list.

use crate::bindings::{Level, Reason};

macro_rules! codes {
    ($($(#[doc = $meaning:literal])+ $name:ident $text:literal $level:ident;)+) => {
        /// Why the plugin decided as it did. The texts are stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[doc = $meaning])+ $name,)+
        }

        impl Code {
            /// Every code there is.
            pub const ALL: &[Code] = &[$(Code::$name),+];

            /// The code as it stands in outcomes and snapshots.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Code::$name => $text,)+
                }
            }

            /// How much it matters to the person who reads it.
            #[must_use]
            pub fn level(self) -> Level {
                match self {
                    $(Code::$name => Level::$level,)+
                }
            }
        }
    };
}

codes! {
    /// The policy's mode is `off`.
    PolicyDisabled "POLICY_DISABLED" Info;
    /// The account that logs in is blocked.
    CurrentBlocked "CURRENT_BLOCKED" Info;
    /// The account that logs in has no e-mail address.
    NoEmail "NO_EMAIL" Info;
    /// The address of the account that logs in is not verified.
    EmailUnverifiedCurrent "EMAIL_UNVERIFIED_CURRENT" Info;
    /// Nothing says whether the address of the account that logs in is verified.
    EmailVerifiedUnknown "EMAIL_VERIFIED_UNKNOWN" Info;
    /// `email_verified` of the account that logs in is not a boolean.
    EmailVerifiedNotBoolean "EMAIL_VERIFIED_NOT_BOOLEAN" Finding;
    /// The look-up by e-mail address failed.
    LookupFailed "LOOKUP_FAILED" Error;
    /// The directory asked for fewer calls.
    RateLimited "RATE_LIMITED" Error;
    /// There are more accounts with this address than the host passes on.
    TooManyCandidates "TOO_MANY_CANDIDATES" Conflict;
    /// The only account with this address is the one that logs in.
    AlreadyLinked "ALREADY_LINKED" Info;
    /// No other account has this address.
    NoCandidate "NO_CANDIDATE" Info;
    /// The other account is blocked.
    CandidateBlocked "CANDIDATE_BLOCKED" Finding;
    /// The other account's address is not verified.
    CandidateUnverified "CANDIDATE_UNVERIFIED" Finding;
    /// Several other accounts could be linked.
    MultipleCandidates "MULTIPLE_CANDIDATES" Conflict;
    /// Both addresses are verified and equal: the accounts were linked.
    LinkedVerifiedBoth "LINKED_VERIFIED_BOTH" Info;
    /// In mode `auto` the accounts would have been linked.
    WouldLink "WOULD_LINK" Info;
    /// Another login linked the accounts first.
    RaceLost "RACE_LOST" Info;
    /// An account changed while the login was being decided.
    StateChanged "STATE_CHANGED" Error;
    /// The host would not carry the link out.
    PlanRejected "PLAN_REJECTED" Error;
    /// The link failed.
    LinkFailed "LINK_FAILED" Error;
}

impl Code {
    /// A reason with this code, about these users, in one plain sentence.
    #[must_use]
    pub fn about(self, subject: &[&str], detail: impl Into<String>) -> Reason {
        Reason {
            code: self.as_str().to_owned(),
            level: self.level(),
            subject: subject.iter().map(|&id| id.to_owned()).collect(),
            detail: detail.into(),
        }
    }
}
