//! Options of a policy that open an attack, or that have no effect.

use crate::policy::LOOK_UP_AGAIN_AFTER_DAYS;
use crate::{
    BlockedCandidate, Caution, LookUp, MetadataRule, Mfa, Names, OnMultiple, Policy, Primary,
    PrivilegedDecision, Strictness, TrustedConnection, is_enterprise,
};

/// An option that gives a protection up, or that has no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The key.
    pub key: &'static str,
    /// The attack that it opens, by its id in `docs/security.md`; empty if it
    /// opens none.
    pub attack: &'static str,
    /// One sentence for people.
    pub message: String,
}

/// The age of proofs, in seconds, above which `proof_max_age_s` gets a warning.
const LONG: u32 = 3600;

impl Policy {
    /// The options that open an attack or have no effect.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let of_trust = self.trusted_connections.iter().filter_map(|trusted| self.warn_about_trust(trusted));
        let grouped = self.connection_groups.names();
        let of_groups = grouped.filter(|name| is_enterprise(name)).map(|name| {
            let message = format!(
                "`{name}` is the name of a strategy; a group holds connections by their own names, and this matches none of the strategy's."
            );
            Warning { key: "connection_groups", attack: "", message }
        });
        let of_options = self.list_given_up().into_iter().filter(|(is_given_up, ..)| *is_given_up);
        let of_options = of_options.map(|(_, key, attack, message)| warning(key, attack, message));
        of_trust.chain(of_groups).chain(of_options).collect()
    }

    /// Returns whether each protection is given up, its key, the attack, and the loss.
    #[rustfmt::skip]
    fn list_given_up(&self) -> [(bool, &'static str, &'static str, &'static str); 22] {
        let copies_by_default = !matches!(self.metadata.app.default, MetadataRule::Drop | MetadataRule::MustEqual);
        let copies_roles = ["roles", "authorization", "permissions"]
            .iter()
            .any(|key| self.metadata.app.keys.get(key).is_some_and(|rule| !matches!(rule, MetadataRule::Drop | MetadataRule::MustEqual)));
        let lists = [
            &self.excluded_connections, &self.excluded_clients, &self.excluded_organizations, &self.verified_by_tenant,
            &self.non_unique_email_connections, &self.managed_connections, &self.connection_order,
        ];
        let has_star = lists.iter().any(|list| list.contains("*"));
        let has_no_power = self.privileged.roles.as_ref().is_some_and(Names::is_empty);
        let is_checked_late = self.look_up == LookUp::UntilChecked && self.blocked_candidate == BlockedCandidate::DenyLogin;
        let has_idle_days = self.look_up != LookUp::UntilChecked && self.look_up_again_after_days != LOOK_UP_AGAIN_AFTER_DAYS;
        let groups_all = self.connection_groups.names().any(|name| name == "*");
        [
            (groups_all, "connection_groups", "S-103",
             "A group with `*` lets one customer's directory reach the accounts of all other connections."),
            (!self.linked_organizations.is_empty(), "linked_organizations", "S-54",
             "Members of one organization are linked to accounts of the other."),
            (self.local_part_case == Caution::Allow, "local_part_case", "S-21",
             "If a mail system distinguishes `Ada@` from `ada@`, one person gets access to the other's \
              account."),
            (self.same_provider == Strictness::Allow, "same_provider", "S-43",
             "The next owner of an abandoned mailbox gets access to the previous owner's account."),
            (self.two_databases == Strictness::Allow, "two_databases", "S-44",
             "A password of one database gives access to the account in the other."),
            (self.never_logged_in == Caution::Allow, "never_logged_in", "S-57",
             "An account that was imported, or created in advance, is linked although nobody has ever logged \
              in to it."),
            (self.trojan_identity == Caution::Allow, "trojan_identity", "S-12",
             "An identity that an attacker linked in advance still gives access to the victim's account."),
            (self.on_multiple == OnMultiple::LinkAll, "on_multiple", "S-38",
             "All accounts with an address become one, including those of people who share a mailbox."),
            (self.on_multiple == OnMultiple::DenyLogin, "on_multiple", "S-38",
             "Two accounts that claim an address prevent its owner from logging in."),
            (self.primary == Primary::Existing, "primary", "S-40",
             "The order in which the two accounts log in determines the primary."),
            (self.allow_demote_with_identities, "allow_demote_with_identities", "S-47",
             "An account with linked identities becomes a secondary without a question."),
            (self.privileged.decision == PrivilegedDecision::Ignore, "privileged", "S-51",
             "A login is linked to an administrator's account without a second factor."),
            (has_no_power, "privileged", "S-51",
             "No role is privileged: administrators are linked like all other users."),
            (has_star, "*", "",
             "`*` means all in `trusted_connections`, `connection_groups` and `blocked_domains` only; in \
              another list it matches nothing."),
            (copies_roles, "metadata", "S-59",
             "Roles in the other account's `app_metadata` are copied to the primary."),
            (self.mfa == Mfa::Ignore, "mfa", "S-53",
             "A login without a second factor gets access to an account that has one."),
            (copies_by_default, "metadata", "S-59",
             "The other account's `app_metadata`, with its roles and permissions, is copied by default."),
            (self.unlink_cooldown_days == 0, "unlink_cooldown_days", "S-91",
             "Accounts that their owner has separated are linked again at the next login."),
            (self.proof_max_age_s > LONG, "proof_max_age_s", "S-109",
             "A proof is valid for more than an hour: anybody at a browser left open can use it."),
            (self.look_up == LookUp::FirstLogin, "look_up", "",
             "Only first logins look up: an account is not linked if its first login fails, if it gets its \
              address later, or if the user declines."),
            (is_checked_late, "look_up", "",
             "A blocked account that is created after the look-up denies no login until the next look-up."),
            (has_idle_days, "look_up_again_after_days", "",
             "It has no effect without `\"look_up\": \"until_checked\"`."),
        ]
    }

    fn warn_about_trust(&self, trusted: &TrustedConnection) -> Option<Warning> {
        let about = |attack, message: &str| Some(warning("trusted_connections", attack, message));
        let detail = match trusted {
            TrustedConnection::Name(name) if name == "*" => {
                return about(
                    "S-08",
                    "`*` trusts every connection for every address, including a customer's own directory.",
                );
            }
            TrustedConnection::Name(name) if is_enterprise(name) => {
                return about(
                    "",
                    &format!(
                        "`{name}` is the name of a strategy; a connection is listed by its own name, an enterprise one with its `domains`."
                    ),
                );
            }
            TrustedConnection::Name(name) => return warn_of_missing_domains(name),
            TrustedConnection::Detailed(detail) => detail,
        };
        if let Some(strategy) = &detail.strategy {
            return match (is_enterprise(strategy), detail.domains.is_empty()) {
                (true, true) => about(
                    "",
                    &format!(
                        "`{strategy}` is listed without `domains`, which an enterprise connection needs: it is not trusted."
                    ),
                ),
                (true, false) => about(
                    "S-07",
                    &format!(
                        "Every `{strategy}` connection may claim these domains, including one of another \
                         customer; list the connection by `name`."
                    ),
                ),
                (false, _) if strategy == "oauth2" => {
                    about("S-08", "Every custom social connection is trusted; list the connection by `name`.")
                }
                (false, _) => None,
            };
        }
        let name = detail.name.as_deref().unwrap_or_default();
        if name == "*" {
            return about(
                "",
                "`*` means all connections only if it is the whole entry; as a `name` it matches nothing.",
            );
        }
        if detail.domains.is_empty() {
            return warn_of_missing_domains(name);
        }
        let is_grouped = self.connection_groups.find(name).is_some();
        if !is_grouped {
            return about(
                "",
                &format!(
                    "`{name}` is in none of `connection_groups`: an enterprise connection then links to no other."
                ),
            );
        }
        None
    }
}

