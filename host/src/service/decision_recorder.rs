//! Keeping the decisions of a service, so that no login waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use prometheus_client::registry::Registry;

use super::metrics::KeptCounts;
use crate::ambient::Ambient;
use crate::clock::Monotonic;
use crate::decide::{FinalUser, LoginDecision};
use crate::directory::{Administration, DecisionId, KeptDecision, PluginVersion};
use crate::guard::Guard;
use crate::model::{LoginEvent, Reason, RuleVerdict, Timestamp, mask_addresses};
use crate::policies::LoadedPolicy;

/// The most decisions that wait to be kept.
const QUEUE: usize = 4_096;
/// The most bytes of their reasons and traces.
const QUEUE_BYTES: usize = 16 << 20;
/// The most decisions of one transaction.
const BATCH: usize = 200;
/// The longest time that a decision waits for others of its transaction.
const BATCH_TIME: Duration = Duration::from_millis(200);
/// The pause before a failed transaction is repeated, once.
const RETRY: Duration = Duration::from_secs(1);
/// The time after which old decisions are forgotten again.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);
/// The number of new decisions after which old ones are forgotten again.
const FORGET_AFTER: usize = 10_000;

/// How long decisions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecisionRetention {
    /// The days after which a decision is forgotten.
    pub days: u32,
    /// The most decisions; beyond them, the oldest ones are forgotten.
    pub most: usize,
}

impl Default for DecisionRetention {
    fn default() -> Self {
        Self { days: 30, most: 100_000 }
    }
}

/// The retention of decisions, and their counts, which every recorder of a service shares.
#[derive(Debug, Clone)]
pub struct DecisionKeeping {
    retention: DecisionRetention,
    counts: KeptCounts,
}

impl From<DecisionRetention> for DecisionKeeping {
    fn from(retention: DecisionRetention) -> Self {
        Self { retention, counts: KeptCounts::default() }
    }
}

impl DecisionKeeping {
    /// Registers the counts.
    pub(crate) fn register(&self, registry: &mut Registry) {
        self.counts.register(registry);
    }
}

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

/// A decision that waits to be kept.
struct Waiting {
    decision: KeptDecision,
    bytes: usize,
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
        let writer = Writer {
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

struct Writer {
    directory: Arc<dyn Administration>,
    keeping: DecisionKeeping,
    bytes: Arc<AtomicUsize>,
    last_forgotten: Option<Monotonic>,
    /// The decisions that were kept since then.
    kept: usize,
}

impl Writer {
    fn write_all(mut self, decisions: &Receiver<Waiting>) {
        loop {
            match decisions.recv_timeout(FORGET_EVERY) {
                Ok(first) => {
                    let batch = self.take_batch(first, decisions);
                    self.keep(&batch);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.forget_if_due();
        }
    }

    /// Waits a moment for more decisions.
    fn take_batch(&self, first: Waiting, decisions: &Receiver<Waiting>) -> Vec<KeptDecision> {
        let ambient = self.directory.ambient();
        let (began, mut next) = (ambient.monotonic(), Some(first));
        let mut batch = Vec::new();
        while let Some(Waiting { decision, bytes }) = next {
            self.bytes.fetch_sub(bytes, Ordering::AcqRel);
            // Ids are in the order of writing, so that a reader who continues behind one misses none.
            batch.push(KeptDecision { id: DecisionId::draw(ambient), ..decision });
            let left = BATCH_TIME.saturating_sub(ambient.elapsed(began));
            next = if batch.len() < BATCH { decisions.recv_timeout(left).ok() } else { None };
        }
        batch
    }

    fn keep(&mut self, batch: &[KeptDecision]) {
        let kept = self.directory.keep_decisions(batch).or_else(|error| {
            log_failure(&error.to_sentence());
            std::thread::sleep(RETRY);
            self.directory.keep_decisions(batch)
        });
        match kept {
            Ok(kept) => {
                self.keeping.counts.count_kept(batch.len() as u64);
                self.kept += batch.len();
                if kept.unopened_conflicts > 0 {
                    let conflicts = kept.unopened_conflicts;
                    self.keeping.counts.count_unopened(conflicts as u64);
                    tracing::error!(
                        target: "audit", conflicts,
                        "conflicts were not opened, because too many wait for a person"
                    );
                }
            }
            Err(error) => {
                log_failure(&error.to_sentence());
                self.keeping.counts.count_lost("directory_failed", batch.len() as u64);
            }
        }
        let lost = self.keeping.counts.take_unlogged();
        if lost > 0 {
            tracing::error!(lost, "decisions were not kept");
        }
    }

    /// Forgets old decisions after the first one of a process, and from time to time after that.
    fn forget_if_due(&mut self) {
        let ambient = self.directory.ambient().clone();
        let is_recent = |last| ambient.elapsed(last) < FORGET_EVERY && self.kept < FORGET_AFTER;
        if self.last_forgotten.is_some_and(is_recent) {
            return;
        }
        (self.last_forgotten, self.kept) = (Some(ambient.monotonic()), 0);
        let before = ambient.now().days_ago(self.keeping.retention.days);
        match self.directory.forget_decisions(before, self.keeping.retention.most) {
            Ok(0) => {}
            Ok(decisions) => tracing::info!(decisions, "old decisions were forgotten"),
            Err(error) => {
                tracing::warn!(error = %mask_addresses(&error.to_sentence()), "old decisions were not forgotten");
            }
        }
    }
}

fn log_failure(error: &str) {
    tracing::warn!(error = %mask_addresses(error), "the directory did not keep decisions");
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;
    use std::sync::mpsc::sync_channel;

    use prometheus_client::registry::Registry;

    use super::{
        Active, DecisionKeeping, DecisionRecorder, DecisionRetention, FORGET_AFTER, QUEUE, QUEUE_BYTES,
    };
    use crate::ambient::Ambient;
    use crate::directory::{DecisionId, DecisionQuery, KeptDecision, KeptDecisions, Memory};
    use crate::model::{Decision, RuleVerdict};

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
