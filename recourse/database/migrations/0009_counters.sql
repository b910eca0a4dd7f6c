-- Counters over the facts that stand, so that nobody who looks at a score counts every closed order again. A trigger
-- moves them by the difference whenever facts are written, by whatever version of a worker. The rules are those of
-- resolution/scores.py; tests hold the two together. What was there before is added by the next migration, so that no
-- order waits for a long count.
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '5min';

-- True for what was written before the trigger was there, null from then on.
ALTER TABLE facts ADD COLUMN before_counters boolean DEFAULT true;
-- squawk-ignore ban-drop-default
ALTER TABLE facts ALTER COLUMN before_counters DROP DEFAULT;

-- Half-up in whole numbers, as resolution.scores.percent does it. Counts are below zero only between two migrations.
CREATE TABLE completion_counts (
    freelancer text PRIMARY KEY,
    completed bigint NOT NULL,
    canceled bigint NOT NULL,
    exempt bigint NOT NULL,
    completion_rate numeric GENERATED ALWAYS AS (
        CASE WHEN least(completed, canceled) >= 0 AND completed + canceled > 0 THEN
            (((20000 * completed + completed + canceled) / (2 * (completed + canceled)))::numeric / 100)::numeric(5, 2)
        END
    ) STORED
) WITH (fillfactor = 70);
CREATE INDEX completion_counts_by_rate ON completion_counts (completion_rate, freelancer);
COMMENT ON TABLE completion_counts IS 'What analysis.completion_rate shows, kept by the trigger of facts.';

CREATE TABLE success_counts (
    freelancer text PRIMARY KEY,
    good bigint NOT NULL,
    bad bigint NOT NULL,
    neither bigint NOT NULL,
    left_out bigint NOT NULL,
    job_success numeric GENERATED ALWAYS AS (
        CASE WHEN least(good, bad, neither) >= 0 AND good + bad + neither > 0 THEN
            (((2000 * greatest(good - bad, 0) + good + bad + neither) / (2 * (good + bad + neither)))::numeric / 10)::numeric(4, 1)
        END
    ) STORED
) WITH (fillfactor = 70);
CREATE INDEX success_counts_by_score ON success_counts (job_success, freelancer);
COMMENT ON TABLE success_counts IS 'What analysis.job_success shows, kept by the trigger of facts.';

-- Orders that end alike share rows, so these come in four parts by order: who closes one seldom waits for another.
-- '' stands for null. `spell` counts days and `tenth` tenths of an hour from ordering to closing: a median is found in
-- its day, then among the tenths of that.
CREATE TABLE ending_counts (
    policy text NOT NULL,
    ending text NOT NULL,
    how text NOT NULL,
    exempt_because text NOT NULL,
    spell bigint NOT NULL,
    part bigint NOT NULL,
    orders bigint NOT NULL,
    paid numeric NOT NULL,
    PRIMARY KEY (policy, ending, how, exempt_because, spell, part)
) WITH (fillfactor = 50);
COMMENT ON TABLE ending_counts IS 'What analysis.endings shows, kept by the trigger of facts; paid is the sum of the shares of the prices that freelancers got.';

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
    part bigint NOT NULL,
    cancellations bigint NOT NULL,
    PRIMARY KEY (week, policy, initiator, reason, fault, part)
) WITH (fillfactor = 50);
COMMENT ON TABLE reason_counts IS 'What analysis.reasons_by_week shows, kept by the trigger of facts.';

-- How one order counts; the trigger and the first count ask the same.
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

-- It runs with the rights of its owner: who writes facts need not, and may not, write counters. The tables come in the
-- same order for everybody, and so do the rows of each, so that no two transactions wait for each other.
CREATE FUNCTION count_facts() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    stood facts;
    stands facts;
