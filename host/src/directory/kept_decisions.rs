//! Keeping decisions, and the conflicts that they report.

use std::collections::BTreeMap;

use super::conflict::{Conflict, ConflictFilter, ConflictKey, ConflictQuery, Settled, cut_users};
use super::decision::{
    DecisionCount, DecisionId, KeptBatch, KeptDecision, OTHER_CODE, countable_code, day_of,
};
use super::decision_query::{DecisionQuery, OldDecisions};
use super::records::{Records, TxError, TxResult};
use super::store::{Durability, Store};
use crate::model::{ApiError, Reason, Timestamp};

/// The most conflicts that wait for a person; further ones are not opened.
const OPEN_CONFLICTS: u64 = 10_000;
/// The most settled conflicts. The ones that were settled first are forgotten.
const SETTLED_CONFLICTS: u64 = 10_000;
/// The most counts of one day. Decisions beyond them are counted under one code.
const COUNTS_PER_DAY: u64 = 200;
/// The days for which counts and settled conflicts are kept.
const COUNT_DAYS: u32 = 400;
/// The decisions that one transaction removes.
const AT_A_TIME: usize = 1_000;

/// The decisions that a directory keeps: who logged in, what was decided and why, and the conflicts
/// that wait for a person.
///
/// # Errors
///
/// The same as for [`Directory`](super::Directory).
pub trait KeptDecisions {
    /// Keeps decisions, counts them by day, and opens or counts up the conflicts that their reasons
    /// report, all in one transaction. A decision that is kept already counts once. Texts are cut
    /// to the bounds of a kept decision, and addresses in them are masked. A settled conflict that
    /// happens again waits again.
    fn keep_decisions(&self, decisions: &[KeptDecision]) -> Result<KeptBatch, ApiError>;

    /// Returns the decisions that match a query.
    fn find_decisions(&self, query: &DecisionQuery) -> Result<Vec<KeptDecision>, ApiError>;

    /// Returns one decision. `not-found` if there is none.
    fn decision(&self, id: &DecisionId) -> Result<KeptDecision, ApiError>;

    /// Returns the numbers of decisions of this day (such as `2026-11-27`, in UTC) and later ones, in
    /// order. Forgetting decisions does not change them.
    fn count_decisions(&self, since_day: &str) -> Result<Vec<DecisionCount>, ApiError>;

    /// Returns conflicts that wait, or settled ones.
    fn conflicts(&self, query: &ConflictQuery) -> Result<Vec<Conflict>, ApiError>;

    /// Returns one conflict. `not-found` if there is none.
    fn conflict(&self, key: &ConflictKey) -> Result<Conflict, ApiError>;

    /// Counts the conflicts that wait.
    fn count_open_conflicts(&self) -> Result<u64, ApiError>;

    /// Settles a conflict, and returns it. `not-found` if there is none, `state-changed` if it is
    /// settled already, `invalid` if the note or the name is too long.
    fn settle_conflict(&self, key: &ConflictKey, settled: &Settled) -> Result<Conflict, ApiError>;

    /// Forgets the logins before a time, then the oldest ones until at most `most` remain; also counts
    /// and settled conflicts that are older than 400 days. Returns the number of forgotten decisions.
    fn forget_decisions(&self, before: Timestamp, most: usize) -> Result<u64, ApiError>;

    /// Forgets the decisions about a user, and the conflicts with this user. Returns the number of
    /// forgotten decisions.
    fn forget_decisions_of(&self, user_id: &str) -> Result<u64, ApiError>;
}

impl<S: Store> KeptDecisions for S {
    fn keep_decisions(&self, decisions: &[KeptDecision]) -> Result<KeptBatch, ApiError> {
        let bounded: Vec<_> = decisions.iter().map(|kept| kept.clone().within_bounds()).collect();
        self.write(Durability::Process, |records| keep(records, &bounded))
    }

    fn find_decisions(&self, query: &DecisionQuery) -> Result<Vec<KeptDecision>, ApiError> {
        // Databases refuse the character NUL, and no stored text has it.
        let texts = [&query.user_id, &query.kind, &query.code];
        if texts.into_iter().flatten().any(|text| text.contains('\0')) {
            return Ok(Vec::new());
        }
        self.read(|records| records.decisions(query))
    }

    fn decision(&self, id: &DecisionId) -> Result<KeptDecision, ApiError> {
        let found = self.read(|records| records.decision(id))?;
        found.ok_or_else(|| ApiError::NotFound(format!("there is no decision {id}")))
    }

    fn count_decisions(&self, since_day: &str) -> Result<Vec<DecisionCount>, ApiError> {
        self.read(|records| records.counts(since_day))
    }

    fn conflicts(&self, query: &ConflictQuery) -> Result<Vec<Conflict>, ApiError> {
        self.read(|records| find_conflicts(records, query))
    }

    fn conflict(&self, key: &ConflictKey) -> Result<Conflict, ApiError> {
        self.read(|records| require_conflict(records, key))
    }

