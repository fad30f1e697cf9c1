//! The notices of changes that are made elsewhere than on the account page: at logins, by
//! applications and by operators.

use std::sync::Arc;

use crate::ambient::Ambient;
use crate::directory::{Actor, Provenance};
use crate::model::{join_lines, mask_addresses};
use crate::tenant::config::Config;
use crate::tenant::logins::mailbox_proof;
use crate::tenant::notices::notice::{AccountChange, ChangeKind, Contestable, Notices};
use crate::tenant::notices::recipients::Reach;
use crate::tenant::observed::{Change, Linked, Observer, Separated};
use crate::tenant::people::People;

/// The most bytes of an application's name.
const LONGEST_NAME: usize = 100;

/// The sender of the notices of a directory's changes.
pub(crate) struct NoticeSender {
    pub(crate) config: Arc<Config>,
    pub(crate) people: Arc<People>,
    pub(crate) ambient: Ambient,
    /// The address of the tenant, with which links begin.
    pub(crate) issuer: String,
}

impl Observer for NoticeSender {
    fn note(&self, change: &Change<'_>) {
        match change {
            Change::Linked(linked) => self.tell_of_link(linked),
            Change::Separated(separated) => self.tell_of_separation(separated),
            Change::Created(_) | Change::Updated(_) | Change::Deleted { .. } => {}
        }
    }
}

impl NoticeSender {
    fn tell_of_link(&self, linked: &Linked<'_>) {
        let Some([primary, secondary]) = linked.before else { return log_untold(linked.primary) };
        // An operator undoes the link of an operator.
        let is_contestable = !matches!(linked.provenance.actor, Actor::Operator { .. });
        self.send(&AccountChange {
            kind: ChangeKind::Added(linked.link.filter(|_| is_contestable).cloned()),
            kept: &primary.user,
            moved: &secondary.user,
            manner: self.describe_link(linked.provenance),
            reach: Reach::Proved,
        });
    }

    fn tell_of_separation(&self, separated: &Separated<'_>) {
        let (Some(kept), [_, Some(moved)]) = (separated.before, separated.after) else {
            return log_untold(separated.primary);
        };
        self.send(&AccountChange {
            // Nobody contests what an operator, a policy, an application or the proof of a mailbox has
            // separated.
            kind: if separated.is_undo {
                ChangeKind::Undone(Contestable::No)
            } else {
                ChangeKind::Removed(Contestable::No)
            },
            kept,
            moved: &moved.user,
            manner: self.describe_separation(separated.provenance),
            reach: Reach::Proved,
        });
    }

    fn send(&self, change: &AccountChange<'_>) {
        let Self { config, people, ambient, issuer } = self;
        let told = Notices { config, people, ambient, issuer }.send(change);
        tracing::info!(target: "audit", user = %mask_addresses(&change.kept.user_id), told, "both sides were told of a change");
    }

    fn describe_link(&self, provenance: &Provenance) -> String {
        match &provenance.actor {
            Actor::Plugin => "It was done at a login.".to_owned(),
            Actor::Client { client_id } => self.name_application(client_id),
            Actor::User { .. } => "It was done in an application, after a login to both.".to_owned(),
            Actor::Operator { .. } => BY_SUPPORT.to_owned(),
        }
    }

    fn describe_separation(&self, provenance: &Provenance) -> String {
        match &provenance.actor {
            Actor::Plugin => "It was done at a login.".to_owned(),
            Actor::Client { client_id } => self.name_application(client_id),
            Actor::User { .. } if mailbox_proof::is_reason_of(provenance) => {
                "It was done because the address was proved after this login had been added.".to_owned()
            }
            Actor::User { .. } => "It was done in an application.".to_owned(),
            Actor::Operator { .. } => BY_SUPPORT.to_owned(),
        }
    }

    fn name_application(&self, client_id: &str) -> String {
        let name = self.config.client(client_id).map_or(client_id, |client| client.label());
        format!("It was done by the application “{}”.", join_lines(name, LONGEST_NAME))
    }
}

const BY_SUPPORT: &str = "It was done by support. If it is wrong, ask support.";

