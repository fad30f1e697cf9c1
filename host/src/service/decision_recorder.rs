//! Keeping the decisions of a service, so that no login waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use prometheus_client::registry::Registry;

use super::decision_keeping::DecisionKeeping;
use super::decision_writer::{DecisionWriter, Waiting};
use crate::ambient::Ambient;
use crate::decide::{FinalUser, LoginDecision};
use crate::directory::{Administration, DecisionId, KeptDecision, PluginVersion};
use crate::guard::Guard;
use crate::model::{LoginEvent, Reason, RuleVerdict, Timestamp};
use crate::policies::LoadedPolicy;

/// The most decisions that wait to be kept.
const QUEUE: usize = 4_096;
/// The most bytes of their reasons and traces.
const QUEUE_BYTES: usize = 16 << 20;

/// Keeps the decisions of logins in a directory. A thread of its own writes them, so that no login
/// waits. A decision that cannot be kept is counted and logged, and the login goes on. Copies are
/// one recorder.
#[derive(Clone)]
pub struct DecisionRecorder(Option<Arc<Active>>);

struct Active {
    /// None once the recorder is dropped.
    queue: Option<SyncSender<Waiting>>,
    bytes: Arc<AtomicUsize>,
    writer: Option<JoinHandle<()>>,
    keeping: DecisionKeeping,
    ambient: Ambient,
}

/// A login that was decided.
pub(crate) struct NotedLogin<'a> {
    pub(crate) event: &'a LoginEvent,
    pub(crate) at: Timestamp,
    /// The policies that were in force.
    pub(crate) policies: &'a [LoadedPolicy],
    pub(crate) decided: &'a LoginDecision<Guard>,
}

impl DecisionRecorder {
    /// A recorder that keeps nothing.
    #[must_use]
    pub fn off() -> Self {
        Self(None)
    }

    /// Starts a recorder. Without a thread, it keeps nothing.
    #[must_use]
    pub fn start(directory: Arc<dyn Administration>, keeping: &DecisionKeeping) -> Self {
        let (queue, decisions) = sync_channel(QUEUE);
        let (bytes, ambient) = (Arc::<AtomicUsize>::default(), directory.ambient().clone());
        let keeping = keeping.clone();
        let writer = DecisionWriter {
            directory,
            keeping: keeping.clone(),
            bytes: bytes.clone(),
            last_forgotten: None,
            kept: 0,
        };
        let thread = std::thread::Builder::new().name("decisions".to_owned());
        match thread.spawn(move || writer.write_all(&decisions)) {
            Ok(writer) => {
                let (queue, writer) = (Some(queue), Some(writer));
                Self(Some(Arc::new(Active { queue, bytes, writer, keeping, ambient })))
            }
            Err(error) => {
                tracing::error!(%error, "no decision is kept, because there is no thread for it");
                Self::off()
            }
        }
    }

    /// Registers the counts of kept decisions, if decisions are kept.
    pub(crate) fn register(&self, registry: &mut Registry) {
        if let Some(active) = &self.0 {
            active.keeping.register(registry);
        }
    }

    /// Returns whether decisions are kept, and logins are to be decided with a trace.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Notes a decision, which is kept a moment later. Never waits.
    pub(crate) fn note(&self, login: &NotedLogin<'_>) {
        if let Some(active) = &self.0 {
            active.note(describe(login, &active.ambient));
        }
    }
}

impl Active {
    fn note(&self, decision: KeptDecision) {
        let Some(queue) = &self.queue else { return };
        let bytes = count_bytes(&decision);
        if self.bytes.fetch_add(bytes, Ordering::AcqRel) + bytes > QUEUE_BYTES {
            self.bytes.fetch_sub(bytes, Ordering::AcqRel);
            self.keeping.counts.count_lost("queue_full", 1);
            return;
        }
        let why = match queue.try_send(Waiting { decision, bytes }) {
            Ok(()) => return,
            Err(TrySendError::Full(_)) => "queue_full",
            Err(TrySendError::Disconnected(_)) => "no_thread",
        };
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        self.keeping.counts.count_lost(why, 1);
    }
}

