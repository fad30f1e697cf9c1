//! The directory `auth0://` against the local tenant, which answers over HTTP in this
//! process: client and server check each other.
//!
//! | file | contents |
//! |---|---|
//! | `gate` | a proxy between both, with a fault at one request |
//! | `accounts` | users for the tests |
//! | `faults` | every kind of fault at every request of a change |
//! | `kills` | processes that are killed at every request of a change, and of its repair |
//! | `left_out` | the rules of `conformance` that no tenant can keep |

mod accounts;
mod faults;
#[allow(dead_code, reason = "suites of the program use the rest")]
mod gate;
mod kills;
mod left_out;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use libtest_mimic::{Completion, Trial};
use ligature_host::ambient::Ambient;
use ligature_host::auth0::{ClientCredentials, ManagementClient, UsersApi};
use ligature_host::clock::{Clock, SystemClock};
use ligature_host::directory::{Administration, Auth0Directory, LinkJournal, Memory, OpenMode};
use ligature_host::recording::LoginRecorder;
use ligature_host::service::{EarlyEnd, MissingLines};
use ligature_host::tenant::{Config, Opening, Ports, StateDir, TenantDirectory, serve};

use super::Implementation;
use gate::Gate;
pub(crate) use kills::{CHILD, run_child};

/// Returns the tests: the rules of `conformance` at a tenant, faults, and kills. A rule that no
/// tenant can keep is listed as ignored, with the reason.
pub(crate) fn trials() -> Vec<Trial> {
    use super::conformance as rules;
    let modules = [
        ("accounts", rules::accounts::TESTS),
        ("arriving", rules::arriving::TESTS),
        ("clock", rules::clock::TESTS),
        ("conflicts", rules::conflicts::TESTS),
        ("credentials", rules::credentials::TESTS),
        ("forgetting", rules::forgetting::TESTS),
        ("imported_credentials", rules::imported_credentials::TESTS),
        ("importing", rules::importing::TESTS),
        ("keeping", rules::keeping::TESTS),
        ("linking", rules::linking::TESTS),
        ("operating", rules::operating::TESTS),
        ("undo_refusals", rules::undo_refusals::TESTS),
        ("undoing", rules::undoing::TESTS),
    ];
    left_out::check(&modules);
    let mut trials = Vec::new();
    for (module, tests) in modules {
        for (name, test) in tests.iter().copied() {
            let why = left_out::find_reason(module, name);
            trials.push(Trial::ignorable_test(format!("auth0::{name}"), move || match why {
                Some(why) => Ok(Completion::ignored_with(why)),
                None => {
                    test(&Implementation::Auth0);
                    Ok(Completion::Completed)
                }
            }));
        }
    }
    for (name, test) in faults::FAULTS.iter().chain(kills::KILLS).copied() {
        trials.push(Trial::test(format!("auth0::{name}"), move || {
            test();
            Ok(())
        }));
    }
    trials
}

/// The number of tests that change users at one tenant at the same time.
const GATES: usize = 16;

/// The connections of the users. Each has the name of its strategy.
const CONNECTIONS: [&str; 5] = ["auth0", "email", "github", "google-oauth2", "sms"];

/// The application of the directory, and the roles and organizations of the users.
const CONFIG: &str = r#"
[[clients]]
client_id = "linker"
name = "The directory"
client_secret = "the-s3cret-of-the-directory"
grant_types = ["client_credentials"]
scopes = [
    "read:users", "update:users", "read:roles", "create:role_members",
    "read:organizations", "create:organization_members",
]

[[roles]]
name = "reader"

[[roles]]
name = "editor"

[[organizations]]
id = "org_1"
name = "one"
"#;

/// A local tenant that a test has to itself.
pub(crate) struct Tenant(Option<Served>);

/// A running local tenant.
struct Served {
    /// The users, as the tenant stores them.
    users: Arc<Memory>,
    /// The tenant's own port, without a gate in front.
    port: u16,
    gates: Vec<Arc<Gate>>,
    _state: tempfile::TempDir,
}

static IDLE: Mutex<Vec<Served>> = Mutex::new(Vec::new());