fn log_untold(user_id: &str) {
    tracing::error!(
        target: "audit", user = %mask_addresses(user_id),
        "a change was not told to its users: their accounts could not be read"
    );
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::NoticeSender;
    use crate::ambient::Ambient;
    use crate::directory::{Actor, Administration, CheckedLink, Evidence, Memory, Provenance, Undo, Unlink};
    use crate::model::{LinkRequest, User};
    use crate::tenant::config::Config;
    use crate::tenant::observed::ObservedDirectory;
    use crate::tenant::people::outbox::Message;
    use crate::tenant::people::revocations::Revocations;
    use crate::tenant::people::{CookieKey, KeptParts, People};
    use crate::tenant::store::spent_names::SpentNames;
    use crate::tenant::store::state_dir::StateDir;

    /// A directory with Ada and an account of Google, and the people with the outbox of their notices.
    struct Told {
        directory: Arc<dyn Administration>,
        people: Arc<People>,
        ambient: Ambient,
        _folder: tempfile::TempDir,
    }

    impl Told {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let (state, ambient) = (StateDir::open(folder.path()).unwrap(), Ambient::system());
            let config = Arc::new(Config::parse("").unwrap());
            let kept = KeptParts {
                cookie_key: &CookieKey::open(&state, &ambient).unwrap(),
                revocations: Arc::new(Revocations::open(&state, 60, &ambient).unwrap()),
                revoked_codes: Arc::new(SpentNames::open(&state, "revoked-codes", &ambient).unwrap()),
                spent_objections: Arc::new(SpentNames::open(&state, "objections", &ambient).unwrap()),
            };
            let people = Arc::new(People::new(kept, &config, &ambient));
            let sender = NoticeSender {
                config,
                people: people.clone(),
                ambient: ambient.clone(),
                issuer: "http://localhost:4480/".to_owned(),
            };
            let memory: Arc<dyn Administration> = Arc::new(Memory::new(&ambient));
            for (provider, id) in [("auth0", "ada"), ("google-oauth2", "1")] {
                let user: User = serde_json::from_value(json!({
                    "user_id": format!("{provider}|{id}"), "email": format!("{id}@example.com"),
                    "email_verified": true,
                    "identities": [{ "provider": provider, "user_id": id, "connection": provider }],
                }))
                .unwrap();
                memory.create(user).unwrap();
            }
            let directory = ObservedDirectory::of(memory, vec![Arc::new(sender)]);
            Self { directory, people, ambient, _folder: folder }
        }

        fn link(&self, provenance: Provenance) {
            let request = LinkRequest {
                primary: "auth0|ada".to_owned(),
                secondary: "google-oauth2|1".to_owned(),
                user_metadata: None,
                app_metadata: None,
                reasons: Arc::new([]),
            };
            let link = CheckedLink {
                request,
                primary_version: None,
                secondary_version: None,
                read: None,
                provenance: Arc::new(provenance),
                now: self.ambient.now(),
            };
            self.directory.link(&link).unwrap();
        }

        fn unlink(&self, provenance: Provenance) {
            let unlink = Unlink {
                restores: None,
                keeps_factors: true,
                primary: "auth0|ada".to_owned(),
                provider: "google-oauth2".to_owned(),
                user_id: "1".to_owned(),
                provenance: Arc::new(provenance),
                now: self.ambient.now(),
            };
            self.directory.unlink(&unlink).unwrap();
        }

        /// Undoes the link, or only says what it would do.
        fn undo(&self, provenance: Provenance, dry_run: bool) {
            let id = self.directory.entry_ids("", 1).unwrap().remove(0);
            let undo = Undo { id, provenance: Arc::new(provenance), now: self.ambient.now(), dry_run };
            self.directory.undo(&undo).unwrap();
        }

        /// The newest messages, as many as there are after `before`.
        fn since(&self, before: usize) -> Vec<Message> {
            let all = self.people.outbox.messages();
            all[..all.len() - before].to_vec()
        }
    }

    fn by(actor: Actor) -> Provenance {
        Provenance { actor, evidence: None, policy_sha256: None, plugin: None }
    }

    #[test]
    fn a_link_of_an_operator_is_told_and_cannot_be_contested() {
        let told = Told::new();
        told.link(Provenance::operator("grace"));
        let messages = told.since(0);
        assert_eq!(messages.len(), 2);
        for message in &messages {
            assert!(message.link.is_none() && message.text[1].contains("by support"), "{message:?}");
            assert!(!message.text.concat().contains("grace"), "{message:?}");
        }
        told.undo(Provenance::operator("grace"), true);
        assert_eq!(told.since(2).len(), 0, "a dry run is no change");
        told.undo(Provenance::operator("grace"), false);
        let undone = told.since(2);
        assert!(undone.iter().all(|it| it.link.is_none() && it.text[0].contains("was undone")), "{undone:?}");
        assert_eq!(undone.len(), 2);
    }

    #[test]
    fn a_separation_that_others_made_cannot_be_contested() {
        let user = || Actor::User { user_id: "auth0|ada".to_owned() };
        let requested = Evidence { client_id: Some("web".to_owned()), ..Evidence::default() };
        for provenance in [
            by(Actor::Plugin),
            Provenance::operator("grace"),
            by(user()),
            Provenance { evidence: Some(requested), ..by(user()) },
            by(Actor::Client { client_id: "web".to_owned() }),
        ] {
            let told = Told::new();
            told.link(by(Actor::Plugin));
            told.unlink(provenance.clone());
            let messages = told.since(2);
            assert_eq!(messages.len(), 2, "{provenance:?}");
            assert!(messages.iter().all(|it| it.link.is_none()), "{provenance:?}");
        }
    }
}
