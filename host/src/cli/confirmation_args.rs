//! The options of the confirmation of accounts.

use anyhow::anyhow;

use super::Exit;
use crate::ambient::Ambient;
use crate::auth0::{ClientCredentials, TenantAddress};
use crate::directory::Location;
use crate::hook::{ConfirmationSettings, Confirmations, describe_unaskable};
use crate::policies::LoadedPolicy;

/// The options of the confirmation of accounts.
#[derive(Debug, clap::Args)]
pub(super) struct ConfirmationArgs {
    /// The URL of this service as browsers see it, such as https://hook.example.com. With it,
    /// users are asked to confirm an account where the policy suggests it
    #[arg(long, value_name = "URL")]
    confirm_url: Option<String>,
    /// The domain at which users log in. A tenant of --directory auth0://DOMAIN names its own
    /// domains, and no other one is accepted
    #[arg(long, value_name = "DOMAIN", requires = "confirm_url")]
    confirm_tenant: Option<String>,
    /// The connection by which every user confirms an account. Without it, the tenant's login
    /// page lets the user choose
    #[arg(long, value_name = "NAME", requires = "confirm_url")]
    confirm_connection: Option<String>,
}

impl ConfirmationArgs {
    /// The confirmation that the options describe, if they do.
    pub(super) fn read_confirmations(
        &self,
        directory: &str,
        ambient: &Ambient,
    ) -> Result<Option<Confirmations>, Exit> {
        let Some(public_url) = self.confirm_url.clone() else { return Ok(None) };
        let settings = ConfirmationSettings {
            public_url,
            tenant: self.tenant(directory)?,
            connection: self.confirm_connection.clone(),
            credentials: ClientCredentials::of_confirmation().map_err(Exit::unreadable)?,
        };
        Confirmations::new(settings, ambient).map(Some).map_err(Exit::unreadable)
    }

    /// Returns the warning about a confirmation that is wanted, and not configured: by a policy that
    /// asks users, or by variables that are set for it.
    pub(super) fn find_missing(&self, policies: &[LoadedPolicy]) -> Option<String> {
        if self.confirm_url.is_some() {
            return None;
        }
        describe_unaskable(policies).or_else(|| self.find_unused_variable())
    }

    /// Returns the warning about a variable of the confirmation that has no effect.
    pub(super) fn find_unused_variable(&self) -> Option<String> {
        if self.confirm_url.is_some() {
            return None;
        }
        let set =
            ClientCredentials::CONFIRMATION_VARIABLES.into_iter().find(|it| std::env::var_os(it).is_some());
        set.map(|name| format!("{name} is set, and has no effect without --confirm-url: no user is asked"))
    }

    /// Checks the options, and that the tenant accepts the application and its callback, which is
    /// returned.
    pub(super) fn check(&self, directory: &str, ambient: &Ambient) -> Result<Option<String>, Exit> {
        let confirmations = self.read_confirmations(directory, ambient)?;
        let checked = confirmations.map(|it| it.check()).transpose();
        Ok(checked.map_err(Exit::unreadable)?.map(String::from))
    }

    /// Returns the domain at which users log in. Refuses one of another tenant than the directory's:
    /// the ids of users are those of a tenant, so that a login at another one proves nothing.
    fn tenant(&self, directory: &str) -> Result<String, Exit> {
        let address: Option<TenantAddress> = match directory.parse() {
            Ok(Location::Auth0(address)) => address.parse().ok(),
            _ => None,
        };
        let Some(named) = &self.confirm_tenant else {
            let domain = |it: &TenantAddress| it.custom_domain().unwrap_or(it.domain()).to_owned();
            return address.as_ref().map(domain).ok_or_else(|| {
                Exit::unreadable(anyhow!(
                    "--confirm-url needs --confirm-tenant: the directory is not a tenant of Auth0 that names the domain"
                ))
            });
        };
        match address {
            Some(address) if address.is_other_tenant(named) => {
                let domain = address.domain();
                Err(Exit::unreadable(anyhow!(
                    "--confirm-tenant names another tenant than --directory ({domain}): a login there proves no account of \
                     this directory; leave --confirm-tenant out, or, if it is a custom domain of {domain}, name it in \
                     --directory 'auth0://{domain}?custom_domain=DOMAIN'"
                )))
            }
            _ => Ok(named.clone()),
        }
    }
}
