//! The WASI interfaces that a plugin can import. This file lists all of them: an
//! interface that is not listed is not linked, and a plugin that imports it does
//! not load.

use std::time::Duration;

use wasmtime::component::{HasData, HasSelf, Linker, Resource, ResourceTable};
use wasmtime_wasi::cli::WasiCli;
use wasmtime_wasi::filesystem::WasiFilesystem;
use wasmtime_wasi::p2::bindings::{cli, clocks, filesystem, random, sockets, sync};
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::p2::{DynOutputStream, DynPollable, subscribe};
use wasmtime_wasi::sockets::WasiSockets;

use super::host_fuel::{GENERATED_BYTE, HOST_CALL};
use super::profile::Wasi;
use super::resources::BeyondLimit;
use super::state::State;

/// Returns the interfaces that a profile offers, without their versions.
pub(super) fn list_interfaces(profile: Wasi) -> impl Iterator<Item = &'static Interface> {
    let more: &[Interface] = if profile == Wasi::Virtual { VIRTUAL } else { &[] };
    MINIMAL.iter().chain(more)
}

/// One interface, and the function that links it.
pub(super) struct Interface {
    pub(super) name: &'static str,
    pub(super) link: fn(&mut Linker<State>) -> wasmtime::Result<()>,
}

/// The WASI version of the interfaces; its patch versions are compatible.
pub(super) const VERSION: &str = "0.2";

const MINIMAL: &[Interface] = &[
    Interface {
        name: "wasi:cli/environment",
        link: |l| cli::environment::add_to_linker::<_, WasiCli>(l, State::cli),
    },
    Interface { name: "wasi:cli/exit", link: |l| cli::exit::add_to_linker::<_, WasiCli>(l, State::cli) },
    Interface { name: "wasi:cli/stdin", link: |l| cli::stdin::add_to_linker::<_, WasiCli>(l, State::cli) },
    Interface {
        name: "wasi:cli/stdout",
        link: |l| cli::stdout::add_to_linker::<_, HasSelf<State>>(l, |s| s),
    },
    Interface {
        name: "wasi:cli/stderr",
        link: |l| cli::stderr::add_to_linker::<_, HasSelf<State>>(l, |s| s),
    },
    Interface {
        name: "wasi:cli/terminal-input",
        link: |l| cli::terminal_input::add_to_linker::<_, WasiCli>(l, State::cli),
    },
    Interface {
        name: "wasi:cli/terminal-output",
        link: |l| cli::terminal_output::add_to_linker::<_, WasiCli>(l, State::cli),
    },
    Interface {
        name: "wasi:cli/terminal-stdin",
        link: |l| cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, State::cli),
    },
    Interface {
        name: "wasi:cli/terminal-stdout",
        link: |l| cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, State::cli),
    },
    Interface {
        name: "wasi:cli/terminal-stderr",
        link: |l| cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, State::cli),
    },
    Interface {
        name: "wasi:clocks/wall-clock",
        link: |l| clocks::wall_clock::add_to_linker::<_, HasSelf<State>>(l, |s| s),
    },
    Interface {
        name: "wasi:io/error",
        link: |l| wasmtime_wasi::p2::bindings::io::error::add_to_linker::<_, Io>(l, State::table),
    },
    Interface { name: "wasi:io/poll", link: |l| sync::io::poll::add_to_linker::<_, Io>(l, State::table) },
    Interface {
        name: "wasi:io/streams",
        link: |l| sync::io::streams::add_to_linker::<_, Io>(l, State::table),
    },
];

const VIRTUAL: &[Interface] = &[
    Interface {
        name: "wasi:clocks/monotonic-clock",
        link: |l| clocks::monotonic_clock::add_to_linker::<_, HasVirtualClock>(l, VirtualClock::from_state),
    },
    Interface {
        name: "wasi:filesystem/preopens",
        link: |l| {
            filesystem::preopens::add_to_linker::<_, WasiFilesystem>(l, |s| s.virtual_wasi().filesystem())
        },
    },
    Interface {
        name: "wasi:filesystem/types",
        link: |l| {
            sync::filesystem::types::add_to_linker::<_, WasiFilesystem>(l, |s| s.virtual_wasi().filesystem())
        },
    },
    Interface {
        name: "wasi:random/random",
        link: |l| random::random::add_to_linker::<_, HasSelf<State>>(l, |s| s),
    },
    Interface {
        name: "wasi:random/insecure",
        link: |l| random::insecure::add_to_linker::<_, HasSelf<State>>(l, |s| s),
    },
    Interface {
        name: "wasi:random/insecure-seed",
        link: |l| random::insecure_seed::add_to_linker::<_, HasSelf<State>>(l, |s| s),
    },
    Interface {
        name: "wasi:sockets/instance-network",
        link: |l| {
            sockets::instance_network::add_to_linker::<_, WasiSockets>(l, |s| s.virtual_wasi().sockets())
        },
    },
    Interface {
        name: "wasi:sockets/ip-name-lookup",
        link: |l| sockets::ip_name_lookup::add_to_linker::<_, WasiSockets>(l, |s| s.virtual_wasi().sockets()),
    },
    Interface {
        name: "wasi:sockets/network",
        link: |l| {
            sockets::network::add_to_linker::<_, WasiSockets>(l, &Default::default(), |s| {
                s.virtual_wasi().sockets()
            })
        },
    },
    Interface {
        name: "wasi:sockets/tcp",
        link: |l| sync::sockets::tcp::add_to_linker::<_, WasiSockets>(l, |s| s.virtual_wasi().sockets()),
    },
    Interface {
        name: "wasi:sockets/tcp-create-socket",
        link: |l| {
            sockets::tcp_create_socket::add_to_linker::<_, WasiSockets>(l, |s| s.virtual_wasi().sockets())
        },
    },
    Interface {
        name: "wasi:sockets/udp",
        link: |l| sync::sockets::udp::add_to_linker::<_, WasiSockets>(l, |s| s.virtual_wasi().sockets()),
    },
    Interface {
        name: "wasi:sockets/udp-create-socket",
        link: |l| {
            sync::sockets::udp_create_socket::add_to_linker::<_, WasiSockets>(l, |s| {
                s.virtual_wasi().sockets()
            })
        },
    },
];

