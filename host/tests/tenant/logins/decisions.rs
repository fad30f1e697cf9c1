//! Decisions that the tenant keeps.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::tenants::{CONFIG, Tenant, by_google, by_password, database_user};

crate::tests![decisions_are_kept_in_the_directory, a_tenant_keeps_no_decision_unless_asked,];

fn kept(directory: &str, expected: usize) -> Vec<Value> {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ligature"));
        let output = command.args(["decisions", "list", "--json", "--directory", directory]).output();
        let output = output.expect("the program runs");
        assert!(output.status.success(), "{output:?}");
        let lines = String::from_utf8(output.stdout).expect("UTF-8");
        let listed: Vec<Value> =
            lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        if listed.len() >= expected || Instant::now() > until {
            assert_eq!(listed.len(), expected, "{listed:?}");
            return listed;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn tenant(folder: &std::path::Path, console: &str, args: &[&str]) -> (Tenant, String) {
    let directory = format!("sqlite:{}", folder.join("users.db").display());
    let config = format!("{CONFIG}{console}{}", database_user("ada", "ada@example.com"));
    let args = [&["--directory", &*directory], args].concat();
    (Tenant::within(&folder.join("tenant"), &config, &args), directory)
}

fn decisions_are_kept_in_the_directory() {
    for (console, option) in [("", &["--decisions"][..]), ("\n[console]\nenabled = true\n", &[])] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (tenant, directory) = tenant(folder.path(), console, option);
        by_password(&mut tenant.browser(), "ada@example.com", &[]);
        by_google(&mut tenant.browser(), "1080", &[]);
        let found = kept(&directory, 2);
        assert_eq!(
            (&found[1]["user_id"], &found[1]["final_user_id"]),
            (&"auth0|ada".into(), &"auth0|ada".into())
        );
        assert_eq!(found[0]["user_id"], "google-oauth2|1080");
        assert!(found.iter().all(|kept| kept["trace"].as_array().is_some_and(|trace| !trace.is_empty())));
    }
}

fn a_tenant_keeps_no_decision_unless_asked() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (tenant, directory) = tenant(folder.path(), "", &[]);
    by_password(&mut tenant.browser(), "ada@example.com", &[]);
    drop(tenant);
    assert_eq!(kept(&directory, 0), Vec::<Value>::new());
}
