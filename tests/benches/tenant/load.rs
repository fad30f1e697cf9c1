//! The load: connections that are kept open, each with one request under way.
//!
//! A thread has several connections and takes their answers in turn, so that a
//! request costs it one write and one read, and no waiting while the server has
//! others to answer. It reads only the status and the length of an answer.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::program::cpu_seconds;
use crate::server::Server;

/// Threads of the load tool.
pub(crate) const THREADS: usize = 2;
/// Connections of all threads.
pub(crate) const CONNECTIONS: usize = 16;

/// The requests of one connection.
pub(crate) trait Talk: Send {
    /// Writes the next request.
    fn ask(&mut self, request: &mut Vec<u8>);

    /// Looks at its answer. True if something that is counted is done by it.
    fn hear(&mut self, answer: &Answer<'_>) -> bool;
}

/// An answer.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    head: &'a str,
    pub(crate) body: &'a [u8],
}

impl<'a> Answer<'a> {
    /// A header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// All headers of this name.
    pub(crate) fn headers(&self, name: &'static str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.head.lines().filter_map(move |line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// Ends the bench if it is another answer than the one to be measured.
    pub(crate) fn expect(&self, status: &[u16]) {
        let fits = status.contains(&self.status);
        assert!(fits, "another answer:\n{}{}", self.head, String::from_utf8_lossy(self.body));
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// A kept connection to the tenant.
pub(crate) struct Line {
    stream: Stream,
    out: Vec<u8>,
    buffer: Vec<u8>,
}

impl Line {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server takes connections");
        stream.set_nodelay(true).expect("an option");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("an option");
        Self { stream: Stream::Plain(stream), out: Vec::new(), buffer: vec![0; 64 << 10] }
    }

    fn open_tls(address: SocketAddr, tls: &Arc<ClientConfig>) -> Self {
        let Self { stream, out, buffer } = Self::open(address);
        let Stream::Plain(stream) = stream else { unreachable!("it was opened so") };
        let name = ServerName::try_from("localhost").expect("a name");
        let connection = ClientConnection::new(tls.clone(), name).expect("a connection");
        Self { stream: Stream::Tls(Box::new(StreamOwned::new(connection, stream))), out, buffer }
    }

    fn send(&mut self, talk: &mut dyn Talk) {
        self.out.clear();
        talk.ask(&mut self.out);
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(&self.out),
            Stream::Tls(stream) => stream.write_all(&self.out),
        }
        .expect("the server reads");
    }

    fn receive(&mut self) -> Answer<'_> {
        let mut held = 0;
        let (head, length) = loop {
            held += self.read(held);
            if let Some(end) = end_of_head(&self.buffer[..held]) {
                let head = std::str::from_utf8(&self.buffer[..end]).expect("headers are ASCII");
                let header = |line: &str| line.strip_prefix("content-length: ")?.parse().ok();
                let length: Option<usize> = head.lines().find_map(header);
                break (end, length.unwrap_or_else(|| panic!("an answer without its length:\n{head}")));
            }
        };
        self.buffer.resize(self.buffer.len().max(head + length), 0);
        while held < head + length {
            held += self.read(held);
        }
        let (head, body) = self.buffer[..held].split_at(head);
        let head = std::str::from_utf8(head).expect("headers are ASCII");
        let status = head.get(9..12).and_then(|status| status.parse().ok()).expect("a status");
        Answer { status, head, body }
    }

    fn read(&mut self, held: usize) -> usize {
        let free = &mut self.buffer[held..];
        let read = match &mut self.stream {
            Stream::Plain(stream) => stream.read(free),
            Stream::Tls(stream) => stream.read(free),
        };
        let read = read.expect("the server answers");
        assert!(read > 0, "the server hung up");
        read
    }

    /// Sends a request that is not measured, and returns the body of the response.
    pub(crate) fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let port = match &self.stream {
            Stream::Plain(stream) => stream.peer_addr().expect("an address").port(),
            Stream::Tls(stream) => stream.sock.peer_addr().expect("an address").port(),
        };
        self.once(format!("GET {path} HTTP/1.1\r\nhost: localhost:{port}\r\n{headers}\r\n").as_bytes())
    }

    /// The same, of a request that is there already.
    pub(crate) fn once(&mut self, request: &[u8]) -> Vec<u8> {
        struct Once<'a>(&'a [u8]);
        impl Talk for Once<'_> {
            fn ask(&mut self, request: &mut Vec<u8>) {
                request.extend_from_slice(self.0);
            }
            fn hear(&mut self, _: &Answer<'_>) -> bool {
                true
            }
        }
        self.send(&mut Once(request));
        let answer = self.receive();
        answer.expect(&[200, 201]);
        answer.body.to_vec()
    }

    /// Sends a request, and measures the time until the whole response is there.
    pub(crate) fn timed(&mut self, request: &[u8]) -> (Duration, Answer<'_>) {
        let start = Instant::now();
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(request),
            Stream::Tls(stream) => stream.write_all(request),
        }
        .expect("the server reads");
        let answer = self.receive();
        (start.elapsed(), answer)
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let line = bytes[from..].iter().position(|it| *it == b'\n')?;
        if bytes[from..from + line].iter().all(|it| *it == b'\r') {
            return Some(from + line + 1);
        }
        from += line + 1;
    }
}

