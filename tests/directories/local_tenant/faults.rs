//! Injects every kind of fault at every request of a change.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ligature_host::ambient::Ambient;
use ligature_host::directory::{Administration, Auth0Directory, Directory, EntryState, LinkJournal, Memory};
use ligature_host::random::SystemRandom;

use super::accounts::{Pair, entries_of, put};
use super::gate::{Act, Gate, When};
use super::{LaterClock, OVER, Tenant, open};

/// A test, and its name.
type Test = (&'static str, fn());

pub(crate) const FAULTS: &[Test] = &[
    ("a_link_makes_the_documented_requests", a_link_makes_the_documented_requests),
    ("a_fault_at_any_request_of_a_link_loses_nothing", a_fault_at_any_request_of_a_link_loses_nothing),
    ("a_fault_at_any_request_of_an_undo_loses_nothing", a_fault_at_any_request_of_an_undo_loses_nothing),
    ("a_link_that_happens_after_its_repair_is_completed", a_link_that_happens_after_its_repair_is_completed),
    ("a_link_that_the_tenant_makes_late_is_completed", a_link_that_the_tenant_makes_late_is_completed),
    (
        "an_undo_that_happens_after_its_repair_is_completed",
        an_undo_that_happens_after_its_repair_is_completed,
    ),
];

/// The requests of a look-up and a link, the token included.
const REQUESTS: [&str; 8] = [
    "POST /oauth/token",
    "GET /api/v2/users-by-email",
    "GET primary",
    "GET secondary",
    "GET secondary/roles",
    "GET secondary/organizations",
    "POST primary/identities",
    "PATCH primary",
];
/// The place of the link among them.
const LINK: usize = 6;

/// A kind of fault.
#[derive(Clone)]
struct Fault {
    name: &'static str,
    act: Act,
    /// The time that the login has.
    budget: Duration,
    /// Whether the login succeeds despite the fault, unless the fault is at the link itself.
    passes: bool,
}

/// Headers with the tenant's time, to which its other times relate.
const DATE: &str = "date: Thu, 26 Nov 2026 10:00:00 GMT\r\n";

fn answer(status: &str, headers: &str, kind: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}content-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
        .into_bytes()
}

fn problem(status: &str, headers: &str) -> Vec<u8> {
    let code = status.split(' ').next().unwrap_or_default();
    let body = format!(r#"{{"statusCode":{code},"error":"The status","message":"A fault of the test"}}"#);
    answer(status, headers, "application/json; charset=utf-8", &body)
}

/// Returns the head and the body of an answer.
fn split(answer: &[u8]) -> (String, Vec<u8>) {
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    (String::from_utf8(answer[..head].to_vec()).expect("a head of text"), answer[head..].to_vec())
}

fn cut_json(answer: Vec<u8>) -> Vec<u8> {
    let (_, body) = split(&answer);
    let half = String::from_utf8_lossy(&body[..body.len() / 2]).into_owned();
    self::answer("200 OK", "", "application/json", &half)
}

fn break_off(mut answer: Vec<u8>) -> Vec<u8> {
    answer.truncate(answer.len() - split(&answer).1.len().div_ceil(2));
    answer
}

fn as_text(answer: Vec<u8>) -> Vec<u8> {
    let (head, body) = split(&answer);
    let head = head.replace("application/json", "text/plain");
    [head.into_bytes(), body].concat()
}

fn faults() -> Vec<Fault> {
    const LONG: Duration = Duration::from_secs(8);
    const SHORT: Duration = Duration::from_millis(1_500);
    const PAGE: &str = "<!doctype html><title>Maintenance</title>";
    let of = |name, passes, budget, act| Fault { name, act, budget, passes };
    let instead = |name, passes, status: &str, headers: &str| {
        of(name, passes, LONG, Act::Answer(When::Before, problem(status, headers)))
    };
    let limited = "429 Too Many Requests";
    let reset = format!(
        "{DATE}x-ratelimit-limit: 10\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: 1795687201\r\n"
    );
    vec![
        instead("429, Retry-After: 1", true, limited, "retry-after: 1\r\n"),
        instead(
            "429, Retry-After as a date",
            true,
            limited,
            &format!("{DATE}retry-after: Thu, 26 Nov 2026 10:00:01 GMT\r\n"),
        ),
        instead("429, X-RateLimit-Reset", true, limited, &reset),
        instead("429 without a time", true, limited, ""),
        instead("429, Retry-After: 30", false, limited, "retry-after: 30\r\n"),
        instead("500 before", true, "500 Internal Server Error", ""),
        of("500 after", true, LONG, Act::Answer(When::After, problem("500 Internal Server Error", ""))),
        instead("503, Retry-After: 1", true, "503 Service Unavailable", "retry-after: 1\r\n"),
        instead("409 before", false, "409 Conflict", ""),
        of("409 after", false, LONG, Act::Answer(When::After, problem("409 Conflict", ""))),
        // A proxy in between has sent the request twice.
        of("400 after", false, LONG, Act::Answer(When::After, problem("400 Bad Request", ""))),
        of("403 after", false, LONG, Act::Answer(When::After, problem("403 Forbidden", ""))),
        of("404 after", false, LONG, Act::Answer(When::After, problem("404 Not Found", ""))),
        instead("401", true, "401 Unauthorized", ""),
        of(
            "HTML, 502",
            true,
            LONG,
            Act::Answer(When::Before, answer("502 Bad Gateway", "", "text/html", PAGE)),
        ),
        of("HTML, 200", false, LONG, Act::Answer(When::Before, answer("200 OK", "", "text/html", PAGE))),
        of("HTML, 200 after", false, LONG, Act::Answer(When::After, answer("200 OK", "", "text/html", PAGE))),
        of("JSON that is cut off", false, LONG, Act::Change(cut_json)),
        of("a body that breaks off", true, LONG, Act::Change(break_off)),
        of("another content type", false, LONG, Act::Change(as_text)),
        of("a slow body", true, LONG, Act::Slow(Duration::from_millis(10))),
        of("a body that is too slow", false, SHORT, Act::Slow(Duration::from_secs(1))),
        of("a reset before", true, LONG, Act::Reset(When::Before)),
        of("a reset after", true, LONG, Act::Reset(When::After)),
        of("no answer, before", false, SHORT, Act::Silence(When::Before)),
        of("no answer, after", false, SHORT, Act::Silence(When::After)),
    ]
}

/// A change of one pair of users at one tenant, by one process after another.
struct Attempt<'a> {
    tenant: &'a Tenant,
    gate: &'a Gate,
    pair: Pair,
    clock: Arc<LaterClock>,
    ambient: Ambient,
    journal: Arc<Memory>,
    context: String,
}