/// A connection that is listed by name alone. Its strategy is not known here;
/// the names of social connections and of the first database are.
fn warn_of_missing_domains(name: &str) -> Option<Warning> {
    if NOT_ENTERPRISE.contains(&name) {
        return None;
    }
    let message = format!(
        "`{name}` is listed without `domains`: if it is an enterprise connection, it is not trusted until \
         they are listed."
    );
    Some(Warning { key: "trusted_connections", attack: "", message })
}

/// Connections whose names say that they are no enterprise ones. Source: Auth0's
/// event schema, the social category of identities; a social connection is
/// named as its strategy unless somebody names it otherwise.
const NOT_ENTERPRISE: [&str; 43] = [
    "Username-Password-Authentication",
    "amazon",
    "aol",
    "apple",
    "auth0",
    "baidu",
    "bitbucket",
    "box",
    "daccount",
    "dropbox",
    "dwolla",
    "email",
    "evernote",
    "evernote-sandbox",
    "exact",
    "facebook",
    "fitbit",
    "github",
    "google-oauth2",
    "instagram",
    "line",
    "linkedin",
    "miicard",
    "paypal",
    "paypal-sandbox",
    "planningcenter",
    "renren",
    "salesforce",
    "salesforce-community",
    "salesforce-sandbox",
    "shopify",
    "sms",
    "soundcloud",
    "thirtysevensignals",
    "twitter",
    "untappd",
    "vkontakte",
    "weibo",
    "windowslive",
    "wordpress",
    "yahoo",
    "yammer",
    "yandex",
];

