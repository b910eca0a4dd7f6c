-- Orders: where each stands, what happened in it, and its money. One step of an order writes all of it in one statement
-- (record_step.sql).
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '5min';

CREATE FUNCTION only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'table % only grows: its rows are never changed or deleted', TG_TABLE_NAME;
END
$$;

-- The only row that every step of an order changes. It has no index but its key and room on its page, so that each change
-- stays on that page and touches no index.
CREATE TABLE order_states (
    order_id text PRIMARY KEY,
    step bigint NOT NULL,
    record_salt text NOT NULL,
    state jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
COMMENT ON TABLE order_states IS 'Where each order stands as of its last step, as the rules read it together with its opening.';
COMMENT ON COLUMN order_states.record_salt IS 'That of the opening: it tells two orders of one id apart.';

CREATE TABLE openings (
    order_id text PRIMARY KEY REFERENCES order_states (order_id),
    opening jsonb NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE openings IS 'The terms and the policy that each order was opened with. Never changed, never deleted.';
CREATE TRIGGER openings_only_grow BEFORE UPDATE OR DELETE OR TRUNCATE ON openings
FOR EACH STATEMENT EXECUTE FUNCTION only_grows();

-- A step changes this row only where it changes one of these columns.
CREATE TABLE orders (
    order_id text PRIMARY KEY REFERENCES order_states (order_id),
    policy text NOT NULL,
    client text NOT NULL,
    freelancer text NOT NULL,
    currency text NOT NULL,
    price bigint NOT NULL,
    service_fee bigint NOT NULL,
    phase text NOT NULL CHECK (
        phase IN ('waiting_requirements', 'in_progress', 'delivered', 'in_revision', 'completed', 'canceled')
    ),
    how text CHECK (
        how IN (
            'mutual', 'expired_accepted', 'unilateral', 'forced_late', 'regretted', 'mediated', 'ruling', 'fallback'
        )
    ),
    settlement text NOT NULL CHECK (settlement IN ('none', 'held', 'executing', 'settled', 'retrying')),
    ordered_at timestamptz NOT NULL,
    due_at timestamptz,
    closed_at timestamptz,
    request_kind text CHECK (request_kind IN ('cancel', 'extension', 'update', 'partial_refund', 'undo')),
    request_status text CHECK (
        request_status IN ('open', 'accepted', 'declined', 'withdrawn', 'lapsed', 'superseded', 'escalated')
    ),
    answer_due_at timestamptz,
    case_stage text CHECK (case_stage IN ('mediation', 'ruling', 'appeal', 'closed')),
    case_due_at timestamptz,
    turn text NOT NULL CHECK (turn IN ('client', 'freelancer', 'both', 'operator', 'nobody')),
    turn_until timestamptz,
    next_clock text,
    next_clock_at timestamptz
);
COMMENT ON TABLE orders IS 'The columns by which orders are found and listed, as of the last step.';
COMMENT ON COLUMN orders.how IS 'How it was canceled.';
CREATE INDEX orders_by_client ON orders (client, order_id);
CREATE INDEX orders_by_freelancer ON orders (freelancer, order_id);
CREATE INDEX orders_by_policy ON orders (policy, order_id);
CREATE INDEX orders_by_phase ON orders (phase, order_id);
CREATE INDEX orders_by_settlement ON orders (settlement, order_id);
CREATE INDEX orders_by_how ON orders (how, order_id) WHERE how IS NOT NULL;
CREATE INDEX orders_by_due ON orders (due_at, order_id) WHERE closed_at IS NULL;
CREATE INDEX orders_by_next_clock ON orders (next_clock_at) WHERE next_clock_at IS NOT NULL;
CREATE INDEX orders_open ON orders (order_id) WHERE closed_at IS NULL;
CREATE INDEX orders_open_requests ON orders (answer_due_at) WHERE request_status = 'open';
CREATE INDEX orders_open_cases ON orders (case_due_at) WHERE case_stage IN ('mediation', 'ruling', 'appeal');

CREATE TABLE record_entries (
    order_id text NOT NULL REFERENCES order_states (order_id),
    number bigint NOT NULL,
    at timestamptz NOT NULL,
    content jsonb NOT NULL,
    previous text NOT NULL,
    hash text NOT NULL,
    PRIMARY KEY (order_id, number)
);
COMMENT ON TABLE record_entries IS 'Every command and every fired clock, entry by entry; each holds the hash of the entry before. Never changed, never deleted.';
CREATE TRIGGER record_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON record_entries
FOR EACH STATEMENT EXECUTE FUNCTION only_grows();

CREATE TABLE answers (
    order_id text NOT NULL REFERENCES order_states (order_id),
    step bigint NOT NULL,
    sender text NOT NULL,
    command_id text NOT NULL,
    outcome jsonb NOT NULL,
    PRIMARY KEY (order_id, sender, command_id)
);
COMMENT ON TABLE answers IS 'The first answer to each command. The same sender''s same command id gets it again, also after the order ended. Never changed, never deleted.';
CREATE TRIGGER answers_only_grow BEFORE UPDATE OR DELETE OR TRUNCATE ON answers
FOR EACH STATEMENT EXECUTE FUNCTION only_grows();

CREATE TABLE ledger_entries (
    order_id text NOT NULL REFERENCES order_states (order_id),
    step bigint NOT NULL,
    line bigint NOT NULL,
    account text NOT NULL CHECK (account IN ('client', 'freelancer', 'platform', 'escrow')),
    amount bigint NOT NULL CHECK (amount <> 0),
    at timestamptz NOT NULL,
    PRIMARY KEY (order_id, step, line)
);
COMMENT ON TABLE ledger_entries IS 'The escrow ledger: double entries, in minor units of the order''s currency. A positive amount is what the account receives. Never changed, never deleted.';
CREATE TRIGGER ledger_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
FOR EACH STATEMENT EXECUTE FUNCTION only_grows();

CREATE FUNCTION ledger_lines_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT sum(amount) FROM ledger_entries WHERE order_id = NEW.order_id AND step = NEW.step) <> 0 THEN
        RAISE EXCEPTION 'the ledger lines of order %, step % do not add up to zero', NEW.order_id, NEW.step;
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER ledger_balances AFTER INSERT ON ledger_entries
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_lines_balance();

-- Numbers are given before a step is committed, so a lower one can become visible after a higher one. A follower
-- therefore reads no change at or behind the oldest transaction that is still open (database/changes.py). Where the
-- database is set back, a number is given again, and the same step may get it; its mark is never given again.
CREATE TABLE changes (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
    order_id text NOT NULL,
    step bigint NOT NULL,
    mark uuid NOT NULL DEFAULT gen_random_uuid(),
    era bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE changes IS 'One row a step of any order, in an order in which they can be followed: by era, then by transaction, then by number.';
COMMENT ON COLUMN changes.era IS '0: written on this server. Lower: restored from another one, whose transactions are not those of this one.';
CREATE INDEX changes_in_order ON changes (era, transaction, number);