    fn count_open_conflicts(&self) -> Result<u64, ApiError> {
        self.read(|records| records.count_conflicts(false))
    }

    fn settle_conflict(&self, key: &ConflictKey, settled: &Settled) -> Result<Conflict, ApiError> {
        settled.validate()?;
        self.write(Durability::Power, |records| settle(records, key, settled))
    }

    fn forget_decisions(&self, before: Timestamp, most: usize) -> Result<u64, ApiError> {
        let surplus = self.read(|records| records.decision_behind(most))?;
        let mut forgotten = remove_all(self, &OldDecisions::Before(before))?;
        if let Some(id) = surplus {
            forgotten += remove_all(self, &OldDecisions::UpTo(id))?;
        }
        let oldest = Store::ambient(self).now().days_ago(COUNT_DAYS);
        self.write(Durability::Process, |records| {
            records.remove_counts(&day_of(oldest))?;
            forget_settled(records, oldest)
        })?;
        Ok(forgotten)
    }

    fn forget_decisions_of(&self, user_id: &str) -> Result<u64, ApiError> {
        for settled in [false, true] {
            self.write(Durability::Power, |records| forget_conflicts_of(records, user_id, settled))?;
        }
        remove_all(self, &OldDecisions::Of(user_id.to_owned()))
    }
}

/// Removes decisions, some in each transaction, so that no other transaction waits long.
fn remove_all(store: &impl Store, which: &OldDecisions) -> Result<u64, ApiError> {
    let mut removed = 0;
    loop {
        let some = store.write(Durability::Process, |records| records.remove_decisions(which, AT_A_TIME))?;
        removed += some;
        if some < AT_A_TIME as u64 {
            return Ok(removed);
        }
    }
}

fn keep(records: &mut dyn Records, decisions: &[KeptDecision]) -> TxResult<KeptBatch> {
    let mut batch = KeptBatch::default();
    // Sorted, so that two processes change counts and conflicts in the same order.
    let mut counts = BTreeMap::<(String, &str, &str), u64>::new();
    let mut conflicts = BTreeMap::<ConflictKey, Vec<(&KeptDecision, &Reason)>>::new();
    for kept in decisions {
        if !records.add_decision(kept)? {
            continue;
        }
        batch.kept += 1;
        *counts.entry((day_of(kept.at), kept.decision.kind(), kept.deciding_code())).or_default() += 1;
        let mut reported = Vec::new();
        for reason in &kept.reasons {
            let Some(user_ids) = kept.users_in_conflict(reason) else { continue };
            let key = ConflictKey::of(countable_code(&reason.code), &user_ids);
            if !reported.contains(&key) {
                reported.push(key.clone());
                conflicts.entry(key).or_default().push((kept, reason));
            }
        }
    }
    for ((day, kind, code), number) in counts {
        count(records, DecisionCount { day, kind: kind.to_owned(), code: code.to_owned(), number })?;
    }
    let mut open = OpenConflicts(None);
    for (key, reports) in conflicts {
        batch.unopened_conflicts += usize::from(!report_conflict(records, key, &reports, &mut open)?);
    }
    Ok(batch)
}

fn count(records: &mut dyn Records, mut count: DecisionCount) -> TxResult<()> {
    if records.add_to_count(&count)? {
        return Ok(());
    }
    if records.counts_of_day(&count.day)? >= COUNTS_PER_DAY {
        OTHER_CODE.clone_into(&mut count.code);
    }
    records.add_count(&count)
}

/// The number of conflicts that wait, once it is needed.
struct OpenConflicts(Option<u64>);

impl OpenConflicts {
    /// Takes a place for one more. Returns false if too many wait.
    fn take_place(&mut self, records: &mut dyn Records) -> TxResult<bool> {
        let waiting = match self.0 {
            Some(waiting) => waiting,
            None => records.count_conflicts(false)?,
        };
        let has_place = waiting < OPEN_CONFLICTS;
        self.0 = Some(waiting + u64::from(has_place));
        Ok(has_place)
    }
}

/// Opens a conflict, or counts it up. Returns false if too many others wait.
fn report_conflict(
    records: &mut dyn Records,
    key: ConflictKey,
    reports: &[(&KeptDecision, &Reason)],
    open: &mut OpenConflicts,
) -> TxResult<bool> {
    let (Some((first, reason)), Some((last, _))) = (reports.first(), reports.last()) else {
        return Ok(true);
    };
    let times = reports.len() as u64;
    let known = records.conflict(&key)?;
    let waits = known.as_ref().is_some_and(|known| known.settled.is_none());
    if !waits && !open.take_place(records)? {
        return Ok(false);
    }
    let is_done = match known {
        Some(known) => {
            let times = known.times.saturating_add(times);
            let last_at = known.last_at.max(last.at);
            let again = Conflict { last_at, times, latest: last.id.clone(), settled: None, ..known };
            records.replace_conflict(&again, known.times)?
        }
        None => records.add_conflict(&Conflict {
            code: countable_code(&reason.code).to_owned(),
            user_ids: cut_users(first.users_in_conflict(reason).unwrap_or_default()),
            first_at: first.at,
            last_at: last.at,
            times,
            latest: last.id.clone(),
            settled: None,
            key,
        })?,
    };
    if is_done { Ok(true) } else { Err(changing()) }
}

