-- The last login of each identity, in milliseconds since 1970. Unknown for logins of before.

ALTER TABLE identities ADD COLUMN last_login BIGINT;
