//! Measuring how many more logins several threads decide than one.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::Duration;

use serde::Serialize;

use crate::ambient::Ambient;

/// The work of all threads together, as multiples of one thread's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Scaling {
    /// The logins.
    pub logins: f64,
    /// A loop that touches no memory: the most that the machine's cores allow at this moment.
    pub spin_loop: f64,
}

/// Returns how often several threads run a loop for each time that one thread does.
pub(super) fn measure_spin_loops(ambient: &Ambient, threads: usize, time: Duration) -> f64 {
    spin(ambient, threads, time) / spin(ambient, 1, time)
}

/// Returns the loops of all threads in a second.
fn spin(ambient: &Ambient, threads: usize, time: Duration) -> f64 {
    const LOOPS: u64 = 100_000;
    let barrier = Barrier::new(threads + 1);
    let spin_in_one_thread = || {
        barrier.wait();
        let start = ambient.monotonic();
        let mut done = 0.0;
        while ambient.elapsed(start) < time {
            let mixed = (0..LOOPS).fold(1_u64, |mixed, n| black_box(mixed.wrapping_mul(31) ^ n));
            black_box(mixed);
            done += 1.0;
        }
        done
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(spin_in_one_thread)).collect();
        barrier.wait();
        let start = ambient.monotonic();
        let done: f64 = workers.into_iter().filter_map(|worker| worker.join().ok()).sum();
        // Until the last one has ended: threads that wait for a core begin later.
        done / ambient.elapsed(start).as_secs_f64()
    })
}
