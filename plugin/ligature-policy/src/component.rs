//! A policy as a component: the interfaces of the world `prepared-plugin`.

use std::marker::PhantomData;
use std::sync::OnceLock;

use crate::Policy;

/// The component that [`export!`](crate::export) makes of a policy.
#[doc(hidden)]
#[derive(Debug)]
pub struct Component<P: Exported>(PhantomData<P>);

/// A policy with a place for its settings. The macro implements it, because a static cannot have a
/// type parameter.
#[doc(hidden)]
pub trait Exported: Policy {
    /// The document of the snapshot that this instance began as, if it began as one.
    fn prepared() -> &'static OnceLock<Prepared<Self::Settings>>;
}

/// A document that was read before the login.
#[doc(hidden)]
#[derive(Debug)]
pub struct Prepared<S> {
    /// The settings.
    pub settings: S,
    /// Their text.
    pub document: String,
}

#[cfg(target_family = "wasm")]
mod exports {
    use std::mem::ManuallyDrop;

    use super::{Component, Exported, Prepared};
    use crate::bindings::{self, Answer, SettingsError, Warning};
    use crate::host::Imports;
    use crate::settings::for_login;
    use crate::{ApiError, LoginEvent, Outcome, Settings};

    impl<P: Exported> bindings::Handler for Component<P> {
        #[inline(always)]
        fn on_login(event: LoginEvent) -> Result<Outcome, ApiError> {
            // The instance ends with this call: nothing needs to be freed.
            with_settings::<P>(ManuallyDrop::new(event), |event, settings| {
                P::on_login(event, settings, &mut Imports)
            })
        }

        #[inline(always)]
        fn on_continue(event: LoginEvent, answer: Answer) -> Result<Outcome, ApiError> {
            let answer = ManuallyDrop::new(answer);
            with_settings::<P>(ManuallyDrop::new(event), |event, settings| {
                P::on_continue(event, &answer, settings, &mut Imports)
            })
        }
    }

    /// Decides with the settings of the snapshot, whose text the event gets back, or else with those
    /// of the event.
    #[inline(always)]
    fn with_settings<P: Exported>(
        mut event: ManuallyDrop<LoginEvent>,
        decide: impl FnOnce(&LoginEvent, &P::Settings) -> Result<Outcome, ApiError>,
    ) -> Result<Outcome, ApiError> {
        if let Some(Prepared { settings, document }) = P::prepared().get() {
            event.settings.clone_from(document);
            return decide(&event, settings);
        }
        let settings = ManuallyDrop::new(for_login::<P::Settings>(&event.settings)?);
        decide(&event, &settings)
    }

    impl<P: Exported> bindings::Settings for Component<P> {
        fn schema() -> String {
            P::Settings::schema()
        }

        fn check(settings: String) -> Result<(), SettingsError> {
            P::Settings::read_and_check(&settings).map(drop)
        }
    }

    impl<P: Exported> bindings::SettingsWarnings for Component<P> {
        fn warn(settings: String) -> Vec<Warning> {
            P::Settings::parse(&settings).map(|settings| settings.warnings()).unwrap_or_default()
        }
    }

    impl<P: Exported> bindings::PreparedSettings for Component<P> {
        fn prepare(document: String) -> Result<(), String> {
            let settings = P::Settings::parse(&document).map_err(|error| error.message)?;
            P::prepared()
                .set(Prepared { settings, document })
                .map_err(|_| "another document was read before".to_owned())
        }
    }
}
