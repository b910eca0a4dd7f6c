-- For how long somebody is signed in: browsers, and tokens of the API. One row each, until it could not be used anyway.
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '5min';

CREATE TABLE sessions (
    id text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('pages', 'token')),
    role text NOT NULL CHECK (role IN ('client', 'freelancer', 'operator', 'service')),
    holder text NOT NULL,
    began_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    kept_until timestamptz NOT NULL
);
COMMENT ON TABLE sessions IS 'Who is signed in. Each insert deletes some rows that nothing needs any more, so it holds about those that are good at the moment.';
COMMENT ON COLUMN sessions.id IS 'The id of a token; of a session of the pages, that of the link that began it, so that a link signs in once.';
COMMENT ON COLUMN sessions.kept_until IS 'Until then the token, the session or its link could be used, if this row did not say otherwise.';
CREATE INDEX sessions_by_end ON sessions (kept_until);
CREATE INDEX sessions_by_holder ON sessions (role, holder, id);

ALTER TABLE rights ADD COLUMN IF NOT EXISTS web text;
INSERT INTO rights (name, kind, app, web, reader, keeper) VALUES
    ('sessions', 'TABLE', '', 'SELECT, INSERT, UPDATE, DELETE', '', 'SELECT');
SELECT hand_to_roles();