fn warning(key: &'static str, attack: &'static str, message: &str) -> Warning {
    Warning { key, attack, message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use crate::Policy;

    fn warned(policy: &str) -> Vec<String> {
        let policy = Policy::parse(policy).unwrap();
        policy.warnings().iter().map(|it| format!("{} {}", it.key, it.attack)).collect()
    }

    #[test]
    fn the_defaults_give_nothing_up() {
        assert!(warned("{}").is_empty());
        assert!(warned(r#"{"mode": "auto", "trusted_connections": ["google-oauth2"]}"#).is_empty());
        assert!(warned(r#"{"preset": "strict"}"#).is_empty());
    }

    #[test]
    fn each_protection_that_is_given_up_is_told_with_its_attack() {
        let cases = [
            (r#"{"trusted_connections": ["*"]}"#, "trusted_connections S-08"),
            (r#"{"trusted_connections": [{"strategy": "oauth2"}]}"#, "trusted_connections S-08"),
            (
                r#"{"trusted_connections": [{"strategy": "waad", "domains": ["acme.com"]}]}"#,
                "trusted_connections S-07",
            ),
            (r#"{"trusted_connections": [{"strategy": "samlp"}]}"#, "trusted_connections "),
            (
                r#"{"trusted_connections": [{"name": "acme", "domains": ["acme.com"]}]}"#,
                "trusted_connections ",
            ),
            (r#"{"connection_groups": {"all": ["*"]}}"#, "connection_groups S-103"),
            (r#"{"linked_organizations": [["a", "b"]]}"#, "linked_organizations S-54"),
            (r#"{"local_part_case": "allow"}"#, "local_part_case S-21"),
            (r#"{"same_provider": "allow"}"#, "same_provider S-43"),
            (r#"{"two_databases": "allow"}"#, "two_databases S-44"),
            (r#"{"never_logged_in": "allow"}"#, "never_logged_in S-57"),
            (r#"{"trojan_identity": "allow"}"#, "trojan_identity S-12"),
            (r#"{"on_multiple": "link_all"}"#, "on_multiple S-38"),
            (r#"{"on_multiple": "deny_login"}"#, "on_multiple S-38"),
            (r#"{"primary": "existing"}"#, "primary S-40"),
            (r#"{"allow_demote_with_identities": true}"#, "allow_demote_with_identities S-47"),
            (r#"{"privileged": {"decision": "ignore"}}"#, "privileged S-51"),
            (r#"{"mfa": "ignore"}"#, "mfa S-53"),
            (r#"{"metadata": {"app": {"default": "deep"}}}"#, "metadata S-59"),
            (r#"{"unlink_cooldown_days": 0}"#, "unlink_cooldown_days S-91"),
            (r#"{"proof_max_age_s": 3601}"#, "proof_max_age_s S-109"),
            (r#"{"privileged": {"roles": []}}"#, "privileged S-51"),
            (r#"{"excluded_connections": ["*"]}"#, "* "),
            (r#"{"metadata": {"app": {"keys": {"roles": "union_arrays"}}}}"#, "metadata S-59"),
            (r#"{"trusted_connections": ["samlp"]}"#, "trusted_connections "),
            (r#"{"trusted_connections": [{"name": "*"}]}"#, "trusted_connections "),
            (r#"{"trusted_connections": ["acme"]}"#, "trusted_connections "),
            (r#"{"trusted_connections": [{"name": "acme"}]}"#, "trusted_connections "),
            (r#"{"connection_groups": {"staff": ["samlp"]}}"#, "connection_groups "),
            (r#"{"look_up": "first_login"}"#, "look_up "),
            (r#"{"look_up": "until_checked", "blocked_candidate": "deny_login"}"#, "look_up "),
            (r#"{"look_up_again_after_days": 7}"#, "look_up_again_after_days "),
        ];
        for (policy, expected) in cases {
            assert_eq!(warned(policy), [expected], "{policy}");
        }
        assert!(warned(r#"{"proof_max_age_s": 3600}"#).is_empty());
        assert!(warned(r#"{"look_up": "until_checked", "look_up_again_after_days": 7}"#).is_empty());
    }

    #[test]
    fn a_connection_that_is_placed_or_no_enterprise_one_is_not_told() {
        let placed = r#"{"trusted_connections": [{"name": "acme", "domains": ["acme.com"]}],
            "connection_groups": {"staff": ["acme", "Username-Password-Authentication"]}}"#;
        assert!(warned(placed).is_empty());
        let social =
            r#"{"trusted_connections": ["github", {"name": "apple"}, {"strategy": "google-oauth2"}]}"#;
        assert!(warned(social).is_empty());
    }

    #[test]
    fn a_preset_tells_all_that_it_gives_up() {
        assert_eq!(
            warned(r#"{"preset": "auth0-rule"}"#),
            [
                "trusted_connections S-08",
                "connection_groups S-103",
                "same_provider S-43",
                "two_databases S-44",
                "never_logged_in S-57",
                "trojan_identity S-12",
                "on_multiple S-38",
                "primary S-40",
                "allow_demote_with_identities S-47",
                "privileged S-51",
                "mfa S-53",
                "unlink_cooldown_days S-91",
            ]
        );
    }
}
