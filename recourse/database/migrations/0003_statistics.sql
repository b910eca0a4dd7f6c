-- Statistics: the facts of closed orders, counters over them, and views for a marketplace's own analysis (documented in
-- docs/analysis.md). They know private feedback, so nothing here is for the parties. Each order counts as its own policy
-- says; the rules are those of recourse/resolution/scores.py, and tests hold the two together.
--
-- A step adds facts and queues them. Workers count the queue outside of any step (count_facts). Every view adds what is
-- still queued to what is counted, so what it shows is never behind, however long the queue is.
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '5min';

CREATE SCHEMA analysis;
COMMENT ON SCHEMA analysis IS 'For the marketplace''s own analysis; knows private feedback, never for the parties.';

-- A row holds from its step on: a review, a second ruling, an exemption or an undo adds a row and changes none.
CREATE TABLE facts (
    order_id text NOT NULL REFERENCES order_states (order_id),
    step bigint NOT NULL,
    ending text NOT NULL CHECK (ending IN ('completed', 'canceled', 'reopened')),
    policy text,
    client text,
    freelancer text,
    currency text,
    price bigint,
    ordered_at timestamptz,
    closed_at timestamptz,
    how text CHECK (
        how IN (
            'mutual', 'expired_accepted', 'unilateral', 'forced_late', 'regretted', 'mediated', 'ruling', 'fallback'
        )
    ),
    initiator text CHECK (initiator IN ('client', 'freelancer', 'system')),
    reason text,
    fault text CHECK (fault IN ('client', 'freelancer', 'none')),
    exempt boolean,
    exempt_because text CHECK (exempt_because IN ('waiting_requirements', 'operator', 'new_order')),
    gross bigint,
    lateness text CHECK (lateness IN ('on_time', 'late', 'very_late')),
    delivered boolean,
    communicated boolean,
    explained boolean,
    client_public text CHECK (client_public IN ('positive', 'negative')),
    client_private text CHECK (client_private IN ('positive', 'negative')),
    freelancer_public text CHECK (freelancer_public IN ('positive', 'negative')),
    calculator text,
    unpaid_silent text CHECK (unpaid_silent IN ('counted', 'excluded')),
    repeat_count bigint,
    repeat_within_seconds bigint,
    PRIMARY KEY (order_id, step),
    CONSTRAINT closed_orders_say_everything CHECK (
        ending = 'reopened'
        OR num_nulls(
            policy, client, freelancer, currency, price, ordered_at, closed_at, fault, exempt, gross, lateness,
            delivered, communicated, explained, calculator, unpaid_silent, repeat_count, repeat_within_seconds
        ) = 0
    )
);
COMMENT ON TABLE facts IS 'The facts of closed orders (recourse.resolution.facts.Facts), as of each step that changed them. Never changed, never deleted; analysis.closed_orders holds those that stand.';
COMMENT ON COLUMN facts.ending IS 'reopened: an undo or a second ruling took the facts back, the order goes on.';
COMMENT ON COLUMN facts.client_private IS 'Private feedback: for operators only.';
CREATE INDEX facts_by_client ON facts (client);
CREATE INDEX facts_by_freelancer_and_time ON facts (freelancer, closed_at);
CREATE INDEX facts_by_time ON facts (closed_at DESC, order_id) WHERE ending <> 'reopened';
CREATE INDEX facts_of_cancelers ON facts (
    (CASE initiator WHEN 'client' THEN client ELSE freelancer END), closed_at
) WHERE ending = 'canceled' AND initiator IN ('client', 'freelancer');
CREATE INDEX facts_canceled ON facts (closed_at)
WHERE ending = 'canceled' AND initiator IN ('client', 'freelancer') AND how <> 'mutual' AND fault IN ('none', initiator);
CREATE INDEX facts_by_window ON facts (repeat_within_seconds)
WHERE ending = 'canceled' AND initiator IN ('client', 'freelancer') AND how <> 'mutual' AND fault IN ('none', initiator);
CREATE TRIGGER facts_only_grow BEFORE UPDATE OR DELETE OR TRUNCATE ON facts
FOR EACH STATEMENT EXECUTE FUNCTION only_grows();

