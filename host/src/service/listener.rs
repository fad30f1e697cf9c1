//! Accepting connections, and closing those whose headers are slow.
//!
//! An idle connection is kept open longer than common clients keep one, so that a client does not
//! send a request just when the connection is closed. Once headers have begun, the time limit is
//! that of the first headers.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::extract::connect_info::{Connected, IntoMakeServiceWithConnectInfo};
use axum::extract::{ConnectInfo, Request};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum_server::accept::Accept;
use axum_server::tls_rustls::RustlsAcceptor;
use axum_server::{AddrListener, Address, Handle, Server};
use hyper_util::rt::TokioTimer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Sleep, sleep};

use crate::ambient::Ambient;
use crate::clock::Monotonic;

/// The time limit for a request's headers.
const HEADERS: Duration = Duration::from_secs(10);
/// The time for which an idle connection is kept: Go and reqwest keep theirs for 90 seconds, .NET
/// for 60, and others for less.
const IDLE: Duration = Duration::from_secs(100);
const _: () = assert!(IDLE.as_secs() > 90 && IDLE.as_secs() > HEADERS.as_secs());
/// The interval in which a connection that waits looks whether others need its descriptor.
const TICK: Duration = Duration::from_secs(2);
const _: () = assert!(HEADERS.as_secs().is_multiple_of(TICK.as_secs()));
/// The time for which descriptors count as short after the last connection that found none.
const SHORT: Duration = Duration::from_secs(5);
/// The minimum interval between two log lines about too many open files.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// The remote address and the phase of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    address: SocketAddr,
    phase: Arc<Phase>,
}

/// The phase of a connection: twice the number of its requests, plus one while a request is being
/// answered.
#[derive(Debug, Default)]
struct Phase(AtomicU64);

impl Phase {
    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn goes_on(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Connected<Peer> for Peer {
    fn connect_info(peer: Peer) -> Self {
        peer
    }
}

impl Address for Peer {
    type Stream = TcpConnection;
    type Listener = Listener;
}

pub(crate) type Service = IntoMakeServiceWithConnectInfo<Router, Peer>;

/// Returns the service of a listener, which knows its peers.
pub(crate) fn new_service(app: Router) -> Service {
    app.layer(middleware::from_fn(track_request)).into_make_service_with_connect_info::<Peer>()
}

/// Configures a server: HTTP/1.1, ended by the handle, with a time limit for idle connections.
pub(crate) fn configure_server<A>(server: Server<Peer, A>, handle: &Handle<Peer>) -> Server<Peer, A> {
    let mut server = server.handle(handle.clone()).http1_only();
    // This timeout starts when the previous response has been sent, so it limits idle connections.
    // `Connection` limits slow headers.
    server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(IDLE);
    server
}

/// Middleware that records when a request begins and when its response is ready.
async fn track_request(mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<Peer>>().map(|it| it.0.clone());
    let Some(Peer { address, phase }) = peer else { return next.run(request).await };
    request.extensions_mut().insert(ConnectInfo(address));
    phase.goes_on();
    let response = next.run(request).await;
    phase.goes_on();
    response
}

/// Tracks whether the process has run out of file descriptors, of which every connection takes one.
#[derive(Debug)]
pub(crate) struct FileDescriptors {
    are_exhausted: AtomicBool,
    last: Mutex<Option<Monotonic>>,
    told: Mutex<Option<Monotonic>>,
    ambient: Ambient,
}

impl FileDescriptors {
    pub(crate) fn new(ambient: &Ambient) -> Self {
        Self {
            are_exhausted: AtomicBool::default(),
            last: Mutex::default(),
            told: Mutex::default(),
            ambient: ambient.clone(),
        }
    }

    /// Records that no descriptor is left, and logs it unless that was done recently.
    fn record_exhaustion(&self, error: &io::Error) {
        self.are_exhausted.store(true, Ordering::Relaxed);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.ambient.monotonic());
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_some_and(|at| self.ambient.elapsed(at) < LOG_INTERVAL) {
            return;
        }
        *told = Some(self.ambient.monotonic());
        tracing::error!(
            %error, limit = open_file_limit(),
            "no connection can be accepted: too many files are open; raise the limit (`ulimit -n`, LimitNOFILE), \
             or have clients close their connections. Idle and slow ones are closed meanwhile"
        );
    }

    /// Returns whether descriptors are short. One accepted connection does not end that: others wait.
    fn are_short(&self) -> bool {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|at| self.ambient.elapsed(at) < SHORT)
    }

    fn are_back(&self) {
        if self.are_exhausted.swap(false, Ordering::Relaxed) {
            tracing::info!("connections are accepted again");
        }
    }
}

/// Returns the maximum number of files that the process may have open.
#[cfg(unix)]
pub(crate) fn open_file_limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

#[cfg(not(unix))]
pub(crate) fn open_file_limit() -> Option<u64> {
    None
}

