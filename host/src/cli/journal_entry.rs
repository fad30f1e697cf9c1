//! Entries of the journal as text.

use crate::directory::{Actor, Entry, EntryKind, EntryState, MetadataChange, SnapshotState};
use crate::model::{Metadata, mask_addresses};
use crate::terminal::Text;

/// Formats an entry as one line.
pub(super) fn format_row(entry: &Entry) -> String {
    let undone = if entry.undone.is_some() { ", undone" } else { "" };
    let state = match entry.state {
        EntryState::Done => String::new(),
        state => format!(", {}", state.as_str()),
    };
    format!("{}  {}  {}{state}{undone}", entry.id, entry.at, mask_addresses(&describe_change(entry)))
}

/// Describes the change of an entry: its kind and its users.
pub(super) fn describe_change(entry: &Entry) -> String {
    let Entry { primary, secondary, .. } = entry;
    match entry.kind {
        EntryKind::Link => format!("link    {secondary} into {primary}"),
        EntryKind::Unlink => format!("unlink  {secondary} from {primary}"),
        EntryKind::Undo => format!("undo    {secondary} out of {primary}"),
        EntryKind::Block => format!("block   {primary}"),
        EntryKind::Unblock => format!("unblock {primary}"),
    }
}

/// Formats an entry. Addresses are masked.
pub(super) fn format_entry(entry: &Entry) -> Text {
    let mut page = Text::from_line(mask_addresses(&describe_change(entry)));
    let mut field = |name: &str, value: String| {
        page.line(mask_addresses(&format!("  {name:<12} {value}")));
    };
    field("id", entry.id.to_string());
    field("at", entry.at.to_string());
    field(
        "by",
        match &entry.provenance.actor {
            Actor::Plugin => "a plugin, at a login".to_owned(),
            Actor::Operator { name } => format!("the operator {name}"),
            Actor::Client { client_id } => format!("the client {client_id}"),
            Actor::User { user_id } => format!("the user {user_id}"),
        },
    );
    if let Some(evidence) = &entry.provenance.evidence {
        let methods = evidence.methods.join(", ");
        let by = if methods.is_empty() { String::new() } else { format!(" by {methods}") };
        field("login", format!("{} through {}{by}", evidence.user_id, evidence.connection));
        if let Some(email) = &evidence.verified_email {
            field("address", format!("{email}, verified by both"));
        }
        if let Some(proof) = &evidence.proof {
            field("proof", format!("{} was proved at {}", proof.candidate, proof.proved_at));
        }
    }
    for reason in entry.reasons.iter() {
        field("reason", format!("{}  {}", reason.code, reason.detail));
    }
    if let Some(sha256) = &entry.provenance.policy_sha256 {
        field("policy", format!("sha256 {sha256}"));
    }
    if let Some(plugin) = &entry.provenance.plugin {
        field("plugin", format!("{}, sha256 {}", plugin.name, plugin.sha256));
    }
    if let Some(link) = &entry.undoes {
        field("undoes", link.to_string());
    }
    if let Some(undone) = &entry.undone {
        field("undone", format!("at {} by {}", undone.at, undone.by));
    }
    match entry.state {
        EntryState::Done => {}
        EntryState::Intended => field("state", "intended: it may or may not have happened".to_owned()),
        EntryState::Linked => {
            field("state", "linked: the metadata of the primary is not written yet".to_owned())
        }
        EntryState::Abandoned => field("state", "abandoned: it did not happen".to_owned()),
    }
    if entry.state.is_unfinished() {
        field("", "`ligature journal repair` finishes it, or says why it cannot".to_owned());
    }
    match &entry.kept {
        SnapshotState::Nothing | SnapshotState::Unread => {}
        SnapshotState::Forgotten => field("kept", "nothing any more: it was erased".to_owned()),
        SnapshotState::Sealed { key } => {
            field("kept", format!("encrypted with the key {key}; name its file with --journal-key"))
        }
        SnapshotState::Whole(snapshot) => {
            let user = &snapshot.secondary;
            let identities: Vec<String> = user.identities.iter().map(|it| it.as_user_id()).collect();
            field("kept", format!("{} with {}", user.user_id, identities.join(", ")));
            let keys = |metadata: &Option<Metadata>| {
                metadata.iter().flatten().map(|(key, _)| key.clone()).collect::<Vec<_>>().join(", ")
            };
            for (name, held) in [("user_metadata", &user.user_metadata), ("app_metadata", &user.app_metadata)]
            {
                if held.as_ref().is_some_and(|held| !held.is_empty()) {
                    field("", format!("its {name}: {}", keys(held)));
                }
            }
            for (name, list) in [("roles", &user.roles), ("organizations", &user.organizations)] {
                if !list.is_empty() {
                    field("", format!("its {name}: {}", list.join(", ")));
                }
            }
            for unread in snapshot.access.iter().flat_map(|access| &access.unread) {
                field("", unread.clone());
            }
            let touched = &snapshot.touched;
            for (name, change) in
                [("user_metadata", &touched.user_metadata), ("app_metadata", &touched.app_metadata)]
            {
                if let Some(change) = change {
                    field("changed", format!("{name} of {}: {}", entry.primary, changed_keys(change)));
                }
            }
        }
    }
    page
}

fn changed_keys(change: &MetadataChange) -> String {
    let mut keys: Vec<&str> = change.before.keys().chain(change.after.keys()).map(String::as_str).collect();
    keys.sort_unstable();
    keys.dedup();
    if keys.is_empty() { "nothing".to_owned() } else { keys.join(", ") }
}
