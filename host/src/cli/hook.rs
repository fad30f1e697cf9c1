//! `ligature hook`.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::anyhow;
use clap::ValueEnum;

use super::confirmation_args::ConfirmationArgs;
use super::console_args::ConsoleArgs;
use super::decision_args::DecisionArgs;
use super::directory::{DIRECTORY, JournalArgs};
use super::exit::describe_error;
use super::hook_secrets::read_secrets;
use super::output::print_fault;
use super::plugin::PluginArgs;
use super::policy_set::{PoliciesArgs, read_policies_file};
use super::recorder_args::RecorderArgs;
use super::{CommandResult, Exit, log, print_error, print_line};
use crate::ambient::Ambient;
use crate::console::ConsoleParts;
use crate::decide::OnFailure;
use crate::directory::{Location, OpenMode, SetupFault};
use crate::hook::{HookParts, Opening, QueueSize, Ready, Secrets, ServeError, TlsFiles, bind, serve};
use crate::limits::Limits;
use crate::model::mask_addresses;
use crate::policies::{LoadedPolicy, PoliciesFile, PolicyEntry, Source, SourceError};
use crate::sandbox::{Allocator, Cancel, Options};
use crate::service::EarlyEnd;
use crate::terminal::{Text, care, line};

/// Serve the login hook that a tenant's post-login Action asks
///
/// Serves POST /v1/auth0/post-login: the Action sends its event, signed, and gets the
/// answer that it has to carry out. docs/hook.md describes the protocol.
///
/// With --confirm-url, it also serves the page on which a user confirms another account,
/// where the policy suggests a link. It is an application of the tenant, whose id and secret
/// come from LIGATURE_CONFIRM_CLIENT_ID and LIGATURE_CONFIRM_CLIENT_SECRET, or from the TOML
/// file that LIGATURE_CONFIRM_CREDENTIALS_FILE names.
///
/// With --console-url, it also serves the operators' console (docs/console.md). Operators log in
/// at --console-issuer by an application, whose id and secret come from
/// LIGATURE_CONSOLE_CLIENT_ID and LIGATURE_CONSOLE_CLIENT_SECRET, or from the TOML file that
/// LIGATURE_CONSOLE_CREDENTIALS_FILE names.
///
/// The secret comes from a file or from the variable LIGATURE_HOOK_SECRET, and has at
/// least 32 bytes. While a secret is replaced, the old one is accepted too: name its file
/// second, or set LIGATURE_HOOK_OLD_SECRET.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ligature hook --directory postgres://ligature@db/users --policy policy.json --secret-file secret.txt --listen 0.0.0.0:4490"
)]
pub(super) struct Args {
    /// The directory: sqlite:PATH, postgres://USER@HOST/DATABASE, or auth0://DOMAIN for a
    /// tenant of Auth0, with --journal
    #[arg(long, short, value_name = "URL", env = DIRECTORY, hide_env_values = true)]
    directory: String,
    #[command(flatten)]
    journal: JournalArgs,
    /// The policy document; without it, the plugin's defaults apply. Policy and plugin are
    /// reloaded when their files change
    #[arg(long, value_name = "FILE", conflicts_with = "policies")]
    policy: Option<PathBuf>,
    #[command(flatten)]
    plugin: PluginArgs,
    #[command(flatten)]
    several: PoliciesArgs,
    /// The file of the secret; given twice, the second one is the old secret
    #[arg(long, value_name = "FILE")]
    secret_file: Vec<PathBuf>,
    #[command(flatten)]
    confirmation: ConfirmationArgs,
    #[command(flatten)]
    console: ConsoleArgs,
    /// The address and the port to listen on; port 0 takes any free port
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:4490", value_parser = parse_address)]
    listen: SocketAddr,
    /// The certificate in PEM, followed by those of its issuers. Without it, the service
    /// answers HTTP, and belongs behind a proxy with TLS
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The private key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// The answer to a login that cannot be decided
    #[arg(long, value_enum, default_value_t = OnFailureArg::Proceed)]
    on_failure: OnFailureArg,
    /// The most logins that are decided at once
    #[arg(long, value_name = "LOGINS", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1000))]
    concurrent_logins: u32,
    /// The most logins that wait; further ones are refused with status 503
    #[arg(long, value_name = "LOGINS", default_value_t = 256, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    waiting_logins: u32,
    /// The format of the log, which goes to standard error. LIGATURE_LOG sets its level:
    /// `info` by default, `debug` for every request
    #[arg(long, value_enum, default_value_t = log::LogFormat::Text)]
    log_format: log::LogFormat,
    #[command(flatten)]
    recorder: RecorderArgs,
    #[command(flatten)]
    decisions: DecisionArgs,
    /// Check secrets, certificate, directory, policies, confirmation, console, recordings and
    /// address, print each fault and each warning, and exit. An address that is in use is a warning: this
    /// service may be running
    #[arg(long)]
    check: bool,
}

