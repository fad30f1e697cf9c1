//! A probe that finds out when the cluster has a leader. It commits at intervals, each time on a
//! new connection, and waits for the second server as every client does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};

/// A commit that takes longer found no second server.
const SLOW: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(50);

pub(crate) struct Probe {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Attempt>>,
}

struct Attempt {
    began: Instant,
    ended: Instant,
    is_good: bool,
}

impl Probe {
    pub(crate) fn start(url: &str) -> Self {
        let url = format!("{url}&connect_timeout=1");
        let stop = Arc::<AtomicBool>::default();
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut attempts = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let began = Instant::now();
                let committed = commit(&url);
                let ended = Instant::now();
                attempts.push(Attempt { began, ended, is_good: committed.is_ok() && ended - began < SLOW });
                std::thread::sleep(PAUSE);
            }
            attempts
        });
        Self { stop, thread }
    }

    /// Stops the probe, and returns the outages: each lasts from the start of the last good commit
    /// before it to the end of the first one after it.
    pub(crate) fn stop(self) -> Vec<(Instant, Instant)> {
        self.stop.store(true, Ordering::Relaxed);
        let attempts = self.thread.join().expect("it ran");
        let mut outages: Vec<(Instant, Instant)> = Vec::new();
        let (mut last_good, mut since) = (None, None);
        for attempt in &attempts {
            match (attempt.is_good, since) {
                (true, None) => last_good = Some(attempt.began),
                (true, Some(began)) => {
                    outages.push((began, attempt.ended));
                    (last_good, since) = (Some(attempt.began), None);
                }
                (false, None) => since = Some(last_good.unwrap_or(attempt.began)),
                (false, Some(_)) => {}
            }
        }
        assert!(since.is_none(), "there is no leader in the end");
        outages
    }
}

fn commit(url: &str) -> Result<(), postgres::Error> {
    let mut client = Client::connect(url, NoTls)?;
    client.batch_execute("CREATE TABLE IF NOT EXISTS probe (n INT); INSERT INTO probe VALUES (1)")
}
