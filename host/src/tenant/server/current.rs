//! The tenant that answers requests, and its replacement by a new one.
//!
//! A reset builds a new tenant, with a new directory and new stores, and replaces the old one by
//! it. A request keeps the tenant that it arrived at until its end, so nothing that began before
//! the reset can write to the tenant after it.

use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use axum::extract::Request;
use axum::{Extension, Router};
use tower::ServiceExt;

use crate::ambient::Ambient;
use crate::directory::{Administration, Memory};
use crate::model::ApiError;
use crate::recording::LoginRecorder;
use crate::service::readiness::ReadinessCheck;
use crate::service::{Decider, DecisionKeeping, DecisionRecorder};
use crate::tenant::admission::Admission;
use crate::tenant::config::Config;
use crate::tenant::dev::reset::{Reset, ResetError};
use crate::tenant::faults::Faults;
use crate::tenant::flows::Flows;
use crate::tenant::logins::{Logins, SharedParts};
use crate::tenant::management_data::ManagementData;
use crate::tenant::metrics::Metrics;
use crate::tenant::notices::NoticeSender;
use crate::tenant::observed::{ObservedDirectory, Observer};
use crate::tenant::people::login_ender::LoginEnder;
use crate::tenant::people::revocations::Revocations;
use crate::tenant::people::seed::Seeding;
use crate::tenant::people::{CookieKey, KeptParts, People};
use crate::tenant::server::routes;
use crate::tenant::signing::Signing;
use crate::tenant::signing::issuer::Scheme;
use crate::tenant::state::{Shared, Tenant};
use crate::tenant::store::spent_names::SpentNames;
use crate::tenant::webhooks::Webhooks;

/// The directory of a tenant.
pub enum TenantDirectory {
    /// Users in memory. A reset replaces them by those of the configuration.
    Memory,
    /// An opened directory, which no reset changes.
    Opened {
        /// The directory of the users.
        directory: Arc<dyn Administration>,
        /// Whether the directory is a server, reached over a network.
        is_remote: bool,
    },
}

/// The parts of the tenant that further routes use. They are those of one tenant: a reset mounts
/// the routes again, with the parts of the new one.
#[derive(Clone)]
pub struct MountedParts {
    /// The policies in force.
    pub decider: Arc<Decider>,
    /// The directory of the users.
    pub directory: Arc<dyn Administration>,
    /// The recorder of decisions.
    pub decisions: DecisionRecorder,
}

/// Makes further routes.
pub type MoreRoutes = Box<dyn Fn(MountedParts) -> Router + Send + Sync>;

/// The parts that stay over a reset.
pub(super) struct LastingParts {
    pub(super) config: Config,
    pub(super) directory: TenantDirectory,
    pub(super) signing: Arc<Signing>,
    pub(super) cookie_key: CookieKey,
    pub(super) revocations: Arc<Revocations>,
    pub(super) revoked_codes: Arc<SpentNames>,
    pub(super) spent_objections: Arc<SpentNames>,
    /// The address of the tenant, for what no request asks for.
    pub(super) address: String,
    pub(super) decider: Arc<Decider>,
    pub(super) recorder: LoginRecorder,
    pub(super) decisions: Option<DecisionKeeping>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) more_routes: Option<MoreRoutes>,
    pub(super) webhooks: Arc<Webhooks>,
    pub(super) ambient: Ambient,
    pub(super) admission: Admission,
    /// Held during a reset: the later one of two replaces the earlier one.
    pub(super) reset_turn: Arc<tokio::sync::Mutex<()>>,
}

/// The tenant that answers requests.
pub(super) struct CurrentTenant {
    parts: LastingParts,
    running: ArcSwap<Running>,
    /// This value, for the routes, which must not keep it alive: it holds them.
    this: Weak<Self>,
}

struct Running {
    tenant: Shared,
    /// The directory without events: the users of the configuration are no events.
    unobserved: Arc<dyn Administration>,
    http: Router,
    https: Router,
}

