//! A notice: both sides of a change are told at their addresses, as they were before it. An attacker
//! who got hold of a session cannot keep its owner from learning of it.

use crate::ambient::Ambient;
use crate::directory::EntryId;
use crate::model::{Identity, Timestamp, User};
use crate::tenant::config::Config;
use crate::tenant::notices::recipients::{Reach, Recipient, list_recipients};
use crate::tenant::notices::words::{find_contact, format_time, join_names, label_identity, mask_contact};
use crate::tenant::people::People;
use crate::tenant::people::objections::{ContestedChange, OBJECTION_S, Objection};
use crate::tenant::people::outbox::{Message, MessageKind};

/// The most recipients of one side of a change.
const MOST: usize = 10;

/// The parts that notices need.
pub(crate) struct Notices<'a> {
    pub(crate) config: &'a Config,
    pub(crate) people: &'a People,
    pub(crate) ambient: &'a Ambient,
    /// The address of the tenant, with which links begin.
    pub(crate) issuer: &'a str,
}

/// A change of two accounts, as they were before it.
pub(crate) struct AccountChange<'a> {
    pub(crate) kind: ChangeKind,
    /// The account that stays, or that the other one has left.
    pub(crate) kept: &'a User,
    /// The account that goes, or that has become a user again.
    pub(crate) moved: &'a User,
    /// The sentence that says how the change was made.
    pub(crate) manner: String,
    pub(crate) reach: Reach,
}

/// Whether the owners of both sides can object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contestable {
    Yes,
    No,
}

/// The kind of a change.
pub(crate) enum ChangeKind {
    /// The accounts were linked. Without the entry of the link, nobody can object.
    Added(Option<EntryId>),
    /// An identity was removed.
    Removed(Contestable),
    /// A link was undone.
    Undone(Contestable),
    /// Somebody has objected to a change.
    Contested,
}

/// The text of a notice, and the time of the change.
struct Notice {
    text: Vec<String>,
    at: Timestamp,
}

impl Notices<'_> {
    /// Sends the notices of a change. Returns their number.
    pub(crate) fn send(&self, change: &AccountChange<'_>) -> usize {
        let now = self.ambient.now();
        let notice = Notice { text: self.describe(change, now), at: now };
        let mut told: Vec<String> = Vec::new();
        // Each side has its own limit, and the main address is the first: whoever takes an account
        // over cannot use up the notices to its owner.
        for user in [change.moved, change.kept] {
            let link = contest(change, user).and_then(|objection| self.link_to(&objection));
            let is_told = |told: &[String], to: &str| told.iter().any(|it| it.eq_ignore_ascii_case(to));
            let mut recipients = list_recipients(user, change.reach);
            recipients.retain(|it| !is_told(&told, &it.to));
            for recipient in recipients.into_iter().take(MOST) {
                if !is_told(&told, &recipient.to) {
                    self.mail(&recipient, link.clone(), &notice);
                    told.push(recipient.to);
                }
            }
        }
        told.len()
    }

    fn mail(&self, recipient: &Recipient, link: Option<String>, notice: &Notice) {
        let (mut text, at) = (notice.text.clone(), notice.at);
        if link.is_some() {
            let until = at.as_millis().saturating_add(OBJECTION_S * 1000);
            let until = Timestamp::from_millis(until).map(format_time).unwrap_or_default();
            text.push(format!("If this was not you, open this link (valid until {until}):"));
        }
        self.people.outbox.send(Message {
            to: recipient.to.clone(),
            kind: MessageKind::Notice,
            connection: recipient.connection.clone(),
            code: None,
            link,
            text,
            at,
        });
    }

    /// Returns the link to the page of an objection.
    fn link_to(&self, objection: &Objection) -> Option<String> {
        let token = self.people.objections.issue(objection)?;
        Some(format!("{}account/objection?token={token}", self.issuer))
    }

    fn describe(&self, change: &AccountChange<'_>, now: Timestamp) -> Vec<String> {
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
                let label = label_identity(self.config, identity);
                match find_contact(change.moved, identity) {
                    Some(contact) => format!("“{label}, {}”", mask_contact(contact)),
                    None => format!("“{label}”"),
                }
            })
            .collect();
        let (noun, were) = if logins.len() == 1 { ("login", "was") } else { ("logins", "were") };
        let login = format!("{noun} {}", join_names(&logins));
        let (account, at) = (name(change.kept), format_time(now));
        let told = match change.kind {
            ChangeKind::Added(_) => {
                format!("On {at}, the {login} {were} added to the account {account}.")
            }
            ChangeKind::Removed(_) => {
                format!("On {at}, the {login} {were} removed from the account {account}.")
            }
            ChangeKind::Undone(_) => {
                format!("On {at}, the addition of the {login} to the account {account} was undone.")
            }
            ChangeKind::Contested => format!(
                "On {at}, somebody who reads the mail of the account {account} or of the {login} said of a change that it was not theirs."
            ),
        };
        vec![told, change.manner.clone()]
    }
}

/// Returns the objection of one side.
fn contest(change: &AccountChange<'_>, user: &User) -> Option<Objection> {
    let contested = match &change.kind {
        ChangeKind::Added(Some(link)) => ContestedChange::Link {
            link: link.clone(),
            kept: change.kept.user_id.clone(),
            moved: change.moved.identities.iter().map(Identity::as_user_id).collect(),
        },
        ChangeKind::Removed(Contestable::Yes) | ChangeKind::Undone(Contestable::Yes) => {
            ContestedChange::Separation
        }
        ChangeKind::Added(None) | ChangeKind::Removed(_) | ChangeKind::Undone(_) | ChangeKind::Contested => {
            return None;
        }
    };
    Some(Objection { account: user.user_id.clone(), change: contested })
}
