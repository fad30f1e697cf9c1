-- The decisions of logins, for as long as they are kept. The ids are UUIDs of
-- version 7, in the order of keeping.
CREATE TABLE decisions (
    decision_id   TEXT   NOT NULL PRIMARY KEY,
    at            BIGINT NOT NULL,
    user_id       TEXT   NOT NULL,
    -- The user that the login continued as.
    final_user_id TEXT,
    kind          TEXT   NOT NULL,
    -- The codes of the reasons, each with a space before and behind it.
    codes         TEXT   NOT NULL,
    -- The decision, its reasons and its trace, in JSON.
    record        TEXT   NOT NULL
);

CREATE INDEX decisions_at ON decisions (at);
CREATE INDEX decisions_user ON decisions (user_id, decision_id);
CREATE INDEX decisions_final_user ON decisions (final_user_id, decision_id);

-- The numbers of decisions by day (UTC), kind and deciding reason. They stay when
-- decisions are forgotten.
CREATE TABLE decision_counts (
    day    TEXT   NOT NULL,
    kind   TEXT   NOT NULL,
    code   TEXT   NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (day, kind, code)
);

-- Contradictions between accounts, which wait for a person until they are settled.
CREATE TABLE conflicts (
    conflict_key TEXT   NOT NULL PRIMARY KEY,
    code         TEXT   NOT NULL,
    -- The ids of the users, as a list in JSON.
    user_ids     TEXT   NOT NULL,
    first_at     BIGINT NOT NULL,
    last_at      BIGINT NOT NULL,
    times        BIGINT NOT NULL,
    -- The last decision that reported it.
    latest       TEXT   NOT NULL,
    settled_at   BIGINT,
    settled_by   TEXT,
    note         TEXT
);

CREATE INDEX conflicts_open ON conflicts (first_at, conflict_key) WHERE settled_at IS NULL;
CREATE INDEX conflicts_settled ON conflicts (settled_at, conflict_key) WHERE settled_at IS NOT NULL;
