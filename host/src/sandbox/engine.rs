//! The sandbox, and the configuration of the engines that compile and run plugins.

use wasmtime::{Config, Enabled, Engine, OptLevel, PoolingAllocationConfig};

use super::code_config::new_code_config;
use super::engines::{Engines, StartError};
use super::kept_code::KeptCode;
use super::loaded_code::LoadedCode;
use super::options::{Allocator, Options};
use super::profile::Wasi;
use crate::ambient::Ambient;
use crate::limits::Limits;

/// The engines that plugins are compiled for and run in.
#[derive(Clone)]
pub struct Sandbox {
    pub(super) engines: Engines,
    pub(super) options: Options,
    pub(super) kept_code: KeptCode,
    pub(super) loaded_code: LoadedCode,
    pub(super) ambient: Ambient,
}

impl Sandbox {
    /// Starts the engines. Deadlines are measured by the clock of `ambient`.
    ///
    /// # Errors
    ///
    /// When the machine cannot run them, or the limits contradict each other.
    pub fn start(mut options: Options, ambient: &Ambient) -> Result<Self, StartError> {
        if !PoolingAllocationConfig::is_pagemap_scan_available() {
            options.allocator = Allocator::OnDemand;
        }
        let engines = match options.allocator {
            Allocator::OnDemand => Engines::start_one(&new_config(&options))?,
            Allocator::Pool => Engines::start_for_processors(options.concurrent_logins, |places| {
                new_pooled(&options, places)
            })?,
        };
        Ok(Self::with_engines(engines, options, ambient))
    }

    fn with_engines(engines: Engines, options: Options, ambient: &Ambient) -> Self {
        let kept_code = KeptCode::open(engines.all().clone(), &options);
        Self { engines, options, kept_code, loaded_code: LoadedCode::default(), ambient: ambient.clone() }
    }

    /// Creates an engine that compiles for a sandbox with these options, and runs
    /// nothing.
    pub(super) fn start_compiler(options: &Options) -> Result<Engine, StartError> {
        Engine::new(&new_config(options)).map_err(|error| StartError::new(&error))
    }

    /// The clock that deadlines are measured by.
    #[must_use]
    pub fn ambient(&self) -> &Ambient {
        &self.ambient
    }

    /// The allocator in use, in words.
    #[must_use]
    pub fn allocator(&self) -> &'static str {
        match self.options.allocator {
            Allocator::Pool => "pool with pagemap_scan",
            Allocator::OnDemand => "on demand",
        }
    }

    /// Whether memory of earlier logins stays resident for later ones.
    pub(crate) fn keeps_memory(&self) -> bool {
        self.options.allocator == Allocator::Pool
    }

    /// The limits of one login.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.options.limits
    }

    #[cfg(test)]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Engine::same(self.engines.compiler(), other.engines.compiler())
    }

    /// The part of WASI that plugins can import.
    #[must_use]
    pub fn wasi(&self) -> Wasi {
        self.options.wasi
    }
}

/// The engine's configuration, as far as compiled code depends on it. A setting that changes results belongs
/// into [`new_code_config`]: wasmtime does not compare all of them when it loads the code of the build.
fn new_config(options: &Options) -> Config {
    let mut config = new_code_config();
    config.max_wasm_stack(options.limits.stack_bytes);
    if !options.optimise {
        config.cranelift_opt_level(OptLevel::None);
    }
    if options.allocator == Allocator::Pool {
        config
            .memory_reservation(options.limits.memory_bytes as u64)
            .memory_guard_size(64 << 10)
            .memory_reservation_for_growth(0);
    }
    config
}

/// The configuration of an engine with a pool of this many places for logins.
fn new_pooled(options: &Options, places: u32) -> Config {
    let mut config = new_config(options);
    config.allocation_strategy(new_pool(&options.limits, places));
    config
}

/// The pool of an engine with this many places for logins.
fn new_pool(limits: &Limits, logins: u32) -> PoolingAllocationConfig {
    let count = |limit: usize| u32::try_from(limit).unwrap_or(u32::MAX);
    let (instances, tables) = (count(limits.instances), count(limits.tables));
    let memories = count(limits.memories);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(logins)
        .total_core_instances(logins.saturating_mul(instances))
        .total_memories(logins.saturating_mul(memories))
        .total_tables(logins.saturating_mul(tables))
        // Stacks of asynchronous calls, of which there are none. Each takes 2 MB of address space, and the
        // number of mappings of a process is limited.
        .total_stacks(0)
        // The host's own limits apply before the pool's, equally for both
        // allocators; the pool's must not be reached first.
        .max_core_instances_per_component(u32::MAX)
        .max_tables_per_component(u32::MAX)
        .max_memories_per_component(u32::MAX)
        .max_tables_per_module(tables)
        .max_memories_per_module(memories)
        .max_component_instance_size(usize::MAX >> 1)
        .max_core_instance_size(usize::MAX >> 1)
        .max_memory_size(limits.memory_bytes)
        .table_elements(limits.table_elements)
        // Twice what a login of the built-in policy changes. A plugin that fills its memory leaves no
        // more than this resident in each place of the pool.
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);
    pool
}

