-- Three group roles without login, to be granted to whoever connects:
--   recourse_migrator  owns everything of Recourse and may change it; migrations are run by its members
--   recourse_app       worker and backends: reads all, adds steps, cannot change or delete what only grows
--   recourse_reader    programs that serve the parties: reads the party_ views and nothing else
-- Roles belong to the whole cluster, so this is written to be safe where several of its databases do it at once.
-- Where the migrating user may not create roles it says so and leaves it at that; once somebody has created them,
-- `SELECT hand_to_roles()` catches up.
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '5min';

CREATE TABLE rights (
    name text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('TABLE', 'FUNCTION', 'SCHEMA')),
    app text NOT NULL DEFAULT '',
    reader text NOT NULL DEFAULT ''
);
COMMENT ON TABLE rights IS 'Everything of Recourse, and what recourse_app and recourse_reader may do with it. A migration that makes something adds it here and calls hand_to_roles().';
INSERT INTO rights (name, kind, app, reader) VALUES
    ('analysis', 'SCHEMA', 'USAGE', ''),
    ('rights', 'TABLE', 'SELECT', ''),
    ('migrations', 'TABLE', 'SELECT', ''),
    -- 0001_orders.sql
    ('order_states', 'TABLE', 'SELECT, INSERT, UPDATE', ''),
    ('openings', 'TABLE', 'SELECT, INSERT', ''),
    ('orders', 'TABLE', 'SELECT, INSERT, UPDATE', ''),
    ('record_entries', 'TABLE', 'SELECT, INSERT', ''),
    ('answers', 'TABLE', 'SELECT, INSERT', ''),
    ('ledger_entries', 'TABLE', 'SELECT, INSERT', ''),
    ('changes', 'TABLE', 'SELECT, INSERT', ''),
    ('only_grows()', 'FUNCTION', '', ''),
    ('ledger_lines_balance()', 'FUNCTION', '', ''),
    -- 0002_notices.sql
    ('notices', 'TABLE', 'SELECT, INSERT', ''),
    ('deliveries', 'TABLE', 'SELECT, INSERT, UPDATE', ''),
    ('contacts', 'TABLE', 'SELECT, INSERT, UPDATE', ''),
    ('held_channels', 'TABLE', 'SELECT, INSERT, UPDATE', ''),
    -- 0003_statistics.sql
    ('facts', 'TABLE', 'SELECT, INSERT', ''),
    ('uncounted', 'TABLE', 'SELECT, INSERT', ''),
    ('completion_counts', 'TABLE', 'SELECT', ''),
    ('success_counts', 'TABLE', 'SELECT', ''),
    ('ending_counts', 'TABLE', 'SELECT', ''),
    ('ending_tenths', 'TABLE', 'SELECT', ''),
    ('reason_counts', 'TABLE', 'SELECT', ''),
    ('queued', 'TABLE', 'SELECT', ''),
    ('queued_completions', 'TABLE', 'SELECT', ''),
    ('queued_successes', 'TABLE', 'SELECT', ''),
    ('queued_endings', 'TABLE', 'SELECT', ''),
    ('queued_reasons', 'TABLE', 'SELECT', ''),
    ('tenths', 'TABLE', 'SELECT', ''),
    ('analysis.closed_orders', 'TABLE', 'SELECT', ''),
    ('analysis.completion_rate', 'TABLE', 'SELECT', ''),
    ('analysis.job_success', 'TABLE', 'SELECT', ''),
    ('analysis.reasons_by_week', 'TABLE', 'SELECT', ''),
    ('analysis.endings', 'TABLE', 'SELECT', ''),
    ('analysis.cases', 'TABLE', 'SELECT', ''),
    ('analysis.case_endings', 'TABLE', 'SELECT', ''),
    ('analysis.repeat_cancelers', 'TABLE', 'SELECT', ''),
    ('completion_verdict(facts)', 'FUNCTION', '', ''),
    ('success_verdict(facts)', 'FUNCTION', '', ''),
    ('tenths_of_an_hour(facts)', 'FUNCTION', '', ''),
    ('spell_of(bigint)', 'FUNCTION', '', ''),
    ('week_of(facts)', 'FUNCTION', '', ''),
    ('completion_rate_of(bigint, bigint)', 'FUNCTION', '', ''),
    ('job_success_of(bigint, bigint, bigint)', 'FUNCTION', '', ''),
    ('count_facts(bigint)', 'FUNCTION', 'EXECUTE', ''),
    -- 0004_parties.sql
    ('party_orders', 'TABLE', 'SELECT', 'SELECT'),
    ('party_record', 'TABLE', 'SELECT', 'SELECT'),
    ('party_notices', 'TABLE', 'SELECT', 'SELECT'),
    -- here
    ('hand_to_roles()', 'FUNCTION', '', '');

CREATE FUNCTION hand_to_roles() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    wanted text;
    command text;
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

    EXECUTE format('GRANT USAGE ON SCHEMA %I TO recourse_migrator, recourse_app, recourse_reader', current_schema());
    FOREACH command IN ARRAY ARRAY(
        SELECT format('GRANT %s ON %s %s TO %s', g.rights, r.kind, r.name, g.role)
        FROM rights AS r CROSS JOIN LATERAL (VALUES ('recourse_app', r.app), ('recourse_reader', r.reader)) AS g (role, rights)
        WHERE g.rights <> ''
    ) LOOP
        EXECUTE command;
    END LOOP;

    BEGIN
        IF NOT pg_has_role(current_user, 'recourse_migrator', 'USAGE') THEN
            EXECUTE format('GRANT recourse_migrator TO %I', current_user);
        END IF;
        EXECUTE format('GRANT CREATE ON SCHEMA %I TO recourse_migrator', current_schema());
        EXECUTE format('GRANT CREATE ON DATABASE %I TO recourse_migrator', current_database());
        -- Only what is new: to hand over a table once more would lock it, and workers write to it.
        FOREACH command IN ARRAY ARRAY(
            SELECT format('ALTER %s %s OWNER TO recourse_migrator', kind, name)
            FROM rights WHERE 'recourse_migrator'::regrole <> CASE kind
                WHEN 'TABLE' THEN (SELECT relowner FROM pg_class WHERE oid = to_regclass(name))
                WHEN 'FUNCTION' THEN (SELECT proowner FROM pg_proc WHERE oid = to_regprocedure(name))
                ELSE (SELECT nspowner FROM pg_namespace WHERE nspname = name)
            END
        ) LOOP
            EXECUTE command;
        END LOOP;
    EXCEPTION
        WHEN insufficient_privilege THEN
            RAISE NOTICE 'Recourse: % may not hand its tables to recourse_migrator (%); only % can migrate this database.', current_user, SQLERRM, current_user;
            RETURN 'granted; owned by ' || current_user;
    END;
    RETURN 'granted and handed over';
END
$$;
COMMENT ON FUNCTION hand_to_roles() IS 'Creates the roles of Recourse where they are missing and gives each its rights; may be run again at any time.';
REVOKE EXECUTE ON FUNCTION hand_to_roles() FROM PUBLIC;

SELECT hand_to_roles();