impl<'a> Attempt<'a> {
    fn new(tenant: &'a Tenant, gate: &'a Gate, context: String) -> Self {
        static ATTEMPTS: AtomicUsize = AtomicUsize::new(0);
        let pair = Pair::new(&format!("p{}", ATTEMPTS.fetch_add(1, Ordering::Relaxed)));
        put(tenant.users(), &pair);
        let clock = Arc::new(LaterClock::default());
        let ambient = Ambient::new(clock.clone(), Arc::new(SystemRandom));
        let journal = Arc::new(Memory::new(&ambient));
        gate.begin(None);
        Self { tenant, gate, pair, clock, ambient, journal, context }
    }

    /// Starts a process, which repairs what was interrupted.
    fn start(&self) -> Auth0Directory {
        open(self.gate.port(), self.journal.clone(), &self.ambient)
    }

    /// Starts a process without faults, after the time in which a change may be under way.
    fn start_later(&self) -> Auth0Directory {
        self.clock.advance(OVER);
        self.gate.begin(None);
        self.start()
    }

    fn is_linked(&self) -> bool {
        self.pair.is_linked(self.tenant.users())
    }

    fn check(&self) -> bool {
        self.pair.check(self.tenant.users(), &*self.journal, &self.context)
    }

    /// The number of times that the tenant got the request of the link.
    fn links(&self) -> usize {
        let passed = self.gate.passed();
        let is_link = |line: &str| line.starts_with("POST") && line.ends_with("/identities");
        passed.iter().filter(|passed| passed.has_reached && is_link(&passed.line)).count()
    }

    /// Undoes the link, and checks that both users are as before.
    fn undo(&self, directory: &Auth0Directory) {
        let undo = self.pair.undo(directory);
        directory.undo(&undo).unwrap_or_else(|error| panic!("{}: {error:?}", self.context));
        self.pair.check_undone(self.tenant.users(), &self.context);
    }
}

/// Works on all items, one at each gate of the tenant at a time.
pub(super) fn at_gates<T: Sync>(items: &[T], work: impl Fn(&Tenant, &Gate, &T) + Sync) {
    let tenant = Tenant::take();
    let next = Mutex::new(items.iter());
    std::thread::scope(|scope| {
        for gate in tenant.gates() {
            scope.spawn(|| {
                loop {
                    let item = next.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(item) = item else { return };
                    work(&tenant, gate, item);
                }
            });
        }
    });
}

