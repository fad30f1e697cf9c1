-- Passwords of database connections. They belong to the identity, not to the
-- user that has it at the moment. Addresses and usernames are in lower case;
-- NULLs are distinct in every engine's unique indexes.

CREATE TABLE credentials (
    connection TEXT NOT NULL,
    -- The identity's id, without `auth0|`.
    user_id    TEXT NOT NULL,
    email      TEXT,
    username   TEXT,
    -- A PHC string.
    password   TEXT,
    PRIMARY KEY (user_id, connection)
);

CREATE UNIQUE INDEX credentials_email ON credentials (email, connection);
CREATE UNIQUE INDEX credentials_username ON credentials (username, connection);
