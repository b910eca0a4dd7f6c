-- Views for a marketplace's own analysis, documented in docs/analysis.md. They know private feedback, so nothing here
-- is for the parties. Each order counts as its own policy says.
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '5min';

CREATE SCHEMA analysis;
COMMENT ON SCHEMA analysis IS 'For the marketplace''s own analysis; knows private feedback, never for the parties.';

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

-- Half-up in whole numbers, as resolution.scores.percent does it, so that both agree to the last decimal.
CREATE VIEW analysis.completion_rate AS
SELECT
    freelancer, completed, canceled, exempt,
    CASE WHEN completed + canceled > 0 THEN
        (((20000 * completed + completed + canceled) / (2 * (completed + canceled)))::numeric / 100)::numeric(5, 2)
    END AS completion_rate
FROM (
    SELECT
        freelancer,
        count(*) FILTER (WHERE ending = 'completed') AS completed,
        count(*) FILTER (WHERE ending = 'canceled' AND NOT exempt) AS canceled,
        count(*) FILTER (WHERE ending = 'canceled' AND exempt) AS exempt
    FROM analysis.closed_orders
    WHERE calculator = 'completion_rate'
    GROUP BY freelancer
) AS counted;
COMMENT ON VIEW analysis.completion_rate IS 'completed / (completed + canceled and not exempt) in percent, by freelancer, over orders whose policy keeps this score.';

CREATE VIEW analysis.job_success AS
SELECT
    freelancer, good, bad, neither, left_out,
    CASE WHEN good + bad + neither > 0 THEN
        (
            ((2000 * greatest(good - bad, 0) + good + bad + neither) / (2 * (good + bad + neither)))::numeric / 10
        )::numeric(4, 1)
    END AS job_success
FROM (
    SELECT
        freelancer,
        count(*) FILTER (WHERE verdict = 'good') AS good,
        count(*) FILTER (WHERE verdict = 'bad') AS bad,
        count(*) FILTER (WHERE verdict = 'neither') AS neither,
        count(*) FILTER (WHERE verdict = 'left out') AS left_out
    FROM (
        SELECT
            freelancer,
            CASE
                WHEN client_private = 'negative' THEN 'bad'
                WHEN ending = 'completed' OR client_private = 'positive' THEN 'good'
                WHEN gross = 0 AND unpaid_silent = 'excluded' THEN 'left out'
                ELSE 'neither'
            END AS verdict
        FROM analysis.closed_orders
        WHERE calculator = 'job_success'
    ) AS judged
    GROUP BY freelancer
) AS counted;
COMMENT ON VIEW analysis.job_success IS '(good - bad) / all in percent, by freelancer, over orders whose policy keeps this score.';

CREATE VIEW analysis.reasons_by_week AS
SELECT
    date_trunc('week', closed_at AT TIME ZONE 'UTC')::date AS week,
    policy, initiator, reason, fault,
    count(*) AS cancellations
FROM analysis.closed_orders
WHERE ending = 'canceled'
GROUP BY 1, policy, initiator, reason, fault;
COMMENT ON VIEW analysis.reasons_by_week IS 'Why orders were canceled, by week (its Monday, in UTC) and policy.';

CREATE VIEW analysis.endings AS
SELECT
    policy, ending, how, exempt_because,
    count(*) AS orders,
    round(100 * count(*) / sum(count(*)) OVER (PARTITION BY policy), 1) AS share,
    round(100 * avg(gross::numeric / price), 1) AS paid_share,
    round((percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(EPOCH FROM closed_at - ordered_at)) / 3600)::numeric, 1)
        AS median_hours
FROM analysis.closed_orders
GROUP BY policy, ending, how, exempt_because;
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

CREATE VIEW analysis.repeat_cancelers AS
WITH counting AS (
    SELECT
        initiator AS role,
        CASE initiator WHEN 'client' THEN client ELSE freelancer END AS party,
        closed_at,
        repeat_count,
        make_interval(secs => repeat_within_seconds) AS within
    FROM analysis.closed_orders
    WHERE
        ending = 'canceled' AND initiator IN ('client', 'freelancer') AND how <> 'mutual'
        AND fault IN ('none', initiator) AND closed_at <= now()
),
rules AS (
    SELECT DISTINCT role, party, repeat_count, within FROM counting
    WHERE repeat_count > 0 AND closed_at > now() - within
)
SELECT role, party, max(cancellations) AS cancellations, min(first_at) AS first_at, max(last_at) AS last_at
FROM (
    SELECT
        r.role, r.party, count(*) AS cancellations, min(c.closed_at) AS first_at, max(c.closed_at) AS last_at
    FROM rules AS r
    INNER JOIN counting AS c ON c.role = r.role AND c.party = r.party AND c.closed_at > now() - r.within
    GROUP BY r.role, r.party, r.repeat_count, r.within
    HAVING count(*) >= r.repeat_count
) AS marked
GROUP BY role, party;
COMMENT ON VIEW analysis.repeat_cancelers IS 'Who has the mark repeat_canceler now: as many counting cancellations, within such a time, as the policy of one of them says.';
