-- Chargebacks: what a client's bank has taken is in the ledger account `contested` until the bank decides. Rows that are
-- there already fit: the lists only grow.
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '5min';

-- In the order in which a step locks the tables, so that neither waits for the other.
-- squawk-ignore ban-drop-constraint
ALTER TABLE orders DROP CONSTRAINT orders_how_check;
ALTER TABLE orders ADD CONSTRAINT orders_how_check CHECK (
    how IN (
        'mutual', 'expired_accepted', 'unilateral', 'forced_late', 'regretted', 'mediated', 'ruling', 'fallback',
        'abandoned', 'charged_back'
    )
) NOT VALID;
-- squawk-ignore ban-drop-constraint
ALTER TABLE ledger_entries DROP CONSTRAINT ledger_entries_account_check;
ALTER TABLE ledger_entries ADD CONSTRAINT ledger_entries_account_check CHECK (
    account IN ('client', 'freelancer', 'platform', 'escrow', 'contested')
) NOT VALID;
-- squawk-ignore ban-drop-constraint
ALTER TABLE facts DROP CONSTRAINT facts_how_check;
ALTER TABLE facts ADD CONSTRAINT facts_how_check CHECK (
    how IN (
        'mutual', 'expired_accepted', 'unilateral', 'forced_late', 'regretted', 'mediated', 'ruling', 'fallback',
        'abandoned', 'charged_back'
    )
) NOT VALID;
-- squawk-ignore ban-drop-constraint
ALTER TABLE facts DROP CONSTRAINT facts_exempt_because_check;
ALTER TABLE facts ADD CONSTRAINT facts_exempt_because_check CHECK (
    exempt_because IN ('waiting_requirements', 'operator', 'new_order', 'chargeback')
) NOT VALID;

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
            ('contested', coalesce((last.money ->> 'contested')::bigint, 0)),
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

CREATE OR REPLACE VIEW party_orders WITH (security_barrier = true) AS
SELECT
    o.order_id, o.role, o.party, o.policy, o.client, o.freelancer, o.currency, o.price, o.service_fee, o.phase,
    o.settlement, o.ordered_at, o.due_at, o.closed_at, o.request_kind, o.request_status, o.answer_due_at,
    o.case_stage, o.case_due_at, o.turn, o.turn_until,
    o.how,
    s.state #>> '{resolution,initiator}' AS initiator,
    s.state #>> '{resolution,reason}' AS reason,
    s.state #>> '{resolution,fault}' AS fault,
    (s.state #>> '{resolution,exempt}')::boolean AS exempt,
    s.state #>> '{resolution,exempt_because}' AS exempt_because,
    m.client AS paid_to_client,
    m.freelancer AS paid_to_freelancer,
    m.platform AS paid_to_platform,
    o.price + o.service_fee - m.client - m.freelancer - m.platform - coalesce(m.contested, 0) AS held,
    (s.state ->> 'record_length')::bigint - coalesce((s.state -> 'hidden_from' ->> o.role)::bigint, 0) AS record_length,
    coalesce(m.contested, 0) AS contested
FROM (
    -- Two halves, each with an index of its own, so that a party's orders are found without reading everybody's.
    SELECT 'client' AS role, client AS party, * FROM orders
    UNION ALL
    SELECT 'freelancer' AS role, freelancer AS party, * FROM orders
) AS o
INNER JOIN order_states AS s ON s.order_id = o.order_id
CROSS JOIN LATERAL jsonb_to_record(s.state -> 'moved') AS m (
    client bigint, freelancer bigint, platform bigint, contested bigint
);
