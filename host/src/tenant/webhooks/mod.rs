//! Outbound events: what has happened to users, posted to the URLs of the configuration.
//!
//! | file | contents |
//! |---|---|
//! | `user_events` | the events of the changes of users |
//! | `event` | an event as it is posted |
//! | `outbox` | the events of one URL that are not delivered yet, in a file |
//! | `deliveries` | the deliveries of all URLs |
//! | `delivery` | posting the events of one URL, in order |

mod deliveries;
mod delivery;
mod event;
mod outbox;
mod user_events;

pub(super) use deliveries::Webhooks;
