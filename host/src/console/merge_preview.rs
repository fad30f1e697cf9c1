//! The effect of a merge, in words, and both accounts side by side.

use super::paths::path_of_user;
use super::words::{describe_address, find_contact, find_name, format_time, format_time_or_never};
use crate::merge::{MergePlan, MetadataEffect};
use crate::model::User;

/// The most names of a kind on the page.
const MOST: usize = 25;

/// An account of a merge.
pub(super) struct Side {
    pub(super) title: &'static str,
    pub(super) path: String,
    pub(super) user_id: String,
    pub(super) name: Option<String>,
    pub(super) address: String,
    pub(super) identities: Vec<String>,
    pub(super) created_at: String,
    pub(super) last_login: String,
    pub(super) logins: u64,
    pub(super) blocked: bool,
}

impl Side {
    pub(super) fn new(title: &'static str, user: &User) -> Self {
        let identities = user.identities.iter().take(MOST).map(|it| match find_contact(user, it) {
            Some(contact) => format!("{} ({contact})", it.as_user_id()),
            None => it.as_user_id(),
        });
        Self {
            title,
            path: path_of_user(&user.user_id),
            user_id: user.user_id.clone(),
            name: find_name(user).map(str::to_owned),
            address: describe_address(user),
            identities: identities.collect(),
            created_at: user.created_at.map_or_else(|| "not known".to_owned(), format_time),
            last_login: format_time_or_never(user.last_login),
            logins: user.logins_count.unwrap_or_default(),
            blocked: user.blocked,
        }
    }
}

/// The effect of a merge.
pub(super) struct Effect {
    pub(super) digest: String,
    pub(super) identities: Vec<String>,
    /// The lines about metadata, roles and organizations.
    pub(super) lines: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl Effect {
    pub(super) fn new(plan: &MergePlan) -> Self {
        let mut lines = Vec::new();
        let mut tell = |names: &[String], words: &str| {
            if !names.is_empty() {
                lines.push(format!("{words}: {}", list_names(names)));
            }
        };
        let changes = [("user_metadata", &plan.user_metadata), ("app_metadata", &plan.app_metadata)];
        for (name, MetadataEffect { stays, taken, overwritten, left }) in changes {
            tell(overwritten, &format!("{name}, replaced"));
            tell(taken, &format!("{name}, taken over"));
            tell(left, &format!("{name}, lost"));
            tell(stays, &format!("{name}, stays"));
        }
        tell(&plan.lost.roles, "roles, lost");
        tell(&plan.lost.organizations, "organizations, lost");
        Self {
            digest: plan.digest().as_str().to_owned(),
            identities: plan.after.identities.iter().take(MOST).map(|it| it.as_user_id()).collect(),
            lines,
            warnings: plan.warnings.iter().map(ToString::to_string).collect(),
        }
    }
}

fn list_names(names: &[String]) -> String {
    let listed = names.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST) {
        0 => listed,
        more => format!("{listed}, and {more} more"),
    }
}
