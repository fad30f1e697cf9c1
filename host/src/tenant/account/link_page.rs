//! The preview of a link: the choice which account stays, and what changes.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

use crate::directory::Stored;
use crate::merge::{
    MergeChoice, MergePair, MergePlan, MergeRefusal, MergeScope, MergeWarning, MetadataRule, plan_merge,
};
use crate::model::{User, truncate};
use crate::service::page;
use crate::service::page::filters;
use crate::tenant::account::account_visit::AccountVisit;
use crate::tenant::account::paths::{LINK, VERIFY};
use crate::tenant::account::second_account::SecondAccount;
use crate::tenant::http::params::Params;
use crate::tenant::notices::words::{find_contact, format_time, label_identity};
use crate::tenant::profile;

pub(super) const CANCEL: &str = "/account/link/cancel";

/// The most settings that a page lists.
const MOST_KEYS: usize = 25;
/// The most bytes of a setting's value on a page.
const VALUE: usize = 60;

/// The owner's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LinkChoice {
    /// Whether the other account stays, and not the one of the session.
    pub(super) keeps_other: bool,
    pub(super) metadata: MetadataRule,
}

/// The two accounts, as they were read.
pub(super) struct Accounts<'a> {
    pub(super) this: &'a Stored,
    pub(super) other: &'a SecondAccount,
}

#[derive(Template)]
#[template(path = "account_link.html")]
struct LinkPage<'a> {
    state: &'a str,
    link_form: String,
    cancel_form: String,
    /// The reason why the page is shown again.
    notice: Option<&'static str>,
    this: AccountSide<'a>,
    other: AccountSide<'a>,
    is_new: bool,
    keep: &'static str,
    metadata: &'static str,
    /// The name of the choice that the page shows.
    shown: String,
    effect: Result<Effect, Obstacle>,
}

/// One of the accounts. Its person has proved it, so that addresses are not masked: masked ones do
/// not tell two accounts apart.
struct AccountSide<'a> {
    /// The user's name, unless it is an address.
    name: Option<String>,
    /// The ways to log in, the main one first.
    methods: Vec<ProvedMethod<'a>>,
    since: Option<String>,
    logins: u64,
}

struct ProvedMethod<'a> {
    label: &'a str,
    contact: Option<&'a str>,
}

/// The reason against a link.
struct Obstacle {
    words: String,
    /// The form that mails a link to verify an address, and the account that it is for.
    verification: Option<(String, &'static str)>,
}

/// The effect of a link.
struct Effect {
    plan: String,
    settings: Vec<String>,
    roles: Vec<String>,
    organizations: usize,
    warnings: Vec<String>,
}

impl LinkChoice {
    pub(super) fn from_params(params: &Params) -> Self {
        let metadata = match params.get("metadata") {
            Some("keep") => MetadataRule::Keep,
            Some("take") => MetadataRule::Take,
            // Settings are not lost unless somebody chooses it.
            _ => MetadataRule::Fill,
        };
        Self { keeps_other: params.get("keep") == Some("other"), metadata }
    }

    /// Returns the name of the choice, which a form sends beside the choice itself.
    pub(super) fn name(self) -> String {
        format!("{}-{}", self.keep_name(), self.metadata_name())
    }

    /// Returns the path of the preview of this choice.
    pub(super) fn preview_path(self, proof: &str, is_other: bool) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("state", proof)
            .append_pair("keep", self.keep_name())
            .append_pair("metadata", self.metadata_name())
            .append_pair("notice", if is_other { "choice" } else { "" })
            .finish();
        format!("{LINK}?{query}#changes")
    }

    fn keep_name(self) -> &'static str {
        if self.keeps_other { "other" } else { "this" }
    }

    fn metadata_name(self) -> &'static str {
        match self.metadata {
            MetadataRule::Keep => "keep",
            MetadataRule::Fill => "fill",
            MetadataRule::Take => "take",
        }
    }
}

impl Accounts<'_> {
    /// Plans the link. An account that does not exist yet cannot be the one that stays.
    pub(super) fn plan(
        &self,
        choice: LinkChoice,
        visit: &AccountVisit<'_>,
    ) -> Result<MergePlan, MergeRefusal> {
        let (this, other) = (self.this, &self.other.stored);
        let (kept, moved) =
            if choice.keeps_other && !self.other.is_new { (other, this) } else { (this, other) };
        let choice = MergeChoice { user_metadata: choice.metadata, app_metadata: MetadataRule::Keep };
        let privileged = visit.tenant().logins.privileged_accounts();
        let scope = MergeScope::Owner { privileged: &privileged };
        plan_merge(MergePair { kept, moved }, choice, scope, visit.tenant().ambient.now())
    }
}

const CHANGED: &str = "One of the accounts has changed since this page was shown. Look at it again.";
const OTHER_CHOICE: &str = "You have chosen something else. This is what changes now:";
const MAILED: &str = "A mail to verify the address was sent: see /dev/outbox. Open the link in it, and then load this page again.";

