//! The parameters of `/authorize`, and the ones that other endpoints carry to it.

use serde::{Deserialize, Serialize};

use crate::tenant::http::params::Params;

/// Every parameter that `/authorize` reads, as it arrived.
///
/// A new parameter is added here, and read in `Authorization::parse`. The endpoints
/// that carry a request to `/authorize` carry it too, unless they leave it out below.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct AuthorizationParams {
    pub(crate) client_id: Option<String>,
    pub(crate) redirect_uri: Option<String>,
    pub(crate) response_type: Option<String>,
    pub(crate) response_mode: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) audience: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) code_challenge: Option<String>,
    pub(crate) code_challenge_method: Option<String>,
    pub(crate) prompt: Option<String>,
    pub(crate) max_age: Option<String>,
    /// The classes of logins that the application accepts.
    pub(crate) acr_values: Option<String>,
    pub(crate) login_hint: Option<String>,
    /// `signup`: the login page begins with the form that creates an account.
    pub(crate) screen_hint: Option<String>,
    pub(crate) connection: Option<String>,
    /// `connection` as auth0-js calls it.
    pub(crate) realm: Option<String>,
    pub(crate) organization: Option<String>,
    /// The ticket of `/co/authenticate`.
    pub(crate) login_ticket: Option<String>,
    /// `true`: the response goes to a popup of Lock.
    pub(crate) owp: Option<String>,
    /// The owner, for the scopes `link_account` and `unlink_account`.
    pub(crate) id_token_hint: Option<String>,
    /// The connection of the account to link or unlink, for the same scopes.
    pub(crate) requested_connection: Option<String>,
}

impl AuthorizationParams {
    /// Takes the parameters that `/authorize` knows. A value that is not a text is left
    /// out.
    pub(crate) fn from_params(params: &Params) -> Self {
        serde_json::from_value(params.to_text_fields().into()).unwrap_or_default()
    }

    /// Writes them as parameters again, without the ones that are absent.
    pub(crate) fn to_params(&self) -> Params {
        serde_json::to_value(self).map(Params::from_object).unwrap_or_default()
    }

    /// The parameters that a login on a page of the tenant's own origin carries to
    /// `/authorize`. A login has just taken place: the parameters that direct it are left
    /// out.
    pub(crate) fn without_prompt(self) -> Self {
        Self {
            prompt: None,
            max_age: None,
            login_hint: None,
            screen_hint: None,
            connection: None,
            realm: None,
            organization: None,
            login_ticket: None,
            id_token_hint: None,
            requested_connection: None,
            ..self
        }
    }

    /// The parameters that the link of a mail carries to `/authorize`. The client and the
    /// connection are the ones that the mail was requested with, and there is no page to
    /// link accounts on.
    pub(crate) fn for_mailed_link(self) -> Self {
        Self {
            client_id: None,
            screen_hint: None,
            connection: None,
            realm: None,
            organization: None,
            login_ticket: None,
            owp: None,
            id_token_hint: None,
            requested_connection: None,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::tenant::http::params::Params;
    use crate::tenant::oauth::authorization_params::AuthorizationParams;

    /// Every parameter with a value, by the names of the struct's fields.
    fn full() -> Params {
        let names = serde_json::to_value(AuthorizationParams::default()).unwrap();
        let mut params = Params::default();
        names.as_object().unwrap().keys().for_each(|name| params.set(name, &format!("{name} 1")));
        params
    }

    #[test]
    fn every_parameter_is_carried_unless_it_is_left_out_by_name() {
        let full = full();
        assert_eq!(AuthorizationParams::from_params(&full).to_params(), full);

        let left_out = |carried: AuthorizationParams| {
            let carried = carried.to_params();
            let absent = full.names().filter(|name| carried.get(name).is_none());
            let mut absent = absent.map(str::to_owned).collect::<Vec<_>>();
            absent.sort_unstable();
            absent
        };
        let params = AuthorizationParams::from_params(&full);
        assert_eq!(
            left_out(params.clone().without_prompt()),
            [
                "connection",
                "id_token_hint",
                "login_hint",
                "login_ticket",
                "max_age",
                "organization",
                "prompt",
                "realm",
                "requested_connection",
                "screen_hint",
            ]
        );
        assert_eq!(
            left_out(params.for_mailed_link()),
            [
                "client_id",
                "connection",
                "id_token_hint",
                "login_ticket",
                "organization",
                "owp",
                "realm",
                "requested_connection",
                "screen_hint",
            ]
        );
    }

    #[test]
    fn a_value_that_is_not_a_text_and_an_unknown_name_are_left_out() {
        let mut params = Params::default();
        params.set("unknown", "x");
        params.set("scope", "openid");
        let kept = AuthorizationParams::from_params(&params).to_params();
        assert_eq!(kept.names().collect::<Vec<_>>(), ["scope"]);
    }
}
