-- Where a user has logged in from last. Not in the document, as with the count:
-- a login is no change of the user. What documents of before say of it holds
-- until the user logs in or changes.

ALTER TABLE users ADD COLUMN last_ip TEXT;
