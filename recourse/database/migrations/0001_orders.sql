-- One row an order: what the rules need to go on (state), and the columns by which orders are found and listed.
CREATE TABLE orders (
    order_id text PRIMARY KEY,
    step bigint NOT NULL,
    policy text NOT NULL,
    client text NOT NULL,
    freelancer text NOT NULL,
    currency text NOT NULL,
    price bigint NOT NULL,
    service_fee bigint NOT NULL,
    phase text NOT NULL,
    settlement text NOT NULL,
    ordered_at timestamptz NOT NULL,
    due_at timestamptz,
    closed_at timestamptz,
    request_kind text,
    request_status text,
    answer_due_at timestamptz,
    case_stage text,
    case_due_at timestamptz,
    turn text NOT NULL,
    turn_until timestamptz,
    next_clock text,
    next_clock_at timestamptz,
    state jsonb NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE orders IS 'Where each order stands as of its last step; state is the whole order as the rules read it.';
CREATE INDEX orders_by_client ON orders (client, order_id);
CREATE INDEX orders_by_freelancer ON orders (freelancer, order_id);
CREATE INDEX orders_open_cases ON orders (case_due_at) WHERE case_stage IN ('mediation', 'ruling', 'appeal');
CREATE INDEX orders_by_next_clock ON orders (next_clock_at) WHERE next_clock_at IS NOT NULL;

-- The record of every command and every fired clock; each entry holds the hash of the one before.
CREATE TABLE record_entries (
    order_id text NOT NULL REFERENCES orders (order_id),
    number bigint NOT NULL,
    at timestamptz NOT NULL,
    content jsonb NOT NULL,
    previous text NOT NULL,
    hash text NOT NULL,
    PRIMARY KEY (order_id, number)
);
COMMENT ON TABLE record_entries IS 'What happened, entry by entry. Never changed, never deleted.';

-- The first answer to each command, by sender and command id.
CREATE TABLE answers (
    order_id text NOT NULL REFERENCES orders (order_id),
    step bigint NOT NULL,
    sender text NOT NULL,
    command_id text NOT NULL,
    outcome jsonb NOT NULL,
    PRIMARY KEY (order_id, sender, command_id)
);
COMMENT ON TABLE answers IS 'The same sender''s same command id gets the first answer again, also after the order ended.';

-- The escrow ledger: double entries, in minor units of the order's currency.
CREATE TABLE ledger_entries (
    order_id text NOT NULL REFERENCES orders (order_id),
    step bigint NOT NULL,
    line integer NOT NULL,
    account text NOT NULL CHECK (account IN ('client', 'freelancer', 'platform', 'escrow')),
    amount bigint NOT NULL CHECK (amount <> 0),
    at timestamptz NOT NULL,
    PRIMARY KEY (order_id, step, line)
);
COMMENT ON TABLE ledger_entries IS 'A positive amount is what the account receives; the lines of a step add up to zero.';

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

CREATE FUNCTION only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'table % only grows: its rows are never changed or deleted', TG_TABLE_NAME;
END
$$;
CREATE TRIGGER record_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON record_entries
FOR EACH STATEMENT EXECUTE FUNCTION only_grows();
CREATE TRIGGER ledger_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
FOR EACH STATEMENT EXECUTE FUNCTION only_grows();

-- What each receiver is told; written with the step that causes it, delivered afterwards.
CREATE TABLE notices (
    id text PRIMARY KEY,
    order_id text NOT NULL REFERENCES orders (order_id),
    step bigint NOT NULL,
    line integer NOT NULL,
    receiver text NOT NULL CHECK (receiver IN ('client', 'freelancer', 'operator')),
    name text NOT NULL,
    at timestamptz NOT NULL,
    body jsonb NOT NULL,
    UNIQUE (order_id, step, line)
);
COMMENT ON TABLE notices IS 'The outbox: what client, freelancer and operators are told, under a stable id.';

CREATE TABLE deliveries (
    notice_id text NOT NULL REFERENCES notices (id),
    channel text NOT NULL CHECK (channel IN ('webhook', 'mail')),
    attempts bigint NOT NULL,
    delivered_at timestamptz,
    last_error text,
    PRIMARY KEY (notice_id, channel)
);
COMMENT ON TABLE deliveries IS 'Which notice reached its receiver on which channel; one that did is never sent again.';

CREATE TABLE contacts (
    order_id text NOT NULL,
    role text NOT NULL CHECK (role IN ('client', 'freelancer')),
    email text NOT NULL,
    PRIMARY KEY (order_id, role)
);
COMMENT ON TABLE contacts IS 'Addresses for e-mail notices; kept here only, never in the workflow.';
