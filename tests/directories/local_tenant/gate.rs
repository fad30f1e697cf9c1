//! A proxy in front of a tenant, with a fault at one request.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::super::standin::{Seen, Standin, Step};

/// The time for which a silent server holds a connection: longer than any limit of a test.
const SILENCE: Duration = Duration::from_secs(30);

/// The time of a fault: before or after the request reaches the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// The tenant does not get the request.
    Before,
    /// The tenant has carried the request out.
    After,
}

/// A fault of one request.
#[derive(Clone)]
pub(super) enum Act {
    /// Another answer than the tenant's.
    Answer(When, Vec<u8>),
    /// The tenant's answer, changed.
    Change(fn(Vec<u8>) -> Vec<u8>),
    /// The tenant's answer in small pieces, with this time between them.
    Slow(Duration),
    /// A connection that is reset.
    Reset(When),
    /// The request gets no response.
    Silence(When),
    /// Something that happens in the meantime. The request goes on if it returns true;
    /// otherwise its connection is reset.
    Meanwhile(When, Arc<dyn Fn() -> bool + Send + Sync>),
}

/// A request that has arrived at the gate.
#[derive(Debug, Clone)]
pub(super) struct Passed {
    /// Method and path, without the query.
    pub(super) line: String,
    /// Whether the request reached the tenant.
    pub(super) has_reached: bool,
}

#[derive(Default)]
struct Plan {
    fault: Option<(usize, Act)>,
    /// The fault of the first request by this method whose path ends like this.
    fault_at: Option<(String, String, Act)>,
    passed: Vec<Passed>,
}

/// A proxy in front of a tenant.
pub(super) struct Gate {
    server: Standin,
    plan: Arc<Mutex<Plan>>,
}

impl Gate {
    /// Opens a gate to the tenant at a port that is set later.
    pub(super) fn open(upstream: Arc<OnceLock<u16>>) -> Self {
        let plan: Arc<Mutex<Plan>> = Arc::default();
        let known = plan.clone();
        let server = Standin::start(move |seen| Some(pass(seen, &known, &upstream)));
        Self { server, plan }
    }

    pub(super) fn port(&self) -> u16 {
        self.server.port()
    }

    /// Forgets the requests so far, and sets the fault of the request after the next `n`.
    pub(super) fn begin(&self, fault: Option<(usize, Act)>) {
        *lock(&self.plan) = Plan { fault, ..Plan::default() };
    }

    /// Forgets the requests so far, and sets the fault of the first request by this method
    /// whose path ends like this.
    pub(super) fn begin_at(&self, method: &str, end: &str, act: Act) {
        self.begin(None);
        lock(&self.plan).fault_at = Some((method.to_owned(), end.to_owned(), act));
    }

    /// The requests since the beginning.
    pub(super) fn passed(&self) -> Vec<Passed> {
        lock(&self.plan).passed.clone()
    }
}

fn lock(plan: &Mutex<Plan>) -> MutexGuard<'_, Plan> {
    plan.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes a request on, with its fault.
fn pass(seen: &Seen, plan: &Mutex<Plan>, upstream: &OnceLock<u16>) -> Vec<Step> {
    let (n, fault) = {
        let mut plan = lock(plan);
        let path = seen.path.split('?').next().unwrap_or_default();
        plan.passed.push(Passed { line: format!("{} {path}", seen.method), has_reached: false });
        let n = plan.passed.len() - 1;
        let fault = plan.fault.as_ref().filter(|(at, _)| *at == n).map(|(_, act)| act.clone());
        let is_it =
            |(method, end, _): &mut (String, String, Act)| seen.method == *method && path.ends_with(&**end);
        let fault = fault.or_else(|| plan.fault_at.take_if(is_it).map(|(_, _, act)| act));
        (n, fault)
    };
    let ask = || {
        let answer = forward(seen, *upstream.get().expect("the tenant is ready"));
        if let Some(passed) = lock(plan).passed.get_mut(n) {
            passed.has_reached = true;
        }
        answer
    };
    match fault {
        None => vec![Step::Send(ask()), Step::Close],
        Some(Act::Change(change)) => vec![Step::Send(change(ask())), Step::Close],
        Some(Act::Slow(time)) => {
            let answer = ask();
            let pieces = answer.chunks(answer.len().div_ceil(20)).map(<[u8]>::to_vec);
            pieces.flat_map(|piece| [Step::Send(piece), Step::Pause(time)]).chain([Step::Close]).collect()
        }
        Some(Act::Answer(when, bytes)) => {
            if when == When::After {
                ask();
            }
            vec![Step::Send(bytes), Step::Close]
        }
        Some(Act::Reset(when)) => {
            if when == When::After {
                ask();
            }
            vec![Step::Close]
        }
        Some(Act::Silence(when)) => {
            if when == When::After {
                ask();
            }
            vec![Step::Pause(SILENCE), Step::Close]
        }
        Some(Act::Meanwhile(When::Before, happen)) => {
            if happen() {
                vec![Step::Send(ask()), Step::Close]
            } else {
                vec![Step::Close]
            }
        }
        Some(Act::Meanwhile(When::After, happen)) => {
            let answer = ask();
            if happen() { vec![Step::Send(answer), Step::Close] } else { vec![Step::Close] }
        }
    }
}

/// Sends a request to the tenant, under the name by which it was asked, and returns the
/// whole answer.
fn forward(seen: &Seen, port: u16) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the tenant listens");
    let mut request = format!("{} {} HTTP/1.1\r\n", seen.method, seen.path);
    for (name, value) in seen.headers.iter().filter(|(name, _)| name != "connection") {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).and_then(|()| stream.write_all(&seen.body)).expect("it is sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it is answered");
    answer
}