impl Tenant {
    /// Returns a tenant without users: one that no test uses, or a new one.
    pub(crate) fn take() -> Self {
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let served = idle.unwrap_or_else(Served::start);
        for user in served.users.users() {
            served.users.remove(&user.user_id);
        }
        Self(Some(served))
    }

    fn served(&self) -> &Served {
        self.0.as_ref().expect("it is taken until it is dropped")
    }

    /// The users, as the tenant stores them.
    pub(crate) fn users(&self) -> &Arc<Memory> {
        &self.served().users
    }

    /// The directory of this tenant, asked directly.
    pub(crate) fn directory(&self) -> Auth0Directory {
        let ambient = Ambient::system();
        let journal = Arc::new(Memory::new(&ambient));
        open(self.served().port, journal, &ambient)
    }

    fn gates(&self) -> &[Arc<Gate>] {
        &self.served().gates
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        // A test that failed may have left requests under way.
        if let Some(served) = self.0.take().filter(|_| !std::thread::panicking()) {
            IDLE.lock().unwrap_or_else(PoisonError::into_inner).push(served);
        }
    }
}

impl Served {
    fn start() -> Self {
        let upstream = Arc::new(OnceLock::new());
        let gates: Vec<Arc<Gate>> = (0..GATES).map(|_| Arc::new(Gate::open(upstream.clone()))).collect();
        let hosts: Vec<String> = gates.iter().map(|gate| format!("\"127.0.0.1:{}\"", gate.port())).collect();
        let connections =
            CONNECTIONS.map(|it| format!("[[connections]]\nname = {it:?}\nstrategy = {it:?}\n"));
        let config = format!("hosts = [{}]\n{CONFIG}{}", hosts.join(", "), connections.concat());
        let config = Config::parse(&config);
        let config = config.expect("a configuration");
        let ambient = Ambient::system();
        let users = Arc::new(Memory::new(&ambient));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let state = StateDir::open(folder.path()).expect("a state folder");
        let (ready, is_ready) = channel();
        let directory: Arc<dyn Administration> = users.clone();
        // It ends with the process.
        std::thread::spawn(move || {
            let opening = Opening {
                config,
                directory: TenantDirectory::Opened { directory, is_remote: false },
                // Nobody logs in.
                sources: Vec::new(),
                state: &state,
                more_routes: None,
                ports: Ports { http: 0, https: 0 },
                rotate_key: false,
                recorder: LoginRecorder::off(),
                decisions: None,
                missing_lines: MissingLines::default(),
                early_end: EarlyEnd::listen(),
                ambient,
            };
            serve(opening, |it| ready.send(it.http.clone()).expect("the test waits")).expect("it serves");
        });
        let http = is_ready.recv_timeout(Duration::from_mins(1)).expect("the tenant is ready");
        let port = http.trim_end_matches('/').rsplit(':').next().and_then(|port| port.parse().ok());
        let port = port.expect("a port");
        upstream.set(port).expect("it is set once");
        Self { users, port, gates, _state: folder }
    }
}

/// The calls of the tenant at this port.
fn connect(port: u16, ambient: &Ambient) -> Arc<dyn UsersApi> {
    let address = format!("auth0://127.0.0.1:{port}").parse().expect("an address");
    let credentials = ClientCredentials::new("linker", "the-s3cret-of-the-directory");
    Arc::new(ManagementClient::connect(address, credentials, ambient).expect("a client"))
}

/// Opens the tenant at this port, and repairs what was interrupted.
fn open(port: u16, journal: Arc<dyn LinkJournal>, ambient: &Ambient) -> Auth0Directory {
    Auth0Directory::open(connect(port, ambient), journal, OpenMode::Existing).expect("the journal is read")
}

/// The machine's clock, later by some time.
#[derive(Debug, Default)]
struct LaterClock {
    machine: SystemClock,
    later_ms: AtomicU64,
}

impl LaterClock {
    fn advance(&self, time: Duration) {
        let ms = u64::try_from(time.as_millis()).expect("a time of a test");
        self.later_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for LaterClock {
    fn since_epoch(&self) -> Duration {
        self.machine.since_epoch() + Duration::from_millis(self.later_ms.load(Ordering::SeqCst))
    }

    fn since_origin(&self) -> Duration {
        self.machine.since_origin()
    }
}

/// The time after which no change is under way any more.
const OVER: Duration = Duration::from_secs(61);
