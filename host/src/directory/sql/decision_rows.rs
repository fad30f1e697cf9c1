//! Kept decisions as rows.

use serde::{Deserialize, Serialize};

use super::columns::{damaged, missing, required_text, time_param, timestamp, unwritable};
use super::conflict_rows;
use super::connection::{Connection, Param, Row};
use super::rows::Rows;
use crate::directory::conflict::{Conflict, ConflictFilter, ConflictKey};
use crate::directory::decision::{DecisionCount, DecisionId, KeptDecision, LeftOutPart};
use crate::directory::decision_query::{DecisionQuery, OldDecisions, codes_of};
use crate::directory::decision_records::DecisionRecords;
use crate::directory::provenance::PluginVersion;
use crate::directory::records::TxResult;
use crate::model::{Decision, Reason, RuleVerdict};

/// The columns of a decision.
macro_rules! select_decision {
    ($rest:expr) => {
        concat!("SELECT decision_id, at, user_id, final_user_id, record FROM decisions ", $rest)
    };
}

/// The conditions of a query, as a selection with an order. Unset conditions are passed as values
/// that match everything, so that few statements are needed. No id is below the empty text, or
/// above `g`.
macro_rules! find_decisions {
    ($user:literal, $order:literal) => {
        select_decision!(concat!(
            "WHERE ",
            $user,
            "decision_id < $2 AND decision_id > $3 AND at >= $4 AND at <= $5 AND ($6 = '' OR kind = $6) \
             AND ($7 = '' OR replace(codes, $7, '') <> codes) ORDER BY decision_id ",
            $order,
            " LIMIT $8"
        ))
    };
}

/// The part of a decision that is stored as JSON.
#[derive(Serialize, Deserialize)]
struct Record {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy_sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plugin: Option<PluginVersion>,
    decision: Decision,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<Reason>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    trace: Vec<RuleVerdict>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    counterfactual: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<LeftOutPart>,
}

fn read_id(row: &dyn Row, column: usize, name: &str) -> TxResult<DecisionId> {
    required_text(row, column, name)?.parse().map_err(|error: String| damaged("a decision", error))
}

/// Reads a decision from the columns of [`select_decision`].
fn read_decision(row: &dyn Row) -> TxResult<KeptDecision> {
    let record = required_text(row, 4, "record")?;
    let record: Record = serde_json::from_str(record).map_err(|error| damaged("a decision", error))?;
    let Record {
        client_id,
        connection,
        policy,
        policy_sha256,
        plugin,
        decision,
        reasons,
        trace,
        counterfactual,
        left_out,
    } = record;
    Ok(KeptDecision {
        id: read_id(row, 0, "decision_id")?,
        at: row.int(1)?.and_then(timestamp).ok_or_else(|| missing("at"))?,
        user_id: required_text(row, 2, "user_id")?.to_owned(),
        final_user_id: row.text(3)?.map(str::to_owned),
        client_id,
        connection,
        policy,
        policy_sha256,
        plugin,
        decision,
        reasons,
        trace,
        counterfactual,
        left_out,
    })
}

/// Returns the part of a decision that is stored as JSON.
fn record(kept: &KeptDecision) -> TxResult<String> {
    let record = Record {
        client_id: kept.client_id.clone(),
        connection: kept.connection.clone(),
        policy: kept.policy.clone(),
        policy_sha256: kept.policy_sha256.clone(),
        plugin: kept.plugin.clone(),
        decision: kept.decision.clone(),
        reasons: kept.reasons.clone(),
        trace: kept.trace.clone(),
        counterfactual: kept.counterfactual.clone(),
        left_out: kept.left_out.clone(),
    };
    serde_json::to_string(&record).map_err(|error| unwritable(&error))
}

/// Returns the codes of the reasons, each once, with spaces around each.
fn join_codes(kept: &KeptDecision) -> String {
    let mut codes: Vec<&str> = codes_of(kept).collect();
    codes.sort_unstable();
    codes.dedup();
    codes.iter().map(|code| format!(" {code} ")).collect()
}

impl<C: Connection> Rows<'_, C> {
    fn read_decisions(
        &mut self,
        statement: &'static str,
        params: &[Param<'_>],
    ) -> TxResult<Vec<KeptDecision>> {
        let mut found = Vec::new();
        self.connection.query(statement, params, &mut |row| {
            found.push(read_decision(row)?);
            Ok(())
        })?;
        Ok(found)
    }

    fn read_number(&mut self, statement: &'static str, params: &[Param<'_>]) -> TxResult<u64> {
        let mut number = 0;
        self.connection.query(statement, params, &mut |row| {
            number = row.int(0)?.and_then(|it| u64::try_from(it).ok()).ok_or_else(|| missing("count"))?;
            Ok(())
        })?;
        Ok(number)
    }
}

