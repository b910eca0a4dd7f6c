-- What was there before the counters is added to them. What takes long comes first, into tables of this transaction
-- alone; only while the sums are added may an order that closes wait, for as long as that takes.
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '4h';

CREATE TEMPORARY TABLE stood ON COMMIT DROP AS
SELECT f AS facts
FROM facts AS f
WHERE
    f.before_counters AND f.ending <> 'reopened'
    AND NOT EXISTS (
        SELECT 1 FROM facts AS later WHERE later.before_counters AND later.order_id = f.order_id AND later.step > f.step
    );

CREATE TEMPORARY TABLE completions ON COMMIT DROP AS
SELECT
    (s.facts).freelancer,
    count(*) FILTER (WHERE completion_verdict(s.facts) = 'completed') AS completed,
    count(*) FILTER (WHERE completion_verdict(s.facts) = 'canceled') AS canceled,
    count(*) FILTER (WHERE completion_verdict(s.facts) = 'exempt') AS exempt
FROM stood AS s
WHERE completion_verdict(s.facts) IS NOT NULL
GROUP BY 1;

CREATE TEMPORARY TABLE successes ON COMMIT DROP AS
SELECT
    (s.facts).freelancer,
    count(*) FILTER (WHERE success_verdict(s.facts) = 'good') AS good,
    count(*) FILTER (WHERE success_verdict(s.facts) = 'bad') AS bad,
    count(*) FILTER (WHERE success_verdict(s.facts) = 'neither') AS neither,
    count(*) FILTER (WHERE success_verdict(s.facts) = 'left out') AS left_out
FROM stood AS s
WHERE success_verdict(s.facts) IS NOT NULL
GROUP BY 1;

CREATE TEMPORARY TABLE endings ON COMMIT DROP AS
SELECT
    (s.facts).policy, (s.facts).ending, coalesce((s.facts).how, '') AS how,
    coalesce((s.facts).exempt_because, '') AS exempt_because, tenths_of_an_hour(s.facts) AS tenth,
    hashtext((s.facts).order_id) & 3 AS part, count(*) AS orders,
    sum((s.facts).gross::numeric / (s.facts).price) AS paid
FROM stood AS s
GROUP BY 1, 2, 3, 4, 5, 6;

CREATE TEMPORARY TABLE reasons ON COMMIT DROP AS
SELECT
    week_of(s.facts) AS week, (s.facts).policy, coalesce((s.facts).initiator, '') AS initiator,
    coalesce((s.facts).reason, '') AS reason, (s.facts).fault, hashtext((s.facts).order_id) & 3 AS part,
    count(*) AS cancellations
FROM stood AS s
WHERE (s.facts).ending = 'canceled'
GROUP BY 1, 2, 3, 4, 5, 6;

INSERT INTO completion_counts AS c (freelancer, completed, canceled, exempt)
SELECT freelancer, completed, canceled, exempt FROM completions
ORDER BY freelancer
ON CONFLICT (freelancer) DO UPDATE SET
    completed = c.completed + excluded.completed, canceled = c.canceled + excluded.canceled,
    exempt = c.exempt + excluded.exempt;

INSERT INTO success_counts AS c (freelancer, good, bad, neither, left_out)
SELECT freelancer, good, bad, neither, left_out FROM successes
ORDER BY freelancer
ON CONFLICT (freelancer) DO UPDATE SET
    good = c.good + excluded.good, bad = c.bad + excluded.bad, neither = c.neither + excluded.neither,
    left_out = c.left_out + excluded.left_out;

INSERT INTO ending_counts AS c (policy, ending, how, exempt_because, spell, part, orders, paid)
SELECT policy, ending, how, exempt_because, spell_of(tenth), part, sum(orders), sum(paid) FROM endings
GROUP BY 1, 2, 3, 4, 5, 6
ORDER BY 1, 2, 3, 4, 5, 6
ON CONFLICT (policy, ending, how, exempt_because, spell, part) DO UPDATE SET
    orders = c.orders + excluded.orders, paid = c.paid + excluded.paid;

INSERT INTO ending_tenths AS c (policy, ending, how, exempt_because, tenth, orders)
SELECT policy, ending, how, exempt_because, tenth, sum(orders) FROM endings
GROUP BY 1, 2, 3, 4, 5
ORDER BY 1, 2, 3, 4, 5
ON CONFLICT (policy, ending, how, exempt_because, tenth) DO UPDATE SET orders = c.orders + excluded.orders;

INSERT INTO reason_counts AS c (week, policy, initiator, reason, fault, part, cancellations)
SELECT week, policy, initiator, reason, fault, part, cancellations FROM reasons
ORDER BY week, policy, initiator, reason, fault, part
ON CONFLICT (week, policy, initiator, reason, fault, part) DO UPDATE SET
    cancellations = c.cancellations + excluded.cancellations;

CREATE OR REPLACE VIEW analysis.completion_rate AS
SELECT freelancer, completed, canceled, exempt, completion_rate
FROM completion_counts
WHERE completed + canceled + exempt > 0;

CREATE OR REPLACE VIEW analysis.job_success AS
SELECT freelancer, good, bad, neither, left_out, job_success
FROM success_counts
WHERE good + bad + neither + left_out > 0;

