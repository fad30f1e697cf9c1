//! Processes that are killed at every request of a change, and of its repair.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ligature_host::ambient::Ambient;
use ligature_host::directory::{Administration, Directory, OpenMode, SqlDirectory};
use ligature_host::model::ApiError;
use ligature_host::random::SystemRandom;

use super::accounts::{Pair, entries_of, put};
use super::faults::at_gates;
use super::gate::{Act, Gate, When};
use super::{LaterClock, OVER, Tenant, open};

/// A test, and its name.
type Test = (&'static str, fn());

pub(crate) const KILLS: &[Test] = &[
    ("a_link_is_killed_at_every_request", a_link_is_killed_at_every_request),
    ("an_undo_is_killed_at_every_request", an_undo_is_killed_at_every_request),
    ("a_repair_is_killed_at_every_request", a_repair_is_killed_at_every_request),
    ("two_processes_that_link_at_once_make_one_link", two_processes_that_link_at_once_make_one_link),
    ("two_repairs_at_once_complete_a_link_once", two_repairs_at_once_complete_a_link_once),
    (
        "a_process_that_starts_leaves_a_running_change_alone",
        a_process_that_starts_leaves_a_running_change_alone,
    ),
];

/// The environment variable with the work of a child: `WORK PORT SECONDS NAME JOURNAL`.
pub(crate) const CHILD: &str = "LIGATURE_TENANT_CHILD";

/// Links, undoes or repairs, as a process of its own.
pub(crate) fn run_child(text: &OsStr) {
    let text = text.to_str().expect("text");
    let mut words = text.splitn(5, ' ');
    let mut word = || words.next().expect("five words");
    let (work, port, seconds, name) = (word(), word(), word(), word());
    let file = PathBuf::from(word());
    let (port, seconds) = (port.parse().expect("a port"), seconds.parse().expect("seconds"));
    let (pair, ambient) = (Pair::new(name), ambient_later(Duration::from_secs(seconds)));
    let directory = open(port, Arc::new(journal(&file, &ambient)), &ambient);
    match work {
        "link" => drop(directory.link(&pair.link()).expect("a link")),
        // Another process may be faster.
        "try" => match directory.link(&pair.link()) {
            Ok(_) | Err(ApiError::AlreadyLinked(_) | ApiError::StateChanged(_)) => {}
            Err(error) => panic!("{error}"),
        },
        "undo" => drop(directory.undo(&pair.undo(&directory)).expect("an undo")),
        "repair" => {
            let repairs = directory.repair().expect("a repair");
            assert!(repairs.iter().all(|repair| repair.outcome.is_settled()), "{repairs:?}");
        }
        other => panic!("{other}"),
    }
}

fn ambient_later(time: Duration) -> Ambient {
    let clock = LaterClock::default();
    clock.advance(time);
    Ambient::new(Arc::new(clock), Arc::new(SystemRandom))
}

fn journal(file: &Path, ambient: &Ambient) -> SqlDirectory {
    SqlDirectory::sqlite(file, None, OpenMode::Create, ambient).expect("the journal opens")
}

/// A pair at a gate, with a journal in a file, which processes change.
struct Scene<'a> {
    tenant: &'a Tenant,
    gate: &'a Gate,
    pair: Pair,
    name: String,
    folder: tempfile::TempDir,
    context: String,
}

/// A running child, which a request of it may kill.
type Running = Arc<Mutex<Option<Child>>>;

impl<'a> Scene<'a> {
    fn new(tenant: &'a Tenant, gate: &'a Gate, context: String) -> Self {
        static SCENES: AtomicUsize = AtomicUsize::new(0);
        let name = format!("k{}", SCENES.fetch_add(1, Ordering::Relaxed));
        let pair = Pair::new(&name);
        put(tenant.users(), &pair);
        let folder = tempfile::tempdir().expect("a temporary folder");
        gate.begin(None);
        Self { tenant, gate, pair, name, folder, context }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("journal.db")
    }

    fn spawn(&self, work: &str, port: u16, later: Duration) -> Child {
        let Self { name, .. } = self;
        let text = format!("{work} {port} {} {name} {}", later.as_secs(), self.file().display());
        Command::new(std::env::current_exe().expect("this program"))
            .env(CHILD, text)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the child starts")
    }

    /// Runs a child to its end.
    fn run(&self, work: &str, later: Duration) {
        expect_success(self.spawn(work, self.gate.port(), later), &self.context);
    }

