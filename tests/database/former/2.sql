
    SELECT a.step, a.sender, a.command_id, a.outcome, e.content ->> 'command' AS command,
        -- What was erased is not what was sent.
        CASE WHEN e.erased IS NULL THEN (e.content -> 'fields') || (e.content -> 'private') END AS fields
    FROM answers AS a
    LEFT JOIN record_entries AS e ON e.order_id = a.order_id AND e.number = (a.outcome ->> 'entry')::bigint
 WHERE a.order_id = $1 AND a.sender = $2 AND a.command_id = $3
;

SELECT
    d.delivered_at IS NOT NULL AS delivered,
    h.channel IS NOT NULL AND h.until IS NULL AS disabled,
    h.until - now() AS wait
FROM (SELECT $1::text AS notice_id, $2::text AS channel) AS n
LEFT JOIN deliveries AS d USING (notice_id, channel)
LEFT JOIN held_channels AS h ON h.channel = n.channel AND h.address = $3 AND (h.until IS NULL OR h.until > now())

;

SELECT n.id, n.receiver AS "to", n.name, n.at, n.body, n.step FROM notices AS n
LEFT JOIN deliveries AS d ON d.notice_id = n.id AND d.channel = $2
WHERE
    n.order_id = $1 AND n.receiver = ANY($3) AND d.delivered_at IS NULL
    AND (
        n.written_at > now() - $4::interval
        -- Asked for by an operator: whatever its age, but nothing from before the channel was there at all.
        OR $5 AND EXISTS (
            SELECT 1 FROM notices AS tried INNER JOIN deliveries AS t ON t.notice_id = tried.id
            WHERE tried.order_id = $1 AND t.channel = $2 AND (tried.step, tried.line) <= (n.step, n.line)
        )
    )
ORDER BY n.step, n.line

;

SELECT s.step, c.role, c.email, o.client, o.freelancer, to_jsonb(d) - 'order_id' AS display
FROM order_states AS s
LEFT JOIN contacts AS c USING (order_id)
LEFT JOIN orders AS o USING (order_id)
LEFT JOIN displays AS d USING (order_id)
WHERE s.order_id = $1

;

SELECT s.step, s.state, s.record_salt, o.opening, coalesce((
    SELECT jsonb_agg(to_jsonb(given) ORDER BY given.step)
    FROM (
    SELECT a.step, a.sender, a.command_id, a.outcome, e.content ->> 'command' AS command,
        -- What was erased is not what was sent.
        CASE WHEN e.erased IS NULL THEN (e.content -> 'fields') || (e.content -> 'private') END AS fields
    FROM answers AS a
    LEFT JOIN record_entries AS e ON e.order_id = a.order_id AND e.number = (a.outcome ->> 'entry')::bigint
 WHERE a.order_id = s.order_id AND a.step >= $2 ORDER BY a.step LIMIT $3) AS given
), '[]') AS answers, coalesce((
    SELECT jsonb_object_agg(sent.sender, sent.count)
    FROM (
        SELECT sender, count(*) FROM answers
        WHERE order_id = s.order_id AND step >= $2 AND outcome ->> 'entry' IS NOT NULL GROUP BY sender
    ) AS sent
), '{}') AS counted
FROM order_states AS s INNER JOIN openings AS o ON o.order_id = s.order_id
WHERE s.order_id = $1

;

UPDATE deliveries SET delivered_at = now(), leased_until = NULL, last_error = NULL
WHERE notice_id = $1 AND channel = $2 AND delivered_at IS NULL
RETURNING (SELECT extract(EPOCH FROM now() - n.written_at)::float8 FROM notices AS n WHERE n.id = notice_id)

;

UPDATE deliveries SET leased_until = NULL, last_error = $4
WHERE notice_id = $1 AND channel = $2 AND attempts = $3 AND delivered_at IS NULL

;

