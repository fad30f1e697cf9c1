//! The policy document of the plugin `link-users-by-email`.
//!
//! The types are the document: their field names are its keys, their doc
//! comments its JSON Schema's descriptions, their `Default` its defaults, which
//! are the safe ones.
//!
//! Beyond Auth0's own fields, a policy reads a user's `app_metadata`: the marks that `docs/marks.md` documents.

mod check;
mod choice;
pub mod members;
mod presets;
mod warnings;

use std::collections::BTreeMap;

use serde::Deserialize;

pub use check::{Contradiction, Unreadable};
pub use metadata::{Metadata, MetadataRule, MetadataRules};
pub use warnings::Warning;

/// The conditions under which two accounts with one verified e-mail address are
/// linked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// The preset whose values replace the defaults of the other keys.
    pub preset: Option<Preset>,
    /// The action of the policy when two accounts may be linked.
    pub mode: Mode,
    /// Connections that the policy leaves alone, by name.
    pub excluded_connections: Vec<String>,
    /// Applications whose logins the policy leaves alone, by client id.
    pub excluded_clients: Vec<String>,
    /// Organizations whose logins the policy leaves alone, by id.
    pub excluded_organizations: Vec<String>,
    /// Connections that are trusted when they call an address verified. Empty:
    /// none, so that the user is asked instead. The tenant's own databases and mailbox
    /// codes (strategies `auth0` and `email`) need not be listed.
    pub trusted_connections: Vec<TrustedConnection>,
    /// Connections, by name or strategy, that call an address verified only
    /// because the tenant says so for all of them. The user is asked, never
    /// linked without. It acts on `email_verified: true` alone. Where a
    /// connection sends no `email_verified` (Entra ID does not), it has no
    /// effect: no account is looked up by an address that is not verified.
    /// The tenant verifies the addresses by setting it for the connection
    /// (in Auth0, `should_trust_email_verified_connection` as
    /// `always_set_emails_as_verified`); then the user is asked.
    pub verified_by_tenant: Vec<String>,
    /// Databases in which several people share one address, by name. Never
    /// linked without asking.
    pub non_unique_email_connections: Vec<String>,
    /// Connections whose accounts a directory manages (SCIM), by name. Such an
    /// account is the primary. A user's `app_metadata.linking.managed_by` says
    /// the same of one account.
    pub managed_connections: Vec<String>,
    /// Groups of connections, by name of the group. Only connections of one
    /// group link to one another. An enterprise connection is a group of its
    /// own and all others are one, unless placed here. `*` stands for all.
    pub connection_groups: BTreeMap<String, Vec<String>>,
    /// E-mail domains that link nothing, by connection name; `*` stands for
    /// every connection.
    pub blocked_domains: BTreeMap<String, Vec<String>>,
    /// Pairs of organizations whose members may be linked, each a list.
    pub linked_organizations: Vec<Vec<String>>,
    /// The verification that a link needs.
    pub require_verified: RequireVerified,
    /// The comparison of addresses.
    pub email_compare: EmailCompare,
    /// Addresses that differ in the case of the part before the `@`.
    pub local_part_case: Caution,
    /// The action for a candidate whose address is not verified. It is never linked.
    pub unverified_candidate: NoOpOrSuggest,
    /// A verified candidate that is blocked: the same person is.
    pub blocked_candidate: BlockedCandidate,
    /// Identities of both accounts with the same provider and different ids:
    /// perhaps a mailbox that has changed hands.
    pub same_provider: Strictness,
    /// Two accounts that both have an identity in the tenant's own databases.
    pub two_databases: Strictness,
    /// A candidate that has never logged in, such as an imported one.
    pub never_logged_in: Caution,
    /// An account, the login's or another, with a linked identity that does not
    /// itself prove the address by a trusted connection: perhaps put there
    /// before the owner came.
    pub trojan_identity: Caution,
    /// Several candidates that may all be linked.
    pub on_multiple: OnMultiple,
    /// Which account stays.
    pub primary: Primary,
    /// Names of connections, the first one's account stays. For
    /// `"primary": "connection_order"`.
    pub connection_order: Vec<String>,
    /// Whether an account with linked identities may become a secondary
    /// without asking.
    pub allow_demote_with_identities: bool,
    /// Accounts with power.
    #[serde(deserialize_with = "choice::deserialize_object")]
    pub privileged: Privileged,
    /// An account with MFA, when this login has passed no second factor or the
    /// account that would be the primary has none.
    pub mfa: Mfa,
    /// The rules for the secondary's metadata.
    #[serde(deserialize_with = "choice::deserialize_object")]
    pub metadata: Metadata,
    /// The limits of prompts.
    #[serde(deserialize_with = "choice::deserialize_object")]
    pub prompts: Prompts,
    /// The days for which a pair stays apart after an unlink. 0: none.
    pub unlink_cooldown_days: u32,
    /// The seconds for which a proof counts: of another account, and this login's
    /// own of the mailbox (`email`) or of a second factor (`mfa`, `passkey`).
    /// A refresh or a silent login carries old proofs along, which do not
    /// count.
    pub proof_max_age_s: u32,
    /// The logins that look up the other accounts with the address. Each look-up
    /// costs a request to the directory, and a tenant of Auth0 limits their rate.
    pub look_up: LookUp,
    /// With `"look_up": "until_checked"`, the days after which an account is looked
    /// up again, 1 to 365.
    pub look_up_again_after_days: u32,
    /// A look-up or a link that fails.
    pub on_error: OnError,
    /// The limits of candidates and identities.
    #[serde(deserialize_with = "choice::deserialize_object")]
    pub limits: PolicyLimits,
}

