//! Checking a tenant's configuration before any login.

use super::Auth0Directory;
use super::auth0_directory::OPERATION;
use crate::auth0::{TimeLimit, UnmetNeed};
use crate::directory::operations::Administration;
use crate::directory::setup_fault::SetupFault;
use crate::model::ApiError;

/// The seconds by which the clocks of this machine and of the tenant may differ. The login
/// hook refuses requests whose time stamp, which the tenant's Action makes, differs by more.
const CLOCKS_DIFFER: i64 = 300;

impl Auth0Directory {
    /// Asks for a machine token and for a user, and returns the scopes that the application
    /// lacks, and a clock that is off.
    pub(super) fn find_tenant_faults(&self, limit: TimeLimit) -> Result<Vec<SetupFault>, ApiError> {
        let unmet = self.api.unmet_needs(limit).map_err(|error| self.failed(error))?;
        let mut faults = self.name_grant_faults(&unmet);
        // Without the scope, the look-up would only repeat the fault.
        if unmet.iter().all(|unmet| unmet.need.is_optional) {
            self.check(OPERATION)?;
        }
        faults.extend(name_foreign_journal(self.journal.count()?));
        Ok(faults)
    }

    /// Returns the scopes that the application lacks, and a clock that is off. Costs no request but
    /// that for a machine token.
    pub(super) fn find_grant_faults_within(&self, limit: TimeLimit) -> Result<Vec<SetupFault>, ApiError> {
        let unmet = self.api.unmet_needs(limit).map_err(|error| self.failed(error))?;
        Ok(self.name_grant_faults(&unmet))
    }

    fn name_grant_faults(&self, unmet: &[UnmetNeed]) -> Vec<SetupFault> {
        let mut faults = name_scopes(unmet);
        faults.extend(self.api.clock_lead().and_then(name_clock));
        faults
    }
}

fn name_scopes(unmet: &[UnmetNeed]) -> Vec<SetupFault> {
    let described = UnmetNeed::describe_all(unmet).into_iter();
    described.map(|(sentence, is_tolerable)| SetupFault { sentence, is_tolerable }).collect()
}

/// Returns the fault of a journal that holds users: it is the directory of another program run,
/// such as `ligature serve`.
fn name_foreign_journal(users: u64) -> Option<SetupFault> {
    (users > 0).then(|| SetupFault {
        sentence: "the journal holds users, so it is a directory of its own, whose links and those of the tenant would be \
                   mixed; name a database of its own with --journal"
            .to_owned(),
        is_tolerable: true,
    })
}

/// Returns the fault of a clock that is this many seconds ahead of the tenant's.
fn name_clock(lead: i64) -> Option<SetupFault> {
    let (seconds, side) = (lead.abs(), if lead > 0 { "ahead of" } else { "behind" });
    (seconds > CLOCKS_DIFFER).then(|| SetupFault {
        sentence: format!(
            "the clock of this machine is {seconds} s {side} that of the tenant, so requests of its Action would be \
             refused; correct the clock"
        ),
        is_tolerable: false,
    })
}

#[cfg(test)]
mod tests {
    use super::name_clock;

    #[test]
    fn a_clock_is_off_by_more_than_the_window_of_the_hook() {
        for lead in [0, 300, -300] {
            assert_eq!(name_clock(lead), None, "{lead}");
        }
        let said = |lead| name_clock(lead).map(|fault| fault.sentence).unwrap_or_default();
        assert!(said(600).starts_with("the clock of this machine is 600 s ahead of that of the tenant"));
        assert!(said(-600).starts_with("the clock of this machine is 600 s behind that of the tenant"));
    }
}