BEGIN
    SELECT f.* INTO stood FROM facts AS f
    WHERE f.order_id = NEW.order_id AND f.step < NEW.step ORDER BY f.step DESC LIMIT 1;
    IF stood.ending = 'reopened' THEN
        stood := NULL;
    END IF;
    IF NEW.ending <> 'reopened' THEN
        stands := NEW;
    END IF;

    IF completion_verdict(stood) IS DISTINCT FROM completion_verdict(stands) THEN
        INSERT INTO completion_counts AS c (freelancer, completed, canceled, exempt)
        SELECT
            v.freelancer,
            coalesce(sum(v.n) FILTER (WHERE v.verdict = 'completed'), 0),
            coalesce(sum(v.n) FILTER (WHERE v.verdict = 'canceled'), 0),
            coalesce(sum(v.n) FILTER (WHERE v.verdict = 'exempt'), 0)
        FROM (
            VALUES (-1, stood.freelancer, completion_verdict(stood)), (1, stands.freelancer, completion_verdict(stands))
        ) AS v (n, freelancer, verdict)
        WHERE v.verdict IS NOT NULL
        GROUP BY v.freelancer
        ORDER BY v.freelancer
        ON CONFLICT (freelancer) DO UPDATE SET
            completed = c.completed + excluded.completed, canceled = c.canceled + excluded.canceled,
            exempt = c.exempt + excluded.exempt;
    END IF;

    IF success_verdict(stood) IS DISTINCT FROM success_verdict(stands) THEN
        INSERT INTO success_counts AS c (freelancer, good, bad, neither, left_out)
        SELECT
            v.freelancer,
            coalesce(sum(v.n) FILTER (WHERE v.verdict = 'good'), 0),
            coalesce(sum(v.n) FILTER (WHERE v.verdict = 'bad'), 0),
            coalesce(sum(v.n) FILTER (WHERE v.verdict = 'neither'), 0),
            coalesce(sum(v.n) FILTER (WHERE v.verdict = 'left out'), 0)
        FROM (
            VALUES (-1, stood.freelancer, success_verdict(stood)), (1, stands.freelancer, success_verdict(stands))
        ) AS v (n, freelancer, verdict)
        WHERE v.verdict IS NOT NULL
        GROUP BY v.freelancer
        ORDER BY v.freelancer
        ON CONFLICT (freelancer) DO UPDATE SET
            good = c.good + excluded.good, bad = c.bad + excluded.bad, neither = c.neither + excluded.neither,
            left_out = c.left_out + excluded.left_out;
    END IF;

    IF (stood.ending, stood.how, stood.exempt_because, stood.gross, stood.ordered_at, stood.closed_at)
        IS DISTINCT FROM
        (stands.ending, stands.how, stands.exempt_because, stands.gross, stands.ordered_at, stands.closed_at)
    THEN
        INSERT INTO ending_counts AS c (policy, ending, how, exempt_because, spell, part, orders, paid)
        SELECT
            (v.f).policy, (v.f).ending, coalesce((v.f).how, ''), coalesce((v.f).exempt_because, ''),
            spell_of(tenths_of_an_hour(v.f)), hashtext(NEW.order_id) & 3,
            sum(v.n), sum(v.n * (v.f).gross::numeric / (v.f).price)
        FROM (VALUES (-1, stood), (1, stands)) AS v (n, f)
        WHERE (v.f).ending IS NOT NULL
        GROUP BY 1, 2, 3, 4, 5, 6
        ORDER BY 1, 2, 3, 4, 5, 6
        ON CONFLICT (policy, ending, how, exempt_because, spell, part) DO UPDATE SET
            orders = c.orders + excluded.orders, paid = c.paid + excluded.paid;
        INSERT INTO ending_tenths AS c (policy, ending, how, exempt_because, tenth, orders)
        SELECT
            (v.f).policy, (v.f).ending, coalesce((v.f).how, ''), coalesce((v.f).exempt_because, ''),
            tenths_of_an_hour(v.f), sum(v.n)
        FROM (VALUES (-1, stood), (1, stands)) AS v (n, f)
        WHERE (v.f).ending IS NOT NULL
        GROUP BY 1, 2, 3, 4, 5
        HAVING sum(v.n) <> 0
        ORDER BY 1, 2, 3, 4, 5
        ON CONFLICT (policy, ending, how, exempt_because, tenth) DO UPDATE SET orders = c.orders + excluded.orders;
    END IF;

    IF 'canceled' IN (stood.ending, stands.ending) THEN
        INSERT INTO reason_counts AS c (week, policy, initiator, reason, fault, part, cancellations)
        SELECT
            week_of(v.f), (v.f).policy, coalesce((v.f).initiator, ''), coalesce((v.f).reason, ''), (v.f).fault,
            hashtext(NEW.order_id) & 3, sum(v.n)
        FROM (VALUES (-1, stood), (1, stands)) AS v (n, f)
        WHERE (v.f).ending = 'canceled'
        GROUP BY 1, 2, 3, 4, 5, 6
        HAVING sum(v.n) <> 0
        ORDER BY 1, 2, 3, 4, 5, 6
        ON CONFLICT (week, policy, initiator, reason, fault, part) DO UPDATE SET
            cancellations = c.cancellations + excluded.cancellations;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION count_facts() IS 'Moves the counters by the difference that new facts of an order make.';
