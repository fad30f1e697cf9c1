//! Binds the plugin to the host's contract.

use std::mem::ManuallyDrop;
use std::sync::OnceLock;

use ligature_link_policy::Policy;
use ligature_linking_marks::checked::SettingsHash;
use ligature_policy::bindings::{
    Handler, PreparedSettings, Settings, SettingsError, SettingsWarnings, Warning, accounts, export_handler,
    export_prepared_settings, export_settings, export_settings_warnings, users,
};

use crate::bindings::{Answer, ApiError, LinkRequest, LoginEvent, Outcome, Timestamp, User};
use crate::carry_out::{self, Host};
use crate::reason::truncate;

struct LinkUsersByEmail;
export_handler!(LinkUsersByEmail);
export_settings!(LinkUsersByEmail);
export_settings_warnings!(LinkUsersByEmail);
export_prepared_settings!(LinkUsersByEmail);

// Forced in line: the bindings are another crate's, the optimizer by itself calls
// across, and a login costs 0.5 % more fuel.
impl Handler for LinkUsersByEmail {
    #[inline(always)]
    fn on_login(event: LoginEvent) -> Result<Outcome, ApiError> {
        // The instance ends with this call: nothing needs to be freed.
        let mut event = ManuallyDrop::new(event);
        let policy = read_policy(&mut event)?;
        Ok(carry_out::on_login(&event, policy, &mut Imports))
    }

    #[inline(always)]
    fn on_continue(event: LoginEvent, answer: Answer) -> Result<Outcome, ApiError> {
        let (mut event, answer) = (ManuallyDrop::new(event), ManuallyDrop::new(answer));
        let policy = read_policy(&mut event)?;
        Ok(carry_out::on_continue(&event, &answer, policy, &mut Imports))
    }
}

impl Settings for LinkUsersByEmail {
    fn schema() -> String {
        include_str!(concat!(env!("OUT_DIR"), "/policy.schema.json")).to_owned()
    }

    fn check(settings: String) -> Result<(), SettingsError> {
        Policy::read_and_check(&settings).map(|_| ()).map_err(|error| SettingsError {
            line: u32::try_from(error.line).unwrap_or(0),
            column: u32::try_from(error.column).unwrap_or(0),
            message: error.message,
        })
    }
}

impl SettingsWarnings for LinkUsersByEmail {
    fn warn(settings: String) -> Vec<Warning> {
        let warnings = Policy::parse(&settings).map(|policy| policy.warnings()).unwrap_or_default();
        let warning = |it: ligature_link_policy::Warning| Warning {
            key: it.key.to_owned(),
            attack: Some(it.attack).filter(|id| !id.is_empty()).map(str::to_owned),
            message: truncate(it.message),
        };
        warnings.into_iter().take(100).map(warning).collect()
    }
}

/// The policy document of the snapshot that this instance began as.
static PREPARED: OnceLock<Prepared> = OnceLock::new();

struct Prepared {
    policy: Policy,
    document: String,
    hash: SettingsHash,
}

impl PreparedSettings for LinkUsersByEmail {
    fn prepare(document: String) -> Result<(), String> {
        let mut policy = Policy::parse(&document).map_err(|error| error.message)?;
        policy.index_names();
        let hash = SettingsHash::new(&document);
        let prepared = Prepared { policy, document, hash };
        PREPARED.set(prepared).map_err(|_| "another policy was read before".to_owned())
    }
}

/// Returns the policy of a login. The event of a prepared instance lacks the document, and gets it
/// where changes of its text are tried.
fn read_policy(event: &mut LoginEvent) -> Result<&'static Policy, ApiError> {
    if let Some(Prepared { policy, document, .. }) = PREPARED.get() {
        if event.trace {
            event.settings.clone_from(document);
        }
        return Ok(policy);
    }
    let read = Policy::parse(&event.settings);
    let read = read.map_err(|error| ApiError::Invalid(format!("the policy: {}", error.message)))?;
    // The instance ends with this login.
    Ok(Box::leak(Box::new(read)))
}

/// The host, as the contract offers it.
struct Imports;

impl Host for Imports {
    fn find_by_email(&mut self, email: &str) -> Result<Vec<User>, ApiError> {
        users::find_by_email(email)
    }

    fn ignores_case(&mut self) -> bool {
        users::ignores_case()
    }

    fn link(&mut self, request: &LinkRequest) -> Result<(), ApiError> {
        accounts::link(request)
    }

    fn settings_hash(&mut self) -> Option<SettingsHash> {
        PREPARED.get().map(|prepared| prepared.hash)
    }

    fn now(&mut self) -> Timestamp {
        let now = wasi::clocks::wall_clock::now();
        now.seconds.saturating_mul(1000).saturating_add(u64::from(now.nanoseconds / 1_000_000))
    }
}
