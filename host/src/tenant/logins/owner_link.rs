//! Links that an owner asks for: on the account page, or by an application.

use crate::directory::Stored;
use crate::merge::{MergeChoice, MergePair, MergeRefusal, MergeScope, PrivilegedAccounts, plan_merge};
use crate::tenant::logins::state::Logins;

impl Logins {
    /// Returns the accounts that the policies in force name as privileged.
    pub(crate) fn privileged_accounts(&self) -> PrivilegedAccounts {
        let policies = self.decider.policies();
        PrivilegedAccounts::from_documents(policies.iter().map(|it| it.settings.text()))
    }

    /// Returns the reason for which an application may not link these two accounts of an owner, if there
    /// is one.
    pub(crate) fn find_refusal_of_application(&self, kept: &Stored, moved: &Stored) -> Option<MergeRefusal> {
        let privileged = self.privileged_accounts();
        let scope = MergeScope::Application { privileged: &privileged };
        let pair = MergePair { kept, moved };
        let refusal = plan_merge(pair, MergeChoice::default(), scope, self.ambient.now()).err();
        if let Some(why) = &refusal {
            tracing::warn!(target: "audit", %why, "a link that an application asked for was refused");
        }
        refusal
    }
}
