//! Measuring how fast logins are decided.

use std::sync::Arc;
use std::sync::Barrier;
use std::time::Duration;

use serde::Serialize;

use super::bench_login::{BenchError, BenchLoad, BenchLogin, LoginFigures, measure_login};
use super::bench_memory::measure_resident_bytes;
use super::bench_scaling::{Scaling, measure_spin_loops};
use super::case::Case;
use crate::sandbox::{Plugin, Sandbox};

/// The figures of a bench: fresh instances, a directory in memory, no recording.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bench {
    /// The median time of a login, in microseconds.
    pub p50_us: f64,
    /// The 99th percentile of a login's time, in microseconds.
    pub p99_us: f64,
    /// The logins that all threads together decide in one second. The time in which a thread copies the
    /// next login's directory does not count.
    pub logins_per_s: f64,
    /// The fuel of one login.
    pub fuel: u64,
    /// The largest size of the plugin's memory, in bytes.
    pub peak_memory_bytes: usize,
    /// The resident memory of each login, in bytes, while as many as there are threads wait for
    /// their link: pages that several share count once. Only with instances that are mapped on demand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resident_bytes: Option<u64>,
    /// The work of all threads together, as multiples of one thread's. Only of several threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling: Option<Scaling>,
    /// The host calls of one login, log lines included.
    pub host_calls: u32,
    /// The allocator of the instances, in words.
    pub allocator: &'static str,
    /// The number of threads.
    pub threads: usize,
    /// The number of measured logins.
    pub logins: usize,
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
    let resident_bytes = match sandbox.keeps_memory() {
        true => None,
        false => measure_resident_bytes(plugin, case, load)?,
    };
    let measured = measure_in_threads(plugin, case, load)?;
    let scaling = match threads {
        1 => None,
        _ => {
            let alone = measure_in_threads(plugin, case, BenchLoad { threads: 1, ..load })?;
            let logins = measured.logins_per_s() / alone.logins_per_s();
            let spin_loop = measure_spin_loops(plugin.ambient(), threads, load.time / 4);
            Some(Scaling { logins, spin_loop })
        }
    };
    let mut times: Vec<u64> =
        measured.threads.iter().flat_map(|thread| thread.times.iter().copied()).collect();
    times.sort_unstable();
    if let Some(thread) = measured.threads.iter().find(|thread| thread.fuel != first.fuel) {
        return Err(BenchError::NotDeterministic(first.fuel, thread.fuel));
    }
    Ok(Bench {
        p50_us: find_percentile(&times, 0.50),
        p99_us: find_percentile(&times, 0.99),
        logins_per_s: measured.logins_per_s(),
        fuel: first.fuel,
        peak_memory_bytes: first.memory_bytes,
        resident_bytes,
        scaling,
        host_calls: first.host_calls,
        allocator: sandbox.allocator(),
        threads,
        logins: times.len(),
    })
}

/// The figures of all threads.
struct Measured {
    threads: Vec<ThreadFigures>,
}

impl Measured {
    fn logins_per_s(&self) -> f64 {
        self.threads.iter().map(ThreadFigures::logins_per_s).sum()
    }
}

fn measure_in_threads(plugin: &Plugin, case: &Case, load: BenchLoad) -> Result<Measured, BenchError> {
    let barrier = Barrier::new(load.threads.max(1));
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..load.threads.max(1))
            .map(|_| scope.spawn(|| measure_logins(plugin, case, load, &barrier)))
            .collect();
        let joined = workers.into_iter().map(|worker| worker.join().map_err(|_| BenchError::ThreadDied)?);
        Ok(Measured { threads: joined.collect::<Result<Vec<_>, _>>()? })
    })
}

/// The figures of one thread.
struct ThreadFigures {
    /// The time of each login, in nanoseconds.
    times: Vec<u64>,
    fuel: u64,
}

impl ThreadFigures {
    fn logins_per_s(&self) -> f64 {
        let nanos: u64 = self.times.iter().sum();
        self.times.len() as f64 / Duration::from_nanos(nanos.max(1)).as_secs_f64()
    }
}

fn measure_logins(
    plugin: &Plugin,
    case: &Case,
    load: BenchLoad,
    barrier: &Barrier,
) -> Result<ThreadFigures, BenchError> {
    let ambient = plugin.ambient();
    let login = BenchLogin::arrive(case);
    let decide = || {
        let login = login.as_ref().map_err(Clone::clone)?;
        measure_login(plugin, login, Arc::new(login.copy_directory()), load.trace)
    };
    let warm = ambient.monotonic();
    let mut failed = None;
    while ambient.elapsed(warm) < load.time / 4 && failed.is_none() {
        failed = decide().err();
    }
    // The others wait for this thread, even if it has failed.
    barrier.wait();
    if let Some(error) = failed {
        return Err(error);
    }
    let mut times = Vec::with_capacity(1 << 16);
    let mut fuel = 0;
    let start = ambient.monotonic();
    // One at least, on a machine that is so busy that the time is over before it begins.
    while times.is_empty() || ambient.elapsed(start) < load.time {
        let login = decide()?;
        times.push(u64::try_from(login.took.as_nanos()).unwrap_or(u64::MAX));
        if fuel != 0 && fuel != login.fuel {
            return Err(BenchError::NotDeterministic(fuel, login.fuel));
        }
        fuel = login.fuel;
    }
    Ok(ThreadFigures { times, fuel })
}

fn measure_first_login(plugin: &Plugin, case: &Case, trace: bool) -> Result<LoginFigures, BenchError> {
    let login = BenchLogin::arrive(case)?;
    measure_login(plugin, &login, Arc::new(login.copy_directory()), trace)
}

/// Returns a percentile of sorted times in nanoseconds, in microseconds.
fn find_percentile(sorted: &[u64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the slice")]
    let index = (last as f64 * share).round() as usize;
    sorted.get(index).map_or(0.0, |nanos| *nanos as f64 / 1000.0)
}
