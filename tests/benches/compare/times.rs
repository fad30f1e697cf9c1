//! The times of a contender's logins.

use std::time::{Duration, Instant};

use serde_json::Value;

/// The times of many logins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

impl Times {
    /// Reads what another process has measured.
    pub(crate) fn read(figures: &Value) -> Self {
        let number = |key: &str| figures[key].as_f64().unwrap_or_else(|| panic!("no `{key}` in {figures}"));
        Self { p50_us: number("p50_us"), p99_us: number("p99_us") }
    }

    /// Decides logins for so many seconds, after a quarter of it to warm up. What `prepare` makes is not
    /// timed.
    pub(crate) fn measure<T, R>(
        seconds: f64,
        mut prepare: impl FnMut() -> T,
        mut decide: impl FnMut(T) -> R,
    ) -> Self {
        let mut decide_for = |seconds| {
            let (end, mut nanos) = (Instant::now() + Duration::from_secs_f64(seconds), Vec::new());
            while Instant::now() < end {
                let prepared = prepare();
                let begun = Instant::now();
                let decided = decide(prepared);
                nanos.push(begun.elapsed().as_nanos());
                drop(std::hint::black_box(decided));
            }
            nanos
        };
        decide_for(seconds / 4.0);
        let mut nanos = decide_for(seconds);
        nanos.sort_unstable();
        Self { p50_us: percentile(&nanos, 50), p99_us: percentile(&nanos, 99) }
    }
}

/// Returns a percentile of sorted nanoseconds, in microseconds.
#[allow(clippy::cast_precision_loss, reason = "a time of one login")]
fn percentile(sorted: &[u128], percent: usize) -> f64 {
    let place = (sorted.len().saturating_sub(1) * percent + 50) / 100;
    sorted.get(place).map_or(f64::NAN, |nanos| *nanos as f64 / 1000.0)
}
