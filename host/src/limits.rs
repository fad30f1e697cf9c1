//! The limits of one login and of compiling a plugin.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The limits of one login of one plugin, and of compiling the plugin: the table
/// `[limits]` of a limits file or of `tenant.toml`. An operator can raise the limits of
/// a plugin, by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Instructions, in wasmtime's units of fuel. The host's work for the plugin (random
    /// bytes, output) is charged too. An endless loop is stopped after some 2 ms. Default
    /// 50,000,000.
    pub fuel: u64,
    /// Total size of all linear memories, in bytes. Default 16 MiB.
    pub memory_bytes: usize,
    /// Number of linear memories. Default 8.
    pub memories: usize,
    /// Number of tables. Default 16.
    pub tables: usize,
    /// Total number of elements of all tables. Default 20,000.
    pub table_elements: usize,
    /// Number of instances, of components and of core modules. Default 64.
    pub instances: usize,
    /// Total number of functions of all core instances. Default 200,000.
    pub functions: usize,
    /// Total number of globals and imports of all core instances. Default 50,000.
    pub globals: usize,
    /// Number of imported and exported interfaces. Default 1,000.
    pub interfaces: usize,
    /// Stack of WebAssembly code, in bytes. Default 512 KiB.
    pub stack_bytes: usize,
    /// Bytes that the host copies out of the plugin in one call. Default 1 MiB.
    pub lifted_bytes: usize,
    /// Random bytes in one call. Default 64 KiB, the limit of Web Crypto's
    /// `getRandomValues`.
    pub random_bytes: usize,
    /// Number of open handles to host resources. Default 100.
    pub handles: usize,
    /// Number of look-ups (`users.find-by-email` and `users.get` together). Default 8.
    pub look_ups: u32,
    /// Number of users that one look-up may find. It returns `too-many` beyond that. Default
    /// 1,000.
    pub candidates: u32,
    /// Number of links. Default 2.
    pub links: u32,
    /// Metadata that one link may write, in bytes of JSON, for each of `user_metadata` and
    /// `app_metadata`. Default 32 KiB.
    pub link_metadata_bytes: usize,
    /// First-level keys of metadata that a link may write. Default: every key except the
    /// host's marks.
    pub link_metadata_keys: Option<Vec<String>>,
    /// Number of log lines. Later ones are counted, but not kept. Default 100.
    pub log_lines: usize,
    /// Length of a log line, in bytes. Longer ones are cut. Default 1 KiB.
    pub log_line_bytes: usize,
    /// Output to each of standard output and standard error, in bytes. The rest is dropped.
    /// Default 8 KiB.
    pub output_bytes: usize,
    /// Length of a text in an outcome, such as a detail or a message, in bytes. Default
    /// 1 KiB.
    pub text_bytes: usize,
    /// Number of reasons in an outcome, and of verdicts in its trace. Default 100 each.
    pub reasons: usize,
    /// Time from the start of the login to its decision, including host calls, in
    /// milliseconds. Default 2,000.
    pub deadline_ms: u64,
    /// Size of the plugin's file, in bytes. Default 64 MiB.
    pub component_bytes: usize,
    /// Time for compiling the plugin, in milliseconds. Default 12,000.
    pub compile_ms: u64,
    /// Memory for compiling the plugin, in bytes. Default 512 MiB.
    pub compile_memory_bytes: u64,
}

impl Limits {
    /// Checks that every limit is within its valid range.
    ///
    /// # Errors
    ///
    /// Names the key with an invalid value, and the valid range.
    pub fn check(&self) -> Result<(), String> {
        let between = |key: &str, value: u64, least: u64, most: u64| {
            let fits = (least..=most).contains(&value);
            if fits { Ok(()) } else { Err(format!("`{key}` is {value}; expected {least} to {most}")) }
        };
        between("fuel", self.fuel, 1, 1 << 50)?;
        between("memory_bytes", self.memory_bytes as u64, 1 << 16, 4 << 30)?;
        between("memories", self.memories as u64, 1, 100)?;
        between("tables", self.tables as u64, 1, 1_000)?;
        between("table_elements", self.table_elements as u64, 1, 10_000_000)?;
        between("instances", self.instances as u64, 1, 10_000)?;
        between("functions", self.functions as u64, 1, 10_000_000)?;
        between("stack_bytes", self.stack_bytes as u64, 1 << 14, 1 << 20)?;
        between("globals", self.globals as u64, 1, 10_000_000)?;
        between("interfaces", self.interfaces as u64, 1, 1_000)?;
        between("deadline_ms", self.deadline_ms, 1, 60_000)?;
        between("component_bytes", self.component_bytes as u64, 1, 1 << 30)?;
        between("compile_ms", self.compile_ms, 1, 600_000)?;
        between("compile_memory_bytes", self.compile_memory_bytes, 64 << 20, 64 << 30)
    }

    /// The time from the start of the login to its decision.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: 50_000_000,
            memory_bytes: 16 << 20,
            memories: 8,
            tables: 16,
            table_elements: 20_000,
            instances: 64,
            functions: 200_000,
            globals: 50_000,
            interfaces: 1_000,
            stack_bytes: 512 << 10,
            lifted_bytes: 1 << 20,
            random_bytes: 64 << 10,
            handles: 100,
            look_ups: 8,
            candidates: 1_000,
            links: 2,
            link_metadata_bytes: 32 << 10,
            link_metadata_keys: None,
            log_lines: 100,
            log_line_bytes: 1 << 10,
            output_bytes: 8 << 10,
            text_bytes: 1 << 10,
            reasons: 100,
            deadline_ms: 2_000,
            component_bytes: 64 << 20,
            compile_ms: 12_000,
            compile_memory_bytes: 512 << 20,
        }
    }
}
