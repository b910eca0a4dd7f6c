-- What a payment provider says to a payment when it is first asked belongs to the entry that decided it, and is in no
-- entry of its own. With a provider, what an order has paid out is therefore what its state says.
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '5min';

CREATE OR REPLACE FUNCTION ledger_lines_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT sum(amount) FROM ledger_entries WHERE order_id = NEW.order_id AND step = NEW.step) <> 0 THEN
        RAISE EXCEPTION 'the ledger lines of order %, step % do not add up to zero', NEW.order_id, NEW.step;
    END IF;
    IF EXISTS (
        SELECT 1
        FROM orders AS o
        LEFT JOIN LATERAL (
            SELECT CASE WHEN EXISTS (SELECT 1 FROM payments AS p WHERE p.order_id = o.order_id)
                THEN (SELECT s.state -> 'moved' FROM order_states AS s WHERE s.order_id = o.order_id)
                ELSE (SELECT content -> 'money' FROM record_entries WHERE order_id = o.order_id ORDER BY number DESC LIMIT 1)
            END AS money
        ) AS last ON true
        CROSS JOIN LATERAL (VALUES
            ('freelancer', coalesce((last.money ->> 'freelancer')::bigint, 0)),
            ('platform', coalesce((last.money ->> 'platform')::bigint, 0)),
            ('client', coalesce((last.money ->> 'client')::bigint, 0) - o.price - o.service_fee)
        ) AS recorded (account, amount)
        WHERE o.order_id = NEW.order_id AND recorded.amount <> (
            SELECT coalesce(sum(l.amount), 0) FROM ledger_entries AS l
            WHERE l.order_id = NEW.order_id AND l.account = recorded.account
        )
    ) THEN
        RAISE EXCEPTION 'the ledger lines of order %, step % are not what its record says', NEW.order_id, NEW.step;
    END IF;
    RETURN NULL;
END
$$;
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION ledger_lines_balance() SET search_path = %I, pg_temp', current_schema());
END
$$;