fn a_link_makes_the_documented_requests() {
    let tenant = Tenant::take();
    let attempt = Attempt::new(&tenant, &tenant.gates()[0], "without a fault".to_owned());
    attempt.pair.log_in(&attempt.start()).expect("a link");
    let Pair { primary, secondary, .. } = &attempt.pair;
    let path = |id: &str| format!("/api/v2/users/{}", id.replace('|', "%7C"));
    let expected =
        REQUESTS.map(|it| it.replace("primary", &path(primary)).replace("secondary", &path(secondary)));
    let passed: Vec<String> = attempt.gate.passed().into_iter().map(|passed| passed.line).collect();
    assert_eq!(passed, expected);
    assert!(attempt.check());
    attempt.undo(&attempt.start());
}

fn a_fault_at_any_request_of_a_link_loses_nothing() {
    // A read that is refused with these is believed: the scope or the user is missing.
    let is_of_changes = |fault: &Fault| ["400 after", "403 after", "404 after"].contains(&fault.name);
    let at =
        |n| faults().into_iter().filter(move |it| n == LINK || !is_of_changes(it)).map(move |it| (n, it));
    let all: Vec<(usize, Fault)> = (0..REQUESTS.len()).flat_map(at).collect();
    at_gates(&all, |tenant, gate, (n, fault)| {
        let context = format!("{} at {}", fault.name, REQUESTS[*n]);
        let attempt = Attempt::new(tenant, gate, context.clone());
        attempt.gate.begin(Some((*n, fault.act.clone())));
        let directory = attempt.start();
        let login = directory.for_login(fault.budget).expect("a login's view");
        let start = Instant::now();
        let linked = attempt.pair.log_in(&*login);
        let took = start.elapsed();
        assert!(took < fault.budget + Duration::from_secs(5), "{context}: {took:?}");
        assert!(attempt.gate.passed().len() > *n, "{context}: the request was not made");
        assert!(attempt.links() <= 1, "{context}: the link was requested twice");
        match &linked {
            Ok(primary) => {
                assert!(attempt.is_linked(), "{context}");
                assert_eq!(primary.identities.len(), 3, "{context}");
            }
            Err(error) if attempt.is_linked() => {
                let told = error.to_sentence();
                assert!(told.contains("is not known yet"), "{context}: {told}");
            }
            // A refused token is not asked for again.
            Err(error) if fault.passes && *n != LINK && (fault.name, *n) != ("401", 0) => {
                panic!("{context}: {error}")
            }
            Err(_) => {}
        }
        let directory = attempt.start_later();
        let is_linked = attempt.check();
        assert!(is_linked || linked.is_err(), "{context}");
        assert_eq!(attempt.links(), 0, "{context}: a repair requests no link");
        if is_linked {
            attempt.undo(&directory);
        } else {
            directory.link(&attempt.pair.link()).unwrap_or_else(|error| panic!("{context}: {error}"));
            attempt.check();
        }
    });
}

fn a_fault_at_any_request_of_an_undo_loses_nothing() {
    const KINDS: [&str; 12] = [
        "429 without a time",
        "500 before",
        "500 after",
        "400 after",
        "403 after",
        "404 after",
        "409 before",
        "409 after",
        "JSON that is cut off",
        "HTML, 200",
        "a reset before",
        "a reset after",
    ];
    let tenant = Tenant::take();
    let attempt = Attempt::new(&tenant, &tenant.gates()[0], "without a fault".to_owned());
    attempt.start().link(&attempt.pair.link()).expect("a link");
    let directory = attempt.start();
    attempt.gate.begin(None);
    attempt.undo(&directory);
    let requests = attempt.gate.passed().len();
    drop(tenant);
    assert!((10..25).contains(&requests), "{requests}");
    let kinds = || faults().into_iter().filter(|fault| KINDS.contains(&fault.name));
    assert_eq!(kinds().count(), KINDS.len());
    let all: Vec<(usize, Fault)> = (0..requests).flat_map(|n| kinds().map(move |fault| (n, fault))).collect();
    at_gates(&all, |tenant, gate, (n, fault)| {
        let attempt = Attempt::new(tenant, gate, format!("{} at request {n} of an undo", fault.name));
        attempt.start().link(&attempt.pair.link()).expect("a link");
        let directory = attempt.start();
        let undo = attempt.pair.undo(&directory);
        attempt.gate.begin(Some((*n, fault.act.clone())));
        let undone = directory.undo(&undo);
        assert!(attempt.gate.passed().len() > *n, "{}: the request was not made", attempt.context);
        if undone.is_ok() && fault.passes {
            attempt.pair.check_undone(tenant.users(), &attempt.context);
        }
        let directory = attempt.start_later();
        let entries = entries_of(&*attempt.journal, &attempt.pair.primary);
        let states: Vec<_> = entries.iter().map(|entry| entry.state).collect();
        assert!(states.iter().all(|state| !state.is_unfinished()), "{}: {states:?}", attempt.context);
        let link = entries.last().expect("the link");
        assert_eq!(link.undone.is_some(), !attempt.is_linked(), "{}: {undone:?}", attempt.context);
        if attempt.is_linked() {
            attempt.undo(&directory);
        } else {
            attempt.pair.check_undone(tenant.users(), &attempt.context);
        }
    });
}

