//! The machine token.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{CallErrorKind, Need, TimeLimit};
use crate::ambient::Ambient;
use crate::clock::Monotonic;

/// The time before its end at which a token is replaced: this, or a tenth of its life if
/// that is less.
const RENEWED_BEFORE: Duration = Duration::from_mins(1);

/// The life of a token whose answer names none.
const ASSUMED_LIFE: Duration = Duration::from_mins(1);

/// The time for which a refusal is kept, so that logins do not ask again and again with
/// credentials that the tenant refuses. A token that could not be renewed is used for as long
/// before another try.
const REFUSAL_KEPT: Duration = Duration::from_secs(5);

/// A token as the tenant granted it.
pub(super) struct GrantedToken {
    pub(super) text: String,
    pub(super) life: Option<Duration>,
    /// The granted scopes, separated by spaces, if the answer names them.
    pub(super) scope: Option<String>,
}

/// A token that is in use.
pub(super) struct MachineToken {
    pub(super) text: String,
    pub(super) scope: Option<String>,
    renewed_from: Monotonic,
    ends: Monotonic,
    /// The optional needs that the tenant has refused for want of a scope, with its answers.
    refused: Mutex<Vec<(Need, CallErrorKind)>>,
}

impl MachineToken {
    /// Returns the tenant's refusal of an earlier call with this token for the same need.
    pub(super) fn earlier_refusal(&self, need: Need) -> Option<CallErrorKind> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.iter().find(|(known, _)| *known == need).map(|(_, kind)| kind.clone())
    }

    /// Keeps a refusal, so that the same call is not sent again with this token. Its scopes
    /// do not change.
    pub(super) fn keep_refusal(&self, need: Need, kind: &CallErrorKind) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.iter().all(|(known, _)| *known != need) {
            refused.push((need, kind.clone()));
        }
    }
}

/// Hides the token.
impl fmt::Debug for MachineToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MachineToken").field("scope", &self.scope).finish_non_exhaustive()
    }
}

/// The machine token of a tenant. However many calls need one, one of them asks for it,
/// and the others wait, each within its own limit.
#[derive(Debug)]
pub(super) struct MachineTokens {
    ambient: Ambient,
    state: Mutex<State>,
    /// Signals that a request for a token has ended.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    token: Option<Arc<MachineToken>>,
    is_asking: bool,
    /// The number of requests that have ended.
    round: u64,
    failure: Option<TokenFailure>,
}

#[derive(Debug)]
struct TokenFailure {
    kind: CallErrorKind,
    /// The round that ended with the failure.
    round: u64,
    at: Monotonic,
}

impl MachineTokens {
    pub(super) fn new(ambient: &Ambient) -> Self {
        Self { ambient: ambient.clone(), state: Mutex::default(), ended: Condvar::new() }
    }

