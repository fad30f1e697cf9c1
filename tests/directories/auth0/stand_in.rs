//! A stand-in for a tenant of Auth0: its semantics over users in memory, with faults.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use ligature_host::ambient::Ambient;
use ligature_host::auth0::{CallError, CallErrorKind, Named, TimeLimit, UsersApi};
use ligature_host::directory::{Administration, Directory, Memory};
use ligature_host::model::{
    Identity, IdentityKey, LinkRequest, Timestamp, User, absorb, patch, user_from_identity,
};
use serde_json::Value;

/// A fault of one request.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// The request fails without an effect.
    Before(CallErrorKind),
    /// The request has its effect, and its answer is replaced by an error.
    After(CallErrorKind),
    /// The caller ends before the request.
    CrashBefore,
    /// The caller ends after the effect of the request.
    CrashAfter,
    /// The tenant reports success and does nothing.
    Ignored,
}

/// The message of the panic that stands for the end of a process.
pub(crate) const CRASH: &str = "the process ends here";

/// A tenant.
pub(crate) struct StandIn {
    pub(crate) users: Memory,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The requests so far.
    requests: Vec<String>,
    /// The faults of the next requests; none for a request without a fault.
    faults: VecDeque<Option<Fault>>,
    /// The requests that are always refused with 403.
    missing_scopes: Vec<&'static str>,
}

impl StandIn {
    pub(crate) fn new(users: impl IntoIterator<Item = User>) -> Self {
        let users = Memory::with_users(&Ambient::system(), users);
        Self { users, state: Mutex::default() }
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.locked(|state| state.requests.clone())
    }

    /// The number of requests so far that begin with a word.
    pub(crate) fn count(&self, word: &str) -> usize {
        self.requests().iter().filter(|request| request.starts_with(word)).count()
    }

    /// Sets the fault of the request after the next `n`.
    pub(crate) fn set_fault(&self, n: usize, fault: Fault) {
        self.set_faults(std::iter::repeat_n(None, n).chain([Some(fault)]));
    }

    /// Sets the faults of the next requests.
    pub(crate) fn set_faults(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.locked(|state| state.faults = faults.into_iter().collect());
    }

    /// Refuses every request of this kind, as Auth0 does where a token lacks the scope.
    pub(crate) fn refuse(&self, request: &'static str) {
        self.locked(|state| state.missing_scopes.push(request));
    }

    fn locked<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Answers a request, with its fault.
    fn answer<T>(
        &self,
        request: String,
        ignored: impl FnOnce(&Self) -> Result<T, CallError>,
        effect: impl FnOnce(&Self) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let (fault, is_refused) = self.locked(|state| {
            let is_refused = state.missing_scopes.iter().any(|kind| request.starts_with(kind));
            state.requests.push(request);
            (state.faults.pop_front().flatten(), is_refused)
        });
        if is_refused {
            return Err(refused(403, "Insufficient scope"));
        }
        match fault {
            None => self.atomic(effect),
            Some(Fault::Before(kind)) => Err(CallError { kind, correlation_id: None }),
            Some(Fault::After(kind)) => {
                let _ = self.atomic(effect);
                Err(CallError { kind, correlation_id: None })
            }
            Some(Fault::CrashBefore) => std::panic::resume_unwind(Box::new(CRASH)),
            Some(Fault::CrashAfter) => {
                let _ = self.atomic(effect);
                std::panic::resume_unwind(Box::new(CRASH))
            }
            Some(Fault::Ignored) => ignored(self),
        }
    }

    /// Applies a request as a whole or not at all, as a tenant does.
    fn atomic<T>(&self, effect: impl FnOnce(&Self) -> Result<T, CallError>) -> Result<T, CallError> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        effect(self)
    }

    /// A user as the tenant stores it.
    fn find(&self, user_id: &str) -> Result<User, CallError> {
        match self.users.get(user_id) {
            Ok(stored) => Ok(User::clone(&stored.user)),
            Err(_) => Err(refused(404, "The user does not exist.")),
        }
    }

    fn change(&self, user_id: &str, change: impl FnOnce(&mut User)) -> Result<User, CallError> {
        let mut user = self.find(user_id)?;
        change(&mut user);
        self.users.put(user.clone());
        Ok(user)
    }
}

fn refused(status: u16, message: &str) -> CallError {
    let kind = CallErrorKind::Refused { status, error_code: None, message: message.to_owned() };
    CallError { kind, correlation_id: None }
}

/// A user as the tenant shows it: roles and organizations have endpoints of their own.
fn shown(user: User) -> User {
    User { roles: Vec::new(), organizations: Vec::new(), ..user }
}

fn now() -> Timestamp {
    Timestamp::from_millis(1_796_000_000_000).unwrap()
}

impl UsersApi for StandIn {
    fn users_by_email(&self, email: &str, _: TimeLimit) -> Result<Vec<User>, CallError> {
        let found = |tenant: &Self| {
            let found = tenant.users.find_by_exact_email(email, 100).unwrap();
            Ok(found.into_iter().map(|stored| shown(User::clone(&stored.user))).collect())
        };
        self.answer(format!("users_by_email {email}"), found, found)
    }