impl CurrentTenant {
    /// Builds the first tenant, without users.
    pub(super) fn start(parts: LastingParts) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            running: ArcSwap::from_pointee(Running::build(&parts, this)),
            parts,
            this: this.clone(),
        })
    }

    /// Returns the tenant that answers at this moment.
    pub(super) fn tenant(&self) -> Shared {
        self.running.load().tenant.clone()
    }

    /// Creates the users of the configuration that do not exist.
    pub(super) fn create_users(&self) -> Result<(), ApiError> {
        self.running.load().create_users()
    }

    /// Returns the parts that stay over a reset.
    pub(super) fn lasting_parts(&self) -> &LastingParts {
        &self.parts
    }

    /// Returns the routes of a listener, which lead to the tenant of the moment.
    pub(super) fn routes(self: &Arc<Self>, scheme: Scheme) -> Router {
        let this = self.clone();
        Router::new().fallback(async move |request: Request| {
            let router = this.running.load().router(scheme);
            router.oneshot(request).await
        })
    }

    /// Replaces the tenant by a new one with the users of the configuration. The caller has the turn.
    fn reset(&self) -> Result<(), ResetError> {
        let TenantDirectory::Memory = self.parts.directory else { return Err(ResetError::Database) };
        let next = Running::build(&self.parts, &self.this);
        next.create_users().map_err(ResetError::Seed)?;
        self.running.store(Arc::new(next));
        tracing::info!(target: "audit", "the tenant was reset to the users of its configuration");
        Ok(())
    }
}

impl Running {
    fn router(&self, scheme: Scheme) -> Router {
        match scheme {
            Scheme::Http => self.http.clone(),
            Scheme::Https => self.https.clone(),
        }
    }

    fn create_users(&self) -> Result<(), ApiError> {
        let Tenant { config, ambient, .. } = &*self.tenant;
        Seeding { config, directory: &*self.unobserved, ambient }.create_users()
    }

    fn build(parts: &LastingParts, current: &Weak<CurrentTenant>) -> Self {
        let LastingParts {
            config,
            directory,
            signing,
            cookie_key,
            revocations,
            revoked_codes,
            spent_objections,
            address,
            decider,
            recorder,
            decisions,
            metrics,
            more_routes,
            webhooks,
            ambient,
            admission,
            reset_turn,
        } = parts;
        let config = Arc::new(config.without_created_connections());
        let (directory, is_remote) = match directory {
            TenantDirectory::Memory => (Arc::new(Memory::new(ambient)) as Arc<dyn Administration>, false),
            TenantDirectory::Opened { directory, is_remote } => (directory.clone(), *is_remote),
        };
        let unobserved = directory.clone();
        let kept = KeptParts {
            cookie_key,
            revocations: revocations.clone(),
            revoked_codes: revoked_codes.clone(),
            spent_objections: spent_objections.clone(),
        };
        let people = Arc::new(People::new(kept, &config, ambient));
        let webhooks = (!webhooks.is_empty()).then(|| webhooks.clone() as Arc<dyn Observer>);
        let notices: Arc<dyn Observer> = Arc::new(NoticeSender {
            config: config.clone(),
            people: people.clone(),
            ambient: ambient.clone(),
            issuer: address.clone(),
        });
        let login_ender: Arc<dyn Observer> = Arc::new(LoginEnder { people: people.clone() });
        let observers: Vec<_> = std::iter::once(login_ender).chain(webhooks).collect();
        let directory_without_notices = ObservedDirectory::of(directory.clone(), observers.clone());
        let directory = ObservedDirectory::of(directory, [observers, vec![notices]].concat());
        let decisions = match decisions {
            Some(keeping) => DecisionRecorder::start(unobserved.clone(), keeping),
            None => DecisionRecorder::off(),
        };
        let shares = SharedParts {
            config: config.clone(),
            directory: directory.clone(),
            people: people.clone(),
            metrics: metrics.clone(),
            ambient: ambient.clone(),
            recorder: recorder.clone(),
            decisions: decisions.clone(),
        };
        let tenant: Shared = Arc::new(Tenant {
            flows: Flows::new(&config.lifetimes, ambient),
            management_data: ManagementData::new(&config, ambient),
            logins: Logins::new(decider.clone(), shares),
            faults: Faults::new(&config.faults),
            signing: signing.clone(),
            metrics: metrics.clone(),
            admission: admission.clone(),
            readiness: ReadinessCheck::default(),
            ambient: ambient.clone(),
            config,
            directory,
            directory_without_notices,
            is_remote,
            people,
        });
        let current = current.clone();
        let reset = Reset::new(reset_turn.clone(), move || {
            current.upgrade().map_or(Ok(()), |current| current.reset())
        });
        let mut router = routes::router(&tenant).layer(Extension(reset));
        if let Some(mount) = more_routes {
            let directory = tenant.directory.clone();
            let parts = MountedParts { decider: decider.clone(), directory, decisions };
            router = router.merge(mount(parts).with_state(()));
        }
        let at = |scheme| routes::add_state(router.clone(), &tenant, scheme);
        Self { http: at(Scheme::Http), https: at(Scheme::Https), tenant, unobserved }
    }
}
