-- Roots over the heads of all records, day by day (recourse/database/days.py).
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '5min';

CREATE TABLE record_keys (
    id text PRIMARY KEY,
    public text NOT NULL,
    since timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE record_keys IS 'The public keys with which records and days were signed. Never changed, never deleted.';
CREATE TRIGGER record_keys_only_grow BEFORE UPDATE OR DELETE OR TRUNCATE ON record_keys
FOR EACH STATEMENT EXECUTE FUNCTION only_grows();

-- No reference to the order: a head says nothing of it, and stays where the order is erased.
CREATE TABLE record_heads (
    position bigint PRIMARY KEY,
    order_id text NOT NULL,
    entries bigint NOT NULL,
    head text NOT NULL
);
COMMENT ON TABLE record_heads IS 'The leaves of the tree that the roots of all days are taken over, from position 0: each record''s head, again whenever it has grown. Never changed, never deleted.';
CREATE INDEX record_heads_by_order ON record_heads (order_id, position);
CREATE TRIGGER record_heads_only_grow BEFORE UPDATE OR DELETE OR TRUNCATE ON record_heads
FOR EACH STATEMENT EXECUTE FUNCTION only_grows();

CREATE TABLE record_tiles (
    number bigint PRIMARY KEY,
    root text NOT NULL
);
COMMENT ON TABLE record_tiles IS 'The root of each 1024 leaves that follow each other, so that nobody need read all leaves. Never changed, never deleted.';
CREATE TRIGGER record_tiles_only_grow BEFORE UPDATE OR DELETE OR TRUNCATE ON record_tiles
FOR EACH STATEMENT EXECUTE FUNCTION only_grows();

CREATE TABLE record_days (
    day date PRIMARY KEY,
    made_at timestamptz NOT NULL DEFAULT now(),
    size bigint NOT NULL,
    root text NOT NULL,
    key text NOT NULL REFERENCES record_keys (id),
    signature text NOT NULL
);
COMMENT ON TABLE record_days IS 'The signed root of each day over the first `size` leaves. Never changed, never deleted.';
CREATE TRIGGER record_days_only_grow BEFORE UPDATE OR DELETE OR TRUNCATE ON record_days
FOR EACH STATEMENT EXECUTE FUNCTION only_grows();

ALTER TABLE rights ADD COLUMN IF NOT EXISTS web text;
INSERT INTO rights (name, kind, app, reader, keeper, web) VALUES
    ('record_keys', 'TABLE', 'SELECT, INSERT', '', 'SELECT', 'SELECT'),
    ('record_heads', 'TABLE', 'SELECT, INSERT', '', 'SELECT', 'SELECT'),
    ('record_tiles', 'TABLE', 'SELECT, INSERT', '', 'SELECT', 'SELECT'),
    ('record_days', 'TABLE', 'SELECT, INSERT', '', 'SELECT', 'SELECT');
SELECT hand_to_roles();
