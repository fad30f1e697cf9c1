//! The login hook: a stateless HTTP service that a tenant's post-login Action asks.
//!
//! | file | contents |
//! |---|---|
//! | `serve` | start and end of the service |
//! | `start` | the parts that it is started with |
//! | `tls` | the certificate of the service |
//! | `routes` | the endpoints, and the counting of every response |
//! | `action_request` | one request about one login: signature, queue, time, answer |
//! | `logins` | the decision on one login |
//! | `confirmations` | the confirmation of another account: settings, question, answer |
//! | `confirmation_pages`, `confirmation_end` | its pages |
//! | `question` | a question and its answer, bound to one login |
//! | `open_question` | the question that is open in a browser |
//! | `return_form` | the way back to the tenant's transaction |
//! | `answer_gate` | no change of the directory after the login was answered |
//! | `arrived_login` | a login whose user has arrived in the directory, and the log of its decision |
//! | `answer` | the answer to the Action |
//! | `queue` | the logins that are decided, and those that wait |
//! | `signature`, `secrets`, `seen_signatures` | the authentication of a request |
//! | `refusal` | the responses to requests that are not decided |
//! | `refusal_log` | the log lines of requests that nobody has signed |
//! | `body_memory` | the memory of the bodies that are not verified yet |
//! | `request_limits` | the limits of a request |
//! | `readiness` | whether logins can be decided |
//! | `metrics` | the service's metrics |
//! | `state` | the parts of the service |

mod action_request;
mod answer;
mod answer_gate;
mod arrived_login;
mod body_memory;
mod confirmation_end;
mod confirmation_pages;
mod confirmations;
mod login_hosts;
mod logins;
mod metrics;
mod open_question;
mod question;
mod queue;
mod readiness;
mod refusal;
mod refusal_log;
mod request_limits;
mod return_form;
mod routes;
mod secrets;
mod seen_signatures;
mod serve;
mod signature;
mod start;
mod state;
mod tls;

pub use confirmations::{ConfirmationError, ConfirmationSettings, Confirmations};
pub use queue::QueueSize;
pub use secrets::{Secret, SecretError, Secrets};
pub use serve::{Opening, Ready, ServeError, bind, describe_unaskable, serve};
pub use start::HookParts;
pub use tls::{TlsError, TlsFiles};
