//! The bindings that wit-bindgen generates from `wit/`: the contract's types, the
//! host's functions, and for each interface that a plugin exports a trait and a macro.
//!
//! A policy that implements [`Policy`](crate::Policy) does not need them. A
//! component that is bound by hand implements `Guest` of each interface
//! of its world and exports it:
//!
//! | world | macros |
//! |---|---|
//! | `plugin` | `export_handler!` |
//! | `configurable-plugin` | `export_handler!`, `export_settings!` |
//! | `warning-plugin` | `export_handler!`, `export_settings!`, `export_settings_warnings!` |
//! | `prepared-plugin` | the same, and `export_prepared_settings!` |
//!
//! Each is called once, as `ligature_policy::bindings::export_handler!(MyType)`,
//! for targets of the family `wasm` only.

pub use handler::export_handler;
pub use handler::exports::ligature::login::handler::{Answer, Guest as Handler, Proof, Response};
pub use handler::ligature::login::{accounts, log, raw, types, users};
pub use prepared_settings::export_prepared_settings;
pub use prepared_settings::exports::ligature::login::prepared_settings::Guest as PreparedSettings;
pub use settings::export_settings;
pub use settings::exports::ligature::login::settings::{Guest as Settings, SettingsError};
pub use settings_warnings::export_settings_warnings;
pub use settings_warnings::exports::ligature::login::settings_warnings::{
    Guest as SettingsWarnings, Warning,
};

/// The world `plugin`.
#[doc(hidden)]
#[allow(unsafe_code, missing_docs, unreachable_pub, reason = "generated code")]
pub mod handler {
    wit_bindgen::generate!({
        path: "wit",
        world: "plugin",
        additional_derives: [PartialEq, Eq],
        pub_export_macro: true,
        export_macro_name: "export_handler",
        default_bindings_module: "ligature_policy::bindings::handler",
    });
}

/// The interface `settings` alone, with the types of `handler`: its world is
/// united with that one when the component is made.
#[doc(hidden)]
#[allow(unsafe_code, missing_docs, unreachable_pub, reason = "generated code")]
pub mod settings {
    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package ligature:policy;
            world settings-only {
                export ligature:login/settings@0.1.0;
            }
        ",
        with: { "ligature:login/types@0.1.0": super::handler::ligature::login::types },
        additional_derives: [PartialEq, Eq],
        pub_export_macro: true,
        export_macro_name: "export_settings",
        default_bindings_module: "ligature_policy::bindings::settings",
    });
}

/// The interface `settings-warnings` alone, as `settings`.
#[doc(hidden)]
#[allow(unsafe_code, missing_docs, unreachable_pub, reason = "generated code")]
pub mod settings_warnings {
    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package ligature:policy;
            world settings-warnings-only {
                export ligature:login/settings-warnings@0.1.0;
            }
        ",
        with: { "ligature:login/types@0.1.0": super::handler::ligature::login::types },
        additional_derives: [PartialEq, Eq],
        pub_export_macro: true,
        export_macro_name: "export_settings_warnings",
        default_bindings_module: "ligature_policy::bindings::settings_warnings",
    });
}

/// The interface `prepared-settings` alone, as `settings`.
#[doc(hidden)]
#[allow(unsafe_code, missing_docs, unreachable_pub, reason = "generated code")]
pub mod prepared_settings {
    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package ligature:policy;
            world prepared-settings-only {
                export ligature:login/prepared-settings@0.1.0;
            }
        ",
        with: { "ligature:login/types@0.1.0": super::handler::ligature::login::types },
        pub_export_macro: true,
        export_macro_name: "export_prepared_settings",
        default_bindings_module: "ligature_policy::bindings::prepared_settings",
    });
}
