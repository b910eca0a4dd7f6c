-- Payments: what a payment provider is asked for, written with the step that decides it, before anybody is asked.
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '5min';

CREATE TABLE payments (
    key text PRIMARY KEY,
    order_id text NOT NULL REFERENCES order_states (order_id),
    number bigint NOT NULL,
    leg text NOT NULL CHECK (leg IN ('refund', 'payout', 'fee')),
    turn bigint NOT NULL,
    amount bigint NOT NULL CHECK (amount >= 0),
    currency text NOT NULL,
    provider text NOT NULL,
    status text NOT NULL CHECK (status IN ('waiting', 'done', 'blocked', 'returned', 'void')),
    reason text,
    reference text,
    attempts bigint NOT NULL DEFAULT 0,
    asked_at timestamptz,
    answered_at timestamptz,
    UNIQUE (order_id, number, leg, turn)
);
COMMENT ON TABLE payments IS 'One row an idempotency key. A step writes what is to be paid; the worker that asks the provider pays what stands here and nothing else, and writes the answer here. Orders of the built-in ledger have none.';
COMMENT ON COLUMN payments.turn IS '1 for the first key of a leg; the key with the highest is the one that counts.';
COMMENT ON COLUMN payments.status IS 'waiting: the provider is still to be asked; done, blocked: it has answered; returned: the money came back; void: it pays nothing any more.';

CREATE FUNCTION key_means_one_amount() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.key, NEW.order_id, NEW.number, NEW.leg, NEW.turn, NEW.amount, NEW.currency, NEW.provider)
        IS DISTINCT FROM (OLD.key, OLD.order_id, OLD.number, OLD.leg, OLD.turn, OLD.amount, OLD.currency, OLD.provider)
    THEN
        RAISE EXCEPTION 'the key % never stands for another payment', OLD.key;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER payments_keep_their_meaning BEFORE UPDATE ON payments
FOR EACH ROW EXECUTE FUNCTION key_means_one_amount();
CREATE TRIGGER payments_are_never_deleted BEFORE DELETE OR TRUNCATE ON payments
FOR EACH STATEMENT EXECUTE FUNCTION only_grows();

-- What a closed order's settlement can be: blocked until an operator decides, too.
-- squawk-ignore ban-drop-constraint
ALTER TABLE orders DROP CONSTRAINT orders_settlement_check;
ALTER TABLE orders ADD CONSTRAINT orders_settlement_check
CHECK (settlement IN ('none', 'held', 'executing', 'settled', 'retrying', 'blocked')) NOT VALID;

INSERT INTO rights (name, kind, app, reader) VALUES
    ('payments', 'TABLE', 'SELECT, INSERT, UPDATE', ''),
    ('key_means_one_amount()', 'FUNCTION', '', '');
SELECT hand_to_roles();
