-- One schema for SQLite and PostgreSQL, and for the engines that speak
-- PostgreSQL's protocol: no sequences, no types but text, whole numbers and
-- bytes. Times are milliseconds since 1970-01-01T00:00:00Z.

CREATE TABLE users (
    user_id      TEXT   NOT NULL PRIMARY KEY,
    version      BIGINT NOT NULL,
    email        TEXT,
    email_lower  TEXT,
    -- Not in the document: counting a login is no change of the user.
    logins_count BIGINT,
    last_login   BIGINT,
    -- The user in Auth0's JSON.
    document     TEXT   NOT NULL
);

CREATE INDEX users_email ON users (email_lower);

-- Every identity has one owner: the user whose primary identity it is, or the
-- one it was linked to.
CREATE TABLE identities (
    provider   TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    connection TEXT NOT NULL,
    owner      TEXT NOT NULL,
    PRIMARY KEY (user_id, provider)
);

CREATE TABLE journal (
    entry_id     TEXT   NOT NULL PRIMARY KEY,
    kind         TEXT   NOT NULL,
    at           BIGINT NOT NULL,
    primary_id   TEXT   NOT NULL,
    secondary_id TEXT   NOT NULL,
    -- Who, on what evidence and why, in JSON.
    record       TEXT   NOT NULL,
    -- What was destroyed, in JSON, encrypted if there is a key.
    snapshot     BYTEA,
    undone_by    TEXT,
    undone_at    BIGINT
);

CREATE INDEX journal_at ON journal (at);
CREATE INDEX journal_primary ON journal (primary_id);
CREATE INDEX journal_secondary ON journal (secondary_id);

CREATE TABLE imports (
    import TEXT   NOT NULL PRIMARY KEY,
    lines  BIGINT NOT NULL,
    at     BIGINT NOT NULL
);
