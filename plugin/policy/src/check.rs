//! Reading a policy document, and finding contradictions in it.

use std::fmt;

use crate::members::{self, overlay_members};
use crate::{BlockedCandidate, LookUp, Mode, OnError, OnMultiple, Policy, Primary, TrustedConnection};

/// A fault in a policy document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The line, from 1; 0 for a fault of the whole.
    pub line: usize,
    /// The column, from 1; 0 for a fault of the whole.
    pub column: usize,
    /// The fault, and the allowed values.
    pub message: String,
}

/// Two options of a policy that contradict each other, or a value that is not
/// allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    /// The key.
    pub key: &'static str,
    /// The value, and what is allowed.
    pub message: String,
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.key, self.message)
    }
}

impl Policy {
    /// Reads a document; a preset's values stand where the document has none.
    ///
    /// # Errors
    ///
    /// When it is no policy, with the place. Contradictions are found by
    /// [`Policy::check`].
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        // A list would be read as the values in their order, and an empty one as
        // an empty policy.
        if text.trim_start().starts_with('[') {
            let message = "a policy is an object: `{ … }`".to_owned();
            return Err(Unreadable { line: 1, column: 1, message });
        }
        let read: Self = serde_json::from_str(text).map_err(|error| Unreadable::from(&error))?;
        let Some(preset) = read.preset else { return Ok(read) };
        overlay_members(preset.document(), text)
            .and_then(|text| serde_json::from_str(&text))
            .map_err(|error| Unreadable::from(&error))
    }

    /// The document with the members of its preset beside its own.
    ///
    /// # Errors
    ///
    /// When it is no policy, with the place.
    pub fn with_preset(text: &str) -> Result<String, Unreadable> {
        match Self::parse(text)?.preset {
            None => Ok(text.to_owned()),
            Some(preset) => {
                overlay_members(preset.document(), text).map_err(|error| Unreadable::from(&error))
            }
        }
    }

    /// Reads a document and checks it for contradictions.
    ///
    /// # Errors
    ///
    /// When it is no policy or contradicts itself, with the place.
    pub fn read_and_check(text: &str) -> Result<Self, Unreadable> {
        let policy = Self::parse(text)?;
        policy.check().map_err(|contradiction| {
            let (line, column) = place_of(text, contradiction.key);
            Unreadable { line, column, message: contradiction.to_string() }
        })?;
        Ok(policy)
    }

    /// Checks the policy for contradictions.
    ///
    /// # Errors
    ///
    /// The first contradiction.
    pub fn check(&self) -> Result<(), Contradiction> {
        let fail = |key, message| Err(Contradiction { key, message });
        if let Some((key, _)) = self.connections().find(|(_, name)| name.is_empty()) {
            return fail(key, "a connection is named \"\"; expected its name".to_owned());
        }
        for trusted in self.trusted_connections.iter() {
            let name = match trusted {
                TrustedConnection::Name(name) => Some(name),
                TrustedConnection::Detailed(detail) => match (&detail.name, &detail.strategy) {
                    (Some(name), None) => Some(name),
                    (None, Some(_)) => None,
                    _ => {
                        let message = "each entry has either `name` or `strategy`, not both and not neither";
                        return fail("trusted_connections", message.to_owned());
                    }
                },
            };
            if let Some(name) = name.filter(|name| self.excluded_connections.contains(name)) {
                let message = format!(
                    "`{name}` is excluded by `excluded_connections`; it can only be in one of the two"
                );
                return fail("trusted_connections", message);
            }
            if let TrustedConnection::Detailed(detail) = trusted
                && let Some(domain) = detail.domains.iter().find(|domain| !is_domain(domain))
            {
                let message =
                    format!("`{domain}` is not a domain; expected one like `example.com`, in ASCII");
                return fail("trusted_connections", message);
            }
        }
        if let Some(twice) = self.connection_groups.find_repeated() {
            let message = format!("`{twice}` is listed twice; a connection can be in one group");
            return fail("connection_groups", message);
        }
        if let Some(domain) =
            self.blocked_domains.iter().flat_map(|(_, domains)| domains).find(|domain| !is_domain(domain))
        {
            let message = format!("`{domain}` is not a domain; expected one like `example.com`, in ASCII");
            return fail("blocked_domains", message);
        }
        if self.primary == Primary::ConnectionOrder && self.connection_order.is_empty() {
            let message = "`connection_order` needs the key `connection_order`: a list of connections";
            return fail("primary", message.to_owned());
        }
        if self.limits.max_candidates == 0 || self.limits.max_identities < 2 {
            let message = "`max_candidates` is at least 1 and `max_identities` at least 2; to link nothing, set \
                           `mode` to `off`";
            return fail("limits", message.to_owned());
        }
        if self.proof_max_age_s == 0 || self.proof_max_age_s > 86_400 {
            let message = format!("{} is not allowed; expected 1 to 86400 seconds", self.proof_max_age_s);
            return fail("proof_max_age_s", message);
        }
        if self.look_up_again_after_days == 0 || self.look_up_again_after_days > 365 {
            let message = format!("{} is not allowed; expected 1 to 365 days", self.look_up_again_after_days);
            return fail("look_up_again_after_days", message);
        }
        if let Some(denies) = self.denies_once() {
            let message = format!(
                "with `first_login`, the second login passes what {denies} denies at the first; set `look_up` to \
                 `until_checked` or `every_login`"
            );
            return fail("look_up", message);
        }
        if let Some(list) = self.linked_organizations.iter().find(|list| list.len() < 2) {
            let message = format!("{list:?} names fewer than two organizations");
            return fail("linked_organizations", message);
        }
        Ok(())
    }
}

