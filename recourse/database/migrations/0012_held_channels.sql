-- A receiver may say that it wants no more notices, for a while (Retry-After) or for good (410 Gone). All workers keep to
-- it, so it is here.
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '5min';

CREATE TABLE held_channels (
    channel text PRIMARY KEY CHECK (channel IN ('webhook', 'mail')),
    address text NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    until timestamptz
);
COMMENT ON TABLE held_channels IS 'Channels whose receiver asked for no more. Another receiver on the same channel is not meant.';
COMMENT ON COLUMN held_channels.address IS 'The receiver, as SHA-256: an address may hold a secret.';
COMMENT ON COLUMN held_channels.until IS 'Nothing is sent before; null: until an operator enables the channel.';

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
        orders, record_entries, answers, ledger_entries, facts, notices, deliveries, contacts, held_channels
        TO recourse_app;
    GRANT UPDATE ON orders, deliveries, contacts, held_channels TO recourse_app;
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
            'success_counts', 'ending_counts', 'ending_tenths', 'reason_counts', 'held_channels'
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