fn changing() -> TxError {
    TxError::Conflict("others keep changing a conflict".to_owned())
}

fn require_conflict(records: &mut dyn Records, key: &ConflictKey) -> TxResult<Conflict> {
    records.conflict(key)?.ok_or_else(|| ApiError::NotFound(format!("there is no conflict {key}")).into())
}

fn find_conflicts(records: &mut dyn Records, query: &ConflictQuery) -> TxResult<Vec<Conflict>> {
    let after = match &query.after {
        Some(key) => Some(require_conflict(records, key)?),
        None => None,
    };
    let after = after.as_ref().map(|conflict| {
        // The conflict may have been settled since its page was shown, or have happened again.
        let is_listed = conflict.settled.is_some() == query.settled;
        (if is_listed { conflict.listed_at() } else { conflict.first_at }, &conflict.key)
    });
    records.conflicts(&ConflictFilter { settled: query.settled, after, limit: query.limit })
}

fn settle(records: &mut dyn Records, key: &ConflictKey, settled: &Settled) -> TxResult<Conflict> {
    let known = require_conflict(records, key)?;
    if let Some(earlier) = &known.settled {
        let why = format!("{} has settled this conflict at {}", earlier.by, earlier.at);
        return Err(ApiError::StateChanged(why).into());
    }
    let conflict = Conflict { settled: Some(settled.clone()), ..known };
    if !records.replace_conflict(&conflict, conflict.times)? {
        return Err(changing());
    }
    Ok(conflict)
}

/// Forgets conflicts that were settled before a time, and those beyond the bound.
fn forget_settled(records: &mut dyn Records, before: Timestamp) -> TxResult<()> {
    let least = ConflictKey::least();
    let old = ConflictFilter { settled: true, after: Some((before, &least)), limit: AT_A_TIME };
    for conflict in records.conflicts(&old)? {
        records.remove_conflict(&conflict.key)?;
    }
    if records.count_conflicts(true)? > SETTLED_CONFLICTS {
        // The ones that were settled first are at the end of the list.
        let all = ConflictFilter { settled: true, after: None, limit: usize::MAX };
        let kept = usize::try_from(SETTLED_CONFLICTS).unwrap_or(usize::MAX);
        for conflict in records.conflicts(&all)?.iter().skip(kept) {
            records.remove_conflict(&conflict.key)?;
        }
    }
    Ok(())
}

fn forget_conflicts_of(records: &mut dyn Records, user_id: &str, settled: bool) -> TxResult<()> {
    let filter = ConflictFilter { settled, after: None, limit: usize::from(u16::MAX) };
    for conflict in records.conflicts(&filter)? {
        if conflict.user_ids.iter().any(|id| id == user_id) {
            records.remove_conflict(&conflict.key)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{ConflictQuery, KeptDecisions, OPEN_CONFLICTS};
    use crate::ambient::Ambient;
    use crate::directory::{DecisionId, KeptDecision, Memory};
    use crate::model::{Decision, Level, Reason};

    #[test]
    fn the_conflicts_that_wait_are_bounded() {
        let ambient = Ambient::fixed("2026-11-27T10:00:00Z".parse().unwrap());
        let memory = Memory::new(&ambient);
        let report = |n: u64| KeptDecision {
            id: DecisionId::draw(&ambient),
            at: ambient.now(),
            user_id: format!("auth0|{n}"),
            final_user_id: None,
            client_id: None,
            connection: None,
            policy: None,
            policy_sha256: None,
            plugin: None,
            decision: Decision::Proceed,
            reasons: vec![Reason {
                code: "TWO_MANAGED".to_owned(),
                level: Level::Conflict,
                subject: Vec::new(),
                detail: String::new(),
            }],
            trace: Vec::new(),
            counterfactual: None,
            left_out: Vec::new(),
        };
        let reports: Vec<_> = (0..OPEN_CONFLICTS + 3).map(report).collect();
        assert_eq!(memory.keep_decisions(&reports).unwrap().unopened_conflicts, 3);
        assert_eq!(memory.keep_decisions(&[report(OPEN_CONFLICTS + 9)]).unwrap().unopened_conflicts, 1);
        assert_eq!(memory.count_open_conflicts(), Ok(OPEN_CONFLICTS));
        // One that waits already is counted up.
        let first = memory.conflicts(&ConflictQuery { limit: 1, ..ConflictQuery::default() }).unwrap();
        let number = first[0].user_ids[0]["auth0|".len()..].parse().unwrap();
        assert_eq!(memory.keep_decisions(&[report(number)]).unwrap().unopened_conflicts, 0);
        assert_eq!(memory.conflict(&first[0].key).unwrap().times, 2);
    }
}
