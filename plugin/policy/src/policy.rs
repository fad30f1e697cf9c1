//! The policy document.

use serde::Deserialize;

use crate::{
    BlockedCandidate, ByName, Caution, ConnectionGroups, EmailCompare, LinkedOrganizations, LookUp, Metadata,
    Mfa, Mode, Names, NoOpOrSuggest, OnError, OnMultiple, PolicyLimits, Preset, Primary, Privileged, Prompts,
    RequireVerified, Strictness, TrustedConnections, choice,
};

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
    pub excluded_connections: Names,
    /// Applications whose logins the policy leaves alone, by client id.
    pub excluded_clients: Names,
    /// Organizations whose logins the policy leaves alone, by id.
    pub excluded_organizations: Names,
    /// Connections that are trusted when they call an address verified. Empty:
    /// none, so that the user is asked instead. The tenant's own databases and mailbox
    /// codes (strategies `auth0` and `email`) need not be listed.
    pub trusted_connections: TrustedConnections,
    /// Connections, by name or strategy, that call an address verified only
    /// because the tenant says so for all of them. The user is asked, never
    /// linked without. It acts on `email_verified: true` alone. Where a
    /// connection sends no `email_verified` (Entra ID does not), it has no
    /// effect: no account is looked up by an address that is not verified.
    /// The tenant verifies the addresses by setting it for the connection
    /// (in Auth0, `should_trust_email_verified_connection` as
    /// `always_set_emails_as_verified`); then the user is asked.
    pub verified_by_tenant: Names,
    /// Databases in which several people share one address, by name. Never
    /// linked without asking.
    pub non_unique_email_connections: Names,
    /// Connections whose accounts a directory manages (SCIM), by name. Such an
    /// account is the primary. A user's `app_metadata.linking.managed_by` says
    /// the same of one account.
    pub managed_connections: Names,
    /// Groups of connections, by name of the group. Only connections of one
    /// group link to one another. An enterprise connection is a group of its
    /// own and all others are one, unless placed here. `*` stands for all.
    pub connection_groups: ConnectionGroups,
    /// E-mail domains that link nothing, by connection name; `*` stands for
    /// every connection.
    pub blocked_domains: ByName<Names>,
    /// Pairs of organizations whose members may be linked, each a list.
    pub linked_organizations: LinkedOrganizations,
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
    /// The account that stays.
    pub primary: Primary,
    /// Names of connections, for `"primary": "connection_order"`. The account of the
    /// first one stays.
    pub connection_order: Names,
    /// Whether an account with linked identities may become a secondary
    /// without asking.
    pub allow_demote_with_identities: bool,
    /// Accounts with power.
    #[serde(deserialize_with = "choice::deserialize_object")]
    pub privileged: Privileged,
    /// An account with MFA, when this login has not passed its second factor or the
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
    /// The days after which an account is looked up again, 1 to 365, for
    /// `"look_up": "until_checked"`.
    pub look_up_again_after_days: u32,
    /// A look-up or a link that fails.
    pub on_error: OnError,
    /// The limits of candidates and identities.
    #[serde(deserialize_with = "choice::deserialize_object")]
    pub limits: PolicyLimits,
}

/// The default of [`Policy::look_up_again_after_days`].
pub(crate) const LOOK_UP_AGAIN_AFTER_DAYS: u32 = 30;

impl Default for Policy {
    fn default() -> Self {
        Self {
            preset: None,
            mode: Mode::Observe,
            excluded_connections: Names::default(),
            excluded_clients: Names::default(),
            excluded_organizations: Names::default(),
            trusted_connections: TrustedConnections::default(),
            verified_by_tenant: Names::default(),
            non_unique_email_connections: Names::default(),
            managed_connections: Names::default(),
            connection_groups: ConnectionGroups::default(),
            blocked_domains: ByName::default(),
            linked_organizations: LinkedOrganizations::default(),
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
            connection_order: Names::default(),
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
    /// Builds an index for each long list, so that a login costs the same with a policy of any length. It
    /// takes about as long as reading the document: it pays for a policy that decides many logins.
    pub fn index_names(&mut self) {
        let Self { trusted_connections, connection_groups, linked_organizations, metadata, .. } = self;
        trusted_connections.index();
        connection_groups.index();
        linked_organizations.index();
        metadata.user.keys.index();
        metadata.app.keys.index();
        self.blocked_domains.index();
        self.blocked_domains.values_mut().for_each(Names::index);
        self.privileged.roles.iter_mut().for_each(Names::index);
        let lists = [
            &mut self.excluded_connections,
            &mut self.excluded_clients,
            &mut self.excluded_organizations,
            &mut self.verified_by_tenant,
            &mut self.non_unique_email_connections,
            &mut self.managed_connections,
            &mut self.connection_order,
            &mut self.privileged.user_ids,
        ];
        lists.into_iter().for_each(Names::index);
    }

    /// Returns whether a proof of this time counts now. A proof from the future does
    /// not.
    #[must_use]
    pub fn counts_as_proof(&self, at: u64, now: u64) -> bool {
        now.checked_sub(at).is_some_and(|age| age <= u64::from(self.proof_max_age_s) * 1000)
    }
}
