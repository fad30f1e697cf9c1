-- The journal in the order of what was done, and not of what the clocks said:
-- microseconds since 1970, or a little later. Of two entries that have a user in
-- common, the one with the higher place is the later one. Entries of before have
-- no other order than their times.

ALTER TABLE journal ADD COLUMN place BIGINT NOT NULL DEFAULT 0;

UPDATE journal SET place = at * 1000;

CREATE INDEX journal_place ON journal (place);
