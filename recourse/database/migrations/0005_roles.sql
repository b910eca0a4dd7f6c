-- Three group roles without login, to be granted to whoever connects:
--   recourse_migrator  owns everything of Recourse and may change it; migrations are run by its members
--   recourse_app       worker and backends: reads all, adds steps, cannot change or delete what only grows
--   recourse_reader    programs that serve the parties: reads the party_ views and nothing else
-- Roles belong to the whole cluster, so this is written to be safe where several of its databases do it at once.
-- Where the migrating user may not create roles it says so and leaves it at that; once somebody has created them,
-- `SELECT hand_to_roles()` catches up. A later migration that adds something extends the lists and calls it again.
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '5min';

CREATE FUNCTION hand_to_roles() RETURNS text LANGUAGE plpgsql AS $$
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
    GRANT SELECT ON migrations TO recourse_app;
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
            'analysis.cases', 'analysis.case_endings', 'analysis.repeat_cancelers'
        ] LOOP
            EXECUTE format('ALTER TABLE %s OWNER TO recourse_migrator', thing);
        END LOOP;
        FOREACH thing IN ARRAY ARRAY['ledger_lines_balance()', 'only_grows()', 'hand_to_roles()'] LOOP
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
COMMENT ON FUNCTION hand_to_roles() IS 'Creates the roles of Recourse where they are missing and gives each its rights; may be run again at any time.';
REVOKE EXECUTE ON FUNCTION hand_to_roles() FROM PUBLIC;

SELECT hand_to_roles();