/// Suspends the process of an attempt directly before a request, as a machine that sleeps
/// does. Meanwhile another process repairs what it finds.
fn suspend(attempt: &Attempt<'_>, n: usize) {
    let (other, clock) = (attempt.tenant.gates()[1].port(), attempt.clock.clone());
    let (journal, ambient) = (attempt.journal.clone(), attempt.ambient.clone());
    let meanwhile = move || {
        clock.advance(OVER);
        drop(open(other, journal.clone(), &ambient));
        let unfinished = journal.unfinished(None).expect("a journal");
        assert!(unfinished.is_empty(), "{unfinished:?}");
        true
    };
    attempt.gate.begin(Some((n, Act::Meanwhile(When::Before, Arc::new(meanwhile)))));
}

/// The repair finds that the accounts are not linked.
fn a_link_that_happens_after_its_repair_is_completed() {
    let tenant = Tenant::take();
    let attempt = Attempt::new(&tenant, &tenant.gates()[0], "a suspended link".to_owned());
    suspend(&attempt, LINK);
    attempt.pair.log_in(&attempt.start()).expect("a link");
    assert!(attempt.is_linked());
    let directory = attempt.start_later();
    assert!(attempt.check());
    attempt.undo(&directory);
}

/// A proxy delivers the request long after its process and a repair have given the link up.
fn a_link_that_the_tenant_makes_late_is_completed() {
    let tenant = Tenant::take();
    let attempt = Attempt::new(&tenant, &tenant.gates()[0], "a late link".to_owned());
    attempt.gate.begin(Some((LINK, Act::Reset(When::Before))));
    attempt.pair.log_in(&attempt.start()).expect_err("the connection is reset");
    drop(attempt.start_later());
    assert!(!attempt.check());
    let mut late = attempt.pair.link();
    late.request.user_metadata = None;
    late.request.app_metadata = None;
    (late.primary_version, late.secondary_version) = (None, None);
    tenant.users().link(&late).expect("a link");
    let directory = attempt.start_later();
    assert!(attempt.is_linked() && attempt.check());
    let entries = entries_of(&*attempt.journal, &attempt.pair.primary);
    assert_eq!(entries[0].state, EntryState::Done, "{entries:?}");
    attempt.undo(&directory);
}

/// The repair finds that nothing is unlinked.
fn an_undo_that_happens_after_its_repair_is_completed() {
    let tenant = Tenant::take();
    let attempt = Attempt::new(&tenant, &tenant.gates()[0], "a suspended undo".to_owned());
    attempt.start().link(&attempt.pair.link()).expect("a link");
    attempt.gate.begin(None);
    let directory = attempt.start();
    attempt.undo(&directory);
    let passed = attempt.gate.passed();
    let unlink = passed.iter().position(|passed| passed.line.starts_with("DELETE")).expect("an unlink");

    let attempt = Attempt::new(&tenant, &tenant.gates()[0], "a suspended undo".to_owned());
    attempt.start().link(&attempt.pair.link()).expect("a link");
    let directory = attempt.start();
    let undo = attempt.pair.undo(&directory);
    suspend(&attempt, unlink);
    directory.undo(&undo).expect("an undo");
    attempt.pair.check_undone(tenant.users(), &attempt.context);
    attempt.start_later();
    let entries = entries_of(&*attempt.journal, &attempt.pair.primary);
    assert_eq!(entries[1].undone.as_ref().map(|undone| &undone.by), Some(&entries[0].id), "{entries:?}");
    assert!(entries.iter().all(|entry| entry.state == EntryState::Done), "{entries:?}");
}
