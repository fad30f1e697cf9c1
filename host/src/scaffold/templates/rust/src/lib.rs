//! The policy {{name}}: links a login to the one other account that has verified
//! the same address, if the settings say so.
//!
//! A new instance decides each login: no state is kept between logins, and nothing has
//! to be cleaned up.

mod settings;
#[cfg(test)]
mod tests;

use ligature_policy::{Answer, ApiError, Host, Level, LinkRequest, LoginEvent, Outcome, Policy, User};

use settings::{Mode, Settings};

struct OneOther;
ligature_policy::export!(OneOther);

impl Policy for OneOther {
    type Settings = Settings;

    fn on_login(login: &LoginEvent, settings: &Settings, host: &mut impl Host) -> Result<Outcome, ApiError> {
        // A line for the operator: host.log(ligature_policy::LogLevel::Info, "a line");
        let me = login.user.user_id.as_str();
        let Some(email) = login.verified_email() else {
            return Ok(Outcome::proceed("NOT_VERIFIED", "This login proves no address.").about(&[me]));
        };

        // A failed look-up ends the decision: its error is returned to the host.
        let others: Vec<User> = host.find_by_email(email)?.into_iter().filter(User::is_verified).collect();
        let [other] = &others[..] else {
            let detail = "There is not exactly one other account with this address.";
            return Ok(Outcome::proceed("NOT_ONE", detail).about(&[me]));
        };
        let both = [me, other.user_id.as_str()];
        if settings.mode == Mode::Observe {
            let detail = r#"The mode is "observe"; with "link" the accounts would be linked."#;
            return Ok(Outcome::proceed("WOULD_LINK", detail).about(&both));
        }

        let detail = "Both accounts have verified the same address; the other one is the primary.";
        let linked = Outcome::linked(&other.user_id, "LINKED", detail).about(&both);
        match host.link(&LinkRequest::new(&other.user_id, me).because(&linked.reasons)) {
            Ok(()) => Ok(linked),
            Err(_) => {
                let detail = "The accounts could not be linked; a later login tries again.";
                Ok(Outcome::proceed("LINK_FAILED", detail).about(&both).level(Level::Error))
            }
        }
    }

    fn on_continue(
        login: &LoginEvent,
        _: &Answer,
        settings: &Settings,
        host: &mut impl Host,
    ) -> Result<Outcome, ApiError> {
        Self::on_login(login, settings, host)
    }
}
