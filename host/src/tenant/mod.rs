//! The local tenant: an HTTP server that is compatible with Auth0's clients.
//!
//! | folder | contents |
//! |---|---|
//! | `config` | `tenant.toml`: clients, connections, initial users |
//! | `dev` | endpoints for the authors of tests: the reset, the injected faults |
//! | `server` | listeners, routes, limits, metrics, reload |
//! | `flows` | unfinished logins |
//! | `http` | a request: its parameters, its sender, the threads for its work |
//! | `admission` | the bound on the requests that wait for a thread |
//! | `signing` | issuer, keys, tokens and their verification |
//! | `people` | sessions, refresh tokens, revocations, passwords, attempts, mails |
//! | `logins` | one login: proof, event, decision, log event |
//! | `oauth` | OAuth 2.0 and OpenID Connect endpoints |
//! | `pages` | the login pages |
//! | `account` | `/account`: the page on which users see and change their ways to log in |
//! | `linking` | links that an application requests with `link_with` |
//! | `embedded` | the endpoints that Lock and auth0-js use |
//! | `management` | the Management API v2 |
//! | `observed` | a directory that reports each change of a user |
//! | `notices` | the mails that tell users of a change of their ways to log in |
//! | `webhooks` | events about users, posted to URLs |
//! | `management_data` | roles, organizations, jobs, exported files and spent proofs |
//! | `store` | values in memory, bounded in bytes; files in the state folder |
//! | `profile` | the default profile of a user |
//! | `faults` | the injected faults that are left |
//! | `metrics` | counts of requests, logins and refused tokens |
//! | `state` | the tenant as a whole |

mod account;
mod admission;
mod config;
mod dev;
mod embedded;
mod faults;
mod flows;
mod http;
mod linking;
mod logins;
mod management;
mod management_data;
mod metrics;
mod notices;
mod oauth;
mod observed;
mod pages;
mod people;
mod profile;
mod server;
mod signing;
mod state;
mod store;
mod webhooks;

pub use config::{
    Account, Api, Client, Config, ConfigError, ConfiguredOrganization, ConfiguredRole, Connection,
    ConsoleSwitch, InjectedFault, Lifetimes, PasswordHash, RateLimit, RateLimits, SeedUser, Webhook,
    WebhookSecret,
};
pub use server::certificates::CertificateError;
pub use server::current::{MoreRoutes, MountedParts, TenantDirectory};
pub use server::serve::{Opening, Ports, Ready, ServeError, serve};
pub use signing::keys::KeysError;
pub use store::state_dir::{StateDir, StateError};