CREATE TABLE uncounted (
    since timestamptz NOT NULL DEFAULT now(),
    order_id text NOT NULL,
    step bigint NOT NULL,
    freelancer text NOT NULL,
    PRIMARY KEY (since, order_id, step)
);
COMMENT ON TABLE uncounted IS 'The queue: facts that no counter has yet. count_facts() takes them out in the transaction that counts them.';

-- How one order counts.
CREATE FUNCTION completion_verdict(f facts) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN f.calculator IS DISTINCT FROM 'completion_rate' THEN NULL
        WHEN f.ending = 'completed' THEN 'completed'
        WHEN f.exempt THEN 'exempt'
        ELSE 'canceled'
    END
$$;
CREATE FUNCTION success_verdict(f facts) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN f.calculator IS DISTINCT FROM 'job_success' THEN NULL
        WHEN f.client_private = 'negative' THEN 'bad'
        WHEN f.ending = 'completed' OR f.client_private = 'positive' THEN 'good'
        WHEN f.gross = 0 AND f.unpaid_silent = 'excluded' THEN 'left out'
        ELSE 'neither'
    END
$$;
CREATE FUNCTION tenths_of_an_hour(f facts) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT round(extract(EPOCH FROM f.closed_at - f.ordered_at) / 360)::bigint
$$;
CREATE FUNCTION spell_of(tenths bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT floor(tenths / 240.0)::bigint
$$;
CREATE FUNCTION week_of(f facts) RETURNS date LANGUAGE sql IMMUTABLE AS $$
    SELECT date_trunc('week', f.closed_at AT TIME ZONE 'UTC')::date
$$;
-- A counter may be below zero for as long as the queue has the rest. Half-up in whole numbers, as recourse.resolution.scores.percent does it, so that both agree to the last decimal.
CREATE FUNCTION completion_rate_of(completed bigint, canceled bigint) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN least(completed, canceled) >= 0 AND completed + canceled > 0 THEN
        (((20000 * completed + completed + canceled) / (2 * (completed + canceled)))::numeric / 100)::numeric(5, 2)
    END
$$;
CREATE FUNCTION job_success_of(good bigint, bad bigint, neither bigint) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN least(good, bad, neither) >= 0 AND good + bad + neither > 0 THEN
        (((2000 * greatest(good - bad, 0) + good + bad + neither) / (2 * (good + bad + neither)))::numeric / 10)::numeric(4, 1)
    END
$$;

CREATE TABLE completion_counts (
    freelancer text PRIMARY KEY,
    completed bigint NOT NULL,
    canceled bigint NOT NULL,
    exempt bigint NOT NULL,
    completion_rate numeric GENERATED ALWAYS AS (completion_rate_of(completed, canceled)) STORED
) WITH (fillfactor = 70);
COMMENT ON TABLE completion_counts IS 'What analysis.completion_rate shows, but for what is queued.';
CREATE INDEX completion_counts_by_rate ON completion_counts (completion_rate, freelancer);

CREATE TABLE success_counts (
    freelancer text PRIMARY KEY,
    good bigint NOT NULL,
    bad bigint NOT NULL,
    neither bigint NOT NULL,
    left_out bigint NOT NULL,
    job_success numeric GENERATED ALWAYS AS (job_success_of(good, bad, neither)) STORED
) WITH (fillfactor = 70);
COMMENT ON TABLE success_counts IS 'What analysis.job_success shows, but for what is queued.';
CREATE INDEX success_counts_by_score ON success_counts (job_success, freelancer);

-- '' stands for null. `spell` counts days and `tenth` tenths of an hour from ordering to closing: a median is found in
-- its day, then among the tenths of that.
CREATE TABLE ending_counts (
    policy text NOT NULL,
    ending text NOT NULL,
    how text NOT NULL,
    exempt_because text NOT NULL,
    spell bigint NOT NULL,
    orders bigint NOT NULL,
    paid numeric NOT NULL,
    PRIMARY KEY (policy, ending, how, exempt_because, spell)
) WITH (fillfactor = 50);
COMMENT ON TABLE ending_counts IS 'What analysis.endings shows, but for what is queued; paid is the sum of the shares of the prices that freelancers got.';

CREATE TABLE ending_tenths (
    policy text NOT NULL,
    ending text NOT NULL,
    how text NOT NULL,
    exempt_because text NOT NULL,
    tenth bigint NOT NULL,
    orders bigint NOT NULL,
    PRIMARY KEY (policy, ending, how, exempt_because, tenth)
) WITH (fillfactor = 50);
COMMENT ON TABLE ending_tenths IS 'The orders of ending_counts by tenths of an hour, for their median.';

CREATE TABLE reason_counts (
    week date NOT NULL,
    policy text NOT NULL,
    initiator text NOT NULL,
    reason text NOT NULL,
    fault text NOT NULL,
    cancellations bigint NOT NULL,
    PRIMARY KEY (week, policy, initiator, reason, fault)
) WITH (fillfactor = 50);
COMMENT ON TABLE reason_counts IS 'What analysis.reasons_by_week shows, but for what is queued.';

-- What the queue changes, in rows of each counter: facts count once more, and those that they replace once less. Facts
-- never change, so the difference of a queued row is the same whenever, and in whatever order, the queue is counted.
CREATE VIEW queued AS
SELECT u.since, u.order_id, u.step, u.freelancer, v.n, v.f
FROM uncounted AS u
INNER JOIN facts AS fresh ON fresh.order_id = u.order_id AND fresh.step = u.step
LEFT JOIN LATERAL (
    SELECT f AS facts FROM facts AS f WHERE f.order_id = u.order_id AND f.step < u.step ORDER BY f.step DESC LIMIT 1
) AS replaced ON true
CROSS JOIN LATERAL (VALUES (1, fresh), (-1, replaced.facts)) AS v (n, f)
WHERE (v.f).ending <> 'reopened';

CREATE VIEW queued_completions AS
SELECT
    since, order_id, step, freelancer,
    CASE WHEN completion_verdict(f) = 'completed' THEN n ELSE 0 END AS completed,
    CASE WHEN completion_verdict(f) = 'canceled' THEN n ELSE 0 END AS canceled,
    CASE WHEN completion_verdict(f) = 'exempt' THEN n ELSE 0 END AS exempt
FROM queued WHERE completion_verdict(f) IS NOT NULL;

CREATE VIEW queued_successes AS
SELECT
    since, order_id, step, freelancer,
    CASE WHEN success_verdict(f) = 'good' THEN n ELSE 0 END AS good,
    CASE WHEN success_verdict(f) = 'bad' THEN n ELSE 0 END AS bad,
    CASE WHEN success_verdict(f) = 'neither' THEN n ELSE 0 END AS neither,
    CASE WHEN success_verdict(f) = 'left out' THEN n ELSE 0 END AS left_out
FROM queued WHERE success_verdict(f) IS NOT NULL;

CREATE VIEW queued_endings AS
SELECT
    since, order_id, step, (f).policy, (f).ending, coalesce((f).how, '') AS how,
    coalesce((f).exempt_because, '') AS exempt_because, spell_of(tenths_of_an_hour(f)) AS spell,
    tenths_of_an_hour(f) AS tenth, n AS orders, n * (f).gross::numeric / (f).price AS paid
FROM queued;

CREATE VIEW queued_reasons AS
SELECT
    since, order_id, step, week_of(f) AS week, (f).policy, coalesce((f).initiator, '') AS initiator,
    coalesce((f).reason, '') AS reason, (f).fault, n AS cancellations
FROM queued WHERE (f).ending = 'canceled';

-- It runs with the rights of its owner: who writes facts need not, and may not, write counters. One counts at a time, so
-- that no two wait for each other's rows; a crash takes back the whole transaction, and the queue with it.
CREATE FUNCTION count_facts(most bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    counted bigint;
BEGIN
    IF NOT pg_try_advisory_xact_lock('uncounted'::regclass::oid::bigint) THEN
        RETURN 0;
    END IF;
    WITH taken AS (
        DELETE FROM uncounted WHERE (since, order_id, step) IN (
            SELECT since, order_id, step FROM uncounted ORDER BY since, order_id, step LIMIT most
        ) RETURNING since, order_id, step
    ),
    completions AS (
        INSERT INTO completion_counts AS c (freelancer, completed, canceled, exempt)
        SELECT freelancer, sum(completed), sum(canceled), sum(exempt)
        FROM queued_completions NATURAL JOIN taken GROUP BY freelancer
        ON CONFLICT (freelancer) DO UPDATE SET
            completed = c.completed + excluded.completed, canceled = c.canceled + excluded.canceled,
            exempt = c.exempt + excluded.exempt
    ),
    successes AS (
        INSERT INTO success_counts AS c (freelancer, good, bad, neither, left_out)
        SELECT freelancer, sum(good), sum(bad), sum(neither), sum(left_out)
        FROM queued_successes NATURAL JOIN taken GROUP BY freelancer
        ON CONFLICT (freelancer) DO UPDATE SET
            good = c.good + excluded.good, bad = c.bad + excluded.bad, neither = c.neither + excluded.neither,
            left_out = c.left_out + excluded.left_out
    ),
    endings AS (
        INSERT INTO ending_counts AS c (policy, ending, how, exempt_because, spell, orders, paid)
        SELECT policy, ending, how, exempt_because, spell, sum(orders), sum(paid)
        FROM queued_endings NATURAL JOIN taken GROUP BY policy, ending, how, exempt_because, spell
        ON CONFLICT (policy, ending, how, exempt_because, spell) DO UPDATE SET
            orders = c.orders + excluded.orders, paid = c.paid + excluded.paid
    ),
    tenths AS (
        INSERT INTO ending_tenths AS c (policy, ending, how, exempt_because, tenth, orders)
        SELECT policy, ending, how, exempt_because, tenth, sum(orders)
        FROM queued_endings NATURAL JOIN taken GROUP BY policy, ending, how, exempt_because, tenth
        ON CONFLICT (policy, ending, how, exempt_because, tenth) DO UPDATE SET orders = c.orders + excluded.orders
    ),
    reasons AS (
        INSERT INTO reason_counts AS c (week, policy, initiator, reason, fault, cancellations)
        SELECT week, policy, initiator, reason, fault, sum(cancellations)
        FROM queued_reasons NATURAL JOIN taken GROUP BY week, policy, initiator, reason, fault
        ON CONFLICT (week, policy, initiator, reason, fault) DO UPDATE SET
            cancellations = c.cancellations + excluded.cancellations
    )
    SELECT count(*) INTO counted FROM taken;
    RETURN counted;
END
$$;
COMMENT ON FUNCTION count_facts(bigint) IS 'Counts the oldest of the queue, at most so many; returns how many. 0 also where somebody else is counting.';
REVOKE EXECUTE ON FUNCTION count_facts(bigint) FROM PUBLIC;
-- Nobody's tables of the same name are counted in.
DO $$ BEGIN EXECUTE format('ALTER FUNCTION count_facts(bigint) SET search_path = %I, pg_temp', current_schema()); END $$;

CREATE VIEW analysis.closed_orders AS
SELECT
    f.order_id, f.policy, f.client, f.freelancer, f.currency, f.price, f.ordered_at, f.closed_at, f.ending, f.how,
    f.initiator, f.reason, f.fault, f.exempt, f.exempt_because, f.gross, f.lateness, f.delivered, f.communicated,
    f.explained, f.client_public, f.client_private, f.freelancer_public, f.calculator, f.unpaid_silent,
    f.repeat_count, f.repeat_within_seconds
FROM facts AS f
WHERE
    f.ending <> 'reopened'
    AND NOT EXISTS (SELECT 1 FROM facts AS later WHERE later.order_id = f.order_id AND later.step > f.step);
COMMENT ON VIEW analysis.closed_orders IS 'One row a closed order: the facts that stand now.';

-- The few freelancers with something in the queue are added up. An index has all others in the order of their scores;
-- so that it is used, the conditions are outside of the union.
CREATE VIEW analysis.completion_rate AS
SELECT freelancer, completed, canceled, exempt, completion_rate
FROM (
    SELECT freelancer, completed, canceled, exempt, completion_rate, false AS added_up FROM completion_counts
    UNION ALL
    SELECT
        freelancer, sum(completed)::bigint, sum(canceled)::bigint, sum(exempt)::bigint,
        completion_rate_of(sum(completed)::bigint, sum(canceled)::bigint), true
    FROM (
        SELECT freelancer, completed, canceled, exempt FROM queued_completions
        UNION ALL
        SELECT freelancer, completed, canceled, exempt FROM completion_counts
        WHERE freelancer IN (SELECT freelancer FROM uncounted)
    ) AS both_parts
    GROUP BY freelancer
) AS counted
WHERE completed + canceled + exempt > 0 AND (added_up OR freelancer NOT IN (SELECT freelancer FROM uncounted));
COMMENT ON VIEW analysis.completion_rate IS 'completed / (completed + canceled and not exempt) in percent, by freelancer, over orders whose policy keeps this score.';

CREATE VIEW analysis.job_success AS
SELECT freelancer, good, bad, neither, left_out, job_success
FROM (
    SELECT freelancer, good, bad, neither, left_out, job_success, false AS added_up FROM success_counts
    UNION ALL
    SELECT
        freelancer, sum(good)::bigint, sum(bad)::bigint, sum(neither)::bigint, sum(left_out)::bigint,
        job_success_of(sum(good)::bigint, sum(bad)::bigint, sum(neither)::bigint), true
    FROM (
        SELECT freelancer, good, bad, neither, left_out FROM queued_successes
        UNION ALL
        SELECT freelancer, good, bad, neither, left_out FROM success_counts
        WHERE freelancer IN (SELECT freelancer FROM uncounted)
    ) AS both_parts
    GROUP BY freelancer
) AS counted
WHERE good + bad + neither + left_out > 0 AND (added_up OR freelancer NOT IN (SELECT freelancer FROM uncounted));
COMMENT ON VIEW analysis.job_success IS '(good - bad) / all in percent, by freelancer, over orders whose policy keeps this score.';

CREATE VIEW analysis.reasons_by_week AS
SELECT
    week, policy, nullif(initiator, '') AS initiator, nullif(reason, '') AS reason, fault,
    sum(cancellations)::bigint AS cancellations
FROM (
    SELECT week, policy, initiator, reason, fault, cancellations FROM reason_counts
    UNION ALL
    SELECT week, policy, initiator, reason, fault, cancellations FROM queued_reasons
) AS r
GROUP BY r.week, r.policy, r.initiator, r.reason, r.fault
HAVING sum(cancellations) > 0;
COMMENT ON VIEW analysis.reasons_by_week IS 'Why orders were canceled, by week (its Monday, in UTC) and policy.';

CREATE VIEW tenths AS
SELECT policy, ending, how, exempt_because, tenth, orders FROM ending_tenths
UNION ALL
SELECT policy, ending, how, exempt_because, tenth, orders FROM queued_endings;

-- The median is the middle order's hours, or half-way between the middle two.
CREATE VIEW analysis.endings AS
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
        FROM (
            SELECT policy, ending, how, exempt_because, spell, orders, paid FROM ending_counts
            UNION ALL
            SELECT policy, ending, how, exempt_because, spell, orders, paid FROM queued_endings
        ) AS both_parts
        GROUP BY policy, ending, how, exempt_because, spell
        WINDOW kind AS (PARTITION BY policy, ending, how, exempt_because)
    ) AS spells
    GROUP BY policy, ending, how, exempt_because, lower_place, upper_place
    HAVING sum(orders) > 0
) AS kinds
CROSS JOIN LATERAL (
    SELECT tenth FROM (
        SELECT t.tenth, sum(sum(t.orders)) OVER (ORDER BY t.tenth) AS upto
        FROM tenths AS t
        WHERE
            (t.policy, t.ending, t.how, t.exempt_because) = (kinds.policy, kinds.ending, kinds.how, kinds.exempt_because)
            AND t.tenth >= 240 * kinds.lower_spell AND t.tenth < 240 * (kinds.lower_spell + 1)
        GROUP BY t.tenth
    ) AS summed
    WHERE summed.upto >= kinds.lower_in_spell
    ORDER BY tenth LIMIT 1
) AS lower_middle
CROSS JOIN LATERAL (
    SELECT tenth FROM (
        SELECT t.tenth, sum(sum(t.orders)) OVER (ORDER BY t.tenth) AS upto
        FROM tenths AS t
        WHERE
            (t.policy, t.ending, t.how, t.exempt_because) = (kinds.policy, kinds.ending, kinds.how, kinds.exempt_because)
            AND t.tenth >= 240 * kinds.upper_spell AND t.tenth < 240 * (kinds.upper_spell + 1)
        GROUP BY t.tenth
    ) AS summed
    WHERE summed.upto >= kinds.upper_in_spell
    ORDER BY tenth LIMIT 1
) AS upper_middle;
COMMENT ON VIEW analysis.endings IS 'How orders end under each policy, how often, what of the price the freelancers got, and how long the orders ran.';