struct Io;

impl HasData for Io {
    type Data<'a> = &'a mut ResourceTable;
}

/// The wall clock: always the login's time.
impl clocks::wall_clock::Host for State {
    fn now(&mut self) -> wasmtime::Result<clocks::wall_clock::Datetime> {
        self.host_fuel.charge(HOST_CALL);
        self.host_fuel.check()?;
        let now = Duration::from_millis(self.now.as_millis());
        Ok(clocks::wall_clock::Datetime { seconds: now.as_secs(), nanoseconds: now.subsec_nanos() })
    }

    fn resolution(&mut self) -> wasmtime::Result<clocks::wall_clock::Datetime> {
        Ok(clocks::wall_clock::Datetime { seconds: 0, nanoseconds: 1_000_000 })
    }
}

/// Standard error is kept for its panic messages and backtraces.
impl cli::stderr::Host for State {
    fn get_stderr(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        let stream: DynOutputStream = Box::new(self.stderr());
        Ok(self.table.push(stream)?)
    }
}

/// Standard output is kept for the plugin's author.
impl cli::stdout::Host for State {
    fn get_stdout(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        let stream: DynOutputStream = Box::new(self.stdout());
        Ok(self.table.push(stream)?)
    }
}

impl State {
    /// Generates random bytes, which are charged first.
    fn random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        let limit = self.max_random_bytes;
        let length = usize::try_from(length).ok().filter(|length| *length <= limit);
        let beyond = BeyondLimit { what: "random bytes in one call", limit, key: "random_bytes" };
        let length = length.ok_or(beyond)?;
        self.host_fuel.charge(HOST_CALL.saturating_add((length as u64).saturating_mul(GENERATED_BYTE)));
        self.host_fuel.check()?;
        let mut bytes = vec![0; length];
        self.random.fill(&mut bytes);
        Ok(bytes)
    }
}

impl random::random::Host for State {
    fn get_random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        self.random_bytes(length)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.host_fuel.charge(HOST_CALL);
        self.host_fuel.check()?;
        Ok(self.random.u64(..))
    }
}

impl random::insecure::Host for State {
    fn get_insecure_random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        self.random_bytes(length)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.host_fuel.charge(HOST_CALL);
        self.host_fuel.check()?;
        Ok(self.random.u64(..))
    }
}

impl random::insecure_seed::Host for State {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        Ok((0, 0))
    }
}

/// Provides the monotonic clock of the virtual profile. A plugin that sleeps wakes
/// at once, and the clock has advanced by as much. With wasmtime-wasi's clock a
/// plugin would really sleep, which costs no fuel.
struct HasVirtualClock;

impl HasData for HasVirtualClock {
    type Data<'a> = VirtualClock<'a>;
}

/// The monotonic clock of the virtual profile.
pub(super) struct VirtualClock<'a> {
    now: &'a mut u64,
    table: &'a mut ResourceTable,
}

impl VirtualClock<'_> {
    fn from_state(state: &mut State) -> VirtualClock<'_> {
        // Sleeping creates, polls and drops a handle.
        state.host_fuel.charge(5 * HOST_CALL);
        VirtualClock { now: &mut state.slept_ns, table: &mut state.table }
    }
}

impl clocks::monotonic_clock::Host for VirtualClock<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(*self.now)
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(1)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        *self.now = when.max(*self.now);
        // An empty input is always ready.
        let ready = self.table.push(MemoryInputPipe::new(Vec::new()))?;
        subscribe(self.table, ready)
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.subscribe_instant(self.now.saturating_add(duration))
    }
}
