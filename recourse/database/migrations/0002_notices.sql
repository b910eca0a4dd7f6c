-- Notices: what client, freelancer and operators are told, and how far each notice has come.
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '5min';

CREATE TABLE notices (
    id text PRIMARY KEY,
    order_id text NOT NULL REFERENCES order_states (order_id),
    step bigint NOT NULL,
    line bigint NOT NULL,
    receiver text NOT NULL CHECK (receiver IN ('client', 'freelancer', 'operator')),
    name text NOT NULL,
    at timestamptz NOT NULL,
    body jsonb NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (order_id, step, line)
);
COMMENT ON TABLE notices IS 'The outbox: written with the step that causes a notice, delivered afterwards, under a stable id.';
COMMENT ON COLUMN notices.written_at IS 'A notice is tried for some days from then on; `at` may be long before.';

CREATE TABLE deliveries (
    notice_id text NOT NULL REFERENCES notices (id),
    channel text NOT NULL CHECK (channel IN ('webhook', 'mail')),
    attempts bigint NOT NULL,
    delivered_at timestamptz,
    last_error text,
    leased_until timestamptz,
    since timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (notice_id, channel)
);
COMMENT ON TABLE deliveries IS 'Which notice reached its receiver on which channel; one that did is never sent again.';
COMMENT ON COLUMN deliveries.leased_until IS 'Until then one attempt, the last counted in attempts, may be sending it.';
COMMENT ON COLUMN deliveries.since IS 'When the first attempt began.';
CREATE INDEX deliveries_undelivered ON deliveries (since, notice_id, channel) WHERE delivered_at IS NULL;

CREATE TABLE contacts (
    order_id text NOT NULL,
    role text NOT NULL CHECK (role IN ('client', 'freelancer')),
    email text NOT NULL,
    PRIMARY KEY (order_id, role)
);
COMMENT ON TABLE contacts IS 'Addresses for e-mail notices; kept here only, never in the workflow.';

CREATE TABLE held_channels (
    channel text PRIMARY KEY CHECK (channel IN ('webhook', 'mail')),
    address text NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    until timestamptz
);
COMMENT ON TABLE held_channels IS 'Channels whose receiver asked for no more, for a while (Retry-After) or for good (410 Gone). Another receiver on the same channel is not meant.';
COMMENT ON COLUMN held_channels.address IS 'The receiver, as SHA-256: an address may hold a secret.';
COMMENT ON COLUMN held_channels.until IS 'Nothing is sent before; null: until an operator enables the channel.';
