//! How fast logins are decided.

use std::sync::Arc;
use std::sync::Barrier;
use std::time::Duration;

use serde::Serialize;

use super::case::Case;
use crate::decide::{OnFailure, decide};
use crate::reading::InputError;
use crate::sandbox::{Plugin, Question, Sandbox};

/// What a bench measured: fresh instances, memory directory, no recording.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bench {
    /// Half of the logins took no longer, in microseconds.
    pub p50_us: f64,
    /// 99 of 100 logins took no longer, in microseconds.
    pub p99_us: f64,
    /// Logins decided in a second of wall-clock time, by all threads, the
    /// making of each login's directory included.
    pub logins_per_s: f64,
    /// Fuel of one login.
    pub fuel: u64,
    /// The plugin's memory at its largest, in bytes.
    pub peak_memory_bytes: usize,
    /// Host calls of one login, log lines included.
    pub host_calls: u32,
    /// Where instances lived.
    pub allocator: &'static str,
    /// Threads.
    pub threads: usize,
    /// Logins measured.
    pub logins: usize,
}

/// Why there is no measurement.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The plugin fails on this case.
    #[error("the plugin {0}")]
    Failed(String),
    /// Two runs of one case took different fuel.
    #[error("the fuel differs from login to login ({0} and {1}): the plugin is not deterministic")]
    NotDeterministic(u64, u64),
    /// The case's login does not arrive.
    #[error(transparent)]
    NotArrived(#[from] InputError),
    /// A thread could not do its work.
    #[error("a measuring thread died")]
    ThreadDied,
}

/// Decides a case's login again and again, for as long as `time` on each
/// thread after warming up for a quarter of it.
///
/// # Errors
///
/// When the plugin fails on the case, or is not deterministic.
pub fn bench(
    sandbox: &Sandbox,
    plugin: &Plugin,
    case: &Case,
    threads: usize,
    time: Duration,
) -> Result<Bench, BenchError> {
    let threads = threads.max(1);
    let first = one(plugin, case)?;
    let barrier = Barrier::new(threads);
    let measured = std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..threads).map(|_| scope.spawn(|| measure(plugin, case, time, &barrier))).collect();
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
        p50_us: percentile(&times, 0.50),
        p99_us: percentile(&times, 0.99),
        logins_per_s: per_second,
        fuel: first.fuel,
        peak_memory_bytes: first.memory_bytes,
        host_calls: first.host_calls,
        allocator: sandbox.allocator(),
        threads,
        logins: times.len(),
    })
}

struct Measured {
    /// One login each, in nanoseconds.
    times: Vec<u64>,
    elapsed: Duration,
    fuel: u64,
}

struct One {
    fuel: u64,
    memory_bytes: usize,
    host_calls: u32,
    took: Duration,
}

fn measure(plugin: &Plugin, case: &Case, time: Duration, barrier: &Barrier) -> Result<Measured, BenchError> {
    let (pristine, case) = case.arrived()?;
    let login = || {
        let directory = Arc::new(pristine.clone());
        decided(plugin, &case, directory)
    };
    let ambient = plugin.ambient();
    let warm = ambient.monotonic();
    while ambient.elapsed(warm) < time / 4 {
        login()?;
    }
    barrier.wait();
    let mut times = Vec::with_capacity(1 << 16);
    let mut fuel = 0;
    let start = ambient.monotonic();
    while ambient.elapsed(start) < time {
        let one = login()?;
        times.push(u64::try_from(one.took.as_nanos()).unwrap_or(u64::MAX));
        if fuel != 0 && fuel != one.fuel {
            return Err(BenchError::NotDeterministic(fuel, one.fuel));
        }
        fuel = one.fuel;
    }
    Ok(Measured { times, elapsed: ambient.elapsed(start), fuel })
}

fn one(plugin: &Plugin, case: &Case) -> Result<One, BenchError> {
    let (directory, case) = case.arrived()?;
    decided(plugin, &case, Arc::new(directory))
}

fn decided(
    plugin: &Plugin,
    case: &Case,
    directory: Arc<crate::directory::Memory>,
) -> Result<One, BenchError> {
    let settings = case.policy.settings();
    let question = Question {
        event: &case.event,
        settings: &settings,
        now: case.now,
        trace: false,
        answer: case.answer.as_ref(),
    };
    let start = plugin.ambient().monotonic();
    let decided = decide(plugin, &question, directory, OnFailure::Proceed);
    let took = plugin.ambient().elapsed(start);
    match decided.failure {
        Some(failure) => Err(BenchError::Failed(failure.to_string())),
        None => Ok(One {
            fuel: decided.used.fuel,
            memory_bytes: decided.used.memory_bytes,
            host_calls: decided.used.host_calls,
            took,
        }),
    }
}

/// In microseconds, of sorted nanoseconds.
fn percentile(sorted: &[u64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the slice")]
    let index = (last as f64 * share).round() as usize;
    sorted.get(index).map_or(0.0, |nanos| *nanos as f64 / 1000.0)
}
