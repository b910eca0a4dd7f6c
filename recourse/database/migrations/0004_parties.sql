-- What each party may read, one row a reader: for programs that serve the parties (role recourse_reader). They are
-- security barriers, so that no function in a query's condition sees a row or a field that the view leaves out.
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '5min';

CREATE VIEW party_orders WITH (security_barrier = true) AS
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
    o.price + o.service_fee - m.client - m.freelancer - m.platform AS held,
    (s.state ->> 'record_length')::bigint - coalesce((s.state -> 'hidden_from' ->> o.role)::bigint, 0) AS record_length
FROM (
    -- Two halves, each with an index of its own, so that a party's orders are found without reading everybody's.
    SELECT 'client' AS role, client AS party, * FROM orders
    UNION ALL
    SELECT 'freelancer' AS role, freelancer AS party, * FROM orders
) AS o
INNER JOIN order_states AS s ON s.order_id = o.order_id
CROSS JOIN LATERAL jsonb_to_record(s.state -> 'moved') AS m (client bigint, freelancer bigint, platform bigint);
COMMENT ON VIEW party_orders IS 'Each order as its client and as its freelancer may read it. What private feedback would move is not here.';

-- The rule is resolution.record.may_see; a test holds the two together. `position` counts what this reader may see.
CREATE VIEW party_record WITH (security_barrier = true) AS
SELECT
    e.order_id, p.role, p.party,
    row_number() OVER (PARTITION BY e.order_id, p.role, p.party ORDER BY e.number) AS position,
    e.at,
    e.content - 'private' AS content
FROM record_entries AS e
INNER JOIN (
    SELECT 'client' AS role, client AS party, order_id FROM orders
    UNION ALL
    SELECT 'freelancer' AS role, freelancer AS party, order_id FROM orders
) AS p ON p.order_id = e.order_id
WHERE
    (e.content ->> 'outcome' IS DISTINCT FROM 'refused' AND e.content -> 'confidential' IS DISTINCT FROM 'true'::jsonb)
    OR (
        e.content -> 'actor' ->> 'role' IS NOT DISTINCT FROM p.role
        AND e.content -> 'stranger' IS DISTINCT FROM 'true'::jsonb
    );
COMMENT ON VIEW party_record IS 'The record as each party may read it: no private note, no refused attempt or private feedback of the other side.';

CREATE VIEW party_notices WITH (security_barrier = true) AS
SELECT n.order_id, p.role, p.party, n.id, n.name, n.at, n.body
FROM notices AS n
INNER JOIN (
    SELECT 'client' AS role, client AS party, order_id FROM orders
    UNION ALL
    SELECT 'freelancer' AS role, freelancer AS party, order_id FROM orders
) AS p ON p.order_id = n.order_id AND p.role = n.receiver;
COMMENT ON VIEW party_notices IS 'What each party was told.';
