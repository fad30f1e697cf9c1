//! `ligature bench`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::anyhow;

use super::plugin::PluginArgs;
use super::{CommandResult, Exit, print, print_json};
use crate::ambient::Ambient;
use crate::harness::{BenchError, BenchLoad, Case, Scaling, bench_case, group_thousands};
use crate::reading::display_path;
use crate::sandbox::{Allocator, Options};
use crate::terminal::{Json, Text};

/// Measure how fast a case's login is decided
///
/// Measures how fast a case's login is decided, each time in a fresh instance with a
/// fresh directory in memory. Nothing is recorded. The time to make directories is not
/// counted, so that fewer logins are measured than the rate times the seconds.
///
/// Use a release build, and compare only figures of the same run: they depend on the
/// other load of the machine.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature bench examples/cases/verified-google-login.json --threads 2")]
pub(super) struct Args {
    /// The case file
    case: PathBuf,
    #[command(flatten)]
    plugin: PluginArgs,
    /// The number of threads that decide logins. Several are compared with one, and with a loop
    /// that does nothing else
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
    /// The time to measure, in seconds
    #[arg(long, default_value_t = 3.0, value_parser = parse_seconds)]
    seconds: f64,
    /// Let the policy report the verdict of each rule, as for decisions that are kept
    #[arg(long)]
    trace: bool,
    /// Map memory for each instance instead of using the pool, and measure the resident memory of
    /// as many logins at once as there are threads
    #[arg(long)]
    on_demand: bool,
    /// Read the policy document at each login, as `ligature run` does. Servers let a plugin that
    /// offers it read the document once
    #[arg(long)]
    no_snapshot: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.01..=600.0).contains(&seconds) => Ok(seconds),
        _ => Err("expected a number of seconds from 0.01 to 600".to_owned()),
    }
}

impl Args {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        let allocator = if self.on_demand { Allocator::OnDemand } else { Allocator::Pool };
        // A server runs as many logins at once.
        let options = Options { allocator, concurrent_logins: self.threads.into(), ..Options::default() };
        let sandbox = self.plugin.start(options, ambient)?;
        let case = Case::read_file(&self.case).map_err(Exit::unreadable)?;
        if let Some(named) = case.policies.first() {
            let (file, name) = (display_path(&case.file), &named.name);
            return Err(Exit::unreadable(anyhow!(
                "{file}: it names the policy `{name}` of a policies file; `bench` measures one plugin with the case's \
                 own `policy`"
            )));
        }
        let plugin = if self.no_snapshot {
            let plugin = self.plugin.load(&sandbox)?;
            case.policy.check(&plugin)?;
            plugin
        } else {
            self.plugin.load_with_settings(&sandbox, &case.policy)?
        };
        let time = Duration::from_secs_f64(self.seconds);
        let load = BenchLoad { threads: self.threads.into(), time, trace: self.trace };
        let bench = bench_case(&sandbox, &plugin, &case, load).map_err(|error| match error {
            BenchError::NotArrived(error) => Exit::unreadable(error),
            error => Exit::failed(error),
        })?;
        if self.json {
            return print_json(&Json::pretty(&bench).map_err(Exit::failed)?);
        }
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate, rounded for people"
        )]
        let per_second = group_thousands(bench.logins_per_s.round() as u64);
        let mut text = Text::default();
        if cfg!(debug_assertions) {
            text.line("This is a development build, which is many times slower than a release build.");
        }
        let mut figure = |name: &str, value: String| text.line(format!("{name:<12} {value}"));
        figure("p50", format!("{:.1} µs", bench.p50_us));
        figure("p99", format!("{:.1} µs", bench.p99_us));
        let measured = group_thousands(bench.logins as u64);
        figure("logins", format!("{per_second}/s with {} thread(s), {measured} measured", bench.threads));
        if let Some(scaling) = bench.scaling {
            let Scaling { logins, spin_loop } = scaling;
            figure("scaling", format!("{logins:.2} times one thread; a spin loop: {spin_loop:.2} times"));
        }
        figure("fuel", group_thousands(bench.fuel));
        let memory = group_thousands(bench.peak_memory_bytes as u64);
        figure("memory", format!("{memory} bytes at its largest"));
        if let Some(bytes) = bench.resident_bytes {
            let kibibytes = bytes.div_ceil(1024);
            figure("resident", format!("{kibibytes} KiB of each of {} login(s) at once", bench.threads));
        }
        figure("host calls", bench.host_calls.to_string());
        figure("allocator", bench.allocator.to_owned());
        print(&text)
    }
}
