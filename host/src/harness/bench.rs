//! Measuring how fast logins are decided.

use std::sync::Arc;
use std::sync::Barrier;
use std::time::Duration;

use serde::Serialize;

use super::case::Case;
use crate::decide::{OnFailure, decide_by_plugin};
use crate::directory::Memory;
use crate::reading::InputError;
use crate::sandbox::{Plugin, PluginInput, Sandbox};

/// The figures of a bench: fresh instances, a directory in memory, no recording.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bench {
    /// The median time of a login, in microseconds.
    pub p50_us: f64,
    /// The 99th percentile of a login's time, in microseconds.
    pub p99_us: f64,
    /// The logins that all threads together decide in one second of wall-clock time.
    /// Includes the creation of each login's directory.
    pub logins_per_s: f64,
    /// The fuel of one login.
    pub fuel: u64,
    /// The largest size of the plugin's memory, in bytes.
    pub peak_memory_bytes: usize,
    /// The host calls of one login, log lines included.
    pub host_calls: u32,
    /// The allocator of the instances, in words.
    pub allocator: &'static str,
    /// The number of threads.
    pub threads: usize,
    /// The number of measured logins.
    pub logins: usize,
}

/// The load of a bench.
#[derive(Debug, Clone, Copy)]
pub struct BenchLoad {
    /// The threads that decide logins, at least one.
    pub threads: usize,
    /// The time for which each thread measures, after a quarter of it to warm up.
    pub time: Duration,
    /// Whether the plugin reports the verdict of each rule.
    pub trace: bool,
}

/// The reason why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The plugin fails on this case.
    #[error("the plugin {0}")]
    Failed(String),
    /// Two runs of one case used different fuel.
    #[error("the fuel differs from login to login ({0} and {1}): the plugin is not deterministic")]
    NotDeterministic(u64, u64),
    /// The case's login cannot arrive at its directory.
    #[error(transparent)]
    NotArrived(#[from] InputError),
    /// A thread panicked.
    #[error("a measuring thread died")]
    ThreadDied,
}

/// Decides a case's login repeatedly, and measures it.
///
/// # Errors
///
/// When the plugin fails on the case, or is not deterministic.
pub fn bench_case(
    sandbox: &Sandbox,
    plugin: &Plugin,
    case: &Case,
    load: BenchLoad,
) -> Result<Bench, BenchError> {
    let threads = load.threads.max(1);
    let first = measure_first_login(plugin, case, load.trace)?;
    let barrier = Barrier::new(threads);
    let measured = std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..threads).map(|_| scope.spawn(|| measure_logins(plugin, case, load, &barrier))).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().map_err(|_| BenchError::ThreadDied)?)
            .collect::<Result<Vec<_>, _>>()
    })?;
    let mut times: Vec<u64> = measured.iter().flat_map(|thread| thread.times.iter().copied()).collect();
    times.sort_unstable();
    if let Some(thread) = measured.iter().find(|thread| thread.fuel != first.fuel) {
        return Err(BenchError::NotDeterministic(first.fuel, thread.fuel));
    }
    let per_second =
        measured.iter().map(|thread| thread.times.len() as f64 / thread.elapsed.as_secs_f64()).sum();
    Ok(Bench {
        p50_us: find_percentile(&times, 0.50),
        p99_us: find_percentile(&times, 0.99),
        logins_per_s: per_second,
        fuel: first.fuel,
        peak_memory_bytes: first.memory_bytes,
        host_calls: first.host_calls,
        allocator: sandbox.allocator(),
        threads,
        logins: times.len(),
    })
}

/// The figures of one thread.
struct ThreadFigures {
    /// The time of each login, in nanoseconds.
    times: Vec<u64>,
    elapsed: Duration,
    fuel: u64,
}

/// The figures of one login.
struct LoginFigures {
    fuel: u64,
    memory_bytes: usize,
    host_calls: u32,
    took: Duration,
}

fn measure_logins(
    plugin: &Plugin,
    case: &Case,
    load: BenchLoad,
    barrier: &Barrier,
) -> Result<ThreadFigures, BenchError> {
    let (pristine, case) = case.arrive()?;
    let decide = || {
        let directory = Arc::new(pristine.clone());
        measure_login(plugin, &case, directory, load.trace)
    };
    let ambient = plugin.ambient();
    let warm = ambient.monotonic();
    while ambient.elapsed(warm) < load.time / 4 {
        decide()?;
    }
    barrier.wait();
    let mut times = Vec::with_capacity(1 << 16);
    let mut fuel = 0;
    let start = ambient.monotonic();
    while ambient.elapsed(start) < load.time {
        let login = decide()?;
        times.push(u64::try_from(login.took.as_nanos()).unwrap_or(u64::MAX));
        if fuel != 0 && fuel != login.fuel {
            return Err(BenchError::NotDeterministic(fuel, login.fuel));
        }
        fuel = login.fuel;
    }
    Ok(ThreadFigures { times, elapsed: ambient.elapsed(start), fuel })
}

fn measure_first_login(plugin: &Plugin, case: &Case, trace: bool) -> Result<LoginFigures, BenchError> {
    let (directory, case) = case.arrive()?;
    measure_login(plugin, &case, Arc::new(directory), trace)
}

fn measure_login(
    plugin: &Plugin,
    case: &Case,
    directory: Arc<Memory>,
    trace: bool,
) -> Result<LoginFigures, BenchError> {
    let settings = case.policy.settings();
    let input = PluginInput {
        event: &case.event,
        settings: &settings,
        now: case.now,
        trace,
        answer: case.answer.as_ref(),
    };
    let start = plugin.ambient().monotonic();
    let run = decide_by_plugin(plugin, &input, directory, OnFailure::Proceed);
    let took = plugin.ambient().elapsed(start);
    match run.failure {
        Some(failure) => Err(BenchError::Failed(failure.to_string())),
        None => Ok(LoginFigures {
            fuel: run.used.fuel,
            memory_bytes: run.used.memory_bytes,
            host_calls: run.used.host_calls,
            took,
        }),
    }
}

/// Returns a percentile of sorted times in nanoseconds, in microseconds.
fn find_percentile(sorted: &[u64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the slice")]
    let index = (last as f64 * share).round() as usize;
    sorted.get(index).map_or(0.0, |nanos| *nanos as f64 / 1000.0)
}
