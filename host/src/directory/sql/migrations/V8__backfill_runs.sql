-- The runs of a backfill.
CREATE TABLE backfill_runs (
    run_id   TEXT   NOT NULL PRIMARY KEY,
    began_at BIGINT NOT NULL,
    -- 1 when all groups are stored.
    is_ready BIGINT NOT NULL,
    -- The plan, the policies and the selection, in JSON.
    record   TEXT   NOT NULL
);

-- The groups of accounts of a run. A process claims a group until a time; when the time
-- has passed, another one can claim it.
CREATE TABLE backfill_groups (
    run_id        TEXT   NOT NULL,
    group_id      TEXT   NOT NULL,
    state         TEXT   NOT NULL,
    -- The planned decisions, in JSON.
    plan          TEXT   NOT NULL,
    reason        TEXT   NOT NULL,
    detail        TEXT   NOT NULL,
    claim         TEXT,
    claimed_until BIGINT,
    claims        BIGINT NOT NULL,
    PRIMARY KEY (run_id, group_id)
);

CREATE INDEX backfill_groups_state ON backfill_groups (run_id, state, group_id);
CREATE INDEX backfill_groups_claim ON backfill_groups (run_id, claim) WHERE claim IS NOT NULL;
