//! The attacking plugins, and the logins that they attack.

use std::path::Path;
use std::sync::LazyLock;

use ligature_host::ambient::Ambient;
use ligature_host::harness::{Case, Report, run_case};
use ligature_host::limits::Limits;
use ligature_host::model::Decision;
use ligature_host::sandbox::{Allocator, Options, Plugin, Sandbox, Wasi};
use serde_json::{Value, json};

pub(crate) fn case(attack: &str) -> Case {
    let account = |id: &str, email: &str, verified: bool, blocked: bool| {
        json!({"user_id": id, "email": email, "email_verified": verified, "blocked": blocked,
               "created_at": "2024-01-01T00:00:00Z", "user_metadata": {"theme": "dark"},
               "app_metadata": {"plan": "pro", "privileged": true, "linking": {"prompts": 2}}})
    };
    // A linked user keeps the address that its own identity came with.
    let linked = |id: &str, email: &str, verified: bool| {
        json!({"user_id": format!("auth0|{id}"), "email": "ada@example.com", "email_verified": true,
               "created_at": "2024-01-01T00:00:00Z", "identities": [
                   {"provider": "auth0", "user_id": id, "connection": "auth0", "isSocial": false,
                    "profileData": {"email": email, "email_verified": verified}},
                   {"provider": "oauth2", "user_id": format!("idp|{id}"), "connection": "idp", "isSocial": true,
                    "profileData": {"email": "ada@example.com", "email_verified": true}}]})
    };
    let users = [
        account("auth0|verified", "ada@example.com", true, false),
        account("auth0|blocked", "ada@example.com", true, true),
        account("auth0|unverified", "ada@example.com", false, false),
        account("auth0|stranger", "stranger@example.com", true, false),
        linked("other-address", "eve@evil.example", true),
        linked("unverified-root", "ada@example.com", false),
    ];
    // Linked users are there only for the attacks that are about them.
    let is_wanted = |user: &&Value| {
        let id = user["user_id"].as_str().unwrap_or_default().trim_start_matches("auth0|");
        user["identities"].is_null() || attack.contains(id)
    };
    let text = json!({
        "title": attack,
        "now": "2026-11-21T10:00:00Z",
        "users": users.iter().filter(is_wanted).collect::<Vec<_>>(),
        "event": {
            "user": {"user_id": "google-oauth2|2", "email": "ada@example.com", "email_verified": true},
            "connection": {"name": attack, "strategy": "google-oauth2"},
            "secrets": {"KEY": "not for plugins"},
            "request": {"ip": "192.0.2.1", "query": {"code": "not for plugins"}, "body": {"password": "no"}},
        },
    });
    Case::parse(Path::new("attack.json"), &text.to_string()).expect("a well-formed case")
}

/// A plugin that means harm and one that does not, in one sandbox: what the one
/// leaves behind would be found by the other. The same once more with the
/// other allocator.
pub(crate) struct Ring([Pair; 2]);

struct Pair {
    evil: Plugin,
    policy: Plugin,
}

impl Ring {
    /// A sandbox of this profile and these limits, in which the machine's speed
    /// does not matter.
    pub(crate) fn new(wasi: Wasi, evil: &[u8], limits: &Limits) -> Self {
        Self([Allocator::Pool, Allocator::OnDemand].map(|allocator| {
            let limits = Limits { deadline_ms: 60_000, ..limits.clone() };
            let options = Options { wasi, allocator, limits, ..Options::default() };
            let sandbox = Sandbox::start(options, &Ambient::system()).expect("the sandbox starts");
            let load = |name, bytes: &[u8]| sandbox.load(name, bytes).expect("the plugin loads");
            Pair { evil: load("evil", evil), policy: load(ligature_host::PLUGIN_NAME, ligature_host::PLUGIN) }
        }))
    }

    /// Lets the evil plugin attack, then the good one decide a login. The
    /// allocator makes no difference.
    pub(crate) fn attack(&self, attack: &str) -> Report {
        let [pool, on_demand] = self.0.each_ref().map(|pair| {
            let report = run_case(&pair.evil, &case(attack), false).expect("the login arrives");
            next_login_works(&pair.policy);
            report
        });
        assert_eq!(pool.to_snapshot(), on_demand.to_snapshot(), "with the pool and on demand");
        let fuel = |report: &Report| report.cost.map(|cost| (cost.fuel, cost.memory_bytes, cost.host_calls));
        assert_eq!(fuel(&pool), fuel(&on_demand), "with the pool and on demand");
        pool
    }

    /// The same, after which the directory is as it was.
    pub(crate) fn fails(&self, attack: &str) -> Report {
        let report = self.attack(attack);
        assert!(report.changes.is_empty(), "the directory was changed: {:?}", report.changes);
        report
    }
}

pub(crate) static MINIMAL: LazyLock<Ring> =
    LazyLock::new(|| Ring::new(Wasi::Minimal, ligature_test_guests::EVIL, &Limits::default()));
pub(crate) static VIRTUAL: LazyLock<Ring> =
    LazyLock::new(|| Ring::new(Wasi::Virtual, ligature_test_guests::WORLDLY, &Limits::default()));

pub(crate) fn next_login_works(policy: &Plugin) {
    let text = include_str!("../../examples/cases/verified-google-login.json");
    let good = Case::parse(Path::new("good.json"), text).expect("a well-formed case");
    let report = run_case(policy, &good, false).expect("the login arrives");
    assert!(matches!(report.decision, Decision::Linked { .. }), "the next login: {report:?}");
}