impl<C: Connection> DecisionRecords for Rows<'_, C> {
    fn add_decision(&mut self, kept: &KeptDecision) -> TxResult<bool> {
        self.changes_one(
            "INSERT INTO decisions (decision_id, at, user_id, final_user_id, kind, codes, record) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
            &[
                kept.id.as_str().into(),
                time_param(kept.at),
                (&kept.user_id).into(),
                Param::Text(kept.final_user_id.as_deref()),
                kept.decision.kind().into(),
                (&join_codes(kept)).into(),
                (&record(kept)?).into(),
            ],
        )
    }

    fn decision(&mut self, id: &DecisionId) -> TxResult<Option<KeptDecision>> {
        let statement = select_decision!("WHERE decision_id = $1");
        self.read_decisions(statement, &[id.as_str().into()]).map(|mut found| found.pop())
    }

    fn decisions(&mut self, query: &DecisionQuery) -> TxResult<Vec<KeptDecision>> {
        let statement = match (&query.user_id, &query.after) {
            (None, None) => find_decisions!("$1 = '' AND ", "DESC"),
            (None, Some(_)) => find_decisions!("$1 = '' AND ", ""),
            (Some(_), None) => find_decisions!("(user_id = $1 OR final_user_id = $1) AND ", "DESC"),
            (Some(_), Some(_)) => find_decisions!("(user_id = $1 OR final_user_id = $1) AND ", ""),
        };
        let code = query.code.as_ref().map_or_else(String::new, |code| format!(" {code} "));
        self.read_decisions(
            statement,
            &[
                query.user_id.as_deref().unwrap_or("").into(),
                query.before.as_ref().map_or("g", DecisionId::as_str).into(),
                query.after.as_ref().map_or("", DecisionId::as_str).into(),
                time_param(query.since.unwrap_or_default()),
                query.until.map_or(Param::Int(Some(i64::MAX)), time_param),
                query.kind.as_deref().unwrap_or("").into(),
                (&code).into(),
                (query.limit as u64).into(),
            ],
        )
    }

    fn decision_behind(&mut self, newer: usize) -> TxResult<Option<DecisionId>> {
        let mut found = None;
        self.connection.query(
            "SELECT decision_id FROM decisions ORDER BY decision_id DESC LIMIT 1 OFFSET $1",
            &[(newer as u64).into()],
            &mut |row| {
                found = Some(read_id(row, 0, "decision_id")?);
                Ok(())
            },
        )?;
        Ok(found)
    }

    fn remove_decisions(&mut self, which: &OldDecisions, most: usize) -> TxResult<u64> {
        let most = Param::from(most as u64);
        match which {
            OldDecisions::Before(time) => self.connection.execute(
                "DELETE FROM decisions WHERE decision_id IN \
                 (SELECT decision_id FROM decisions WHERE at < $1 ORDER BY at LIMIT $2)",
                &[time_param(*time), most],
            ),
            OldDecisions::UpTo(id) => self.connection.execute(
                "DELETE FROM decisions WHERE decision_id IN \
                 (SELECT decision_id FROM decisions WHERE decision_id <= $1 ORDER BY decision_id LIMIT $2)",
                &[id.as_str().into(), most],
            ),
            OldDecisions::Of(user_id) => self.connection.execute(
                "DELETE FROM decisions WHERE decision_id IN \
                 (SELECT decision_id FROM decisions WHERE user_id = $1 OR final_user_id = $1 LIMIT $2)",
                &[user_id.into(), most],
            ),
        }
    }

    fn add_to_count(&mut self, count: &DecisionCount) -> TxResult<bool> {
        self.changes_one(
            "UPDATE decision_counts SET number = number + $1 WHERE day = $2 AND kind = $3 AND code = $4",
            &[count.number.into(), (&count.day).into(), (&count.kind).into(), (&count.code).into()],
        )
    }

    fn add_count(&mut self, count: &DecisionCount) -> TxResult<()> {
        self.connection.execute(
            "INSERT INTO decision_counts (day, kind, code, number) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (day, kind, code) DO UPDATE SET number = decision_counts.number + excluded.number",
            &[(&count.day).into(), (&count.kind).into(), (&count.code).into(), count.number.into()],
        )?;
        Ok(())
    }

    fn counts_of_day(&mut self, day: &str) -> TxResult<u64> {
        self.read_number("SELECT COUNT(*) FROM decision_counts WHERE day = $1", &[day.into()])
    }

    fn counts(&mut self, since_day: &str) -> TxResult<Vec<DecisionCount>> {
        let mut found = Vec::new();
        self.connection.query(
            "SELECT day, kind, code, number FROM decision_counts WHERE day >= $1",
            &[since_day.into()],
            &mut |row| {
                let text = |column, name| required_text(row, column, name).map(str::to_owned);
                let number = row.int(3)?.and_then(|it| u64::try_from(it).ok());
                found.push(DecisionCount {
                    day: text(0, "day")?,
                    kind: text(1, "kind")?,
                    code: text(2, "code")?,
                    number: number.ok_or_else(|| missing("number"))?,
                });
                Ok(())
            },
        )?;
        // Not by the database, whose order depends on its locale.
        found.sort_unstable();
        Ok(found)
    }

    fn remove_counts(&mut self, before_day: &str) -> TxResult<()> {
        self.connection.execute("DELETE FROM decision_counts WHERE day < $1", &[before_day.into()])?;
        Ok(())
    }

    fn conflict(&mut self, key: &ConflictKey) -> TxResult<Option<Conflict>> {
        conflict_rows::find(self.connection, key)
    }

    fn conflicts(&mut self, filter: &ConflictFilter<'_>) -> TxResult<Vec<Conflict>> {
        conflict_rows::list(self.connection, filter)
    }

    fn count_conflicts(&mut self, settled: bool) -> TxResult<u64> {
        let statement = match settled {
            true => "SELECT COUNT(*) FROM conflicts WHERE settled_at IS NOT NULL",
            false => "SELECT COUNT(*) FROM conflicts WHERE settled_at IS NULL",
        };
        self.read_number(statement, &[])
    }

    fn add_conflict(&mut self, conflict: &Conflict) -> TxResult<bool> {
        conflict_rows::add(self.connection, conflict)
    }

    fn replace_conflict(&mut self, conflict: &Conflict, times: u64) -> TxResult<bool> {
        conflict_rows::replace(self.connection, conflict, times)
    }

    fn remove_conflict(&mut self, key: &ConflictKey) -> TxResult<()> {
        self.connection.execute("DELETE FROM conflicts WHERE conflict_key = $1", &[key.as_str().into()])?;
        Ok(())
    }
}
