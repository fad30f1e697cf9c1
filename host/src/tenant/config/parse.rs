//! Parsing a configuration file.

use std::path::Path;

use crate::reading::read_toml_text;
use crate::tenant::config::check::check_config;
use crate::tenant::config::connection::derive_id;
use crate::tenant::config::content::Config;
use crate::tenant::config::organization::ConfiguredOrganization;

/// The reason why a configuration is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl Config {
    /// Parses a configuration.
    ///
    /// # Errors
    ///
    /// Returns the line and column if the text is not a configuration, or else the name of the
    /// setting that is inconsistent.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        // Omits the offending line, which may hold a secret.
        let read = read_toml_text(Path::new("tenant.toml"), text);
        let mut config: Self = read.map_err(|error| ConfigError(error.message_without_file()))?;
        check_config(&config).map_err(ConfigError)?;
        for connection in &mut config.connections {
            if connection.id.is_empty() {
                connection.id = derive_id(&connection.name);
            }
        }
        config.organizations.iter_mut().for_each(ConfiguredOrganization::complete);
        Ok(config)
    }

    /// Makes the paths of the configuration relative to its own file.
    pub fn resolve_files(&mut self, file: &Path) {
        let folder = file.parent().unwrap_or(Path::new(""));
        if let Some(key) = &mut self.signing_key {
            *key = folder.join(&*key);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::tenant::config::Config;

    fn refusal(text: &str) -> String {
        Config::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn what_init_writes_is_a_configuration() {
        let text = Config::template(|| "0123456789abcdef".to_owned());
        let config = Config::parse(&text).unwrap();
        assert!(config.clients.iter().any(|client| client.client_secret.is_some()));
        assert!(config.connections.iter().all(|connection| connection.id.len() == 20));
        assert!(!text.contains("{secret}"));
    }

    #[test]
    fn a_connection_is_called_as_people_know_it() {
        let label = |more: &str| {
            let config = Config::parse(&format!("[[connections]]\n{more}")).unwrap();
            config.connections[0].label().to_owned()
        };
        assert_eq!(label("name = \"google-oauth2\"\nstrategy = \"google-oauth2\""), "Google");
        assert_eq!(label("name = \"windowslive\"\nstrategy = \"windowslive\""), "Microsoft");
        assert_eq!(label("name = \"sms\"\nstrategy = \"sms\""), "phone");
        assert_eq!(label("name = \"acme\"\nstrategy = \"samlp\""), "acme");
        assert_eq!(label("name = \"acme\"\nstrategy = \"samlp\"\ndisplay_name = \"Acme Inc.\""), "Acme Inc.");
        assert_eq!(label("name = \"acme\"\nstrategy = \"samlp\"\ndisplay_name = \" \""), "acme");
    }

    #[test]
    fn an_error_says_where_and_shows_no_secret() {
        let error = refusal("[[clients]]\nclient_id = \"a\"\nclient_sekret = \"hunter2hunter2hunter2\"\n");
        assert!(error.starts_with("line 3, column 1: unknown field `client_sekret`"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn contradictions_are_named() {
        assert_eq!(
            refusal("[[clients]]\nclient_id = \"a\"\ncallbacks = [\"/callback\"]"),
            "client `a`: `/callback` is not an absolute URL without a fragment"
        );
        assert_eq!(
            refusal("[[clients]]\nclient_id = \"a\"\norigins = [\"http://localhost:3000/\"]"),
            "client `a`: `http://localhost:3000/` is not an origin such as http://localhost:3000"
        );
        assert_eq!(
            refusal("[[clients]]\nclient_id = \"a\"\ngrant_types = [\"client_credentials\"]"),
            "client `a`: a client without a client_secret cannot use client_credentials"
        );
        assert_eq!(
            refusal("[[clients]]\nclient_id = \"ligature-account\""),
            "client `ligature-account`: the tenant's own page /account has that client_id; choose another"
        );
        assert_eq!(
            refusal("[[connections]]\nname = \"x\"\nstrategy = \"gogle\""),
            "connection `x`: there is no strategy `gogle`"
        );
        assert_eq!(
            refusal("[[connections]]\nname = \"x\"\nstrategy = \"samlp\"\ndisplay_name = \"a\\nb\""),
            "connection `x`: a display_name has up to 128 characters, and no line breaks"
        );
        for issuer in [
            "tenant.test",
            "https://tenant.test",
            "https://tenant.test/a",
            "https://TENANT.test/",
            "ftp://tenant.test/",
            "https://a:b@tenant.test/",
            "https://tenant.test/?a",
            "https://tenant.test/#",
            "https://tenant.test:443/",
            "",
        ] {
            let error = refusal(&format!("issuer = {issuer:?}"));
            assert!(error.starts_with(&format!("issuer: `{issuer}` is not a URL such as")), "{error}");
        }
        assert_eq!(
            refusal("custom_domains = [\"https://login.test/\"]"),
            "custom_domains: `https://login.test/` is not a name such as tenant.test:4481"
        );
        assert_eq!(
            refusal("hosts = [\"login.test\"]\ncustom_domains = [\"login.test\"]"),
            "custom_domains: `login.test` is among `hosts` as well"
        );
        assert_eq!(
            refusal("[[organizations]]\nname = \"Acme\""),
            "organization `Acme`: a name has up to 50 small letters, digits, - and _, and begins with a letter or a digit"
        );
        assert_eq!(
            refusal("[[organizations]]\nname = \"acme\"\nid = \"acme\""),
            "organization `acme`: an id begins with org_, followed by letters and digits"
        );
        assert_eq!(
            refusal(
                "[[organizations]]\nname = \"a\"\nid = \"org_1\"\n[[organizations]]\nname = \"b\"\nid = \"org_1\""
            ),
            "organizations: the name `b` or its id appears twice"
        );
        assert_eq!(
            refusal("[[users]]\nuser_id = \"auth0|1\"\nconnection = \"db\""),
            "user `auth0|1`: there is no connection `db`"
        );
    }

    #[test]
    fn a_misspelt_key_of_a_user_is_named() {
        let user = "[[users]]\nuser_id = \"auth0|1\"\nconnection = \"db\"\n";
        assert_eq!(
            refusal(&format!("{user}emial = \"ada@example.com\"")),
            "user `auth0|1`: unknown key `emial`; did you mean `email`?"
        );
        assert_eq!(
            refusal(&format!("{user}pasword = \"hunter2hunter2\"")),
            "user `auth0|1`: unknown key `pasword`; did you mean `password`?"
        );
        assert_eq!(
            refusal(&format!("{user}favourite_colour = \"blue\"")),
            "user `auth0|1`: unknown key `favourite_colour`; attributes of your own belong in user_metadata or app_metadata"
        );
    }

    #[test]
    fn a_key_of_the_whole_file_behind_the_users_is_named() {
        let user = "[[users]]\nuser_id = \"auth0|1\"\nconnection = \"db\"\n";
        for key in
            ["issuer = \"https://tenant.test/\"", "signing_key = \"key.pem\"", "legacy = true", "hosts = []"]
        {
            let name = key.split(' ').next().unwrap();
            assert_eq!(
                refusal(&format!("{user}{key}")),
                format!(
                    "user `auth0|1`: `{name}` is a key of the whole file: put it before the first table, such as [lifetimes]"
                )
            );
        }
    }

    #[test]
    fn every_attribute_that_a_user_of_the_api_has_is_accepted() {
        let text = "[[connections]]\nname = \"db\"\nstrategy = \"auth0\"\n[[users]]\nuser_id = \"auth0|1\"\nconnection = \"db\"\n\
                    email = \"a@example.com\"\nemail_verified = true\npassword = \"correct horse\"\nusername = \"a\"\nname = \"A\"\n\
                    nickname = \"a\"\ngiven_name = \"A\"\nfamily_name = \"B\"\npicture = \"https://example.com/a.png\"\n\
                    phone_number = \"+15550100\"\nphone_verified = true\nblocked = false\nroles = []\norganizations = []\n\
                    locale = \"en\"\nlast_ip = \"127.0.0.1\"\nmfa_factors = []\nmultifactor = []\nuser_metadata = {}\napp_metadata = {}";
        assert!(Config::parse(text).is_ok(), "{:?}", Config::parse(text).err());
    }
}
