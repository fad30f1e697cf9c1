//! The events of the changes of users.

use serde_json::{Value, json};

use crate::model::User;
use crate::tenant::observed::{Change, Linked, Observer, Separated};
use crate::tenant::webhooks::Webhooks;
use crate::tenant::webhooks::event::render_user;

const CREATED: &str = "user.created";
const UPDATED: &str = "user.updated";
const DELETED: &str = "user.deleted";
const LINKED: &str = "ligature.user.linked";
const UNLINKED: &str = "ligature.user.unlinked";

impl Observer for Webhooks {
    fn note(&self, change: &Change<'_>) {
        match change {
            Change::Created(user) => self.announce_user(CREATED, user),
            Change::Updated(user) => self.announce_user(UPDATED, user),
            Change::Deleted { before: Some(user), .. } => self.announce_user(DELETED, user),
            Change::Deleted { user_id, before: None } => {
                self.announce(DELETED, json!({ "user_id": user_id }));
            }
            Change::Linked(Linked { primary, secondary, user, link, .. }) => {
                self.announce(LINKED, render_pair(primary, secondary, link.map(|it| it.as_str())));
                self.announce_user(UPDATED, user);
            }
            Change::Separated(Separated { primary, secondary, after, link, .. }) => {
                self.announce(UNLINKED, render_pair(primary, secondary, link.map(|it| it.as_str())));
                for (event_type, stored) in [UPDATED, CREATED].into_iter().zip(after) {
                    if let Some(stored) = stored {
                        self.announce_user(event_type, &stored.user);
                    }
                }
            }
        }
    }
}

impl Webhooks {
    fn announce_user(&self, event_type: &str, user: &User) {
        self.announce(event_type, render_user(user));
    }
}

/// Returns a link or its end, with the entry of the journal if it is found.
fn render_pair(primary: &str, secondary: &str, link: Option<&str>) -> Value {
    let mut object = json!({ "primary": primary, "secondary": secondary });
    if let Some(link) = link {
        object["link_id"] = link.into();
    }
    object
}
