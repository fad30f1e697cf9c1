//! `ligature serve` on a PostgreSQL cluster: three servers under Patroni with
//! synchronous replication, of which one fails, hands over, or restarts while
//! users sign up, log in and are linked.
//!
//! | file | what |
//! |---|---|
//! | `packages` | what the machine must have, and what is installed |
//! | `servers` | the cluster: its processes, and what is done to them |
//! | `load` | users at work, and what they were told |
//! | `probe` | when there is a leader |
//! | `books` | the final content of the directory, compared with the responses |

#![allow(clippy::unwrap_used, reason = "a suite: what is unexpected fails it")]

mod books;
#[allow(dead_code, reason = "other suites use what this one does not")]
#[path = "../tenant/http.rs"]
mod http;
mod load;
mod packages;
mod probe;
mod servers;
#[allow(dead_code, reason = "other suites use what this one does not")]
#[path = "../clients/suites.rs"]
mod suites;
#[allow(dead_code, reason = "other suites use what this one does not")]
#[path = "../tenant/tenants.rs"]
mod tenants;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use suites::serving;
use tempfile::TempDir;

use load::{Asked, Told};
use probe::Probe;
use servers::Cluster;
use tenants::Tenant;

/// The time after an election in which a request may still fail.
const SETTLE: Duration = Duration::from_secs(3);
/// The time of the load before and after.
const AROUND: Duration = Duration::from_secs(4);

const POLICY: &str =
    r#"{"mode": "auto", "trusted_connections": ["google-oauth2"], "never_logged_in": "allow"}"#;

const MACHINE: &str = r#"
[[clients]]
client_id = "machine"
name = "A machine"
client_secret = "the secret of the machine"
grant_types = ["client_credentials"]
scopes = ["create:users"]

[rate_limit]
messages = false
"#;

/// Clients at a time: fewer than the program has connections to the servers, and
/// more.
const FEW: usize = 8;
const MANY: usize = 24;

type Scenario = (&'static str, fn(&str, &Cluster));

/// The scenarios, which run in this order on one cluster.
const SCENARIOS: [Scenario; 4] = [
    ("the_leader_is_killed", |name, cluster| under_load(name, cluster, Cluster::kill_leader)),
    ("the_leader_hands_over", |name, cluster| under_load(name, cluster, Cluster::switch_over)),
    ("every_server_restarts_in_turn", |name, cluster| under_load(name, cluster, Cluster::restart_each)),
    ("the_leader_hands_over_while_nobody_logs_in", in_silence),
];

fn main() -> std::process::ExitCode {
    let mut args = Arguments::from_args();
    args.test_threads = Some(1);
    // A listing of the tests needs no package.
    let packages = (!args.list).then(packages::prepare);
    let is_ready = !matches!(packages, Some(Err(_)));
    if let Some(Err(why)) = &packages {
        let why = format!("cluster: its suite was not run: {why}");
        let required = std::env::var("LIGATURE_REQUIRE").unwrap_or_default();
        assert!(!required.split([',', ' ']).any(|name| name == "cluster"), "{why}");
        eprintln!("{why}");
    }
    let (packages, cluster) = (Arc::new(packages), Arc::<Mutex<Option<Cluster>>>::default());
    let trials = SCENARIOS.map(|(name, scenario)| {
        let (packages, cluster) = (packages.clone(), cluster.clone());
        let test = move || {
            // The cluster serves the next scenario even if this one fails.
            let mut cluster = cluster.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(Ok(packages)) = &*packages else { panic!("they are not installed") };
            scenario(name, cluster.get_or_insert_with(|| Cluster::start(packages)));
            Ok::<(), Failed>(())
        };
        Trial::test(name, test).with_ignored_flag(!is_ready)
    });
    let conclusion = libtest_mimic::run(&args, trials.into());
    // Before the process ends: it ends the servers.
    drop(cluster);
    conclusion.exit_code()
}

/// Something happens to the cluster while users are at work.
fn under_load(name: &str, cluster: &Cluster, happens: fn(&Cluster)) {
    let (tenant, _folder) = tenant(name, cluster);
    let probe = Probe::start(&cluster.url("postgres"));
    let told = load::during(&tenant, FEW, || {
        std::thread::sleep(AROUND);
        happens(cluster);
        cluster.await_whole();
        std::thread::sleep(SETTLE + AROUND);
    });
    let outages = probe.stop();
    println!("{name}: {}", told.summary());
    for (began, ended) in &outages {
        println!("{name}: no leader for {:.1} s", (*ended - *began).as_secs_f64());
    }
    books::compare(&told, cluster, name);
    assert_served(&told, &outages, &tenant);
    // Connections to the servers are open still.
    tenant.running.stop();
}

/// The leader changes while all connections are idle: none of them may cost
/// anybody a login later.
fn in_silence(name: &str, cluster: &Cluster) {
    let (tenant, _folder) = tenant(name, cluster);
    let mut told = load::during(&tenant, MANY, || std::thread::sleep(AROUND));
    cluster.switch_over();
    cluster.await_whole();
    std::thread::sleep(SETTLE);
    let again = load::log_in_again(&tenant, MANY, &told.links);
    told.add(again);
    println!("{name}: {}", told.summary());
    books::compare(&told, cluster, name);
    assert_served(&told, &[], &tenant);
    tenant.running.stop();
}

/// A tenant whose users are in a database of its own, and its folder.
fn tenant(name: &str, cluster: &Cluster) -> (Tenant, TempDir) {
    cluster.await_whole();
    cluster.create_database(name);
    // Within the cluster's, so that it ends with it, whatever ends this process.
    let folder = tempfile::tempdir_in(cluster.path()).expect("a temporary folder");
    let policy = folder.path().join("policy.json");
    std::fs::write(&policy, POLICY).expect("a file is written");
    let policy = policy.to_str().expect("a path in UTF-8");
    let args = ["--directory", &cluster.url(name), "--policy", policy];
    // A login whose look-up is cut off by an outage fails: its client logs in again. By the
    // default, it would go on unlinked.
    let config = format!("on_failure = \"deny\"\n{}{MACHINE}", tenants::CONFIG);
    (Tenant::within(folder.path(), &config, &args), folder)
}

/// Asserts that requests fail only during an outage or shortly after it.
fn assert_served(told: &Told, outages: &[(Instant, Instant)], tenant: &Tenant) {
    let is_excused =
        |asked: &Asked| outages.iter().any(|(from, to)| asked.began <= *to + SETTLE && asked.ended >= *from);
    let at_fault: Vec<String> = told
        .failures()
        .filter(|asked| !is_excused(asked))
        .map(|asked| format!("{}: {}", asked.what, asked.failure.as_deref().unwrap_or_default()))
        .collect();
    assert!(
        at_fault.is_empty(),
        "{} requests failed with a leader there:\n{}\n--- what the tenant said ---\n{}",
        at_fault.len(),
        at_fault.iter().take(20).cloned().collect::<Vec<_>>().join("\n"),
        tenant.running.last_words(),
    );
    let last = outages.last().map(|(_, to)| *to + SETTLE);
    let after = told.links.iter().filter(|link| last.is_none_or(|last| link.began > last)).count();
    assert!(after > 0, "nobody was linked after the last outage");
}