/// Accepts connections.
pub(crate) struct Listener {
    inner: TcpListener,
    open_files: Arc<FileDescriptors>,
}

impl Listener {
    pub(crate) fn new(listener: StdListener, open_files: &Arc<FileDescriptors>) -> io::Result<Self> {
        Ok(Self { inner: TcpListener::from_std(listener)?, open_files: open_files.clone() })
    }
}

impl AddrListener<TcpConnection, Peer> for Listener {
    /// Always fails, because `serve` opens every listener itself.
    async fn bind_to(_: Peer) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Accepts a connection. After an error, the server retries shortly.
    async fn accept_stream(&self) -> io::Result<(TcpConnection, Peer)> {
        match self.inner.accept().await {
            Ok((stream, address)) => {
                self.open_files.are_back();
                let peer = Peer { address, phase: Arc::default() };
                Ok((TcpConnection::new(stream, &peer, &self.open_files), peer))
            }
            Err(error) => {
                if is_exhausted(&error) {
                    self.open_files.record_exhaustion(&error);
                }
                Err(error)
            }
        }
    }

    fn get_local_addr(&self) -> io::Result<Peer> {
        Ok(Peer { address: self.inner.local_addr()?, phase: Arc::default() })
    }
}

/// Returns whether an error means that the process or the machine lacks resources. All other errors
/// concern a single connection.
#[cfg(unix)]
fn is_exhausted(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let exhausted = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    exhausted.iter().any(|it| error.raw_os_error() == Some(it.raw_os_error()))
}

#[cfg(not(unix))]
fn is_exhausted(_: &io::Error) -> bool {
    false
}

/// Performs the TLS handshake. Its time does not count against that of the first headers.
#[derive(Clone)]
pub(crate) struct Handshake(pub(crate) RustlsAcceptor);

impl<S: Send + 'static> Accept<TcpConnection, S> for Handshake {
    type Stream = <RustlsAcceptor as Accept<TcpConnection, S>>::Stream;
    type Service = S;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, S)>> + Send>>;

    fn accept(&self, connection: TcpConnection, service: S) -> Self::Future {
        let handshake = self.0.accept(connection, service);
        Box::pin(async move {
            let (mut stream, service) = handshake.await?;
            stream.get_mut().0.wait(Wait::First);
            Ok((stream, service))
        })
    }
}

/// A connection that is closed if its headers are too slow.
pub(crate) struct TcpConnection {
    stream: TcpStream,
    phase: Arc<Phase>,
    open_files: Arc<FileDescriptors>,
    timer: Pin<Box<Sleep>>,
    /// The intervals that the wait has taken so far.
    ticks: u64,
    /// The wait that the timer limits.
    waits: Wait,
}

/// A wait, with the phase in which it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// Waits for the end of a handshake, or of the first headers.
    First,
    /// Waits for the end of headers that have begun.
    Headers(u64),
    /// Waits for the beginning of the next headers.
    Next(u64),
}

impl TcpConnection {
    fn new(stream: TcpStream, peer: &Peer, open_files: &Arc<FileDescriptors>) -> Self {
        Self {
            stream,
            phase: peer.phase.clone(),
            open_files: open_files.clone(),
            timer: Box::pin(sleep(TICK)),
            ticks: 0,
            waits: Wait::First,
        }
    }

    fn wait(&mut self, what: Wait) {
        self.waits = what;
        self.ticks = 0;
        self.timer.set(sleep(TICK));
    }

    /// Notes that bytes have arrived. Unless a request is being answered, they belong to headers.
    fn note_bytes(&mut self) {
        let phase = self.phase.get();
        let is_next = phase > 0 && phase.is_multiple_of(2);
        if is_next && self.waits != Wait::Headers(phase) {
            self.wait(Wait::Headers(phase));
        }
    }

    /// Decides whether to keep waiting when no bytes have arrived.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let phase = self.phase.get();
        if !phase.is_multiple_of(2) {
            return Poll::Pending;
        }
        if phase > 0 && self.waits != Wait::Headers(phase) && self.waits != Wait::Next(phase) {
            self.wait(Wait::Next(phase));
        }
        loop {
            ready!(self.timer.as_mut().poll(cx));
            self.ticks += 1;
            let is_over = self.ticks >= HEADERS.as_secs() / TICK.as_secs();
            // Other connections need the descriptor.
            let is_short = self.open_files.are_short();
            match self.waits {
                Wait::First | Wait::Headers(_) if is_over || is_short => {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
                // Reports it as the end of the client's input.
                Wait::Next(_) if is_short => return Poll::Ready(Ok(())),
                _ => self.timer.set(sleep(TICK)),
            }
        }
    }
}

impl AsyncRead for TcpConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Pending => self.poll_patience(cx),
            ready => {
                if buffer.filled().len() > before {
                    self.note_bytes();
                }
                ready
            }
        }
    }
}

impl AsyncWrite for TcpConnection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
