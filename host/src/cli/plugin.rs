//! The options for the plugin and its limits, which several commands share.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::anyhow;
use clap::{Args, ValueEnum};

use super::{Exit, limits_file};
use crate::ambient::Ambient;
use crate::limits::Limits;
use crate::policies::PolicyDocument;
use crate::sandbox::{Cancel, Compiler, LoadError, Options, Plugin, Sandbox, Wasi, read_component};
use crate::terminal::escape;
use crate::{BUILT_IN, PLUGIN, PLUGIN_NAME};

/// The options for the plugin and its limits.
#[derive(Debug, Args)]
pub(super) struct PluginArgs {
    /// The component to run instead of the built-in policy
    #[arg(long, short, value_name = "FILE")]
    plugin: Option<PathBuf>,
    /// The part of WASI that the plugin can import. `virtual` is for plugins made from
    /// JavaScript or Python: every interface is present, with nothing behind it
    #[arg(long, value_enum, default_value_t = WasiArg::Minimal)]
    wasi: WasiArg,
    /// The limits of a login and of compiling the plugin: a TOML file with a table
    /// `[limits]`
    #[arg(long, value_name = "FILE")]
    limits: Option<PathBuf>,
    /// The fuel of one login. The default: that of the limits file, or else 50000000
    #[arg(long, value_name = "UNITS")]
    fuel: Option<u64>,
    /// The memory of one login, in MiB. The default: that of the limits file, or else 16
    #[arg(long, value_name = "MIB", value_parser = parse_mib)]
    memory: Option<usize>,
}

fn parse_mib(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(mib @ 1..=4096) => Ok(mib),
        _ => Err("expected a number of MiB from 1 to 4096".to_owned()),
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum WasiArg {
    Minimal,
    Virtual,
}

impl PluginArgs {
    /// Starts a sandbox for a command that decides a few logins at most.
    pub(super) fn sandbox(&self, ambient: &Ambient) -> Result<Sandbox, Exit> {
        self.start(options_for_few_logins(), ambient)
    }

    /// Returns the limits: the options override the limits file, which overrides the base.
    fn limits(&self, base: Limits) -> Result<Limits, Exit> {
        let mut limits = match &self.limits {
            Some(file) => limits_file::read_limits(file).map_err(Exit::unreadable)?,
            None => base,
        };
        limits.fuel = self.fuel.unwrap_or(limits.fuel);
        limits.memory_bytes = self.memory.map_or(limits.memory_bytes, |mib| mib << 20);
        limits.check().map_err(|why| Exit::unreadable(anyhow!("limits: {why}")))?;
        Ok(limits)
    }

    pub(super) fn start(&self, options: Options, ambient: &Ambient) -> Result<Sandbox, Exit> {
        Sandbox::start(self.options(options)?, ambient).map_err(Exit::failed)
    }

    /// Completes the options of a sandbox by those of the command line.
    pub(super) fn options(&self, options: Options) -> Result<Options, Exit> {
        let limits = self.limits(options.limits)?;
        let wasi = self.wasi();
        let compiler = Compiler::Child(find_this_program());
        Ok(Options { limits, wasi, cache: find_cache_directory(), compiler, ..options })
    }

    pub(super) fn wasi(&self) -> Wasi {
        match self.wasi {
            WasiArg::Minimal => Wasi::Minimal,
            WasiArg::Virtual => Wasi::Virtual,
        }
    }

    /// The file of `--plugin`, if it was given.
    pub(super) fn file(&self) -> Option<&Path> {
        self.plugin.as_deref()
    }

    /// Sets the file of `--plugin`.
    pub(super) fn use_file(&mut self, file: PathBuf) {
        self.plugin = Some(file);
    }

    pub(super) fn load(&self, sandbox: &Sandbox) -> Result<Plugin, Exit> {
        let (name, bytes) = self.read_component(sandbox.limits())?;
        self.compile(sandbox, &name, &bytes)
    }

    /// Loads the plugin with a policy document, which it reads now if it offers that.
    pub(super) fn load_with_settings(
        &self,
        sandbox: &Sandbox,
        document: &PolicyDocument,
    ) -> Result<Plugin, Exit> {
        let (name, bytes) = self.read_component(sandbox.limits())?;
        let plugin = self.compile(sandbox, &name, &bytes)?;
        let settings = document.check(&plugin)?;
        match sandbox.prepare_settings(&plugin, &bytes, &settings, &Cancel::default()) {
            Ok(prepared) => Ok(prepared.unwrap_or(plugin)),
            Err(why) => {
                tracing::warn!("each login reads the policy document: plugin {name} {why}");
                Ok(plugin)
            }
        }
    }

    fn compile(&self, sandbox: &Sandbox, name: &str, bytes: &[u8]) -> Result<Plugin, Exit> {
        let loaded = match self.plugin {
            None => sandbox.load_trusted(name, BUILT_IN),
            Some(_) => while_compiling(name, || sandbox.load(name, bytes)),
        };
        loaded.map_err(|error| load_error(name, &error))
    }

    /// Reads the plugin. Returns its name in messages, and its bytes.
    pub(super) fn read_component(
        &self,
        limits: &Limits,
    ) -> Result<(String, std::borrow::Cow<'static, [u8]>), Exit> {
        match &self.plugin {
            None => Ok((PLUGIN_NAME.to_owned(), PLUGIN.into())),
            Some(file) => {
                let bytes = read_component(file, limits).map_err(|error| {
                    let why = crate::reading::describe_read_error(&error);
                    Exit::unreadable(anyhow!("{}: {why}", file.display()))
                })?;
                Ok((file.display().to_string(), bytes.into()))
            }
        }
    }
}

/// Shows on a terminal that a plugin is being compiled. The runtime of a script takes some
/// seconds the first time.
pub(super) fn while_compiling<T>(name: &str, compile: impl FnOnce() -> T) -> T {
    let spinner = indicatif::ProgressBar::new_spinner();
    spinner.set_message(format!("compiling {}", escape(name)));
    spinner.enable_steady_tick(Duration::from_millis(100));
    let compiled = compile();
    spinner.finish_and_clear();
    compiled
}

pub(super) fn load_error(name: &str, error: &LoadError) -> Exit {
    Exit::unreadable(anyhow!("plugin {name} {error}"))
}

/// The options of a command that decides a few logins at most.
pub(super) fn options_for_few_logins() -> Options {
    Options { optimise: false, concurrent_logins: 1, ..Options::default() }
}

/// Returns the path of this program, for the child process that compiles. On Linux it is
/// valid even after an update has replaced the file.
fn find_this_program() -> PathBuf {
    let image = Path::new("/proc/self/exe");
    if image.exists() { image.to_owned() } else { std::env::current_exe().unwrap_or_default() }
}

/// Returns the folder for compiled plugins in the user's cache directory, if there is one.
fn find_cache_directory() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))?;
    Some(base.join("ligature"))
}
