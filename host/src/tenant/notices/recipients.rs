//! The addresses of a user that are told of a change.

use serde_json::Value;

use crate::model::{Identity, User};
use crate::tenant::notices::words::find_contact;

/// The addresses that are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All of them, also those that nobody has verified: the victim of an attack may have one of
    /// these.
    All,
    /// The proved ones. Anybody can type in another person's address.
    Proved,
}

/// A recipient of a notice.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Recipient {
    pub(super) to: String,
    pub(super) connection: String,
}

/// Lists the addresses and phone numbers of a user.
pub(super) fn list_recipients(user: &User, reach: Reach) -> Vec<Recipient> {
    let of_identity = |identity: &Identity| {
        let to = find_contact(user, identity)?;
        let is_told = reach == Reach::All || is_proved(user, identity, to);
        is_told.then(|| Recipient { to: to.to_owned(), connection: identity.connection.clone() })
    };
    user.identities.iter().filter_map(of_identity).collect()
}

/// Returns whether the address or the phone number of an identity was proved.
fn is_proved(user: &User, identity: &Identity, contact: &str) -> bool {
    let is_main = user.identities.first().is_some_and(|main| main.key() == identity.key());
    if !contact.contains('@') {
        return identity.provider == "sms";
    }
    if is_main {
        return user.email_verified.is_verified();
    }
    let verified = identity.profile_data.as_ref().and_then(|it| it.get("email_verified"));
    verified == Some(&Value::Bool(true))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Reach, Recipient, list_recipients};
    use crate::model::User;

    /// Returns a user with an unverified address, and with further identities.
    fn user() -> User {
        serde_json::from_value(json!({
            "user_id": "auth0|1", "email": "ada@example.com", "email_verified": false,
            "identities": [
                { "provider": "auth0", "user_id": "1", "connection": "db" },
                { "provider": "sms", "user_id": "2", "connection": "sms",
                  "profileData": { "phone_number": "+15550100" } },
                { "provider": "github", "user_id": "3", "connection": "github", "profileData": {} },
                { "provider": "google-oauth2", "user_id": "4", "connection": "google-oauth2",
                  "profileData": { "email": "ada@gmail.test", "email_verified": true } },
                { "provider": "oauth2", "user_id": "5", "connection": "shop",
                  "profileData": { "email": "bob@example.com", "email_verified": "true" } },
                { "provider": "oauth2", "user_id": "6", "connection": "shop",
                  "profileData": { "phone_number": "+15550123" } },
            ],
        }))
        .unwrap()
    }

    fn recipient((to, connection): (&str, &str)) -> Recipient {
        Recipient { to: to.to_owned(), connection: connection.to_owned() }
    }

    #[test]
    fn every_address_of_an_account_is_told() {
        let wanted = [
            ("ada@example.com", "db"),
            ("+15550100", "sms"),
            ("ada@gmail.test", "google-oauth2"),
            ("bob@example.com", "shop"),
            ("+15550123", "shop"),
        ];
        assert_eq!(list_recipients(&user(), Reach::All), wanted.map(recipient));
    }

    #[test]
    fn an_address_that_nobody_proved_is_not_told_of_the_changes_of_others() {
        let wanted = [("+15550100", "sms"), ("ada@gmail.test", "google-oauth2")];
        assert_eq!(list_recipients(&user(), Reach::Proved), wanted.map(recipient));
        let verified = User { email_verified: crate::model::Verification::Verified, ..user() };
        let told = list_recipients(&verified, Reach::Proved);
        assert_eq!(told[0], recipient(("ada@example.com", "db")));
    }
}
