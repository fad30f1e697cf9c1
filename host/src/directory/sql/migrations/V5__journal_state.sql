-- How far a change came that takes several requests to a tenant: intended, linked,
-- done or abandoned. In a directory of its own, every entry is done.

ALTER TABLE journal ADD COLUMN state TEXT NOT NULL DEFAULT 'done';

CREATE INDEX journal_unfinished ON journal (place) WHERE state IN ('intended', 'linked');

-- The users that an unfinished change holds, so that only one at a time changes them.
CREATE TABLE claims (
    user_id  TEXT NOT NULL PRIMARY KEY,
    entry_id TEXT NOT NULL
);

CREATE INDEX claims_entry ON claims (entry_id);
