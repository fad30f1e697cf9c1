//! A policy of one's own: links a login to the one other account with the same
//! verified address, and leaves everything else to people.

use ligature_policy::{ApiError, Host, LinkRequest, LoginEvent, NoSettings, Outcome, Policy, User};

struct MinimalPlugin;
ligature_policy::export!(MinimalPlugin without settings);

impl Policy for MinimalPlugin {
    type Settings = NoSettings;

    fn on_login(login: &LoginEvent, _: &NoSettings, host: &mut impl Host) -> Result<Outcome, ApiError> {
        let Some(email) = login.verified_email() else {
            return Ok(Outcome::proceed("NOT_VERIFIED", "This login proves no address."));
        };
        let others: Vec<User> = host.find_by_email(email)?.into_iter().filter(User::is_verified).collect();
        let [other] = &others[..] else {
            return Ok(Outcome::proceed("NOT_ONE", "There is not exactly one other account."));
        };
        host.link(&LinkRequest::new(&other.user_id, &login.user.user_id))?;
        Ok(Outcome::linked(&other.user_id, "LINKED", "The other account was here first."))
    }
}
