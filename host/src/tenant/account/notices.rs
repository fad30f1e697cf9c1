//! Notices: every change of an account is told to the addresses of both sides, as they were before
//! it. An attacker who got hold of a session cannot keep its owner from learning of it.

use crate::directory::EntryId;
use crate::model::{Identity, Timestamp, User};
use crate::tenant::account::words::{find_contact, format_time, label_identity, mask_contact};
use crate::tenant::http::visit::Visit;
use crate::tenant::people::objections::{ContestedChange, OBJECTION_S, Objection};
use crate::tenant::people::outbox::{Message, MessageKind};

/// The most recipients of one change.
const MOST: usize = 10;

/// A change of two accounts, as they were before it.
pub(super) struct AccountChange<'a> {
    pub(super) kind: ChangeKind,
    /// The account that stays, or that the other one has left.
    pub(super) kept: &'a User,
    /// The account that goes, or that has become a user again.
    pub(super) moved: &'a User,
}

/// The kind of a change.
pub(super) enum ChangeKind {
    /// The accounts were linked.
    Added(EntryId),
    /// An identity was removed, and the accounts have these versions now. Without them, nobody can
    /// object.
    Removed(Option<[u64; 2]>),
    /// A link was undone, and the accounts have these versions now.
    Undone(Option<[u64; 2]>),
    /// Somebody has objected to a change. The text says what was done.
    Contested(&'static str),
}

/// A recipient of a notice.
#[derive(Debug, PartialEq, Eq)]
struct Recipient {
    to: String,
    connection: String,
}

/// Sends the notices of a change. Returns their number.
pub(super) fn send_notices(visit: &Visit, change: &AccountChange<'_>) -> usize {
    let tenant = &visit.tenant;
    let now = tenant.ambient.now();
    let text = describe(visit, change, now);
    let mut told: Vec<Recipient> = Vec::new();
    for user in [change.kept, change.moved] {
        let objection = contest(change, user);
        // The link is in one mail only where the account that lost an identity is to decide.
        let only = match change.kind {
            ChangeKind::Removed(_) | ChangeKind::Undone(_) => user.email.as_deref(),
            ChangeKind::Added(_) | ChangeKind::Contested(_) => None,
        };
        let mut link = None;
        for recipient in list_recipients(user) {
            let is_told = told.iter().any(|it| it.to.eq_ignore_ascii_case(&recipient.to));
            if is_told || told.len() == MOST {
                continue;
            }
            if only.is_none_or(|only| only == recipient.to) && link.is_none() {
                link = objection.as_ref().map(|objection| keep_objection(visit, objection));
            }
            let link = link.clone().filter(|_| only.is_none_or(|only| only == recipient.to));
            let mut text = text.clone();
            if link.is_some() {
                let until = now.as_millis().saturating_add(OBJECTION_S * 1000);
                let until = Timestamp::from_millis(until).map(format_time).unwrap_or_default();
                text.push(format!("If this was not you, open this link (valid until {until}):"));
            }
            tenant.people.outbox.send(Message {
                to: recipient.to.clone(),
                kind: MessageKind::Notice,
                connection: recipient.connection.clone(),
                code: None,
                link,
                text,
                at: now,
            });
            told.push(recipient);
        }
    }
    told.len()
}

/// Keeps an objection. Returns the link to its page.
fn keep_objection(visit: &Visit, objection: &Objection) -> String {
    let name = visit.tenant.ambient.random().secret();
    visit.tenant.people.objections.put(&name, objection.clone());
    format!("{}account/objection?token={name}", visit.issuer)
}

/// Returns the objection of one side. The side that was removed has none: an attacker whose
/// identity the owner removes must not link it again.
fn contest(change: &AccountChange<'_>, user: &User) -> Option<Objection> {
    let contested = match &change.kind {
        ChangeKind::Added(link) => ContestedChange::Link {
            link: link.clone(),
            kept: change.kept.user_id.clone(),
            moved: change.moved.identities.iter().map(Identity::as_user_id).collect(),
        },
        ChangeKind::Removed(Some(versions)) | ChangeKind::Undone(Some(versions))
            if user.user_id == change.kept.user_id && user.email.is_some() =>
        {
            ContestedChange::Separation {
                accounts: [change.kept.user_id.clone(), change.moved.user_id.clone()],
                versions: *versions,
            }
        }
        ChangeKind::Removed(_) | ChangeKind::Undone(_) | ChangeKind::Contested(_) => return None,
    };
    Some(Objection { account: user.user_id.clone(), change: contested })
}

/// Lists the addresses and phone numbers of a user, also those that nobody has verified: the victim
/// of an attack may have one of these.
fn list_recipients(user: &User) -> Vec<Recipient> {
    let of_identity = |identity: &Identity| {
        let to = find_contact(user, identity)?.to_owned();
        Some(Recipient { to, connection: identity.connection.clone() })
    };
    user.identities.iter().filter_map(of_identity).collect()
}

fn describe(visit: &Visit, change: &AccountChange<'_>, now: Timestamp) -> Vec<String> {
    let config = &visit.tenant.config;
    let name = |user: &User| {
        let contact = user.identities.first().and_then(|main| find_contact(user, main));
        contact.map_or_else(|| "without an address".to_owned(), mask_contact)
    };
    let logins: Vec<String> = change
        .moved
        .identities
        .iter()
        .take(MOST)
        .map(|identity| {
            let label = label_identity(config, identity);
            match find_contact(change.moved, identity) {
                Some(contact) => format!("“{label}, {}”", mask_contact(contact)),
                None => format!("“{label}”"),
            }
        })
        .collect();
    let (login, account, at) = (logins.join(", "), name(change.kept), format_time(now));
    let from = &visit.sender.ip;
    match change.kind {
        ChangeKind::Added(_) => vec![
            format!("On {at}, the login {login} was added to the account {account}."),
            format!("It was done from {from}, after a login to both."),
        ],
        ChangeKind::Removed(_) => vec![
            format!("On {at}, the login {login} was removed from the account {account}."),
            format!("It was done from {from}, after a new login."),
        ],
        ChangeKind::Undone(_) => vec![
            format!("On {at}, the addition of the login {login} to the account {account} was undone."),
            format!("It was done from {from}, after a new login."),
        ],
        ChangeKind::Contested(done) => vec![
            format!(
                "On {at}, somebody who reads the mail of the account {account} or of the login {login} said of a change that it was not theirs."
            ),
            done.to_owned(),
        ],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Recipient, list_recipients};
    use crate::model::User;

    #[test]
    fn every_address_of_an_account_is_told() {
        let user: User = serde_json::from_value(json!({
            "user_id": "auth0|1", "email": "ada@example.com", "email_verified": false,
            "identities": [
                { "provider": "auth0", "user_id": "1", "connection": "db" },
                { "provider": "sms", "user_id": "2", "connection": "sms",
                  "profileData": { "phone_number": "+15550100" } },
                { "provider": "github", "user_id": "3", "connection": "github", "profileData": {} },
            ],
        }))
        .unwrap();
        let wanted = [("ada@example.com", "db"), ("+15550100", "sms")]
            .map(|(to, connection)| Recipient { to: to.to_owned(), connection: connection.to_owned() });
        assert_eq!(list_recipients(&user), wanted);
    }
}
