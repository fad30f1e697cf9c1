//! A small HTTP server in place of a tenant, which answers as a test says.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The number of earlier requests with this method and path.
    pub(crate) earlier: usize,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a body of JSON")
    }
}

/// A part of an answer.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Send(Vec<u8>),
    Pause(Duration),
    /// Ends the connection, by a reset if it is the only step.
    Close,
}

/// The rule by which the server answers; `None` is the usual answer.
type Rule = dyn Fn(&Seen) -> Option<Vec<Step>> + Send + Sync;

pub(crate) struct Standin {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
}

impl Standin {
    pub(crate) fn start(rule: impl Fn(&Seen) -> Option<Vec<Step>> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (requests, connections) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
        let standin =
            Self { address, requests: Arc::clone(&requests), connections: Arc::clone(&connections) };
        let rule: Arc<Rule> = Arc::new(rule);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                connections.fetch_add(1, Ordering::SeqCst);
                let (rule, requests) = (Arc::clone(&rule), Arc::clone(&requests));
                std::thread::spawn(move || serve(stream, &*rule, &requests));
            }
        });
        standin
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The requests for paths that begin like this.
    pub(crate) fn requests(&self, path: &str) -> Vec<Seen> {
        let all = self.requests.lock().expect("the requests");
        all.iter().filter(|seen| seen.path.starts_with(path)).cloned().collect()
    }
}

fn serve(mut stream: TcpStream, rule: &Rule, requests: &Mutex<Vec<Seen>>) {
    while let Some((mut seen, length)) = peek(&stream) {
        {
            let mut all = requests.lock().expect("the requests");
            let is_same = |known: &&Seen| known.path == seen.path && known.method == seen.method;
            seen.earlier = all.iter().filter(is_same).count();
            all.push(seen.clone());
        }
        let steps = rule(&seen).unwrap_or_else(|| usual(&seen));
        if matches!(steps[..], [Step::Close]) {
            // Unread bytes turn the end of the connection into a reset.
            return;
        }
        let mut read = vec![0; length];
        stream.read_exact(&mut read).expect("what was there before");
        for step in steps {
            match step {
                Step::Send(bytes) if stream.write_all(&bytes).is_err() => return,
                Step::Send(_) => {}
                Step::Pause(time) => std::thread::sleep(time),
                Step::Close => return,
            }
        }
    }
}

/// Waits for a whole request, and returns it with its length, without reading it.
fn peek(stream: &TcpStream) -> Option<(Seen, usize)> {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let length = stream.peek(&mut bytes).ok().filter(|length| *length > 0)?;
        if let Some(request) = parse(&bytes[..length]) {
            return Some(request);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn parse(bytes: &[u8]) -> Option<(Seen, usize)> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = std::str::from_utf8(&bytes[..head]).expect("a head of text");
    let mut lines = text.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let header = |line: &str| {
        let (name, value) = line.split_once(':').expect("a header");
        (name.to_ascii_lowercase(), value.trim().to_owned())
    };
    let headers: Vec<_> = lines.map(header).collect();
    let mut seen = Seen { method, path, headers, body: Vec::new(), earlier: 0 };
    let length: usize = seen.header("content-length").parse().unwrap_or(0);
    let end = head + 4 + length;
    seen.body = bytes.get(head + 4..end)?.to_vec();
    Some((seen, end))
}

/// A tenant where all is well.
fn usual(seen: &Seen) -> Vec<Step> {
    if seen.path == "/oauth/token" {
        return vec![token(&format!("token-{}", seen.earlier + 1), 86_400)];
    }
    vec![json("200 OK", "", USER)]
}

pub(crate) const USER: &str = r#"{"user_id":"auth0|1","email":"ada@example.com","identities":[]}"#;
pub(crate) const SCOPES: &str = "read:users update:users read:roles read:organizations";

pub(crate) fn token(text: &str, life: u64) -> Step {
    let body = format!(
        r#"{{"access_token":"{text}","token_type":"Bearer","expires_in":{life},"scope":"{SCOPES}"}}"#
    );
    json("200 OK", "", &body)
}

/// An answer of JSON, with more headers, each with its line end.
pub(crate) fn json(status: &str, headers: &str, body: &str) -> Step {
    answer(status, &format!("content-type: application/json; charset=utf-8\r\n{headers}"), body)
}

pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Step {
    let length = body.len();
    Step::Send(format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}").into_bytes())
}
