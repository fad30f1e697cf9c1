//! The runs of a backfill as rows.

use super::columns::{damaged, missing, required_text, time_param, timestamp};
use super::connection::{Connection, Param, Row};
use super::rows::Rows;
use crate::directory::backfill_store::{
    BackfillRun, ClaimedGroups, GroupClaim, GroupCount, GroupResult, RunGroup, RunGroupState,
};
use crate::directory::records::TxResult;
use crate::directory::run_records::RunRecords;

macro_rules! select_run {
    ($rest:literal) => {
        concat!("SELECT run_id, began_at, is_ready, record FROM backfill_runs ", $rest)
    };
}

/// Claims free groups. `lock` is what the selection locks.
macro_rules! claim_groups {
    ($lock:literal) => {
        concat!(
            "WITH free AS MATERIALIZED (SELECT run_id AS free_run, group_id AS free_id FROM backfill_groups WHERE run_id = $1 \
             AND state = $2 AND group_id > $3 AND (claimed_until IS NULL OR claimed_until < $4) \
             ORDER BY group_id LIMIT $5",
            $lock,
            ") UPDATE backfill_groups SET claim = $6, claimed_until = $7, claims = claims + 1 \
             FROM free WHERE run_id = free_run AND group_id = free_id"
        )
    };
}

/// Claims one group, if it is free. `lock` is what the selection locks.
macro_rules! claim_group {
    ($lock:literal) => {
        concat!(
            "WITH free AS MATERIALIZED (SELECT run_id AS free_run, group_id AS free_id FROM backfill_groups WHERE run_id = $1 \
             AND group_id = $2 AND state = $3 AND (claimed_until IS NULL OR claimed_until < $4)",
            $lock,
            ") UPDATE backfill_groups SET claim = $5, claimed_until = $6, claims = claims + 1 \
             FROM free WHERE run_id = free_run AND group_id = free_id"
        )
    };
}

macro_rules! select_group {
    ($rest:literal) => {
        concat!("SELECT group_id, state, plan, reason, detail, claims FROM backfill_groups ", $rest)
    };
}

fn read_run(row: &dyn Row) -> TxResult<BackfillRun> {
    Ok(BackfillRun {
        run_id: required_text(row, 0, "run_id")?.to_owned(),
        began_at: row.int(1)?.and_then(timestamp).ok_or_else(|| missing("began_at"))?,
        is_ready: row.int(2)? == Some(1),
        record: required_text(row, 3, "record")?.to_owned(),
    })
}

fn read_state(row: &dyn Row, column: usize) -> TxResult<RunGroupState> {
    let name = required_text(row, column, "state")?;
    RunGroupState::from_name(name)
        .ok_or_else(|| damaged("a group of a backfill", format!("its state is `{name}`")))
}

fn read_group(row: &dyn Row) -> TxResult<RunGroup> {
    Ok(RunGroup {
        group_id: required_text(row, 0, "group_id")?.to_owned(),
        state: read_state(row, 1)?,
        plan: required_text(row, 2, "plan")?.to_owned(),
        reason: required_text(row, 3, "reason")?.to_owned(),
        detail: required_text(row, 4, "detail")?.to_owned(),
        claims: row.int(5)?.and_then(|it| u64::try_from(it).ok()).ok_or_else(|| missing("claims"))?,
    })
}

impl<C: Connection> Rows<'_, C> {
    fn read_runs(&mut self, statement: &'static str, params: &[Param<'_>]) -> TxResult<Vec<BackfillRun>> {
        let mut found = Vec::new();
        self.connection.query(statement, params, &mut |row| {
            found.push(read_run(row)?);
            Ok(())
        })?;
        Ok(found)
    }

    fn read_groups(&mut self, statement: &'static str, params: &[Param<'_>]) -> TxResult<Vec<RunGroup>> {
        let mut found = Vec::new();
        self.connection.query(statement, params, &mut |row| {
            found.push(read_group(row)?);
            Ok(())
        })?;
        // Not by the database, whose order depends on its locale.
        found.sort_by(|a, b| a.group_id.cmp(&b.group_id));
        Ok(found)
    }
}

