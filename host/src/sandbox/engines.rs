//! The engines that logins run in: with a pool, one for each processor.
//!
//! Threads that share a pool wait for its locks, and pass the memory of its places from one processor's
//! cache to another's. On two processors they link 1.5 times as many accounts as one thread; with a pool
//! for each processor, 1.8 times (`ligature bench CASE --threads 2`).

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::{Config, Engine};

use super::semaphore::{Permit, Semaphore};

/// The most engines. Each maps the code of each plugin, and keeps its file open.
const MOST_ENGINES: u32 = 4;

/// The reason why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
#[error("the sandbox did not start: {0}")]
pub struct StartError(String);

impl StartError {
    pub(super) fn new(error: &wasmtime::Error) -> Self {
        Self(format!("{error:#}"))
    }
}

/// Engines with the same configuration, which share the places for logins.
#[derive(Clone)]
pub(super) struct Engines {
    engines: Arc<[Engine]>,
    places: Semaphore,
    /// The position of each processor among those that this process may use, by the processor's number.
    positions: Arc<[usize]>,
}

/// A place for one login, in one of the engines. It is free again when it is dropped.
pub(super) struct Place<'a>(Permit<'a>);

impl Engines {
    /// Starts one engine for any number of logins at once.
    pub(super) fn start_one(config: &Config) -> Result<Self, StartError> {
        let positions = Arc::from([]);
        Self::tick(Self { engines: [start(config)?].into(), places: Semaphore::new(u32::MAX), positions })
    }

    /// Starts an engine for each processor, with this many places in all of them together, at least one.
    /// `configure` returns the configuration of an engine with a number of places.
    pub(super) fn start_for_processors(
        places: u32,
        configure: impl Fn(u32) -> Config,
    ) -> Result<Self, StartError> {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let count = u32::try_from(processors).unwrap_or(MOST_ENGINES).min(MOST_ENGINES);
        Self::start_several(count, places, configure)
    }

    /// Starts this many engines, but no more than there are places.
    pub(super) fn start_several(
        count: u32,
        places: u32,
        configure: impl Fn(u32) -> Config,
    ) -> Result<Self, StartError> {
        let places = places.max(1);
        let count = count.clamp(1, places);
        let config = configure(places.div_ceil(count));
        Self::tick(Self {
            engines: (0..count).map(|_| start(&config)).collect::<Result<_, _>>()?,
            places: Semaphore::in_groups(places, count),
            positions: list_positions(),
        })
    }

    /// All engines, at least one.
    pub(super) fn all(&self) -> &Arc<[Engine]> {
        &self.engines
    }

    /// An engine to compile with. The others can load the code, too.
    pub(super) fn compiler(&self) -> &Engine {
        &self.engines[0]
    }

    /// Waits for a place, in the engine of this thread's processor if it has one.
    pub(super) fn wait_for_place(&self) -> Place<'_> {
        // With one engine, its number is enough.
        let nearest = if self.engines.len() == 1 { 0 } else { self.find_nearest() };
        Place(self.places.acquire_near(nearest))
    }

    fn find_nearest(&self) -> usize {
        let processor = current_processor();
        let position = self.positions.get(processor).copied().unwrap_or(processor);
        position % self.engines.len()
    }

    /// Starts the thread that advances the engines' clocks until they are dropped.
    fn tick(self) -> Result<Self, StartError> {
        let engines: Vec<_> = self.engines.iter().map(Engine::weak).collect();
        let ticking = std::thread::Builder::new().name("clock".to_owned()).spawn(move || {
            let mut are_left = true;
            while are_left {
                std::thread::sleep(TICK);
                are_left = false;
                for engine in engines.iter().filter_map(wasmtime::EngineWeak::upgrade) {
                    engine.increment_epoch();
                    are_left = true;
                }
            }
        });
        match ticking {
            Ok(_) => Ok(self),
            Err(error) => Err(StartError(format!("no thread for its clock: {error}"))),
        }
    }
}

impl Place<'_> {
    /// The number of its engine, counted from zero.
    pub(super) fn engine(&self) -> usize {
        self.0.group()
    }
}

/// The interval of the engines' clocks: the most that a deadline is exceeded by.
const TICK: Duration = Duration::from_millis(10);

fn start(config: &Config) -> Result<Engine, StartError> {
    Engine::new(config).map_err(|error| StartError::new(&error))
}

#[cfg(target_os = "linux")]
fn current_processor() -> usize {
    rustix::thread::sched_getcpu()
}

#[cfg(not(target_os = "linux"))]
fn current_processor() -> usize {
    0
}

/// Lists the position of each processor. A process may be limited to the processors 2 and 34, which
/// are to use different engines.
#[cfg(target_os = "linux")]
fn list_positions() -> Arc<[usize]> {
    use rustix::thread::{CpuSet, sched_getaffinity};
    let Ok(allowed) = sched_getaffinity(None) else { return Arc::from([]) };
    let mut next = 0;
    let position = |processor| {
        let position = next;
        next += usize::from(allowed.is_set(processor));
        position
    };
    (0..CpuSet::MAX_CPU).map(position).collect()
}

#[cfg(not(target_os = "linux"))]
fn list_positions() -> Arc<[usize]> {
    Arc::from([])
}

#[cfg(test)]
mod tests {
    use wasmtime::Config;

    use super::Engines;

    #[test]
    fn there_are_no_more_engines_than_places_and_no_fewer_than_one() {
        let count =
            |engines, places| Engines::start_several(engines, places, |_| Config::new()).unwrap().all().len();
        assert_eq!([count(0, 0), count(4, 0), count(4, 1), count(4, 3), count(4, 9)], [1, 1, 1, 3, 4]);
        let for_processors = Engines::start_for_processors(1000, |_| Config::new()).unwrap();
        assert!((1..=4).contains(&for_processors.all().len()));
    }

    #[test]
    fn each_engine_is_configured_for_the_most_places_that_it_can_get() {
        for (count, places, each) in [(1, 5, 5), (2, 3, 2), (3, 10, 4), (4, 0, 1), (4, 4, 1)] {
            let configure = |configured| {
                assert_eq!(configured, each, "{places} places in {count} engines");
                Config::new()
            };
            let engines = Engines::start_several(count, places, configure).unwrap();
            let taken: Vec<_> = (0..places.max(1)).map(|_| engines.wait_for_place()).collect();
            for engine in 0..engines.all().len() {
                let used = taken.iter().filter(|place| place.engine() == engine).count();
                assert!((1..=each as usize).contains(&used), "{used} places of engine {engine}");
            }
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn processors_that_this_process_may_use_have_different_positions() {
        use rustix::thread::{CpuSet, sched_getaffinity};
        let positions = super::list_positions();
        let allowed = sched_getaffinity(None).unwrap();
        let used: Vec<_> =
            (0..CpuSet::MAX_CPU).filter(|it| allowed.is_set(*it)).map(|it| positions[it]).collect();
        assert_eq!(used, (0..used.len()).collect::<Vec<_>>());
    }
}
