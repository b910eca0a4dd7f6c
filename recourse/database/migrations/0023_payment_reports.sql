-- outside a transaction
SET lock_timeout = '30s';
SET statement_timeout = '1h';
-- What a payment provider reports and no order has taken, when its books were last compared with ours, and which payments
-- operators must look at.

-- No reference to an order: it may be one that we do not have.
CREATE TABLE IF NOT EXISTS untaken_reports (
    provider text NOT NULL,
    event_id text NOT NULL,
    order_id text NOT NULL,
    event text NOT NULL,
    reason text NOT NULL,
    first_at timestamptz NOT NULL DEFAULT now(),
    last_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, event_id)
);
COMMENT ON TABLE untaken_reports IS 'Reports of payment providers that no order has taken. A row goes when its order takes the report after all; each insert also deletes some that are older than 90 days.';
COMMENT ON COLUMN untaken_reports.reason IS 'no_such_order, other_provider: it is for no order of ours that this provider pays; too_early: the provider was asked to send it again; else the code by which the order refused it.';
CREATE INDEX IF NOT EXISTS untaken_reports_by_time ON untaken_reports (last_at);

CREATE TABLE IF NOT EXISTS reconciliations (
    provider text PRIMARY KEY,
    ran_at timestamptz NOT NULL DEFAULT now(),
    since timestamptz,
    compared bigint NOT NULL DEFAULT 0,
    differences bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE reconciliations IS 'The last comparison of each payment provider''s books with ours that came to its end. A row without `since`: none has yet, and the first is awaited from `ran_at` on.';
CREATE INDEX IF NOT EXISTS reconciliations_for_figures ON reconciliations (ran_at, differences);

-- What a failure left of it is of no use.
DROP INDEX CONCURRENTLY IF EXISTS payments_stuck;
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS payments_stuck ON payments (status) WHERE status IN ('blocked', 'returned');

INSERT INTO rights (name, kind, app, web, reader, keeper) VALUES
    ('untaken_reports', 'TABLE', 'SELECT, INSERT, UPDATE, DELETE', 'SELECT, INSERT, UPDATE, DELETE', '', 'SELECT'),
    ('reconciliations', 'TABLE', 'SELECT, INSERT, UPDATE, DELETE', 'SELECT', '', 'SELECT')
ON CONFLICT DO NOTHING;
UPDATE rights SET web = 'SELECT' WHERE name = 'payments' AND web = '';
SELECT hand_to_roles();
