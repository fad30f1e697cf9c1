//! Start and shutdown of the server: the parts of the tenant, and the listeners.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use backon::{BlockingRetryable, ExponentialBuilder};

use crate::ambient::Ambient;
use crate::model::ApiError;
use crate::policies::{Source, SourceError};
use crate::recording::LoginRecorder;
use crate::service::listener::{FileDescriptors, Handshake, Listener, configure_server, new_service};
use crate::service::reload;
use crate::service::repairs::repair_from_time_to_time;
use crate::service::termination::{run_until_signal, wait_for_signal};
use crate::service::{Decider, DecisionKeeping, DecisionRetention, EarlyEnd, MissingLines};
use crate::tenant::admission::Admission;
use crate::tenant::config::Config;
use crate::tenant::faults;
use crate::tenant::metrics::Metrics;
use crate::tenant::people::CookieKey;
use crate::tenant::people::revocations::Revocations;
use crate::tenant::server::certificates;
use crate::tenant::server::certificates::CertificateError;
use crate::tenant::server::current::{CurrentTenant, LastingParts, MoreRoutes, TenantDirectory};
use crate::tenant::server::routes;
use crate::tenant::signing::Signing;
use crate::tenant::signing::issuer::{Hosts, Scheme};
use crate::tenant::signing::keys::{Keys, KeysError};
use crate::tenant::store::spent_names::SpentNames;
use crate::tenant::store::state_dir::{StateDir, StateError};
use crate::tenant::webhooks::Webhooks;

/// The ports to listen on; 0 selects any free port.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// The HTTP port.
    pub http: u16,
    /// The HTTPS port.
    pub https: u16,
}

/// The addresses of a tenant that is ready.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The HTTP URL.
    pub http: String,
    /// The HTTPS URL.
    pub https: String,
    /// The file of the CA certificate that clients are to trust.
    pub ca: PathBuf,
}

/// The reason why a tenant does not start, or stops.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A port cannot be listened on.
    #[error(
        "port {port} cannot be used: {why}; choose others with --port and --tls-port, or 0 for any that is \
         free"
    )]
    Port {
        /// The port.
        port: u16,
        /// The reason.
        why: std::io::Error,
    },
    /// The plugin or the policy is refused.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// There is no usable signing key.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// There is no usable certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A file of the state folder cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The configuration injects a fault that cannot come.
    #[error("the configuration, [[faults]], {0}")]
    Faults(String),
    /// The users of the configuration could not be created.
    #[error("the configuration's users could not be created: {0}")]
    Seed(ApiError),
    /// The server failed with a system error.
    #[error("the server stopped: {0}")]
    Stopped(#[from] std::io::Error),
}

/// The settings with which a tenant starts.
pub struct Opening<'a> {
    /// The configuration: clients, connections and initial users.
    pub config: Config,
    /// The directory of the users.
    pub directory: TenantDirectory,
    /// The sources of the policies, in order.
    pub sources: Vec<Source>,
    /// The folder of keys and certificates.
    pub state: &'a StateDir,
    /// Further routes of the server, for the same policies and users.
    pub more_routes: Option<MoreRoutes>,
    /// The recorder of logins.
    pub recorder: LoginRecorder,
    /// How long decisions are kept; none to keep none.
    pub decisions: Option<DecisionRetention>,
    /// The ports to listen on.
    pub ports: Ports,
    /// Whether to generate a new signing key at the start.
    pub rotate_key: bool,
    /// The log lines that could not be written.
    pub missing_lines: MissingLines,
    /// Handles termination signals until the server does.
    pub early_end: EarlyEnd,
    /// The tenant's clock and source of randomness.
    pub ambient: Ambient,
}

/// The stack size of a thread: enough for the host and for the maximum of `stack_bytes`, which a
/// plugin gets.
const THREAD_STACK: usize = 4 << 20;

