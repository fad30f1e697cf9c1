//! Policies for Ligature, in Rust.
//!
//! A policy decides, at login, whether two accounts belong to one person. It is
//! a type that implements [`Policy`], and one line that exports it:
//!
//! ```
//! use ligature_policy::{ApiError, Host, LinkRequest, LoginEvent, NoSettings, Outcome, Policy, User};
//!
//! struct OneOther;
//! ligature_policy::export!(OneOther without settings);
//!
//! impl Policy for OneOther {
//!     type Settings = NoSettings;
//!
//!     fn on_login(login: &LoginEvent, _: &NoSettings, host: &mut impl Host) -> Result<Outcome, ApiError> {
//!         let Some(email) = login.verified_email() else {
//!             return Ok(Outcome::proceed("NOT_VERIFIED", "This login proves no address."));
//!         };
//!         let others: Vec<User> = host.find_by_email(email)?.into_iter().filter(User::is_verified).collect();
//!         let [other] = &others[..] else {
//!             return Ok(Outcome::proceed("NOT_ONE", "There is not exactly one other account."));
//!         };
//!         host.link(&LinkRequest::new(&other.user_id, &login.user.user_id))?;
//!         Ok(Outcome::linked(&other.user_id, "LINKED", "The other account was here first."))
//!     }
//! }
//!
//! // A test of it, on the machine that it is written on:
//! use ligature_policy::testing::{Host as TestHost, login, user};
//!
//! let ada = user("google-oauth2|2", "ada@example.com");
//! let done = TestHost::new().user(user("auth0|1", "ada@example.com")).login::<OneOther>(&login(ada), "{}");
//! assert_eq!(done.unwrap().linked.as_deref(), Some("auth0|1"));
//! ```
//!
//! With `crate-type = ["cdylib", "rlib"]`, `cargo build --release --target
//! wasm32-wasip2` makes the component and `cargo test` runs the tests.
//!
//! - [`Settings`]: the policy document, read by serde, with line, column and the
//!   nearest key where it is wrong.
//! - [`testing`]: a host for tests that refuses what the real one refuses.
//! - [`bindings`]: the contract itself, for components that are bound by hand.
//!
//! With the feature `stderr-only`, everything that std prints goes to standard error, with its one
//! limit of bytes, `std::env::var` finds nothing, even what `set_var` has set, and C code writes to
//! standard error, whichever file it names. The component has ten imports fewer: a login costs less.
//!
//! A new instance is made for every login: nothing is kept, and nothing has to
//! be cleaned up.

pub mod bindings;
mod component;
mod host;
mod outcome;
mod policy;
mod settings;
#[cfg(all(feature = "stderr-only", target_os = "wasi", target_env = "p2"))]
mod stderr_only;
#[cfg(not(target_family = "wasm"))]
pub mod testing;

pub use bindings::types::{
    ApiError, AuthenticationMethod, Connection, Decision, Identity, Level, LinkRequest, LoginEvent, Outcome,
    Reason, Step, Suggestion, Timestamp, User, Verdict, Verification,
};
pub use bindings::{Answer, Proof, Response, SettingsError, Warning};
#[doc(hidden)]
pub use component::{Component, Exported, Prepared};
pub use host::{Host, LogLevel};
pub use policy::Policy;
#[cfg(feature = "schema")]
pub use settings::schema_of;
pub use settings::{Invalid, NoSettings, Settings};

/// Makes a component of a type that implements [`Policy`]: of the world
/// `prepared-plugin`, or, `without settings`, of the world `plugin`. For native
/// targets it only checks that the type is a policy.
///
/// A server lets the policy read its document once, for all logins.
///
/// ```
/// # use ligature_policy::{ApiError, Host, LoginEvent, NoSettings, Outcome, Policy};
/// struct MyPolicy;
/// ligature_policy::export!(MyPolicy without settings);
/// # impl Policy for MyPolicy {
/// #     type Settings = NoSettings;
/// #     fn on_login(_: &LoginEvent, _: &NoSettings, _: &mut impl Host) -> Result<Outcome, ApiError> {
/// #         Ok(Outcome::proceed("NOTHING", "Nothing is linked."))
/// #     }
/// # }
/// ```
#[macro_export]
macro_rules! export {
    ($policy:ident) => {
        const _: fn() = || {
            fn is_policy<P: $crate::Policy>() {}
            is_policy::<$policy>();
        };
        #[cfg(target_family = "wasm")]
        const _: () = {
            $crate::keep_settings!($policy);
            type Component = $crate::Component<$policy>;
    $crate::bindings::export_handler!(Component with_types_in $crate::bindings::handler);
    $crate::bindings::export_settings!(Component with_types_in $crate::bindings::settings);
            $crate::bindings::export_settings_warnings!(
                Component with_types_in $crate::bindings::settings_warnings
            );
            $crate::bindings::export_prepared_settings!(
                Component with_types_in $crate::bindings::prepared_settings
            );
        };
    };
    ($policy:ident without settings) => {
        const _: fn() = || {
            fn has_no_settings<P: $crate::Policy<Settings = $crate::NoSettings>>() {}
            has_no_settings::<$policy>();
        };
        #[cfg(target_family = "wasm")]
        const _: () = {
            $crate::keep_settings!($policy);
            type Component = $crate::Component<$policy>;
    $crate::bindings::export_handler!(Component with_types_in $crate::bindings::handler);
        };
    };
}

/// Gives a policy a place for its settings.
#[doc(hidden)]
#[macro_export]
macro_rules! keep_settings {
    ($policy:ident) => {
        impl $crate::Exported for $policy {
            fn prepared() -> &'static std::sync::OnceLock<
                $crate::Prepared<<Self as $crate::Policy>::Settings>,
            > {
                static PREPARED: std::sync::OnceLock<
                    $crate::Prepared<<$policy as $crate::Policy>::Settings>,
                > = std::sync::OnceLock::new();
                &PREPARED
            }
        }
    };
}