/// The default of [`Policy::look_up_again_after_days`].
const LOOK_UP_AGAIN_AFTER_DAYS: u32 = 30;

impl Default for Policy {
    fn default() -> Self {
        Self {
            preset: None,
            mode: Mode::Observe,
            excluded_connections: Vec::new(),
            excluded_clients: Vec::new(),
            excluded_organizations: Vec::new(),
            trusted_connections: Vec::new(),
            verified_by_tenant: Vec::new(),
            non_unique_email_connections: Vec::new(),
            managed_connections: Vec::new(),
            connection_groups: BTreeMap::new(),
            blocked_domains: BTreeMap::new(),
            linked_organizations: Vec::new(),
            require_verified: RequireVerified::Both,
            email_compare: EmailCompare::AsciiCi,
            local_part_case: Caution::Suggest,
            unverified_candidate: NoOpOrSuggest::NoOp,
            blocked_candidate: BlockedCandidate::NoOp,
            same_provider: Strictness::Deny,
            two_databases: Strictness::Deny,
            never_logged_in: Caution::Suggest,
            trojan_identity: Caution::Suggest,
            on_multiple: OnMultiple::ConflictReport,
            primary: Primary::Oldest,
            connection_order: Vec::new(),
            allow_demote_with_identities: false,
            privileged: Privileged::default(),
            mfa: Mfa::StepUp,
            metadata: Metadata::default(),
            prompts: Prompts::default(),
            unlink_cooldown_days: 90,
            proof_max_age_s: 600,
            look_up: LookUp::EveryLogin,
            look_up_again_after_days: LOOK_UP_AGAIN_AFTER_DAYS,
            on_error: OnError::LoginWithoutLink,
            limits: PolicyLimits::default(),
        }
    }
}

impl Policy {
    /// Returns whether a proof of this time counts now. A proof from the future does
    /// not.
    #[must_use]
    pub fn counts_as_proof(&self, at: u64, now: u64) -> bool {
        now.checked_sub(at).is_some_and(|age| age <= u64::from(self.proof_max_age_s) * 1000)
    }
}

/// Returns whether connections of this strategy belong to one customer each. Source:
/// Auth0's event schema, the enterprise category of identities.
#[must_use]
pub fn is_enterprise(strategy: &str) -> bool {
    matches!(
        strategy,
        "ad" | "adfs"
            | "auth0-adldap"
            | "google-apps"
            | "ip"
            | "office365"
            | "oidc"
            | "okta"
            | "pingfederate"
            | "samlp"
            | "sharepoint"
            | "waad"
    )
}