CREATE VIEW analysis.cases AS
SELECT
    happened.order_id, o.policy, happened.case_number,
    min(happened.at) FILTER (WHERE happened.event = 'case_opened') AS opened_at,
    min(happened.by) FILTER (WHERE happened.event = 'case_opened') AS opened_by,
    min(happened.at) FILTER (WHERE happened.event = 'case_closed') AS ended_at,
    min(happened.because) FILTER (WHERE happened.event = 'case_closed') AS ended_because,
    min(happened.by) FILTER (WHERE happened.event = 'case_closed') AS ended_by,
    count(*) FILTER (WHERE happened.event = 'proposal_made') AS proposals,
    count(*) FILTER (WHERE happened.event = 'ruling_made' AND happened.operator IS NOT NULL) AS rulings,
    count(*) FILTER (WHERE happened.event = 'appeal_opened') AS appeals,
    count(*) FILTER (WHERE happened.event = 'case_reminded') AS reminders
FROM (
    SELECT
        e.order_id, e.at, told.value ->> 'event' AS event, told.value ->> 'by' AS by,
        told.value ->> 'because' AS because, told.value ->> 'operator' AS operator,
        count(*) FILTER (WHERE told.value ->> 'event' = 'case_opened') OVER (
            PARTITION BY e.order_id ORDER BY e.number, told.ordinality
        ) AS case_number
    FROM record_entries AS e, jsonb_array_elements(e.content -> 'events') WITH ORDINALITY AS told
    WHERE
        told.value ->> 'event' IN (
            'case_opened', 'case_closed', 'proposal_made', 'ruling_made', 'appeal_opened', 'case_reminded'
        )
) AS happened
INNER JOIN orders AS o ON o.order_id = happened.order_id
GROUP BY happened.order_id, o.policy, happened.case_number;
COMMENT ON VIEW analysis.cases IS 'One row a case that was ever opened, read from the record; ended_at is null while it is open.';

CREATE VIEW analysis.case_endings AS
SELECT
    policy, ended_because, ended_by,
    count(*) AS cases,
    round(100 * count(*) / sum(count(*)) OVER (PARTITION BY policy), 1) AS share,
    count(*) FILTER (WHERE appeals > 0) AS appealed,
    round((percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(EPOCH FROM ended_at - opened_at)) / 3600)::numeric, 1)
        AS median_hours
FROM analysis.cases
GROUP BY policy, ended_because, ended_by;
COMMENT ON VIEW analysis.case_endings IS 'How cases end under each policy; ended_because is null for those that are open.';

-- Only cancellations that are young enough for any policy's window are looked at, and only parties with enough of them.
CREATE VIEW analysis.repeat_cancelers AS
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
COMMENT ON VIEW analysis.repeat_cancelers IS 'Who has the mark repeat_canceler now: as many counting cancellations, within such a time, as the policy of one of them says.';