/// Writes what is still in the queue.
impl Drop for Active {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// Returns the bytes of the texts of a decision that a policy chooses.
fn count_bytes(decision: &KeptDecision) -> usize {
    let reason =
        |it: &Reason| it.code.len() + it.detail.len() + it.subject.iter().map(String::len).sum::<usize>();
    let verdict = |it: &RuleVerdict| it.rule.len() + it.verdict.len() + it.evidence.len();
    decision.user_id.len()
        + decision.reasons.iter().map(reason).sum::<usize>()
        + decision.trace.iter().map(verdict).sum::<usize>()
        + decision.counterfactual.as_ref().map_or(0, String::len)
}

fn describe(login: &NotedLogin<'_>, ambient: &Ambient) -> KeptDecision {
    let NotedLogin { event, at, policies, decided } = login;
    let name = decided.steps.last().map(|step| step.policy.as_str());
    let policy = policies.iter().find(|policy| Some(&*policy.name) == name);
    let outcome = &decided.outcome;
    KeptDecision {
        id: DecisionId::draw(ambient),
        at: *at,
        user_id: event.user.user_id.clone(),
        final_user_id: match &decided.final_user {
            FinalUser::User(user) => Some(user.user_id.clone()),
            FinalUser::Denied | FinalUser::Gone | FinalUser::Unknown(_) => None,
        },
        client_id: event.client.as_ref().map(|client| client.client_id.clone()),
        connection: Some(event.connection.name.clone()),
        policy: name.map(str::to_owned),
        policy_sha256: policy.map(|policy| policy.settings.sha256().to_string()),
        plugin: policy.map(|policy| PluginVersion::clone(policy.plugin.version())),
        decision: outcome.decision.clone(),
        reasons: outcome.reasons.clone(),
        trace: outcome.trace.clone(),
        counterfactual: outcome.counterfactual.clone(),
        left_out: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;
    use std::sync::mpsc::sync_channel;

    use prometheus_client::registry::Registry;

    use super::{Active, DecisionKeeping, DecisionRecorder, QUEUE, QUEUE_BYTES};
    use crate::ambient::Ambient;
    use crate::directory::{DecisionId, DecisionQuery, KeptDecision, KeptDecisions, Memory};
    use crate::model::{Decision, RuleVerdict};
    use crate::service::decision_keeping::DecisionRetention;
    use crate::service::decision_writer::FORGET_AFTER;

    fn ambient() -> Ambient {
        Ambient::fixed("2026-11-27T10:00:00Z".parse().unwrap())
    }

    fn decision(ambient: &Ambient, bytes: usize) -> KeptDecision {
        let verdict =
            RuleVerdict { rule: "x".repeat(bytes), verdict: String::new(), evidence: String::new() };
        KeptDecision {
            id: DecisionId::draw(ambient),
            at: ambient.now(),
            user_id: String::new(),
            final_user_id: None,
            client_id: None,
            connection: None,
            policy: None,
            policy_sha256: None,
            plugin: None,
            decision: Decision::Proceed,
            reasons: Vec::new(),
            trace: vec![verdict],
            counterfactual: None,
            left_out: Vec::new(),
        }
    }

    fn metrics(keeping: &DecisionKeeping) -> String {
        let mut registry = Registry::default();
        keeping.register(&mut registry);
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &registry).unwrap();
        page
    }

    fn find_all(memory: &Memory) -> Vec<KeptDecision> {
        let all = DecisionQuery { limit: usize::MAX, ..DecisionQuery::default() };
        memory.find_decisions(&all).unwrap()
    }

    /// A directory that is too slow.
    #[test]
    fn the_decisions_that_wait_are_bounded_by_their_number_and_their_bytes() {
        let ambient = ambient();
        for (bytes, decisions, waiting) in [(10, QUEUE + 3, QUEUE), (1 << 20, 20, 16)] {
            let (queue, directory) = sync_channel(QUEUE);
            let keeping = DecisionKeeping::from(DecisionRetention::default());
            let active = Active {
                queue: Some(queue),
                bytes: Arc::default(),
                writer: None,
                keeping: keeping.clone(),
                ambient: ambient.clone(),
            };
            (0..decisions).for_each(|_| active.note(decision(&ambient, bytes)));
            assert_eq!(directory.try_iter().count(), waiting, "{bytes}");
            assert!(active.bytes.load(Ordering::Relaxed) <= QUEUE_BYTES);
            let lost = decisions - waiting;
            let page = metrics(&keeping);
            assert!(page.contains(&format!("decisions_lost_total{{kind=\"queue_full\"}} {lost}")), "{page}");
            assert_eq!(keeping.counts.take_unlogged(), lost as u64);
        }
    }

    #[test]
    fn what_waits_is_kept_at_the_end_in_the_order_of_noting() {
        let (ambient, keeping) = (ambient(), DecisionKeeping::from(DecisionRetention::default()));
        let memory = Arc::new(Memory::new(&ambient));
        let recorder = DecisionRecorder::start(memory.clone(), &keeping);
        let copy = recorder.clone();
        for number in 0..500 {
            let user_id = format!("auth0|{number:03}");
            let active = copy.0.as_ref().unwrap();
            active.note(KeptDecision { user_id, ..decision(&ambient, 10) });
        }
        drop((recorder, copy));
        let found = find_all(&memory);
        assert_eq!(found.len(), 500);
        assert!(found.is_sorted_by(|a, b| a.user_id > b.user_id), "the newest first");
        assert!(metrics(&keeping).contains("decisions_kept_total 500"));
    }

    #[test]
    fn old_decisions_are_forgotten() {
        let ambient = ambient();
        let memory = Arc::new(Memory::new(&ambient));
        let old = KeptDecision { at: ambient.now().days_ago(31), ..decision(&ambient, 10) };
        memory.keep_decisions(&[old]).unwrap();
        for (most, noted, left) in [(100, 3, 3), (2, 1, 2)] {
            let keeping = DecisionKeeping::from(DecisionRetention { days: 30, most });
            let recorder = DecisionRecorder::start(memory.clone(), &keeping);
            let active = recorder.0.as_ref().unwrap();
            (0..noted).for_each(|_| active.note(decision(&ambient, 10)));
            drop(recorder);
            assert_eq!(find_all(&memory).len(), left);
        }
        // Also without an hour between.
        let keeping = DecisionKeeping::from(DecisionRetention { days: 30, most: 5 });
        let recorder = DecisionRecorder::start(memory.clone(), &keeping);
        for _ in 0..FORGET_AFTER / 1_000 + 1 {
            (0..1_000).for_each(|_| recorder.0.as_ref().unwrap().note(decision(&ambient, 10)));
            while recorder.0.as_ref().unwrap().bytes.load(Ordering::Relaxed) > 0 {
                std::thread::yield_now();
            }
        }
        drop(recorder);
        assert!(find_all(&memory).len() < FORGET_AFTER);
    }
}