#[derive(Default)]
struct Counted {
    requests: AtomicU64,
    done: AtomicU64,
}

/// Load that is on.
pub(crate) struct Load<'a> {
    server: &'a Server,
    counted: Vec<Arc<Counted>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// The counters at one moment.
#[derive(Clone, Copy)]
struct Sample {
    at: Instant,
    requests: u64,
    done: u64,
    own_cpu: f64,
    server_cpu: f64,
}

/// The difference between two samples.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// Things done a second.
    pub(crate) rate: f64,
    /// Requests a second, of which one such thing may take several.
    pub(crate) requests: f64,
    /// Microseconds of the server's CPU for each thing.
    pub(crate) server_us: f64,
    /// Microseconds of this process's CPU for each thing.
    pub(crate) own_us: f64,
    /// Cores that both kept busy.
    pub(crate) cores: f64,
}

impl<'a> Load<'a> {
    /// Begins, with one talk for each connection.
    pub(crate) fn start(
        server: &'a Server,
        is_tls: bool,
        mut talk: impl FnMut(usize) -> Box<dyn Talk>,
    ) -> Self {
        let tls = is_tls.then(|| Arc::new(trusting(&server.ca)));
        let stop = Arc::new(AtomicBool::new(false));
        let (mut counted, mut threads) = (Vec::new(), Vec::new());
        for thread in 0..THREADS {
            let each = CONNECTIONS / THREADS;
            let mut lines: Vec<(Line, Box<dyn Talk>)> = (0..each)
                .map(|n| {
                    let line = match &tls {
                        Some(tls) => Line::open_tls(server.https, tls),
                        None => Line::open(server.http),
                    };
                    (line, talk(thread * each + n))
                })
                .collect();
            let counts = Arc::<Counted>::default();
            counted.push(counts.clone());
            let stop = stop.clone();
            threads.push(std::thread::spawn(move || drive(&mut lines, &counts, &stop)));
        }
        Self { server, counted, stop, threads }
    }

    /// Windows of this length, after one that is not counted.
    pub(crate) fn windows(self, count: usize, length: Duration) -> Vec<Window> {
        std::thread::sleep(Duration::from_secs(1));
        let mut last = self.sample();
        let windows = (0..count)
            .map(|_| {
                std::thread::sleep(length);
                let now = self.sample();
                let window = between(&last, &now);
                last = now;
                window
            })
            .collect();
        self.stop();
        windows
    }

    /// Measures tenths of `requests` requests, with the server's memory at each end.
    pub(crate) fn tenths(self, requests: u64) -> Vec<(Window, f64)> {
        let mut last = self.sample();
        let begin = last.requests;
        let tenths = (1..=10)
            .map(|tenth| {
                while self.requests() - begin < requests * tenth / 10 {
                    std::thread::sleep(Duration::from_millis(1));
                    assert!(!self.threads.iter().any(JoinHandle::is_finished), "the load ended early");
                }
                let now = self.sample();
                let window = between(&last, &now);
                last = now;
                (window, self.server.process.memory_mb().0)
            })
            .collect();
        self.stop();
        tenths
    }

    /// Waits until `done` requests are done, and ends.
    pub(crate) fn until(self, done: u64) {
        while self.sample().done < done {
            std::thread::sleep(Duration::from_millis(10));
            assert!(!self.threads.iter().any(JoinHandle::is_finished), "the load ended early");
        }
        self.stop();
    }

    fn requests(&self) -> u64 {
        self.counted.iter().map(|it| it.requests.load(Ordering::Relaxed)).sum()
    }

    fn sample(&self) -> Sample {
        Sample {
            at: Instant::now(),
            requests: self.requests(),
            done: self.counted.iter().map(|it| it.done.load(Ordering::Relaxed)).sum(),
            own_cpu: cpu_seconds("self"),
            server_cpu: self.server.process.cpu_seconds(),
        }
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().expect("every answer was the right one"));
    }
}

fn drive(lines: &mut [(Line, Box<dyn Talk>)], counted: &Counted, stop: &AtomicBool) {
    for (line, talk) in &mut *lines {
        line.send(&mut **talk);
    }
    while !stop.load(Ordering::Relaxed) {
        for (line, talk) in &mut *lines {
            let done = talk.hear(&line.receive());
            counted.requests.fetch_add(1, Ordering::Relaxed);
            counted.done.fetch_add(done.into(), Ordering::Relaxed);
            line.send(&mut **talk);
        }
    }
}

fn between(first: &Sample, last: &Sample) -> Window {
    let seconds = (last.at - first.at).as_secs_f64();
    let done = (last.done - first.done) as f64;
    let (own, server) = (last.own_cpu - first.own_cpu, last.server_cpu - first.server_cpu);
    Window {
        rate: done / seconds,
        requests: (last.requests - first.requests) as f64 / seconds,
        server_us: server / done * 1e6,
        own_us: own / done * 1e6,
        cores: (own + server) / seconds,
    }
}

fn trusting(ca: &Path) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).expect("the tenant's authority")).expect("a certificate");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
