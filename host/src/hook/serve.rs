//! Start and end of the service.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};

use super::readiness::warn_at_start;
use super::routes::router;
use super::start::HookParts;
use super::state::Hook;
use crate::policies::{LoadedPolicy, Source, SourceError};
use crate::reading::describe_io_error;
use crate::service::EarlyEnd;
use crate::service::decider::Decider;
use crate::service::listener::{FileDescriptors, Handshake, Listener, configure_server, new_service};
use crate::service::reload;
use crate::service::repairs::repair_from_time_to_time;
use crate::service::termination::{run_until_signal, wait_for_signal};

/// The most threads for blocking work other than deciding logins: pages, checks and reloads.
const OTHER_THREADS: usize = 448;

/// The stack size of a thread: enough for the host and for the maximum of `stack_bytes`, which a
/// plugin gets.
const THREAD_STACK: usize = 4 << 20;

/// The reason why the service does not start, or stops.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("{address} cannot be listened on: {}; choose another with --listen", describe_io_error(.why))]
    Address {
        /// The address.
        address: SocketAddr,
        /// The reason.
        why: std::io::Error,
    },
    /// The plugin or the policy is refused.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The server failed with a system error.
    #[error("the service stopped: {0}")]
    Stopped(#[from] std::io::Error),
}

/// The settings with which the service starts.
pub struct Opening {
    /// The listener, which [`bind`] has opened.
    pub listener: TcpListener,
    /// The TLS configuration; none for HTTP.
    pub tls: Option<rustls::ServerConfig>,
    /// The parts of the service.
    pub parts: HookParts,
    /// The sources of the policies, in order.
    pub sources: Vec<Source>,
    /// Further routes of the service.
    pub more_routes: Option<axum::Router>,
    /// Handles termination signals until the service does.
    pub early_end: EarlyEnd,
}

/// The address of a service that is ready.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The URL, with a slash at the end.
    pub url: String,
}

/// Opens the listener, which queues requests from now on.
///
/// # Errors
///
/// If the address cannot be listened on.
pub fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let open = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    open().map_err(|why| ServeError::Address { address, why })
}

/// Serves until the process is asked to terminate. Calls `ready` once requests are answered.
///
/// # Errors
///
/// When the service does not start, or stops without being asked to.
pub fn serve(opening: Opening, ready: impl FnOnce(&Ready)) -> Result<(), ServeError> {
    let Opening { listener, tls, parts, sources, more_routes, early_end } = opening;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let where_it_is = Ready { url: format!("{scheme}://{}/", listener.local_addr()?) };
    let watch = reload::WatchedFiles::from_paths(sources.iter().flat_map(Source::files));
    let decider = Arc::new(Decider::new(sources)?);
    reload::log_warnings(&decider.policies());
    log_policies(&decider.policies(), parts.confirmations.is_some());
    // Everything else works without the watcher, and SIGHUP reloads, too.
    if let Err(error) = watch.start(&decider, &parts.ambient) {
        tracing::warn!(%error, "plugin and policy are not watched; send SIGHUP to reload them");
    }
    let hook = Arc::new(parts.into_hook(decider));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("hook")
        .max_blocking_threads(hook.queue.concurrent() + OTHER_THREADS)
        .thread_stack_size(THREAD_STACK)
        .build()?;
    let ended =
        runtime.block_on(listen(&hook, Socket { listener, tls }, more_routes.unwrap_or_default(), || {
            early_end.is_over();
            ready(&where_it_is);
        }));
    // Threads that still wait for the directory are abandoned.
    runtime.shutdown_timeout(Duration::from_secs(1));
    // Closes the directory here, outside the runtime.
    drop(hook);
    ended
}

/// Logs the policies that decide, and warns of one that asks users although the service has no
/// confirmation.
fn log_policies(policies: &[LoadedPolicy], has_confirmation: bool) {
    for policy in policies {
        tracing::info!(
            policy = &*policy.name, plugin = policy.plugin.name(), policy_sha256 = %policy.settings.sha256(),
            mode = policy.mode().as_deref(), "the policy decides logins"
        );
    }
    if let Some(warning) = describe_unaskable(policies).filter(|_| !has_confirmation) {
        tracing::warn!("{warning}");
    }
}

/// Returns the warning about a policy that asks users, for a service without a confirmation.
#[must_use]
pub fn describe_unaskable(policies: &[LoadedPolicy]) -> Option<String> {
    let (name, mode) =
        policies.iter().filter(|it| it.asks_users()).find_map(|it| Some((&it.name, it.mode()?)))?;
    Some(format!(
        "the policy {name} has the mode {mode}, which asks users, and without --confirm-url no user can be asked: each \
         such login goes on unlinked"
    ))
}

/// The listener of a service, and its certificate if it serves HTTPS.
struct Socket {
    listener: TcpListener,
    tls: Option<rustls::ServerConfig>,
}

async fn listen(
    hook: &Arc<Hook>,
    Socket { listener, tls }: Socket,
    more_routes: axum::Router,
    ready: impl FnOnce(),
) -> Result<(), ServeError> {
    // Installed before any request is answered: otherwise a signal sent as soon as the service is
    // ready would kill it.
    let asked_to_end = wait_for_signal();
    let hang_up = reload::reload_on_hang_up(hook.logins.decider.clone());
    let (handle, app) = (Handle::new(), new_service(router(hook, more_routes)));
    let open_files = Arc::new(FileDescriptors::new(&hook.ambient));
    let server = Server::from_listener(Listener::new(listener, &open_files)?);
    let mut servers = tokio::task::JoinSet::new();
    match tls {
        None => servers.spawn(configure_server(server, &handle).serve(app)),
        Some(tls) => {
            let tls = RustlsConfig::from_config(Arc::new(tls));
            let server = server.acceptor(Handshake(RustlsAcceptor::new(tls)));
            servers.spawn(configure_server(server, &handle).serve(app))
        }
    };
    ready();
    tokio::spawn(hang_up);
    tokio::spawn(warn_at_start(hook.clone()));
    tokio::spawn(repair_from_time_to_time(hook.directory.clone()));
    Ok(run_until_signal(servers, &handle, asked_to_end).await?)
}