/// Defines an enum of texts. One small function reads all of them: serde's derived
/// code for each would take 3 KB of the component.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$case_doc:meta])* $case:ident $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
        pub enum $name {
            $($(#[$case_doc])* #[cfg_attr(feature = "schema", serde(rename = $text))] $case,)+
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                const TEXTS: &[&str] = &[$($text),+];
                const CASES: &[$name] = &[$($name::$case),+];
                choice::read_choice(deserializer, TEXTS).map(|index| CASES[index])
            }
        }
    };
}

// Behind the macro, which it uses.
mod metadata;

choice! {
    /// A set of values that replaces the defaults.
    Preset {
        /// As Auth0's withdrawn rule "link users by email" did: both addresses
        /// verified, the existing account stays, several candidates fail the
        /// login. It removes nearly every protection; `ligature policy check`
        /// lists them.
        Auth0Rule "auth0-rule",
        /// The same, and both metadata are merged as that variant meant to:
        /// deeply, the primary's value wins, arrays are joined.
        Auth0RuleWithMetadata "auth0-rule-with-metadata",
        /// Asks always, and believes only a mailbox proved at this login.
        Strict "strict",
    }
}

choice! {
    /// The action of the policy when two accounts may be linked.
    Mode {
        /// Does nothing: every login continues unchanged.
        Off "off",
        /// Reports what `auto` would do, and links nothing.
        Observe "observe",
        /// Asks the user to log in to the other account too.
        Suggest "suggest",
        /// Links.
        Auto "auto",
        /// Asks, and denies the login of a user who declines.
        Required "required",
    }
}

choice! {
    /// The verification that a link needs.
    RequireVerified {
        /// Both addresses are verified.
        Both "both",
        /// As `both`, and this login itself has proved the mailbox (a code or a
        /// link by e-mail); the user is asked otherwise.
        FreshMailboxProof "fresh_mailbox_proof",
    }
}

choice! {
    /// The comparison of addresses. At most ASCII case is ignored.
    EmailCompare {
        /// Byte for byte.
        Exact "exact",
        /// But for the case of ASCII letters.
        AsciiCi "ascii_ci",
        /// But for the case of ASCII letters behind the `@`.
        AsciiCiDomainOnly "ascii_ci_domain_only",
    }
}

choice! {
    /// The action in a case that needs care.
    Caution {
        /// The user is asked.
        Suggest "suggest",
        /// It is linked like any other.
        Allow "allow",
    }
}

choice! {
    /// The action in a case that is at most suggested.
    NoOpOrSuggest {
        /// Nothing.
        NoOp "no_op",
        /// The user is asked to verify the other account's address.
        Suggest "suggest",
    }
}

choice! {
    /// The action in a case that is normally wrong.
    Strictness {
        /// Not linked.
        Deny "deny",
        /// The user is asked.
        Suggest "suggest",
        /// Linked like any other.
        Allow "allow",
    }
}

choice! {
    /// A verified candidate that is blocked.
    BlockedCandidate {
        /// The login continues, without a link.
        NoOp "no_op",
        /// The login is denied: the same person is blocked.
        DenyLogin "deny_login",
    }
}

choice! {
    /// Several candidates that may all be linked.
    OnMultiple {
        /// None is linked; a person has to look at it.
        ConflictReport "conflict_report",
        /// The user is asked which is meant.
        Choose "choose",
        /// The only one that has linked identities already; a conflict
        /// otherwise.
        PreferLinked "prefer_linked",
        /// All of them, within the login's budget of links.
        LinkAll "link_all",
        /// The login is denied.
        DenyLogin "deny_login",
    }
}

choice! {
    /// Which account stays. Before it: a managed account, then one that has
    /// linked identities. After it: the older one, then the smaller user id.
    Primary {
        /// The one that does not log in now. Not the same whichever of the two
        /// logs in.
        Existing "existing",
        /// The older one.
        Oldest "oldest",
        /// The one in a database of the tenant.
        DatabaseFirst "database_first",
        /// The one that has logged in more often.
        MostLogins "most_logins",
        /// The one whose connection comes first in `connection_order`.
        ConnectionOrder "connection_order",
    }
}

