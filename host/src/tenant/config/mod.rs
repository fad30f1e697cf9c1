//! The configuration file `tenant.toml`: clients, connections and initial users.

mod check;
mod client;
mod connection;
mod content;
mod created_connections;
mod fault;
mod organization;
mod parse;
mod role;
mod scopes;
mod settings;
mod strategies;
mod template;
mod webhook;

pub use client::Client;
pub(super) use client::{ACCOUNT_CLIENT, GRANTS};
pub(super) use connection::derive_id_with_prefix;
pub use connection::{Account, Connection, SeedUser};
pub(super) use content::LEGACY;
pub use content::{Api, Config};
pub(super) use created_connections::{CreatedConnection, CreationError};
pub use fault::InjectedFault;
pub use organization::ConfiguredOrganization;
pub(super) use organization::{check_display_name, check_name};
pub use parse::ConfigError;
pub use role::ConfiguredRole;
pub use settings::{ConsoleSwitch, Lifetimes, PasswordHash, RateLimit, RateLimits};
pub(super) use strategies::{is_strategy, strategies};
pub use webhook::{Webhook, WebhookSecret};