REVOKE EXECUTE ON FUNCTION count_facts() FROM PUBLIC;
-- Nobody's tables of the same name are counted in.
DO $$ BEGIN EXECUTE format('ALTER FUNCTION count_facts() SET search_path = %I, pg_temp', current_schema()); END $$;

CREATE TRIGGER facts_are_counted AFTER INSERT ON facts FOR EACH ROW EXECUTE FUNCTION count_facts();

CREATE OR REPLACE FUNCTION hand_to_roles() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    ours CONSTANT text := current_schema();
    wanted text;
    thing text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['recourse_migrator', 'recourse_app', 'recourse_reader'] LOOP
        IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN
                    NULL; -- another database of this cluster was faster
                WHEN insufficient_privilege THEN
                    RAISE NOTICE 'Recourse: % may not create the role %; everything stays with %. Create the roles recourse_migrator, recourse_app and recourse_reader and run: SELECT hand_to_roles()', current_user, wanted, current_user;
                    RETURN 'skipped: the roles are missing and may not be created';
            END;
        END IF;
    END LOOP;

    EXECUTE format('GRANT USAGE ON SCHEMA %I TO recourse_migrator, recourse_app, recourse_reader', ours);
    GRANT USAGE ON SCHEMA analysis TO recourse_app;
    GRANT SELECT, INSERT ON
        orders, record_entries, answers, ledger_entries, facts, notices, deliveries, contacts TO recourse_app;
    GRANT UPDATE ON orders, deliveries, contacts TO recourse_app;
    GRANT SELECT ON
        migrations, completion_counts, success_counts, ending_counts, ending_tenths, reason_counts TO recourse_app;
    GRANT SELECT ON ALL TABLES IN SCHEMA analysis TO recourse_app;
    GRANT SELECT ON party_orders, party_record, party_notices TO recourse_app, recourse_reader;

    BEGIN
        IF NOT pg_has_role(current_user, 'recourse_migrator', 'USAGE') THEN
            EXECUTE format('GRANT recourse_migrator TO %I', current_user);
        END IF;
        EXECUTE format('GRANT CREATE ON SCHEMA %I TO recourse_migrator', ours);
        EXECUTE format('GRANT CREATE ON DATABASE %I TO recourse_migrator', current_database());
        ALTER SCHEMA analysis OWNER TO recourse_migrator;
        FOREACH thing IN ARRAY ARRAY[
            'orders', 'record_entries', 'answers', 'ledger_entries', 'facts', 'notices', 'deliveries', 'contacts',
            'migrations', 'party_orders', 'party_record', 'party_notices', 'analysis.closed_orders',
            'analysis.completion_rate', 'analysis.job_success', 'analysis.reasons_by_week', 'analysis.endings',
            'analysis.cases', 'analysis.case_endings', 'analysis.repeat_cancelers', 'completion_counts',
            'success_counts', 'ending_counts', 'ending_tenths', 'reason_counts'
        ] LOOP
            -- Only what is new: to hand over once more would lock tables that workers write to.
            IF (SELECT relowner::regrole FROM pg_class WHERE oid = thing::regclass) <> 'recourse_migrator'::regrole THEN
                EXECUTE format('ALTER TABLE %s OWNER TO recourse_migrator', thing);
            END IF;
        END LOOP;
        FOREACH thing IN ARRAY ARRAY[
            'ledger_lines_balance()', 'only_grows()', 'hand_to_roles()', 'count_facts()', 'completion_verdict(facts)',
            'success_verdict(facts)', 'tenths_of_an_hour(facts)', 'spell_of(bigint)', 'week_of(facts)'
        ] LOOP
            EXECUTE format('ALTER FUNCTION %s OWNER TO recourse_migrator', thing);
        END LOOP;
    EXCEPTION
        WHEN insufficient_privilege THEN
            RAISE NOTICE 'Recourse: % may not hand its tables to recourse_migrator (%); only % can migrate this database.', current_user, SQLERRM, current_user;
            RETURN 'granted; owned by ' || current_user;
    END;
    RETURN 'granted and handed over';
END
$$;

SELECT hand_to_roles();
