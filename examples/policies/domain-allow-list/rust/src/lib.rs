//! The policy domain-allow-list: who has a verified address of a listed domain
//! logs in, and is linked to the one other account with that address, unless the
//! settings leave that to other policies.

mod settings;
#[cfg(test)]
mod tests;

use ligature_policy::{Answer, ApiError, Host, Level, LinkRequest, LoginEvent, Outcome, Policy, User};

use settings::Settings;

struct DomainAllowList;
ligature_policy::export!(DomainAllowList);

impl Policy for DomainAllowList {
    type Settings = Settings;

    fn on_login(login: &LoginEvent, settings: &Settings, host: &mut impl Host) -> Result<Outcome, ApiError> {
        let me = login.user.user_id.as_str();
        // A verified text that is no address is of no listed domain.
        let verified = login.user.email_verified.is_verified();
        let Some(email) = login.user.email.as_deref().filter(|_| verified) else {
            return Ok(Outcome::proceed("NOT_VERIFIED", "This login proves no address.").about(&[me]));
        };
        if !settings.list(email) {
            let detail = "Addresses of this domain may not log in.";
            return Ok(Outcome::deny(&settings.message, "DOMAIN_NOT_ALLOWED", detail).about(&[me]));
        }
        if !settings.link {
            return Ok(Outcome::proceed("ALLOWED", "The address is of an allowed domain.").about(&[me]));
        }

        // A look-up that fails ends the decision: the host hears of it.
        let others: Vec<User> = host.find_by_email(email)?.into_iter().filter(User::is_verified).collect();
        let [other] = &others[..] else {
            let detail = "There is not exactly one other account with this address.";
            return Ok(Outcome::proceed("NOT_ONE", detail).about(&[me]));
        };
        let both = [me, other.user_id.as_str()];
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