#[cfg(test)]
#[cfg(all(feature = "built-in", target_os = "linux"))]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use serde_json::Value;

    use super::{Engines, Limits, Options, Sandbox, new_pooled};
    use crate::ambient::Ambient;
    use crate::model::{ApiError, HostCalls, LinkRequest, LoginEvent, Metadata, Timestamp, User};
    use crate::sandbox::{Allocator, Cancel, Plugin, PluginInput, Settings};

    const CASE: &str = include_str!("../../../examples/cases/verified-google-login.json");

    fn start(engines: u32, places: u32) -> Sandbox {
        // Logins wait for each other.
        let limits = Limits { deadline_ms: 60_000, ..Limits::default() };
        let options = Options { allocator: Allocator::Pool, limits, ..Options::default() };
        let engines = Engines::start_several(engines, places, |places| new_pooled(&options, places)).unwrap();
        Sandbox::with_engines(engines, options, &Ambient::system())
    }

    /// The host of a login that waits in its look-up until this many logins are in theirs.
    struct Meeting {
        arrived: &'static AtomicU32,
        expected: u32,
    }

    impl HostCalls for Meeting {
        fn find_by_email(&mut self, _: &str) -> Result<Vec<Arc<User>>, ApiError> {
            self.arrived.fetch_add(1, Ordering::SeqCst);
            let ambient = Ambient::system();
            let start = ambient.monotonic();
            while self.arrived.load(Ordering::SeqCst) < self.expected {
                if ambient.elapsed(start) > Duration::from_secs(20) {
                    return Err(ApiError::TimedOut);
                }
                std::thread::yield_now();
            }
            Ok(Vec::new())
        }

        fn ignores_case(&mut self) -> bool {
            true
        }

        fn get(&mut self, _: &str) -> Result<Arc<User>, ApiError> {
            Err(ApiError::TimedOut)
        }

        fn event_context(&mut self) -> Metadata {
            Metadata::new()
        }

        fn last_seen(&mut self, _: &str) -> Result<Arc<User>, ApiError> {
            Err(ApiError::TimedOut)
        }

        fn link(&mut self, _: LinkRequest) -> Result<Arc<User>, ApiError> {
            Err(ApiError::TimedOut)
        }

        fn reject_link(&mut self, _: &str, _: &str, why: String) -> ApiError {
            ApiError::Invalid(why)
        }
    }

    /// The demo's login, and its policy document.
    fn read_case() -> (Arc<LoginEvent>, Settings) {
        let case: Value = serde_json::from_str(CASE).unwrap();
        let event: LoginEvent = serde_json::from_value(case["event"].clone()).unwrap();
        (Arc::new(event), Settings::new(case["policy"].to_string()))
    }

    /// Decides the demo's login, and returns the code of the first reason.
    fn decide(plugin: &Plugin, (arrived, expected): (&'static AtomicU32, u32)) -> String {
        let (event, settings) = read_case();
        let now = Timestamp::default();
        let input = PluginInput { event: &event, settings: &settings, now, trace: false, answer: None };
        let run = plugin.run(&input, Meeting { arrived, expected });
        run.outcome.unwrap().reasons[0].code.clone()
    }

    #[test]
    fn each_engine_runs_the_plugin_and_its_snapshot() {
        static ARRIVED: AtomicU32 = AtomicU32::new(0);
        let sandbox = start(2, 2);
        let plugin = sandbox.load("built-in", crate::PLUGIN).unwrap();
        let (_, settings) = read_case();
        let cancel = Cancel::default();
        let prepared = sandbox.prepare_settings(&plugin, crate::PLUGIN, &settings, &cancel).unwrap().unwrap();
        assert!(prepared.has_read(&settings));
        let mut engines = BTreeSet::new();
        let places = [sandbox.engines.wait_for_place(), sandbox.engines.wait_for_place()];
        for place in places {
            engines.insert(place.engine());
            // The only place that is free.
            drop(place);
            assert_eq!(plugin.check_settings(settings.text()).unwrap(), Ok(()));
            assert!(plugin.settings_schema().unwrap().is_some());
            for plugin in [&plugin, &prepared] {
                assert_eq!(decide(plugin, (&ARRIVED, 0)), "NO_CANDIDATE");
            }
            std::mem::forget(sandbox.engines.wait_for_place());
        }
        assert_eq!(engines.len(), 2);
    }

    #[test]
    fn as_many_logins_run_at_once_as_there_are_places() {
        static ARRIVED: AtomicU32 = AtomicU32::new(0);
        let plugin = start(2, 3).load("built-in", crate::PLUGIN).unwrap();
        let codes = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let code = decide(&plugin, (&ARRIVED, 3));
                    codes.lock().unwrap().push(code);
                });
            }
        });
        assert_eq!(*codes.lock().unwrap(), ["NO_CANDIDATE"; 3]);
    }

    #[test]
    fn engines_use_few_of_the_mappings_that_a_process_may_have() {
        let mappings = || fs::read_to_string("/proc/self/maps").unwrap().lines().count();
        let before = mappings();
        let sandboxes: Vec<_> = (0..16).map(|_| start(4, 64)).collect();
        let grown = mappings().saturating_sub(before);
        assert_eq!(sandboxes.len(), 16);
        // Linux allows 65,530, unless it is configured otherwise. Other tests map memory, too.
        assert!(grown < 10_000, "{grown} mappings for 64 engines");
    }
}