/// The result of checking a part of the configuration without a fault.
enum Finding {
    Usable,
    /// The part is not configured, or a warning or a line of its own says more about it.
    Nothing,
}

impl Finding {
    fn from_configured(is_configured: bool) -> Self {
        if is_configured { Self::Usable } else { Self::Nothing }
    }
}

const NO_POLICY: &str = "no --policy and no --policies is given, so the plugin's defaults decide; with the built-in plugin, \
                         they only observe, and link nothing";

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OnFailureArg {
    /// The login goes on, unlinked
    Proceed,
    /// The login is denied
    Deny,
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "expected an IP address and a port, such as 127.0.0.1:4490 or [::]:4490".to_owned())
}

impl Args {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        if self.check {
            return self.check(ambient);
        }
        let early_end = EarlyEnd::listen();
        let log = log::start(self.log_format, ambient)?;
        let (secrets, tls) = (self.secrets()?, self.tls()?);
        let confirmations = self.confirmation.read_confirmations(&self.directory, ambient)?;
        let console = self.console.read_access(ambient)?;
        let sources = self.policy_sources(ambient)?;
        let listener = self.bind()?;
        let recorder = self.recorder.start(ambient)?;
        let directory = self.journal.open_with_retries(&self.directory, OpenMode::Existing, ambient)?;
        if self.has_no_policy() {
            tracing::warn!("{NO_POLICY}");
        }
        if self.is_open_without_tls() {
            tracing::warn!(listen = %self.listen, "requests are not encrypted: only a proxy with TLS should reach this address");
        }
        if let Some(warning) = self.confirmation.find_unused_variable() {
            tracing::warn!("{warning}");
        }
        self.log_configuration();
        let decisions = self.decisions.start(&directory, console.is_some());
        let more_routes = console.map(|access| {
            tracing::info!("operators log in to the console at /console");
            let (directory, ambient) = (directory.clone(), ambient.clone());
            ConsoleParts { directory, access, ambient }.into_routes()
        });
        let parts = HookParts {
            secrets: Arc::new(secrets),
            confirmations: confirmations.map(Arc::new),
            directory,
            on_failure: match self.on_failure {
                OnFailureArg::Proceed => OnFailure::Proceed,
                OnFailureArg::Deny => OnFailure::Deny,
            },
            recorder,
            decisions,
            queue: QueueSize { concurrent: self.concurrent_logins, waiting: self.waiting_logins },
            missing_lines: log.missing(),
            ambient: ambient.clone(),
        };
        let opening = Opening { listener, tls, parts, sources, more_routes, early_end };
        Ok(serve(opening, announce_ready)?)
    }

    /// Logs the configuration. The policies are logged once they are loaded.
    fn log_configuration(&self) {
        let directory = self.directory.parse::<Location>().ok().map(|it| it.describe());
        let environment = ["LIGATURE_HOOK_SECRET", "LIGATURE_HOOK_OLD_SECRET"];
        let variables = environment.iter().filter(|name| std::env::var_os(name).is_some()).count();
        tracing::info!(
            directory, journal = self.journal.describe(), secrets = self.secret_file.len() + variables,
            policies = self.several.file().or(self.policy.as_deref()).map(|file| file.display().to_string()),
            on_failure = ?self.on_failure, "the login hook is configured"
        );
    }

    /// Checks everything that a start needs, and prints every fault, one sentence each.
    fn check(&self, ambient: &Ambient) -> CommandResult {
        let (mut callback, mut console_callback) = (None, None);
        let confirmation = self.confirmation.check(&self.directory, ambient);
        let console = self.console.check(ambient);
        let checks: [(&str, Result<Finding, Exit>); 8] = [
            ("secret", self.secrets().map(|_| Finding::Usable)),
            ("certificate", self.tls().map(|tls| Finding::from_configured(tls.is_some()))),
            ("directory", self.check_directory(ambient).map(|()| Finding::Usable)),
            ("policies", self.check_policies(ambient).map(|()| Finding::Usable)),
            ("recordings", self.recorder.check().map(Finding::from_configured)),
            ("confirmation", confirmation.map(|url| callback = url).map(|()| Finding::Nothing)),
            ("console", console.map(|url| console_callback = url).map(|()| Finding::Nothing)),
            ("address", self.check_address()),
        ];
        let (mut worst, mut usable) = (None, Vec::new());
        for (part, checked) in checks {
            match checked {
                Ok(Finding::Usable) => usable.push(part),
                Ok(Finding::Nothing) => {}
                Err(Exit { code, error }) => {
                    let why = error.as_ref().map(describe_error).unwrap_or_default();
                    print_fault(part, &why);
                    worst = worst.max(Some(code));
                }
            }
        }
        if let Some(callback) = callback {
            print_line(format!(
                "The confirmation's tenant accepts the application, its secret and the callback {callback}"
            ))?;
        }
        if let Some(callback) = console_callback {
            print_line(format!(
                "The console's issuer accepts the application, its secret and the callback {callback}"
            ))?;
        }
        match worst {
            Some(code) => Err(Exit::silently(code)),
            None => print_line(format!("{} are usable", list_parts(&usable))),
        }
    }

    /// Checks the directory, and prints each fault but the last, which is the error. Faults that
    /// cost something, but no login, are warnings.
    fn check_directory(&self, ambient: &Ambient) -> CommandResult {
        let directory = self.journal.open(&self.directory, OpenMode::ReadOnly, ambient)?;
        let (tolerable, mut faults): (Vec<_>, Vec<_>) =
            directory.find_setup_faults()?.into_iter().partition(|fault| fault.is_tolerable);
        if let Some(why) = self.journal.find_write_fault(&self.directory)? {
            faults.push(SetupFault {
                sentence: format!("no link can be recorded: {why}"),
                is_tolerable: false,
            });
        }
        for SetupFault { sentence, .. } in tolerable {
            print_warning("directory", &mask_addresses(&sentence));
        }
        let Some(last) = faults.pop() else { return Ok(()) };
        faults.iter().for_each(|fault| print_fault("directory", &mask_addresses(&fault.sentence)));
        Err(Exit::unreadable(anyhow!("{}", mask_addresses(&last.sentence))))
    }

    /// Checks the policies, and prints each fault but the last, which is the error.
    fn check_policies(&self, ambient: &Ambient) -> CommandResult {
        if self.has_no_policy() {
            print_warning("policies", NO_POLICY);
        }
        let sources = self.policy_sources(ambient)?;
        let (mut policies, mut faults): (Vec<LoadedPolicy>, Vec<Exit>) = (Vec::new(), Vec::new());
        for source in &sources {
            match check_policy(source) {
                Ok(policy) => policies.push(policy),
                Err(fault) => faults.push(fault.into()),
            }
        }
        let Some(last) = faults.pop() else {
            if let Some(warning) = self.confirmation.find_missing(&policies) {
                print_warning("confirmation", &warning);
            }
            return Ok(());
        };
        let faults = faults.iter().filter_map(|fault| fault.error.as_ref());
        faults.for_each(|fault| print_fault("policies", &describe_error(fault)));
        Err(last)
    }

    /// Checks the address. While the service runs, its own address is in use: that is a warning,
    /// because its configuration may be checked then.
    fn check_address(&self) -> Result<Finding, Exit> {
        let address = self.listen;
        if self.is_open_without_tls() {
            print_warning(
                "address",
                &format!(
                    "the service listens beyond this machine, and answers HTTP without TLS: only a proxy with TLS should \
                     reach {address}; or give --tls-certificate and --tls-key"
                ),
            );
        }
        match bind(address) {
            Ok(_) => Ok(Finding::Usable),
            Err(ServeError::Address { why, .. }) if why.kind() == ErrorKind::AddrInUse => {
                print_warning(
                    "address",
                    &format!(
                        "a program listens on {address} already. If it is this hook, that is not a fault; a second service \
                         needs another address, by --listen"
                    ),
                );
                Ok(Finding::Nothing)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn has_no_policy(&self) -> bool {
        self.policy.is_none() && self.several.file().is_none()
    }

    fn is_open_without_tls(&self) -> bool {
        self.tls_certificate.is_none() && !self.listen.ip().is_loopback()
    }

    fn secrets(&self) -> Result<Secrets, Exit> {
        read_secrets(&self.secret_file)
    }

    fn tls(&self) -> Result<Option<rustls::ServerConfig>, Exit> {
        let (Some(certificate), Some(key)) = (&self.tls_certificate, &self.tls_key) else { return Ok(None) };
        let files = TlsFiles { certificate: certificate.clone(), key: key.clone() };
        Ok(Some(files.load()?))
    }

    fn bind(&self) -> Result<TcpListener, Exit> {
        Ok(bind(self.listen)?)
    }

    /// Returns the policies of the policies file, or the one of the options.
    fn policy_sources(&self, ambient: &Ambient) -> Result<Vec<Source>, Exit> {
        let PoliciesFile { limits, policy: entries } = match self.several.file() {
            Some(file) => read_policies_file(file)?,
            None => {
                let plugin = self.plugin.file().map(PathBuf::from);
                let entry = PolicyEntry::from_flags(plugin, self.plugin.wasi(), self.policy.clone());
                PoliciesFile { limits: Limits::default(), policy: vec![entry] }
            }
        };
        let options = self.plugin.options(Options {
            allocator: Allocator::Pool,
            concurrent_logins: self.concurrent_logins,
            limits,
            ..Options::default()
        })?;
        Ok(Source::open_all(entries, &options, ambient)?)
    }
}

/// Loads a policy, and prints its warnings. If the plugin fails when it is asked for them, that is a
/// warning too: a start ignores it.
fn check_policy(source: &Source) -> Result<LoadedPolicy, SourceError> {
    let part = format!("policy `{}`", source.name());
    match source.check() {
        Ok(policy) => {
            policy.warnings.iter().for_each(|warning| print_warning(&part, &warning.to_string()));
            Ok(policy)
        }
        Err(why) => {
            let policy = source.load(None, &Cancel::default())?;
            print_warning(&part, &format!("its warnings are not known: {why}"));
            Ok(policy)
        }
    }
}

fn print_warning(part: &str, words: &str) {
    print_error(&Text::from_line(line![care("warning:").bold(), " ", format!("{part}: {words}")]));
}

/// Lists parts of the configuration as the beginning of a sentence.
fn list_parts(parts: &[&str]) -> String {
    let mut listed = match parts {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    };
    if let Some(first) = listed.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    listed
}

/// Announces that the service is ready, in one line for programs.
fn announce_ready(ready: &Ready) {
    let line = format!("ligature: ready {}", ready.url);
    // Printed by a thread of its own, because a pipe that nobody reads would block.
    let printing = std::thread::Builder::new().name("ready".to_owned()).spawn(move || print_line(line));
    drop(printing);
    tracing::info!(url = ready.url, "the post-login Action asks POST /v1/auth0/post-login of this service");
}