/// Renders the preview.
pub(super) fn render_link(
    visit: &AccountVisit<'_>,
    accounts: &Accounts<'_>,
    choice: LinkChoice,
    status: StatusCode,
) -> Response {
    let plan = accounts.plan(choice, visit);
    let side = |user| AccountSide::new(visit, user);
    let is_new = accounts.other.is_new;
    let shown = LinkChoice { keeps_other: choice.keeps_other && !is_new, ..choice };
    let notice = match (status, visit.visit.params.get("notice")) {
        (StatusCode::CONFLICT, _) => Some(CHANGED),
        (StatusCode::OK, Some("choice")) => Some(OTHER_CHOICE),
        (StatusCode::OK, Some("mail")) => Some(MAILED),
        _ => None,
    };
    let page = LinkPage {
        state: visit.proof_name(),
        link_form: visit.form_token(LINK),
        cancel_form: visit.form_token(CANCEL),
        notice,
        this: side(&accounts.this.user),
        other: side(&accounts.other.stored.user),
        is_new,
        keep: shown.keep_name(),
        metadata: shown.metadata_name(),
        shown: shown.name(),
        effect: plan
            .as_ref()
            .map(describe_plan)
            .map_err(|refusal| describe_refusal(refusal, visit, accounts)),
    };
    page::respond(status, page.render())
}

impl<'a> AccountSide<'a> {
    fn new(visit: &AccountVisit<'a>, user: &'a User) -> Self {
        let [(_, name), ..] = profile::derive_profile(user);
        Self {
            name: Some(name).filter(|name| !name.contains('@')),
            methods: user
                .identities
                .iter()
                .map(|it| ProvedMethod {
                    label: label_identity(&visit.tenant().config, it),
                    contact: find_contact(user, it),
                })
                .collect(),
            since: user.created_at.map(format_time),
            logins: user.logins_count.unwrap_or_default(),
        }
    }
}

fn describe_plan(plan: &MergePlan) -> Effect {
    let value = |user: &User, key: &String| {
        let value = user.user_metadata.as_ref().and_then(|metadata| metadata.get(key));
        let text = match value {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        };
        truncate(&text, VALUE).into_owned()
    };
    let (change, kept, moved) = (&plan.user_metadata, &plan.kept, &plan.moved);
    let stays = change.stays.iter().map(|key| format!("{key} stays “{}”", value(kept, key)));
    let taken = change.taken.iter().map(|key| format!("{key} “{}” is taken over", value(moved, key)));
    let overwritten = change
        .overwritten
        .iter()
        .map(|key| format!("{key} “{}” becomes “{}”", value(kept, key), value(moved, key)));
    let left = change.left.iter().map(|key| format!("{key} “{}” is lost", value(moved, key)));
    let mut settings: Vec<String> = overwritten.chain(taken).chain(left).chain(stays).collect();
    let more = settings.len().saturating_sub(MOST_KEYS);
    settings.truncate(MOST_KEYS);
    if more > 0 {
        settings.push(format!("and {more} more"));
    }
    Effect {
        plan: plan.digest().as_str().to_owned(),
        settings,
        roles: plan.lost.roles.iter().take(MOST_KEYS).cloned().collect(),
        organizations: plan.lost.organizations.len(),
        warnings: plan.warnings.iter().filter_map(describe_warning).collect(),
    }
}

/// Describes a warning for the owner. The others are refusals of an owner's link.
fn describe_warning(warning: &MergeWarning) -> Option<String> {
    match warning {
        MergeWarning::AddressesDiffer => Some("The accounts have different addresses.".to_owned()),
        MergeWarning::SeparatedBefore { at } => {
            Some(format!("The two were separated on {}.", format_time(*at)))
        }
        MergeWarning::NeverUsed { .. }
        | MergeWarning::AddressUnverified { .. }
        | MergeWarning::NotToBeLinked { .. }
        | MergeWarning::Privileged { .. }
        | MergeWarning::LosesSecondFactor => None,
    }
}

/// Describes a refusal for the owner.
fn describe_refusal(refusal: &MergeRefusal, visit: &AccountVisit<'_>, accounts: &Accounts<'_>) -> Obstacle {
    let words = match refusal {
        MergeRefusal::Unverified(_) => return describe_unverified(visit, accounts),
        MergeRefusal::SameUser(_) => "You already log in to this account in that way.",
        MergeRefusal::MovedIsBlocked(_) | MergeRefusal::KeptIsBlocked(_) => {
            "One of the accounts is blocked. Ask support."
        }
        MergeRefusal::BothManaged => {
            "Both accounts are managed by an organization, which has to end one of them. Ask support."
        }
        MergeRefusal::MovedIsManaged(_) => {
            "An organization manages one of the accounts, and would create it again: choose that one to stay."
        }
        MergeRefusal::NotToBeLinked(_) => "One of the accounts is not to be joined with others. Ask support.",
        MergeRefusal::LosesSecondFactor(_) => {
            "Only one of the accounts is protected by a second factor: choose that one to stay."
        }
        MergeRefusal::Privileged(_) => "One of the accounts has special rights. Ask support.",
    };
    Obstacle { words: words.to_owned(), verification: None }
}

/// Says which address is not verified, and who can verify it: the provider, or the owner by a mail.
fn describe_unverified(visit: &AccountVisit<'_>, accounts: &Accounts<'_>) -> Obstacle {
    let is_unverified = |user: &User| user.email.is_some() && !user.email_verified.is_verified();
    let this = &accounts.this.user;
    let (user, side) =
        if is_unverified(this) { (this, "this") } else { (&accounts.other.stored.user, "other") };
    let email = user.email.as_deref().unwrap_or_default();
    let label = user.identities.first().map(|main| label_identity(&visit.tenant().config, main));
    let words = match (visit.can_verify(user), label) {
        (true, _) => format!("The address {email} is not verified, so the accounts cannot become one yet."),
        (false, Some(label)) => {
            format!(
                "{label} has not verified the address {email}, so it cannot be added. Verify it there first."
            )
        }
        (false, None) => format!("The address {email} is not verified, so it cannot be added."),
    };
    let verification = visit.can_verify(user).then(|| (visit.form_token(VERIFY), side));
    Obstacle { words, verification }
}