    /// Returns the token in use, or asks for one.
    ///
    /// # Errors
    ///
    /// If the request for the token fails, or does not end within the limit.
    pub(super) fn get(
        &self,
        limit: TimeLimit,
        ask: impl FnOnce() -> Result<GrantedToken, CallErrorKind>,
    ) -> Result<Arc<MachineToken>, CallErrorKind> {
        let mut state = self.lock();
        let first_round = state.round;
        loop {
            let now = self.ambient.monotonic();
            if let Some(token) = state.usable_token(now) {
                return Ok(token);
            }
            if let Some(kind) = state.known_failure(first_round, now) {
                return Err(kind);
            }
            if !state.is_asking {
                break;
            }
            let left = limit.left(&self.ambient);
            if left.is_zero() {
                return Err(CallErrorKind::TimedOut { may_have_effect: false });
            }
            state = self.ended.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.is_asking = true;
        drop(state);
        let asking = Asking(self);
        let result = ask();
        asking.end(result)
    }

    /// Gives up a token that the tenant no longer accepts.
    pub(super) fn forget(&self, token: &Arc<MachineToken>) {
        let mut state = self.lock();
        if state.token.as_ref().is_some_and(|known| Arc::ptr_eq(known, token)) {
            state.token = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns the token, unless it is time to ask for another. While another call does, and for
    /// a moment after a failure, a token is used until its end: logins do not wait for `/oauth/token`.
    fn usable_token(&self, now: Monotonic) -> Option<Arc<MachineToken>> {
        let token = self.token.as_ref()?;
        let has_failed = self.failure.as_ref().is_some_and(|failure| now.since(failure.at) < REFUSAL_KEPT);
        let used_until = if self.is_asking || has_failed { token.ends } else { token.renewed_from };
        (now < used_until).then(|| token.clone())
    }

    /// Returns the failure of a request that this call has waited for, or a refusal that
    /// is still kept. A time-out is that of another call, which had less time.
    fn known_failure(&self, first_round: u64, now: Monotonic) -> Option<CallErrorKind> {
        let TokenFailure { kind, round, at } = self.failure.as_ref()?;
        let is_shared = *round > first_round && !matches!(kind, CallErrorKind::TimedOut { .. });
        let is_kept = matches!(kind, CallErrorKind::Refused { .. }) && now.since(*at) < REFUSAL_KEPT;
        (is_shared || is_kept).then(|| kind.clone())
    }
}

/// A request for a token. It ends also if the call panics.
struct Asking<'a>(&'a MachineTokens);

impl Asking<'_> {
    fn end(self, result: Result<GrantedToken, CallErrorKind>) -> Result<Arc<MachineToken>, CallErrorKind> {
        let now = self.0.ambient.monotonic();
        let mut state = self.0.lock();
        match result {
            Ok(granted) => {
                let life = granted.life.unwrap_or(ASSUMED_LIFE);
                let renewed_from = now + life.saturating_sub(RENEWED_BEFORE.min(life / 10));
                let refused = Mutex::default();
                let GrantedToken { text, scope, .. } = granted;
                let token = Arc::new(MachineToken { text, scope, renewed_from, ends: now + life, refused });
                state.token = Some(token.clone());
                state.failure = None;
                Ok(token)
            }
            Err(kind) => {
                let round = state.round + 1;
                state.failure = Some(TokenFailure { kind: kind.clone(), round, at: now });
                // One that was to be renewed early is accepted until its end.
                state.token = state.token.take().filter(|token| now < token.ends);
                state.token.clone().ok_or(kind)
            }
        }
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_asking = false;
        state.round += 1;
        drop(state);
        self.0.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Arc;
    use std::time::Duration;

    use super::{GrantedToken, MachineTokens, REFUSAL_KEPT};
    use crate::ambient::Ambient;
    use crate::auth0::{CallErrorKind, TimeLimit};
    use crate::clock::ManualClock;
    use crate::model::Timestamp;
    use crate::random::SeededRandom;

    struct Test {
        clock: Arc<ManualClock>,
        ambient: Ambient,
        tokens: MachineTokens,
        asked: Cell<u32>,
    }

    impl Test {
        fn new() -> Self {
            let clock = Arc::new(ManualClock::starting_at(Timestamp::default()));
            let ambient = Ambient::new(clock.clone(), Arc::new(SeededRandom::new(1)));
            let tokens = MachineTokens::new(&ambient);
            Self { clock, ambient, tokens, asked: Cell::new(0) }
        }

        /// Gets a token with this life; its text is the number of the request.
        fn get(&self, life: Option<u64>) -> String {
            let limit = TimeLimit::after(&self.ambient, Duration::from_secs(1));
            let life = life.map(Duration::from_secs);
            let token = self.tokens.get(limit, || {
                self.asked.set(self.asked.get() + 1);
                Ok(GrantedToken { text: self.asked.get().to_string(), life, scope: None })
            });
            token.unwrap().text.clone()
        }

        fn fail(&self, kind: CallErrorKind) -> CallErrorKind {
            let limit = TimeLimit::after(&self.ambient, Duration::from_secs(1));
            let failed = self.tokens.get(limit, || {
                self.asked.set(self.asked.get() + 1);
                Err(kind)
            });
            failed.unwrap_err()
        }

        /// Gets a token while the tenant does not answer.
        fn get_in_vain(&self) -> Result<String, CallErrorKind> {
            let limit = TimeLimit::after(&self.ambient, Duration::from_secs(1));
            let token = self.tokens.get(limit, || {
                self.asked.set(self.asked.get() + 1);
                Err(CallErrorKind::TimedOut { may_have_effect: false })
            });
            token.map(|token| token.text.clone())
        }

        fn pass(&self, seconds: u64) {
            self.clock.advance(Duration::from_secs(seconds));
        }
    }

    #[test]
    fn a_token_is_kept_until_shortly_before_its_end() {
        // A day, five minutes, ten seconds, none, and one whose life makes no sense.
        for (life, kept) in
            [(Some(86_400), 86_340), (Some(300), 270), (Some(10), 9), (None, 54), (Some(u64::MAX), 1 << 40)]
        {
            let test = Test::new();
            assert_eq!(test.get(life), "1");
            test.pass(kept - 1);
            assert_eq!(test.get(life), "1", "{life:?}");
            test.pass(1);
            let renewed = if kept == 1 << 40 { "1" } else { "2" };
            assert_eq!(test.get(life), renewed, "{life:?}");
        }
        let test = Test::new();
        assert_eq!((test.get(Some(0)), test.get(Some(0))), ("1".to_owned(), "2".to_owned()));
    }

    #[test]
    fn a_refusal_is_kept_for_a_moment_and_other_failures_are_not() {
        let test = Test::new();
        let refused =
            CallErrorKind::Refused { status: 401, error_code: None, message: "wrong secret".to_owned() };
        assert_eq!(test.fail(refused.clone()), refused);
        assert_eq!(test.fail(refused.clone()), refused);
        assert_eq!(test.asked.get(), 1);
        test.clock.advance(REFUSAL_KEPT);
        assert_eq!(test.get(None), "2");
        let test = Test::new();
        let failed = CallErrorKind::NotSent("no network".to_owned());
        assert_eq!(test.fail(failed.clone()), failed);
        assert_eq!(test.get(None), "2");
    }

    #[test]
    fn a_token_that_cannot_be_renewed_is_used_until_its_end() {
        let test = Test::new();
        assert_eq!(test.get(Some(300)), "1");
        test.pass(270);
        assert_eq!(test.get_in_vain(), Ok("1".to_owned()));
        // Not asked for again at once, but soon.
        assert_eq!((test.get(Some(300)), test.asked.get()), ("1".to_owned(), 2));
        test.clock.advance(REFUSAL_KEPT);
        assert_eq!(test.get(Some(300)), "3");
        test.pass(300);
        assert!(test.get_in_vain().is_err());
    }

    #[test]
    fn a_token_is_used_while_another_call_asks_for_the_next_one() {
        let test = Test::new();
        assert_eq!(test.get(Some(300)), "1");
        test.pass(270);
        let limit = TimeLimit::after(&test.ambient, Duration::from_secs(1));
        let renewed = test.tokens.get(limit, || {
            assert_eq!(test.get(Some(300)), "1");
            Ok(GrantedToken { text: "2".to_owned(), life: None, scope: None })
        });
        assert_eq!(renewed.unwrap().text, "2");
    }

    #[test]
    fn a_token_that_is_not_accepted_is_given_up_once() {
        let test = Test::new();
        let limit = TimeLimit::after(&test.ambient, Duration::from_secs(1));
        assert_eq!(test.get(None), "1");
        let old = test.tokens.get(limit, || unreachable!()).unwrap();
        test.tokens.forget(&old);
        assert_eq!(test.get(None), "2");
        // Another call was answered late.
        test.tokens.forget(&old);
        assert_eq!(test.get(None), "2");
    }

    #[test]
    fn debug_output_hides_the_token() {
        let test = Test::new();
        let limit = TimeLimit::after(&test.ambient, Duration::from_secs(1));
        let granted = || Ok(GrantedToken { text: "s3cret".to_owned(), life: None, scope: None });
        let token = test.tokens.get(limit, granted).unwrap();
        assert!(!format!("{token:?} {:?}", test.tokens).contains("s3cret"));
    }
}