choice! {
    /// An account with MFA, when this login has passed no second factor or the
    /// account that would be the primary has none.
    Mfa {
        /// The user is asked for a second factor.
        StepUp "step_up",
        /// Not linked.
        Deny "deny",
        /// Linked like any other.
        Ignore "ignore",
    }
}

choice! {
    /// The logins that look up the other accounts with the address.
    LookUp {
        /// Every login.
        EveryLogin "every_login",
        /// The first login of an account, by `stats.logins_count`, and every login
        /// of an account that was unlinked from another. An account that gets its
        /// address, or another account, later is not linked.
        FirstLogin "first_login",
        /// Every login until a look-up finds no other account, which is noted in
        /// `app_metadata.linking.checked`; then again after
        /// `look_up_again_after_days`, or when the policy, the address or the
        /// identities change. Another account finds this one at its own logins.
        UntilChecked "until_checked",
    }
}

choice! {
    /// A look-up or a link that fails.
    OnError {
        /// The login continues, without a link.
        LoginWithoutLink "login_without_link",
        /// The login is denied.
        Deny "deny",
    }
}

/// A connection that is trusted when it calls an address verified.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(feature = "schema", serde(untagged))]
pub enum TrustedConnection {
    /// By name, for every domain; `*` for all connections. An enterprise
    /// connection needs domains to be trusted, unless it is `*`.
    Name(String),
    /// By name or strategy, for its own domains.
    Detailed(TrustedDetail),
}

/// A connection, by name or strategy, and the e-mail domains it speaks for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct TrustedDetail {
    /// The connection's name.
    pub name: Option<String>,
    /// Or the strategy of all such connections.
    pub strategy: Option<String>,
    /// The domains it speaks for; empty: all of them. Addresses at other
    /// domains are not linked.
    pub domains: Vec<String>,
}

/// Accounts with power, which are never linked without asking.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct Privileged {
    /// Roles that give power, without regard to ASCII case: those of the
    /// account, of the login's `authorization.roles`, and in `app_metadata.roles`
    /// and `app_metadata.authorization.roles`. Left out: `admin`,
    /// `administrator`, `owner` and `superuser`.
    pub roles: Option<Vec<String>>,
    /// Accounts with power, by user id, their own or that of a linked identity.
    /// `app_metadata.privileged: true` says the same.
    pub user_ids: Vec<String>,
    /// The action for these accounts.
    pub decision: PrivilegedDecision,
}

impl Default for Privileged {
    fn default() -> Self {
        Self { roles: None, user_ids: Vec::new(), decision: PrivilegedDecision::Suggest }
    }
}

impl Privileged {
    /// Returns whether this role makes an account privileged.
    #[must_use]
    pub fn has_power(&self, role: &str) -> bool {
        const USUAL: [&str; 4] = ["admin", "administrator", "owner", "superuser"];
        match &self.roles {
            Some(roles) => roles.iter().any(|it| it.eq_ignore_ascii_case(role)),
            None => USUAL.iter().any(|it| it.eq_ignore_ascii_case(role)),
        }
    }
}

choice! {
    /// The action for privileged accounts.
    PrivilegedDecision {
        /// The user is asked to log in to the other account, with a second
        /// factor.
        Suggest "suggest",
        /// Not linked.
        NoOp "no_op",
        /// Linked like any other.
        Ignore "ignore",
    }
}

/// The limits of prompts. The host counts them in `app_metadata.linking`
/// (`prompts`, `last_prompted_at`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct Prompts {
    /// The most prompts of one user. Mode `required` has no such limit.
    pub max: u32,
    /// Days between two prompts.
    pub ask_again_after_days: u32,
    /// In mode `required`, how often a user may decline before the login is
    /// denied.
    pub grace: u32,
}

impl Default for Prompts {
    fn default() -> Self {
        Self { max: 3, ask_again_after_days: 30, grace: 0 }
    }
}

/// The limits of candidates and identities.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct PolicyLimits {
    /// Accounts with one address; more are not weighed.
    pub max_candidates: u32,
    /// Identities of one user.
    pub max_identities: u32,
}

impl Default for PolicyLimits {
    fn default() -> Self {
        Self { max_candidates: 10, max_identities: 20 }
    }
}
