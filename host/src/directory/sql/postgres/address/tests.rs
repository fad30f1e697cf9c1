use std::time::Duration;

use postgres::config::{Host, TargetSessionAttrs};

use super::{Config, SslMode, configure, describe};

fn configured(url: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
    let value_of = |name: &str| {
        environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    configure(url, false, &value_of).map_err(|error| error.to_string())
}

/// Returns the address that results from the URL and the environment.
fn led(url: &str, environment: &[(&str, &str)]) -> String {
    configured(url, environment).map_or_else(|error| error, |config| describe(&config))
}

#[test]
fn a_place_has_hosts_ports_and_database_and_no_user() {
    assert_eq!(led("postgres://u:p@db/users", &[]), "postgres://db:5432/users");
    assert_eq!(led("postgresql://u@a:1,b,[::1]:3/users", &[]), "postgres://a:1,b:5432,[::1]:3/users");
    assert_eq!(led("postgres://u@%2Frun%2Fpg/users", &[]), "postgres:///run/pg:5432/users");
    assert_eq!(
        led("postgres:///users?hostaddr=10.0.0.1,::1&port=7", &[]),
        "postgres://10.0.0.1:7,[::1]:7/users"
    );
}

#[test]
fn the_environment_says_what_the_url_leaves_out() {
    let environment = [
        ("PGHOST", "a,b"),
        ("PGPORT", "1,2"),
        ("PGUSER", "u'\\ x"),
        ("PGPASSWORD", "p"),
        ("PGDATABASE", "users"),
        ("PGOPTIONS", "-csearch_path=s"),
        ("PGAPPNAME", "mine"),
        ("PGCONNECT_TIMEOUT", "3"),
        ("PGSSLMODE", "verify-full"),
        ("PGTARGETSESSIONATTRS", "any"),
    ];
    let config = configured("postgres://", &environment).unwrap();
    assert_eq!(describe(&config), "postgres://a:1,b:2/users");
    assert_eq!(config.get_user(), Some("u'\\ x"));
    assert_eq!(config.get_password(), Some(&b"p"[..]));
    assert_eq!(config.get_options(), Some("-csearch_path=s"));
    assert_eq!(config.get_application_name(), Some("mine"));
    assert_eq!(config.get_connect_timeout(), Some(&Duration::from_secs(3)));
    assert_eq!(config.get_ssl_mode(), SslMode::Require);
    assert_eq!(config.get_target_session_attrs(), TargetSessionAttrs::Any);
}

#[test]
fn the_url_wins_over_the_environment() {
    let environment = [
        ("PGHOST", "elsewhere"),
        ("PGHOSTADDR", "10.0.0.9"),
        ("PGPORT", "9"),
        ("PGUSER", "other"),
        ("PGPASSWORD", "other"),
        ("PGDATABASE", "other"),
        ("PGAPPNAME", "other"),
        ("PGSSLMODE", "disable"),
        ("PGTARGETSESSIONATTRS", "read-only"),
    ];
    let url = "postgres://u:p@db:1/users?application_name=mine&sslmode=verify-full&target_session_attrs=any";
    let config = configured(url, &environment).unwrap();
    assert_eq!(describe(&config), "postgres://db:1/users");
    assert!(config.get_hostaddrs().is_empty());
    assert_eq!((config.get_user(), config.get_password()), (Some("u"), Some(&b"p"[..])));
    assert_eq!(config.get_application_name(), Some("mine"));
    assert_eq!(config.get_ssl_mode(), SslMode::Require);
    assert_eq!(config.get_target_session_attrs(), TargetSessionAttrs::Any);
}

#[test]
fn a_port_counts_for_the_hosts_without_one() {
    assert_eq!(led("postgres://a,b:2,[::1]/x", &[("PGPORT", "9")]), "postgres://a:9,b:2,[::1]:9/x");
    assert_eq!(led("postgres://a,b/x", &[("PGPORT", "8,9")]), "postgres://a:8,b:9/x");
    assert_eq!(led("postgres:///x?host=a", &[("PGPORT", "9")]), "postgres://a:9/x");
    assert_eq!(led("postgres://:7/x", &[("PGHOST", "/run/pg"), ("PGPORT", "9")]), "postgres:///run/pg:7/x");
    let three = led("postgres:///x", &[("PGHOST", "a,b,c"), ("PGPORT", "8,9")]);
    assert!(three.ends_with("cannot be used: 2 ports are given for 3 hosts"), "{three}");
}

#[test]
fn a_socket_may_come_from_the_environment() {
    let config = configured("postgres:///x", &[("PGHOST", "/run/pg")]).unwrap();
    assert_eq!(config.get_hosts(), [Host::Unix("/run/pg".into())]);
}

#[test]
fn of_several_servers_the_one_that_takes_changes_is_used() {
    let attributes =
        |url, environment: &[_]| configured(url, environment).unwrap().get_target_session_attrs();
    assert_eq!(attributes("postgres://a,b/x", &[]), TargetSessionAttrs::ReadWrite);
    let primary = [("PGTARGETSESSIONATTRS", "primary")];
    assert_eq!(attributes("postgres://a,b/x", &primary), TargetSessionAttrs::ReadWrite);
    assert_eq!(
        attributes("postgres://a,b/x?target_session_attrs=standby", &[]),
        TargetSessionAttrs::ReadOnly
    );
}

#[test]
fn several_hosts_share_the_time_for_a_connection() {
    let timeout = |url| *configured(url, &[]).unwrap().get_connect_timeout().unwrap();
    assert_eq!(timeout("postgres://a/x"), Duration::from_secs(5));
    assert_eq!(timeout("postgres://a,b/x"), Duration::from_millis(2500));
    assert_eq!(timeout("postgres://a,b/x?connect_timeout=4"), Duration::from_secs(4));
}

#[test]
fn what_is_not_understood_is_named_without_its_value() {
    let bad = |url: &str, environment: &[(&str, &str)]| configured(url, environment).unwrap_err();
    assert_eq!(
        bad("postgres://a/x", &[("PGSSLMODE", "hunter2")]),
        "the environment variable PGSSLMODE cannot be understood; expected disable, allow, prefer, require, \
         verify-ca or verify-full"
    );
    assert!(bad("postgres://a/x", &[("PGPORT", "hunter2")]).contains("PGPORT"));
    for (url, named) in [
        ("postgres://u:hunter2@a/x?target_session_attrs=hunter2", "`target_session_attrs`"),
        ("postgres://u:hunter2@a/x?sslrootcert=hunter2", "`sslrootcert`"),
        ("postgres://u:hunter2@a:port/x", "cannot be understood"),
        ("postgres://u:hunt@er2@a/x", "%40"),
        ("postgres://u:hunter2@a/x?hunter2", "no `=`"),
        ("postgres:u:hunter2", "does not begin with `postgres://`"),
        ("postgres:///x", "names no host, nor does PGHOST"),
    ] {
        let error = bad(url, &[("PGHOST", "")]);
        assert!(error.contains(named), "{url}: {error}");
        assert!(!error.contains("hunter2") && !error.contains("er2"), "{error}");
    }
}

#[test]
#[cfg(unix)]
fn a_password_may_be_in_a_file() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pgpass");
    std::fs::write(&path, "a:1:x:u:hunter2\nb:*:x:u:hunter2\nc:*:*:*:hunter3\n").unwrap();
    let allow = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    let environment = [("PGPASSFILE", path.to_str().unwrap())];
    let password =
        |url: &str| configured(url, &environment).map(|config| config.get_password().map(<[u8]>::to_vec));
    allow(0o604);
    assert!(password("postgres://u@a:1/x").unwrap_err().contains("`chmod 600 "));
    assert_eq!(password("postgres://u:p@a:1/x"), Ok(Some(b"p".to_vec())), "the URL has one");
    allow(0o600);
    assert_eq!(password("postgres://u@a:1/x"), Ok(Some(b"hunter2".to_vec())));
    assert_eq!(password("postgres://u@a:1,b,other/x"), Ok(Some(b"hunter2".to_vec())));
    assert_eq!(password("postgres://u@other/x"), Ok(None));
    let several = password("postgres://u@a:1,c/x").unwrap_err();
    assert!(
        several.contains("not one password for all its hosts") && !several.contains("hunter"),
        "{several}"
    );
    std::fs::remove_file(&path).unwrap();
    let missing = password("postgres://u@a:1/x").unwrap_err();
    assert!(
        missing.starts_with("the password file ") && missing.contains("(PGPASSFILE): there is no such file")
    );
}