    fn user(&self, user_id: &str, _: TimeLimit) -> Result<User, CallError> {
        let found = |tenant: &Self| tenant.find(user_id).map(shown);
        self.answer(format!("user {user_id}"), found, found)
    }

    fn link(
        &self,
        primary: &str,
        identity: IdentityKey<'_>,
        _: TimeLimit,
    ) -> Result<Vec<Identity>, CallError> {
        let secondary = format!("{}|{}", identity.provider, identity.user_id);
        let ignored = |tenant: &Self| tenant.find(primary).map(|user| user.identities);
        self.answer(format!("link {secondary} into {primary}"), ignored, |tenant| {
            if secondary == primary {
                return Err(refused(400, "Main identity and the new one are the same."));
            }
            let before = tenant.find(primary)?;
            if let Ok(Some(holder)) = tenant.users.holder(&secondary)
                && holder.user.user_id != secondary
            {
                return Err(refused(409, "Specified identity already exists."));
            }
            let Ok(absorbed) = tenant.find(&secondary) else {
                return Err(refused(400, "Linking to an inexistent identity is not allowed."));
            };
            let request = LinkRequest {
                primary: primary.to_owned(),
                secondary: secondary.clone(),
                user_metadata: None,
                app_metadata: None,
                reasons: [].into(),
            };
            let linked = absorb(&before, &absorbed, &request, now());
            // Auth0 drops the metadata of the secondary, whatever it is.
            let linked = User {
                user_metadata: before.user_metadata.clone(),
                app_metadata: before.app_metadata.clone(),
                ..linked
            };
            tenant.users.remove(&secondary);
            tenant.users.put(linked.clone());
            Ok(linked.identities)
        })
    }

    fn unlink(
        &self,
        primary: &str,
        identity: IdentityKey<'_>,
        _: TimeLimit,
    ) -> Result<Vec<Identity>, CallError> {
        let separated = format!("{}|{}", identity.provider, identity.user_id);
        let ignored = |tenant: &Self| tenant.find(primary).map(|user| user.identities);
        self.answer(format!("unlink {separated} from {primary}"), ignored, |tenant| {
            let mut user = tenant.find(primary)?;
            let Some(place) = user.identities.iter().position(|it| it.as_user_id() == separated) else {
                return Ok(user.identities);
            };
            if place == 0 {
                return Err(refused(400, "Main identity cannot be removed."));
            }
            let identity = user.identities.remove(place);
            // In this order: `remove` takes the identities of the user along.
            tenant.users.remove(primary);
            tenant.users.put(user.clone());
            tenant.users.put(user_from_identity(&identity, now()));
            Ok(user.identities)
        })
    }

    fn patch_user(&self, user_id: &str, body: &Value, _: TimeLimit) -> Result<User, CallError> {
        let ignored = |tenant: &Self| tenant.find(user_id).map(shown);
        self.answer(format!("patch {user_id}"), ignored, |tenant| {
            let changed = tenant.change(user_id, |user| {
                for (key, value) in body.as_object().unwrap() {
                    match (key.as_str(), value) {
                        ("user_metadata", Value::Object(changes)) => patch(&mut user.user_metadata, changes),
                        ("app_metadata", Value::Object(changes)) => patch(&mut user.app_metadata, changes),
                        ("blocked", Value::Bool(blocked)) => user.blocked = *blocked,
                        other => panic!("Auth0 does not know {other:?}"),
                    }
                }
            });
            changed.map(shown)
        })
    }

    fn roles(&self, user_id: &str, _: TimeLimit) -> Result<Vec<Named>, CallError> {
        let found = |tenant: &Self| {
            let roles = tenant.find(user_id)?.roles;
            Ok(roles.into_iter().map(|name| Named { id: format!("rol_{name}"), name }).collect())
        };
        self.answer(format!("roles {user_id}"), found, found)
    }

    fn assign_roles(&self, user_id: &str, ids: &[String], _: TimeLimit) -> Result<(), CallError> {
        self.answer(
            format!("assign_roles {user_id}"),
            |_| Ok(()),
            |tenant| {
                let names = ids.iter().map(|id| id.trim_start_matches("rol_").to_owned());
                let change = |user: &mut User| {
                    user.roles.extend(names);
                    user.roles.sort();
                    user.roles.dedup();
                };
                tenant.change(user_id, change).map(drop)
            },
        )
    }

    fn organizations(&self, user_id: &str, _: TimeLimit) -> Result<Vec<Named>, CallError> {
        let found = |tenant: &Self| {
            let ids = tenant.find(user_id)?.organizations;
            Ok(ids.into_iter().map(|id| Named { name: id.clone(), id }).collect())
        };
        self.answer(format!("organizations {user_id}"), found, found)
    }

    fn add_member(&self, organization: &str, user_id: &str, _: TimeLimit) -> Result<(), CallError> {
        self.answer(
            format!("add_member {user_id}"),
            |_| Ok(()),
            |tenant| {
                let change = |user: &mut User| {
                    user.organizations.push(organization.to_owned());
                    user.organizations.sort();
                    user.organizations.dedup();
                };
                tenant.change(user_id, change).map(drop)
            },
        )
    }
}