CREATE OR REPLACE VIEW analysis.reasons_by_week AS
SELECT
    week, policy, nullif(initiator, '') AS initiator, nullif(reason, '') AS reason, fault,
    sum(cancellations)::bigint AS cancellations
FROM reason_counts AS r
GROUP BY r.week, r.policy, r.initiator, r.reason, r.fault
HAVING sum(cancellations) > 0;

-- The median is the middle order's hours, or half-way between the middle two.
CREATE OR REPLACE VIEW analysis.endings AS
SELECT
    policy, ending, nullif(how, '') AS how, nullif(exempt_because, '') AS exempt_because,
    orders,
    round(100 * orders / sum(orders) OVER (PARTITION BY policy), 1) AS share,
    round(100 * paid / orders, 1) AS paid_share,
    round((lower_middle.tenth + upper_middle.tenth) / 20.0, 1) AS median_hours
FROM (
    SELECT
        policy, ending, how, exempt_because,
        sum(orders)::bigint AS orders,
        sum(paid) AS paid,
        min(spell) FILTER (WHERE upto >= lower_place) AS lower_spell,
        lower_place - min(upto - orders) FILTER (WHERE upto >= lower_place) AS lower_in_spell,
        min(spell) FILTER (WHERE upto >= upper_place) AS upper_spell,
        upper_place - min(upto - orders) FILTER (WHERE upto >= upper_place) AS upper_in_spell
    FROM (
        SELECT
            policy, ending, how, exempt_because, spell,
            sum(orders)::bigint AS orders,
            sum(paid) AS paid,
            (sum(sum(orders)) OVER (kind ORDER BY spell))::bigint AS upto,
            ((sum(sum(orders)) OVER kind)::bigint + 1) / 2 AS lower_place,
            (sum(sum(orders)) OVER kind)::bigint / 2 + 1 AS upper_place
        FROM ending_counts
        GROUP BY policy, ending, how, exempt_because, spell
        WINDOW kind AS (PARTITION BY policy, ending, how, exempt_because)
    ) AS spells
    GROUP BY policy, ending, how, exempt_because, lower_place, upper_place
    HAVING sum(orders) > 0
) AS kinds
CROSS JOIN LATERAL (
    SELECT tenth FROM (
        SELECT t.tenth, sum(t.orders) OVER (ORDER BY t.tenth) AS upto
        FROM ending_tenths AS t
        WHERE
            (t.policy, t.ending, t.how, t.exempt_because) = (kinds.policy, kinds.ending, kinds.how, kinds.exempt_because)
            AND t.tenth >= 240 * kinds.lower_spell AND t.tenth < 240 * (kinds.lower_spell + 1)
    ) AS tenths
    WHERE tenths.upto >= kinds.lower_in_spell
    ORDER BY tenth LIMIT 1
) AS lower_middle
CROSS JOIN LATERAL (
    SELECT tenth FROM (
        SELECT t.tenth, sum(t.orders) OVER (ORDER BY t.tenth) AS upto
        FROM ending_tenths AS t
        WHERE
            (t.policy, t.ending, t.how, t.exempt_because) = (kinds.policy, kinds.ending, kinds.how, kinds.exempt_because)
            AND t.tenth >= 240 * kinds.upper_spell AND t.tenth < 240 * (kinds.upper_spell + 1)
    ) AS tenths
    WHERE tenths.upto >= kinds.upper_in_spell
    ORDER BY tenth LIMIT 1
) AS upper_middle;

-- Only cancellations that are young enough for any policy's window are looked at, and only parties with enough of them.
CREATE OR REPLACE VIEW analysis.repeat_cancelers AS
SELECT role, party, max(cancellations) AS cancellations, min(first_at) AS first_at, max(last_at) AS last_at
FROM (
    SELECT
        initiator AS role,
        CASE initiator WHEN 'client' THEN client ELSE freelancer END AS party,
        array_agg(closed_at) AS instants,
        array_agg(repeat_count) AS counts,
        array_agg(make_interval(secs => repeat_within_seconds)) AS windows
    FROM analysis.closed_orders
    WHERE
        ending = 'canceled' AND initiator IN ('client', 'freelancer') AND how <> 'mutual'
        AND fault IN ('none', initiator) AND closed_at <= now()
        AND closed_at > now() - make_interval(secs => (
            SELECT coalesce(max(repeat_within_seconds), 0) FROM facts
            WHERE
                ending = 'canceled' AND initiator IN ('client', 'freelancer') AND how <> 'mutual'
                AND fault IN ('none', initiator)
        ))
    GROUP BY 1, 2
    HAVING count(*) >= min(repeat_count) FILTER (WHERE repeat_count > 0)
) AS parties
CROSS JOIN LATERAL (
    SELECT count(*) AS cancellations, min(c.closed_at) AS first_at, max(c.closed_at) AS last_at
    FROM (
        SELECT DISTINCT r.repeat_count, r.within
        FROM unnest(parties.instants, parties.counts, parties.windows) AS r (closed_at, repeat_count, within)
        WHERE r.repeat_count > 0 AND r.closed_at > now() - r.within
    ) AS rules
    INNER JOIN unnest(parties.instants) AS c (closed_at) ON c.closed_at > now() - rules.within
    GROUP BY rules.repeat_count, rules.within
    HAVING count(*) >= rules.repeat_count
) AS marked
GROUP BY role, party;
