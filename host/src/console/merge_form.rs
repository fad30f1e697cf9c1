//! The form of a merge: the two accounts, the rules for their metadata, and the reason.

use super::params::Params;
use crate::merge::{MergeChoice, MetadataRule};
use crate::model::has_visible_character;

/// The most characters of a reason.
pub(super) const LONGEST_REASON: usize = 500;

/// The form of a merge as it was sent, or the address of its preview.
pub(super) struct MergeForm<'a> {
    /// The account that stays, as it was typed.
    pub(super) keep: Option<&'a str>,
    /// The account that goes, as it was typed.
    pub(super) moved: Option<&'a str>,
    pub(super) choice: MergeChoice,
    pub(super) reason: &'a str,
    pub(super) plan: Option<&'a str>,
}

impl<'a> MergeForm<'a> {
    pub(super) fn read(params: &'a Params) -> Self {
        Self {
            keep: params.get("keep"),
            moved: params.get("move"),
            choice: MergeChoice {
                user_metadata: parse_rule(params.get("user_metadata")).unwrap_or(MetadataRule::Fill),
                app_metadata: parse_rule(params.get("app_metadata")).unwrap_or(MetadataRule::Keep),
            },
            reason: params.get("reason").unwrap_or_default(),
            plan: params.get("plan"),
        }
    }

    /// Returns the fault of the reason, in words.
    pub(super) fn find_reason_fault(&self) -> Option<String> {
        let characters = self.reason.chars().count();
        match characters {
            _ if !has_visible_character(self.reason) => {
                Some("Type the reason: the journal keeps it, such as the number of a ticket.".to_owned())
            }
            _ if characters > LONGEST_REASON => {
                Some(format!("The reason has {characters} characters, and may have {LONGEST_REASON}."))
            }
            _ => None,
        }
    }
}

fn parse_rule(name: Option<&str>) -> Option<MetadataRule> {
    match name? {
        "keep" => Some(MetadataRule::Keep),
        "fill" => Some(MetadataRule::Fill),
        "take" => Some(MetadataRule::Take),
        _ => None,
    }
}

/// Returns the name of a rule in the form.
pub(super) fn name_rule(rule: MetadataRule) -> &'static str {
    match rule {
        MetadataRule::Keep => "keep",
        MetadataRule::Fill => "fill",
        MetadataRule::Take => "take",
    }
}
