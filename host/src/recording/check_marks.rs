//! The marks of look-ups in a recording.
//!
//! A mark has a fingerprint of the policy document, the address and the identities
//! (`app_metadata.linking.checked`). The recording may have another document, with masked
//! addresses or without white space around it, and masked ids. Its marks have the fingerprints of
//! what it has itself; an unkeyed hash of an address must not stand in a masked recording, either.

use std::collections::BTreeMap;

use ligature_linking_marks::{LINKING, checked, linking};
use serde_json::Value;

use super::redaction::Redaction;
use crate::model::{Metadata, User};

/// The fingerprints of a login, and those of its recording.
pub(super) struct CheckMarks<'a> {
    renewed: BTreeMap<String, String>,
    redaction: &'a Redaction,
}

impl<'a> CheckMarks<'a> {
    /// Computes the fingerprints of these users. Each document has its original text and its text
    /// in the recording.
    pub(super) fn new<'b>(
        documents: &[(&str, &str)],
        users: impl Iterator<Item = &'b User>,
        redaction: &'a Redaction,
    ) -> Self {
        let mut renewed = BTreeMap::new();
        for user in users {
            let email = user.email.as_deref().unwrap_or_default();
            let identities = || user.identities.iter().map(|it| (it.provider.as_str(), it.user_id.as_str()));
            let masked: Vec<_> =
                identities().map(|(provider, id)| (provider, redaction.mask_text(id))).collect();
            for (original, recorded) in documents {
                let before = checked::fingerprint(original, &user.user_id, email, identities());
                let identities = masked.iter().map(|(provider, id)| (*provider, id.as_ref()));
                let (user_id, email) = (redaction.mask_text(&user.user_id), redaction.mask_email(email));
                renewed.insert(before, checked::fingerprint(recorded, &user_id, &email, identities));
            }
        }
        Self { renewed, redaction }
    }

    /// Renews the mark in a user's `app_metadata`, or in a patch of it. An outdated mark stays
    /// outdated.
    pub(super) fn renew(&self, app_metadata: Option<&mut Metadata>) {
        let linking = app_metadata.and_then(|metadata| metadata.get_mut(LINKING));
        let mark = linking.and_then(|linking| linking.get_mut(linking::CHECKED)?.get_mut(checked::FOR));
        let Some(Value::String(fingerprint)) = mark else { return };
        match self.renewed.get(fingerprint) {
            Some(renewed) => fingerprint.clone_from(renewed),
            None => *fingerprint = self.redaction.stand_in(fingerprint),
        }
    }
}