    /// Runs a child until it is killed at a request. Returns false if it ended before.
    fn kill(&self, work: &str, later: Duration, (n, when): (usize, When)) -> bool {
        let (running, is_killed) = (Running::default(), Arc::new(AtomicBool::new(false)));
        let (target, killed) = (running.clone(), is_killed.clone());
        let happen = move || {
            loop {
                if let Some(child) = target.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
                    child.kill().and_then(|()| child.wait()).expect("a process of this test");
                    killed.store(true, Ordering::SeqCst);
                    return false;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        self.gate.begin(Some((n, Act::Meanwhile(when, Arc::new(happen)))));
        *running.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(self.spawn(work, self.gate.port(), later));
        let until = Instant::now() + Duration::from_mins(1);
        loop {
            let mut child = running.lock().unwrap_or_else(PoisonError::into_inner);
            if child.as_mut().expect("a child").try_wait().expect("a process of this test").is_some() {
                break;
            }
            assert!(Instant::now() < until, "{}: the child does not end", self.context);
            drop(child);
            std::thread::sleep(Duration::from_millis(2));
        }
        self.gate.begin(None);
        is_killed.load(Ordering::SeqCst)
    }

    fn check(&self) -> bool {
        let journal = journal(&self.file(), &Ambient::system());
        self.pair.check(self.tenant.users(), &journal, &self.context)
    }
}

fn expect_success(child: Child, context: &str) {
    let output = child.wait_with_output().expect("a process of this test");
    assert!(output.status.success(), "{context}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Returns two moments for each request: before the tenant receives it, and after it is carried
/// out.
fn moments(requests: usize) -> Vec<(usize, When)> {
    (0..requests).flat_map(|n| [(n, When::Before), (n, When::After)]).collect()
}

fn a_link_is_killed_at_every_request() {
    at_gates(&moments(7), |tenant, gate, moment| {
        let scene = Scene::new(tenant, gate, format!("a link is killed at {moment:?}"));
        assert!(scene.kill("link", Duration::ZERO, *moment), "{}: it was not killed", scene.context);
        scene.run("repair", OVER);
        let is_linked = scene.check();
        let expected = *moment == (5, When::After) || moment.0 > 5;
        assert_eq!(is_linked, expected, "{}", scene.context);
        // The next login makes the link, or finds it.
        if !is_linked {
            scene.run("link", OVER);
            assert!(scene.check());
        }
        scene.run("undo", OVER);
        scene.pair.check_undone(tenant.users(), &scene.context);
    });
}

fn an_undo_is_killed_at_every_request() {
    let tenant = Tenant::take();
    let scene = Scene::new(&tenant, &tenant.gates()[0], "without a kill".to_owned());
    scene.run("link", Duration::ZERO);
    scene.gate.begin(None);
    scene.run("undo", Duration::ZERO);
    let requests = scene.gate.passed().len();
    assert!((10..25).contains(&requests), "{requests}");
    drop(scene);
    drop(tenant);
    at_gates(&moments(requests), |tenant, gate, moment| {
        let scene = Scene::new(tenant, gate, format!("an undo is killed at {moment:?}"));
        scene.run("link", Duration::ZERO);
        assert!(scene.kill("undo", Duration::ZERO, *moment), "{}: it was not killed", scene.context);
        scene.run("repair", OVER);
        let journal = journal(&scene.file(), &Ambient::system());
        let entries = entries_of(&journal, &scene.pair.primary);
        assert!(entries.iter().all(|entry| !entry.state.is_unfinished()), "{}: {entries:?}", scene.context);
        let is_linked = scene.pair.is_linked(tenant.users());
        assert_eq!(entries.last().expect("the link").undone.is_some(), !is_linked, "{}", scene.context);
        if is_linked {
            scene.run("undo", OVER);
        }
        scene.pair.check_undone(tenant.users(), &scene.context);
    });
}

fn a_repair_is_killed_at_every_request() {
    // A token, two reads of the primary, and its metadata.
    at_gates(&moments(4), |tenant, gate, moment| {
        let scene = Scene::new(tenant, gate, format!("a repair is killed at {moment:?}"));
        assert!(scene.kill("link", Duration::ZERO, (5, When::After)));
        assert!(scene.kill("repair", OVER, *moment), "{}: it was not killed", scene.context);
        assert!(scene.kill("repair", OVER, *moment) || moment.0 == 3, "{}: again", scene.context);
        scene.run("repair", OVER);
        scene.run("repair", OVER);
        assert!(scene.check(), "{}", scene.context);
    });
}

fn two_processes_that_link_at_once_make_one_link() {
    at_gates(&[0, 1, 2, 3], |tenant, gate, n| {
        let scene = Scene::new(tenant, gate, format!("two links, {n}"));
        let both = [(); 2].map(|()| scene.spawn("try", gate.port(), Duration::ZERO));
        both.into_iter().for_each(|child| expect_success(child, &scene.context));
        let links = gate.passed().into_iter().filter(|passed| passed.line.ends_with("/identities"));
        assert_eq!(links.count(), 1, "{}", scene.context);
        assert!(scene.check());
    });
}

fn two_repairs_at_once_complete_a_link_once() {
    at_gates(&[0, 1, 2, 3], |tenant, gate, n| {
        let scene = Scene::new(tenant, gate, format!("two repairs, {n}"));
        assert!(scene.kill("link", Duration::ZERO, (5, When::After)));
        let both = [(); 2].map(|()| scene.spawn("repair", gate.port(), OVER));
        both.into_iter().for_each(|child| expect_success(child, &scene.context));
        assert!(scene.check());
    });
}

/// The hook starts while another process is between two requests of a link.
fn a_process_that_starts_leaves_a_running_change_alone() {
    // The first one is within the minute, the second one after it.
    at_gates(&[Duration::ZERO, OVER], |tenant, gate, later| {
        let scene = Arc::new(Scene::new(tenant, gate, format!("a start {later:?} later")));
        let other = tenant.gates().iter().rfind(|other| other.port() != gate.port()).expect("another gate");
        let (file, port, later) = (scene.file(), other.port(), *later);
        let (tenant_users, pair) = (tenant.users().clone(), scene.pair.clone());
        let happen = move || {
            let ambient = ambient_later(later);
            let journal = Arc::new(journal(&file, &ambient));
            drop(open(port, journal.clone(), &ambient));
            let unfinished = entries_of(&*journal, &pair.primary)[0].state.is_unfinished();
            assert_eq!(unfinished, later.is_zero(), "only a change of the last minute is under way");
            assert!(pair.is_linked(&tenant_users));
            true
        };
        gate.begin(Some((6, Act::Meanwhile(When::Before, Arc::new(happen)))));
        scene.run("link", Duration::ZERO);
        assert_eq!(gate.passed().len(), 7, "{}", scene.context);
        assert!(scene.check());
    });
}