WITH other_receiver AS (
    UPDATE held_channels SET until = now() WHERE channel = $2 AND address <> $4 AND until IS NULL
)
INSERT INTO deliveries AS d (notice_id, channel, attempts, leased_until)
SELECT $1::text, $2, 1, now() + $3::interval
WHERE NOT EXISTS (
    SELECT FROM held_channels WHERE channel = $2 AND address = $4 AND (until IS NULL OR until > now())
)
ON CONFLICT (notice_id, channel) DO UPDATE SET attempts = d.attempts + 1, leased_until = excluded.leased_until
WHERE d.delivered_at IS NULL AND (d.leased_until IS NULL OR d.leased_until <= now())
RETURNING attempts

;
-- One step of an order, whole or not at all. A step that is already there, or that does not follow, changes nothing.
WITH given AS (
    SELECT $1::jsonb AS whole
),
written AS (
    INSERT INTO order_states AS o (order_id, step, record_salt, state)
    SELECT whole ->> 'order_id', (whole ->> 'number')::bigint, whole ->> 'record_salt', whole -> 'order'
    FROM given
    -- Only the opening makes an order; any other step needs the one before it.
    WHERE (whole ->> 'number')::bigint = 0
        OR EXISTS (SELECT 1 FROM order_states AS known WHERE known.order_id = whole ->> 'order_id')
    ON CONFLICT (order_id) DO UPDATE SET step = excluded.step, state = excluded.state, updated_at = now()
    -- The salt tells two orders of one id apart, such as one that was started again on another Temporal server; the
    -- hash tells two ways apart in which one order went on, such as after its workflow was reset.
    WHERE o.step = excluded.step - 1
        AND o.record_salt = excluded.record_salt
        AND (o.state ->> 'record_hash') IN (
            '', (SELECT coalesce(whole #>> '{entry,previous}', whole #>> '{order,record_hash}') FROM given)
        )
        -- What a newer build wrote is read before it is written over.
        AND (o.state ->> 'made_for')::integer <= (excluded.state ->> 'made_for')::integer
    RETURNING o.order_id, o.step
),
change AS (
    INSERT INTO changes (order_id, step, at, entry)
    SELECT order_id, step, (whole ->> 'at')::timestamptz, (whole #>> '{entry,number}')::bigint FROM written, given
),
opened AS (
    INSERT INTO openings (order_id, opening)
    SELECT w.order_id, whole -> 'opening' FROM written AS w, given WHERE w.step = 0
),
shown AS (
    SELECT w.order_id, w.step, s.*
    FROM written AS w, given, jsonb_to_record(whole -> 'summary') AS s (
        policy text, client text, freelancer text, currency text, price bigint, service_fee bigint, phase text,
        how text, settlement text, ordered_at timestamptz, due_at timestamptz, closed_at timestamptz,
        request_kind text, request_status text, answer_due_at timestamptz, case_stage text,
        case_due_at timestamptz, turn text, turn_until timestamptz, next_clock text, next_clock_at timestamptz,
        group_id text, part bigint
    )
),
listed AS (
    INSERT INTO orders (
        order_id, policy, client, freelancer, currency, price, service_fee, phase, how, settlement, ordered_at,
        due_at, closed_at, request_kind, request_status, answer_due_at, case_stage, case_due_at, turn, turn_until,
        next_clock, next_clock_at, group_id, part
    )
    SELECT order_id, policy, client, freelancer, currency, price, service_fee, phase, how, settlement, ordered_at,
        due_at, closed_at, request_kind, request_status, answer_due_at, case_stage, case_due_at, turn, turn_until,
        next_clock, next_clock_at, group_id, part
    FROM shown WHERE step = 0
),
relisted AS (
    UPDATE orders AS o SET
        price = s.price, service_fee = s.service_fee, phase = s.phase, how = s.how, settlement = s.settlement, due_at = s.due_at, closed_at = s.closed_at,
        request_kind = s.request_kind, request_status = s.request_status, answer_due_at = s.answer_due_at,
        case_stage = s.case_stage, case_due_at = s.case_due_at, turn = s.turn, turn_until = s.turn_until,
        next_clock = s.next_clock, next_clock_at = s.next_clock_at
    FROM shown AS s
    WHERE o.order_id = s.order_id AND s.step > 0
        AND (
            o.price, o.service_fee, o.phase, o.how, o.settlement, o.due_at, o.closed_at, o.request_kind, o.request_status, o.answer_due_at,
            o.case_stage, o.case_due_at, o.turn, o.turn_until, o.next_clock, o.next_clock_at
        ) IS DISTINCT FROM (
            s.price, s.service_fee, s.phase, s.how, s.settlement, s.due_at, s.closed_at, s.request_kind, s.request_status, s.answer_due_at,
            s.case_stage, s.case_due_at, s.turn, s.turn_until, s.next_clock, s.next_clock_at
        )
),
entry AS (
    INSERT INTO record_entries (order_id, number, at, content, previous, hash)
    SELECT w.order_id, e.number, e.at, e.content, e.previous, e.hash
    FROM written AS w, given, jsonb_to_record(nullif(whole -> 'entry', 'null'::jsonb)) AS e (
        number bigint, at timestamptz, content jsonb, previous text, hash text
    )
    WHERE e.number IS NOT NULL
),
answer AS (
    INSERT INTO answers (order_id, step, sender, command_id, outcome)
    SELECT w.order_id, w.step, a.sender, a.command_id, a.outcome
    FROM written AS w, given, jsonb_to_record(nullif(whole -> 'answer', 'null'::jsonb)) AS a (
        sender text, command_id text, outcome jsonb
    )
    WHERE a.command_id IS NOT NULL
),
lines AS (
    INSERT INTO ledger_entries (order_id, step, line, account, amount, at)
    SELECT w.order_id, w.step, l.ordinality, l.value ->> 'account', (l.value ->> 'amount')::bigint,
        (whole ->> 'at')::timestamptz
    FROM written AS w, given, jsonb_array_elements(whole -> 'ledger') WITH ORDINALITY AS l
),
paid AS (
    INSERT INTO payments AS p (
        key, order_id, number, leg, turn, amount, currency, provider, status, reason, reference, answered_at
    )
    SELECT l.key, w.order_id, l.number, l.leg, l.turn, l.amount, l.currency, l.provider, l.status, l.reason,
        l.reference, CASE WHEN l.status NOT IN ('waiting', 'void') THEN now() END
    FROM written AS w, given, jsonb_to_recordset(whole -> 'payments') AS l (
        key text, number bigint, leg text, turn bigint, amount bigint, currency text, provider text, status text,
        reason text, reference text
    )
    -- A key that was written before means the same; its trigger refuses anything else.
    ON CONFLICT (key) DO UPDATE SET
        amount = excluded.amount, provider = excluded.provider, status = excluded.status, reason = excluded.reason,
        reference = excluded.reference, answered_at = coalesce(p.answered_at, excluded.answered_at)
    -- The provider had paid, and the order did not know it yet when it gave the leg another key.
    WHERE NOT (p.status = 'done' AND excluded.status = 'void')
),
told AS (
    INSERT INTO notices (id, order_id, step, line, receiver, name, at, body)
    SELECT n.value ->> 'id', w.order_id, w.step, n.ordinality, n.value ->> 'to', n.value ->> 'name',
        (n.value ->> 'at')::timestamptz, n.value -> 'body'
    FROM written AS w, given, jsonb_array_elements(whole -> 'notices') WITH ORDINALITY AS n
),
closed AS (
    INSERT INTO facts
    SELECT f.*
    FROM written AS w, given, jsonb_populate_record(
        NULL::facts,
        CASE WHEN (whole ->> 'reopened')::boolean THEN '{"ending": "reopened"}'::jsonb
            ELSE nullif(whole -> 'facts', 'null'::jsonb) END
        || jsonb_build_object('order_id', w.order_id, 'step', w.step)
    ) AS f
    WHERE f.order_id IS NOT NULL
    RETURNING order_id, step
),
queued AS (
    INSERT INTO uncounted (order_id, step, freelancer)
    SELECT c.order_id, c.step, whole #>> '{summary,freelancer}' FROM closed AS c, given
)
SELECT EXISTS (SELECT 1 FROM written) AS fresh
