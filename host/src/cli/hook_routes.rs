//! The routes of the login hook beside those of the local tenant.

use std::path::PathBuf;
use std::sync::Arc;

use super::Exit;
use super::confirmation_args::ConfirmationArgs;
use super::hook_secrets::read_secrets_if_any;
use crate::ambient::Ambient;
use crate::decide::OnFailure;
use crate::hook::{HookParts, QueueSize};
use crate::recording::LoginRecorder;
use crate::service::MissingLines;
use crate::tenant::{MoreRoutes, MountedParts, Ready};

/// The size of the queue, as by default of `ligature hook`.
const QUEUE: QueueSize = QueueSize { concurrent: 64, waiting: 256 };

/// The options of the hook's routes.
#[derive(Debug, clap::Args)]
pub(super) struct HookRoutesArgs {
    /// Also serve the routes of `ligature hook`, for the development of an Action, with the
    /// secret in this file; given twice, the second one is the old secret
    #[arg(long, value_name = "FILE")]
    hook_secret_file: Vec<PathBuf>,
    #[command(flatten)]
    confirmation: ConfirmationArgs,
}

/// Says at the start that the routes are served.
pub(super) fn announce(ready: &Ready) {
    tracing::info!(
        "a post-login Action asks POST {}v1/auth0/post-login, which the policies of this tenant decide",
        ready.http
    );
}

/// The parts of the tenant that the routes use.
pub(super) struct TenantParts {
    pub(super) on_failure: OnFailure,
    pub(super) recorder: LoginRecorder,
    pub(super) missing_lines: MissingLines,
}

impl HookRoutesArgs {
    /// Returns the routes, if a secret is named.
    pub(super) fn routes(&self, tenant: TenantParts, ambient: &Ambient) -> Result<Option<MoreRoutes>, Exit> {
        let Some(secrets) = read_secrets_if_any(&self.hook_secret_file)? else { return Ok(None) };
        let TenantParts { on_failure, recorder, missing_lines } = tenant;
        let secrets = Arc::new(secrets);
        let confirmations = self.confirmation.read_confirmations("", ambient)?.map(Arc::new);
        let ambient = ambient.clone();
        Ok(Some(Box::new(move |MountedParts { decider, directory, decisions }| {
            let parts = HookParts {
                secrets: secrets.clone(),
                confirmations: confirmations.clone(),
                directory,
                on_failure,
                recorder: recorder.clone(),
                decisions,
                queue: QUEUE,
                missing_lines: missing_lines.clone(),
                ambient: ambient.clone(),
            };
            parts.into_routes(decider)
        })))
    }
}