/// Two statements, because one with a condition for both would read every group of the run.
impl<C: Connection> Rows<'_, C> {
    fn claim_named_group(&mut self, claim: &GroupClaim, group_id: &str) -> TxResult<()> {
        let statement = match C::LOCKS_ROWS {
            true => claim_group!(" FOR UPDATE SKIP LOCKED"),
            false => claim_group!(""),
        };
        self.connection.execute(
            statement,
            &[
                (&claim.run_id).into(),
                group_id.into(),
                claim.state.as_str().into(),
                time_param(claim.now),
                (&claim.claim).into(),
                time_param(claim.until),
            ],
        )?;
        Ok(())
    }

    fn claim_following_groups(&mut self, claim: &GroupClaim, after: &str, limit: usize) -> TxResult<()> {
        // SQLite has one writer at a time, and no locks of rows. PostgreSQL must not repeat the
        // selection for each row, so that it is materialized.
        let statement = match C::LOCKS_ROWS {
            true => claim_groups!(" FOR UPDATE SKIP LOCKED"),
            false => claim_groups!(""),
        };
        self.connection.execute(
            statement,
            &[
                (&claim.run_id).into(),
                claim.state.as_str().into(),
                after.into(),
                time_param(claim.now),
                (limit as u64).into(),
                (&claim.claim).into(),
                time_param(claim.until),
            ],
        )?;
        Ok(())
    }
}

