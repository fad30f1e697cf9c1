-- The id of this directory: a text that no other directory has. A copy of the database is the same
-- directory. The engines have no common function for an id, but a common one for a random number.
CREATE TABLE directory (
    directory_id TEXT NOT NULL PRIMARY KEY
);

INSERT INTO directory (directory_id)
SELECT REPLACE(REPLACE(CAST(random() AS TEXT) || CAST(random() AS TEXT) || CAST(random() AS TEXT), '.', ''), '-', '');