impl Policy {
    /// The option that denies a login by what a look-up finds, if only the first login
    /// looks up.
    fn denies_once(&self) -> Option<&'static str> {
        let denying = [
            (self.mode == Mode::Required, "`\"mode\": \"required\"`"),
            (
                self.blocked_candidate == BlockedCandidate::DenyLogin,
                "`\"blocked_candidate\": \"deny_login\"`",
            ),
            (self.on_multiple == OnMultiple::DenyLogin, "`\"on_multiple\": \"deny_login\"`"),
            (self.on_error == OnError::Deny, "`\"on_error\": \"deny\"`"),
        ];
        let mut denying = denying.into_iter().filter(|_| self.look_up == LookUp::FirstLogin);
        denying.find(|(denies, _)| *denies).map(|(_, option)| option)
    }

    /// Every name of a connection or strategy, by the key that it stands in.
    fn connections(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let trusted = self.trusted_connections.iter().flat_map(|trusted| match trusted {
            TrustedConnection::Name(name) => [Some(name), None],
            TrustedConnection::Detailed(detail) => [detail.name.as_ref(), detail.strategy.as_ref()],
        });
        let lists = [
            ("excluded_connections", &self.excluded_connections),
            ("verified_by_tenant", &self.verified_by_tenant),
            ("non_unique_email_connections", &self.non_unique_email_connections),
            ("managed_connections", &self.managed_connections),
            ("connection_order", &self.connection_order),
        ];
        let listed = lists.into_iter().flat_map(|(key, names)| names.iter().map(move |name| (key, name)));
        let grouped = self.connection_groups.names().map(|name| ("connection_groups", name));
        let blocked = self.blocked_domains.iter().map(|(name, _)| ("blocked_domains", name));
        let trusted = trusted.flatten().map(|name| ("trusted_connections", name));
        trusted.chain(listed).chain(grouped).chain(blocked).map(|(key, name)| (key, name.as_str()))
    }
}

impl From<&serde_json::Error> for Unreadable {
    fn from(error: &serde_json::Error) -> Self {
        let message = error.to_string();
        // The place is passed on its own.
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what);
        Self { line: error.line(), column: error.column(), message: message.to_owned() }
    }
}

fn is_domain(text: &str) -> bool {
    text.split('.').count() >= 2
        && text
            .split('.')
            .all(|label| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
}

/// The place of a key of the document, from 1; 0 if the document does not have it.
fn place_of(text: &str, key: &str) -> (usize, usize) {
    let value =
        members::parse_members(text).ok().and_then(|members| members.get(key).map(|value| value.get()));
    // Between a key and its value stand blanks and a colon only.
    let before = value.map(|value| &text[..value.as_ptr() as usize - text.as_ptr() as usize]);
    let Some((text, at)) = before.and_then(|before| Some((before, before.rfind(&format!("\"{key}\""))?)))
    else {
        return (0, 0);
    };
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.len() - before.rfind('\n').map_or(0, |newline| newline + 1) + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use crate::Policy;

    #[test]
    fn a_contradiction_is_placed_at_its_key_and_not_at_a_value_of_that_name() {
        let text = "{\n \"excluded_clients\": [\"limits\"],\n \"limits\": {\"max_candidates\": 0}\n}";
        let error = Policy::read_and_check(text).err().unwrap_or_else(|| panic!("it is taken"));
        assert_eq!((error.line, error.column), (3, 2));
        let error = Policy::read_and_check("{\"primary\": \"connection_order\"}").err();
        assert_eq!(error.map(|it| (it.line, it.column)), Some((1, 2)));
    }

    #[test]
    fn a_protection_that_only_the_first_login_meets_is_refused() {
        for option in [
            r#""mode": "required""#,
            r#""blocked_candidate": "deny_login""#,
            r#""on_multiple": "deny_login""#,
            r#""on_error": "deny""#,
        ] {
            let with = |look_up| {
                Policy::read_and_check(&format!(r#"{{{option}, "look_up": "{look_up}"}}"#))
                    .map_err(|it| it.message)
            };
            let message = with("first_login").unwrap_err();
            assert!(message.starts_with("`look_up`: ") && message.contains(option), "{message}");
            assert!(with("until_checked").is_ok() && with("every_login").is_ok());
        }
        assert!(Policy::read_and_check(r#"{"look_up": "first_login"}"#).is_ok());
    }

    #[test]
    fn the_days_until_the_next_look_up_are_bounded() {
        let with = |days: u32| {
            let policy = format!(r#"{{"look_up": "until_checked", "look_up_again_after_days": {days}}}"#);
            Policy::read_and_check(&policy).map(drop).map_err(|it| it.message)
        };
        assert_eq!((with(1), with(365)), (Ok(()), Ok(())));
        for days in [0, 366] {
            let why = format!("`look_up_again_after_days`: {days} is not allowed; expected 1 to 365 days");
            assert_eq!(with(days), Err(why));
        }
    }
}