/// Serves until the process is asked to terminate. Calls `ready` once requests are answered.
///
/// # Errors
///
/// When the server does not start, or stops without being asked to.
pub fn serve(opening: Opening<'_>, ready: impl FnOnce(&Ready)) -> Result<(), ServeError> {
    let Opening {
        config,
        directory,
        sources,
        state,
        more_routes,
        recorder,
        decisions,
        ports,
        rotate_key,
        missing_lines,
        early_end,
        ambient,
    } = opening;
    let listeners = Listeners::open(ports)?;
    let (http_port, https_port) = (find_first_port(&listeners.http), find_first_port(&listeners.https));

    let names = [config.hosts.as_slice(), &config.custom_domains].concat();
    let tls = certificates::server_config(state, &names, &ambient)?;
    faults::check(&config.faults, routes::paths()).map_err(ServeError::Faults)?;
    let keys = match &config.signing_key {
        Some(file) => Keys::open_fixed(state, file)?,
        None => Keys::open(state)?,
    };
    if rotate_key {
        keys.rotate()?;
    }
    let watch = reload::WatchedFiles::from_paths(sources.iter().flat_map(Source::files));
    let hosts = Hosts::new(&config.hosts, http_port, https_port)
        .with_custom_domains(&config.custom_domains)
        .with_fixed_issuer(config.issuer.as_deref());
    let signing = Arc::new(Signing::new(hosts, keys, &config.lifetimes, &ambient));
    let address = config.issuer.clone().unwrap_or_else(|| format_url("http", http_port));
    let webhooks = Arc::new(Webhooks::start(&config.webhooks, address.clone(), state, &ambient)?);
    let decisions = decisions.map(DecisionKeeping::from);
    let parts = LastingParts {
        admission: Admission::new(config.rate_limit.requests_at_once),
        reset_turn: Arc::default(),
        webhooks,
        signing,
        cookie_key: CookieKey::open(state, &ambient)?,
        revocations: Arc::new(Revocations::open_for(&config.lifetimes, state, &ambient)?),
        revoked_codes: Arc::new(SpentNames::open(state, "revoked-codes", &ambient)?),
        spent_objections: Arc::new(SpentNames::open(state, "objections", &ambient)?),
        address,
        decider: Arc::new(Decider::new(sources)?),
        metrics: Arc::new(Metrics::new(&missing_lines, decisions.as_ref())),
        config,
        directory,
        recorder,
        decisions,
        more_routes,
        ambient,
    };
    let current = CurrentTenant::start(parts);
    let tenant = current.tenant();
    for weakness in tenant.config.weaknesses() {
        tracing::warn!(weakness, "the configuration weakens the tenant");
    }
    if !tenant.config.faults.is_empty() {
        tracing::warn!(
            faults = tenant.config.faults.len(),
            "the tenant injects faults; GET /dev/faults lists them"
        );
    }
    reload::log_warnings(&tenant.logins.decider.policies());
    seed_patiently(&current, tenant.is_remote)?;
    // Everything else works without the watcher, and SIGHUP reloads, too.
    if let Err(error) = watch.start(&tenant.logins.decider, &tenant.ambient) {
        tracing::warn!(%error, "plugin and policy are not watched; send SIGHUP to reload them");
    }

    drop(tenant);

    let where_it_is = Ready {
        http: format_url("http", http_port),
        https: format_url("https", https_port),
        ca: state.file(certificates::CA),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("tenant")
        .thread_stack_size(THREAD_STACK)
        .build()?;
    let ended = runtime.block_on(listen(&current, listeners, tls, || {
        early_end.is_over();
        ready(&where_it_is);
    }));
    // Threads that are still waiting for a disk are abandoned.
    runtime.shutdown_timeout(Duration::from_secs(1));
    // Closes the directory here, outside the runtime.
    drop(current);
    ended
}

fn format_url(scheme: &str, port: Option<u16>) -> String {
    format!("{scheme}://localhost:{}/", port.unwrap_or_default())
}

/// The maximum time that the start waits for a busy directory.
const SEED: Duration = Duration::from_secs(300);

/// Creates the users of the configuration. Waits for a directory server that is temporarily
/// unavailable, for example while another process migrates it.
fn seed_patiently(current: &CurrentTenant, is_remote: bool) -> Result<(), ServeError> {
    let patience = ExponentialBuilder::default().with_total_delay(Some(SEED)).without_max_times();
    let is_busy =
        |error: &ApiError| is_remote && matches!(error, ApiError::Unavailable(_) | ApiError::TimedOut);
    let tell = |error: &ApiError, _| tracing::warn!(%error, "waiting for the directory");
    let created = (|| current.create_users()).retry(patience).when(is_busy).notify(tell).call();
    created.map_err(ServeError::Seed)
}

async fn listen(
    current: &Arc<CurrentTenant>,
    listeners: Listeners,
    tls: rustls::ServerConfig,
    ready: impl FnOnce(),
) -> Result<(), ServeError> {
    // Installed before any request is answered: otherwise a signal sent as soon as the server is
    // ready would kill it.
    let (asked_to_end, hang_up) =
        (wait_for_signal(), reload::reload_on_hang_up(current.lasting_parts().decider.clone()));
    let handle = Handle::new();
    let mut servers = tokio::task::JoinSet::new();
    let open_files = Arc::new(FileDescriptors::new(&current.lasting_parts().ambient));
    for listener in listeners.http {
        let app = current.routes(Scheme::Http);
        let server = Server::from_listener(Listener::new(listener, &open_files)?);
        servers.spawn(configure_server(server, &handle).serve(new_service(app)));
    }
    let tls = RustlsConfig::from_config(Arc::new(tls));
    for listener in listeners.https {
        let app = current.routes(Scheme::Https);
        let server = Server::from_listener(Listener::new(listener, &open_files)?);
        let server = server.acceptor(Handshake(RustlsAcceptor::new(tls.clone())));
        servers.spawn(configure_server(server, &handle).serve(new_service(app)));
    }
    // The listeners have been queueing requests since they were opened.
    ready();
    tokio::spawn(hang_up);
    if let TenantDirectory::Opened { directory, .. } = &current.lasting_parts().directory {
        tokio::spawn(repair_from_time_to_time(directory.clone()));
    }
    Ok(run_until_signal(servers, &handle, asked_to_end).await?)
}

/// The listeners, which queue requests as soon as they are open.
struct Listeners {
    http: Vec<TcpListener>,
    https: Vec<TcpListener>,
}

impl Listeners {
    fn open(ports: Ports) -> Result<Self, ServeError> {
        Ok(Self { http: open_listeners(ports.http)?, https: open_listeners(ports.https)? })
    }
}

fn find_first_port(listeners: &[TcpListener]) -> Option<u16> {
    listeners.first().and_then(|it| it.local_addr().ok()).map(|it| it.port())
}

/// Listens on 127.0.0.1, and on ::1 if the machine has it: browsers resolve `localhost` to either.
fn open_listeners(port: u16) -> Result<Vec<TcpListener>, ServeError> {
    let open = |ip: IpAddr, port: u16| {
        let listener = TcpListener::bind((ip, port))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    let failed = |why: std::io::Error| ServeError::Port { port, why };
    let first = open(Ipv4Addr::LOCALHOST.into(), port).map_err(failed)?;
    let port = first.local_addr().map_err(failed)?.port();
    let second = match open(Ipv6Addr::LOCALHOST.into(), port) {
        Ok(second) => Some(second),
        // Another process would answer half of the requests.
        Err(why) if why.kind() == std::io::ErrorKind::AddrInUse => {
            return Err(ServeError::Port { port, why });
        }
        Err(_) => None,
    };
    Ok([first].into_iter().chain(second).collect())
}
