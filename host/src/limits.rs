//! What one login may use up.

use std::time::Duration;

/// What one login of one plugin may use up. Everything is deny-by-default: a
/// plugin that needs more is given more by the operator, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Instructions, in wasmtime's units of fuel. A spinning plugin is stopped
    /// after some 2 ms. Default 50,000,000.
    pub fuel: u64,
    /// Linear memory, in bytes. Default 16 MiB.
    pub memory_bytes: usize,
    /// Tables. Default 4.
    pub tables: usize,
    /// Core instances. Default 10.
    pub instances: usize,
    /// What the host takes out of the plugin in one call, in bytes. Default
    /// 1 MiB.
    pub lifted_bytes: usize,
    /// Handles to host resources at a time. Default 100.
    pub handles: usize,
    /// Look-ups (`users.find-by-email` and `users.get` together). Default 8.
    pub look_ups: u32,
    /// Users that one look-up may find; with more it is answered `too-many`.
    /// Default 1,000.
    pub candidates: u32,
    /// Links. Default 2.
    pub links: u32,
    /// Log lines; later ones are counted, not kept. Default 100.
    pub log_lines: usize,
    /// One log line, in bytes; longer ones are cut. Default 1 KiB.
    pub log_line_bytes: usize,
    /// Standard error, in bytes; what comes after is dropped. Default 8 KiB.
    pub stderr_bytes: usize,
    /// One text in an outcome, in bytes: a detail, a message. Default 1 KiB.
    pub text_bytes: usize,
    /// Reasons in an outcome, and verdicts in its trace. Default 100 each.
    pub reasons: usize,
    /// From the start of the login to its decision, host calls included.
    /// Default 2 s.
    pub deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: 50_000_000,
            memory_bytes: 16 << 20,
            tables: 4,
            instances: 10,
            lifted_bytes: 1 << 20,
            handles: 100,
            look_ups: 8,
            candidates: 1_000,
            links: 2,
            log_lines: 100,
            log_line_bytes: 1 << 10,
            stderr_bytes: 8 << 10,
            text_bytes: 1 << 10,
            reasons: 100,
            deadline: Duration::from_secs(2),
        }
    }
}