impl<C: Connection> RunRecords for Rows<'_, C> {
    fn add_run(&mut self, run: &BackfillRun) -> TxResult<()> {
        self.connection.execute(
            "INSERT INTO backfill_runs (run_id, began_at, is_ready, record) VALUES ($1, $2, $3, $4) \
             ON CONFLICT DO NOTHING",
            &[
                (&run.run_id).into(),
                time_param(run.began_at),
                Param::Int(Some(i64::from(run.is_ready))),
                (&run.record).into(),
            ],
        )?;
        Ok(())
    }

    fn run(&mut self, run_id: &str) -> TxResult<Option<BackfillRun>> {
        self.read_runs(select_run!("WHERE run_id = $1"), &[run_id.into()]).map(|mut found| found.pop())
    }

    fn find_runs(&mut self, beginning: &str, limit: usize) -> TxResult<Vec<String>> {
        let mut found = Vec::new();
        self.connection.query(
            "SELECT run_id FROM backfill_runs WHERE substr(run_id, 1, length($1)) = $1 LIMIT $2",
            &[beginning.into(), (limit as u64).into()],
            &mut |row| {
                found.push(required_text(row, 0, "run_id")?.to_owned());
                Ok(())
            },
        )?;
        Ok(found)
    }

    fn runs(&mut self, limit: usize) -> TxResult<Vec<BackfillRun>> {
        self.read_runs(select_run!("ORDER BY began_at DESC, run_id LIMIT $1"), &[(limit as u64).into()])
    }

    fn set_run_ready(&mut self, run_id: &str) -> TxResult<()> {
        self.connection
            .execute("UPDATE backfill_runs SET is_ready = 1 WHERE run_id = $1", &[run_id.into()])?;
        Ok(())
    }

    fn add_run_group(&mut self, run_id: &str, group_id: &str, plan: &str) -> TxResult<()> {
        self.connection.execute(
            "INSERT INTO backfill_groups (run_id, group_id, state, plan, reason, detail, claims) \
             VALUES ($1, $2, 'waiting', $3, '', '', 0) ON CONFLICT DO NOTHING",
            &[run_id.into(), group_id.into(), plan.into()],
        )?;
        Ok(())
    }

    fn claim_groups(&mut self, claim: &GroupClaim) -> TxResult<Vec<RunGroup>> {
        match &claim.which {
            ClaimedGroups::Following { after, limit } => self.claim_following_groups(claim, after, *limit)?,
            ClaimedGroups::Named(ids) => ids.iter().try_for_each(|id| self.claim_named_group(claim, id))?,
        }
        self.read_groups(
            select_group!("WHERE run_id = $1 AND claim = $2"),
            &[(&claim.run_id).into(), (&claim.claim).into()],
        )
    }

    fn extend_claim(&mut self, claim: &GroupClaim) -> TxResult<u64> {
        self.connection.execute(
            "UPDATE backfill_groups SET claimed_until = $1 WHERE run_id = $2 AND claim = $3",
            &[time_param(claim.until), (&claim.run_id).into(), (&claim.claim).into()],
        )
    }

    fn finish_group(&mut self, claim: &GroupClaim, result: &GroupResult) -> TxResult<bool> {
        self.changes_one(
            "UPDATE backfill_groups SET state = $1, reason = $2, detail = $3, claim = NULL, \
             claimed_until = NULL WHERE run_id = $4 AND group_id = $5 AND claim = $6",
            &[
                result.state.as_str().into(),
                (&result.reason).into(),
                (&result.detail).into(),
                (&claim.run_id).into(),
                (&result.group_id).into(),
                (&claim.claim).into(),
            ],
        )
    }

    fn release_claim(&mut self, claim: &GroupClaim) -> TxResult<()> {
        self.connection.execute(
            "UPDATE backfill_groups SET claim = NULL, claimed_until = NULL WHERE run_id = $1 AND claim = $2",
            &[(&claim.run_id).into(), (&claim.claim).into()],
        )?;
        Ok(())
    }

    fn count_groups(&mut self, run_id: &str) -> TxResult<Vec<GroupCount>> {
        let mut found = Vec::new();
        self.connection.query(
            "SELECT state, reason, COUNT(*) FROM backfill_groups WHERE run_id = $1 GROUP BY state, reason",
            &[run_id.into()],
            &mut |row| {
                let number = row.int(2)?.and_then(|it| u64::try_from(it).ok());
                found.push(GroupCount {
                    state: read_state(row, 0)?,
                    reason: required_text(row, 1, "reason")?.to_owned(),
                    number: number.ok_or_else(|| missing("number"))?,
                });
                Ok(())
            },
        )?;
        found.sort_by(|a, b| (a.state, &a.reason).cmp(&(b.state, &b.reason)));
        Ok(found)
    }

    fn has_groups(&mut self, run_id: &str, state: RunGroupState) -> TxResult<bool> {
        let mut found = false;
        self.connection.query(
            "SELECT 1 FROM backfill_groups WHERE run_id = $1 AND state = $2 LIMIT 1",
            &[run_id.into(), state.as_str().into()],
            &mut |_| {
                found = true;
                Ok(())
            },
        )?;
        Ok(found)
    }

    fn run_groups(&mut self, run_id: &str, after: &str, limit: usize) -> TxResult<Vec<RunGroup>> {
        self.read_groups(
            select_group!("WHERE run_id = $1 AND group_id > $2 ORDER BY group_id LIMIT $3"),
            &[run_id.into(), after.into(), (limit as u64).into()],
        )
    }

    fn shared_addresses(&mut self, after: &str, limit: usize) -> TxResult<Vec<String>> {
        let mut found = Vec::new();
        self.connection.query(
            "SELECT email_lower FROM users WHERE email_lower > $1 GROUP BY email_lower \
             HAVING COUNT(*) > 1 ORDER BY email_lower LIMIT $2",
            &[after.into(), (limit as u64).into()],
            &mut |row| {
                found.push(required_text(row, 0, "email_lower")?.to_owned());
                Ok(())
            },
        )?;
        Ok(found)
    }
}
