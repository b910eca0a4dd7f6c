-- One more role: recourse_web, for the web servers. It reads what they show and writes what they keep, but no steps.
-- A function of ours means our tables, whatever a session puts before them; ledger lines agree with the record.
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '5min';

-- A migration with a lower number that is newer than this one adds the column too, in the same words.
ALTER TABLE rights ADD COLUMN IF NOT EXISTS web text;
COMMENT ON TABLE rights IS 'Everything of Recourse, and what each role may do with it. A migration that makes something adds it here, with a decision for each of them ('''' is none), and calls hand_to_roles().';

UPDATE rights SET web = '' WHERE web IS NULL;
UPDATE rights SET web = 'USAGE' WHERE name = 'analysis';
UPDATE rights SET web = 'SELECT' WHERE name IN (
    'rights', 'order_states', 'openings', 'orders', 'record_entries', 'answers', 'ledger_entries', 'notices', 'deliveries',
    'held_channels', 'uncounted', 'analysis.closed_orders', 'analysis.completion_rate', 'analysis.job_success'
);
-- It keeps addresses and cannot read them.
UPDATE rights SET web = 'INSERT, UPDATE, SELECT (order_id), SELECT (role)' WHERE name = 'contacts';

CREATE OR REPLACE FUNCTION hand_to_roles() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    wanted text;
    command text;
    roles text[] := '{}';
BEGIN
    FOREACH wanted IN ARRAY ARRAY[
        'recourse_migrator', 'recourse_app', 'recourse_reader', 'recourse_web', 'recourse_keeper'
    ] LOOP
        IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN
                    NULL; -- another database of this cluster was faster
                WHEN insufficient_privilege THEN
                    IF wanted IN ('recourse_web', 'recourse_keeper') THEN
                        RAISE NOTICE '% may not create the role %, so only the owner of the tables can do what it is for. Create it, then migrate again.', current_user, wanted;
                        CONTINUE;
                    END IF;
                    RAISE NOTICE '% may not create the role %, so workers and web servers can only connect as %, which may change every record. Create the roles recourse_migrator, recourse_app, recourse_web, recourse_reader and recourse_keeper, then migrate again.', current_user, wanted, current_user;
                    RETURN 'skipped: the roles are missing and may not be created';
            END;
        END IF;
        roles := roles || wanted;
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), wanted);
    END LOOP;

    FOREACH command IN ARRAY ARRAY(
        SELECT format('GRANT %s ON %s %s TO %s', g.rights, r.kind, r.name, g.role)
        FROM rights AS r CROSS JOIN LATERAL (VALUES
            ('recourse_app', r.app), ('recourse_web', r.web), ('recourse_reader', r.reader), ('recourse_keeper', r.keeper)
        ) AS g (role, rights)
        WHERE g.rights <> '' AND g.role = ANY(roles)
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
            ORDER BY kind <> 'SCHEMA' -- who is to own a table must be allowed to make it there
        ) LOOP
            EXECUTE command;
        END LOOP;
    EXCEPTION
        WHEN insufficient_privilege THEN
            RAISE NOTICE '% may not give its tables to recourse_migrator (%), so only % can migrate this database. Grant it that role, then migrate again.', current_user, SQLERRM, current_user;
            RETURN 'granted; owned by ' || current_user;
    END;
    RETURN 'granted and handed over';
END
$$;

-- What an order has paid out and holds is what the last entry of its record says; before the first, it holds all of it.
CREATE OR REPLACE FUNCTION ledger_lines_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT sum(amount) FROM ledger_entries WHERE order_id = NEW.order_id AND step = NEW.step) <> 0 THEN
        RAISE EXCEPTION 'the ledger lines of order %, step % do not add up to zero', NEW.order_id, NEW.step;
    END IF;
    IF EXISTS (
        SELECT 1
        FROM orders AS o
        LEFT JOIN LATERAL (
            SELECT content -> 'money' AS money FROM record_entries WHERE order_id = o.order_id ORDER BY number DESC LIMIT 1
        ) AS last ON true
        CROSS JOIN LATERAL (VALUES
            ('freelancer', coalesce((last.money ->> 'freelancer')::bigint, 0)),
            ('platform', coalesce((last.money ->> 'platform')::bigint, 0)),
            ('escrow', coalesce((last.money ->> 'held')::bigint, o.price + o.service_fee))
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

-- A session's temporary tables come before all others, unless a function says where its names are looked for. Names in
-- the body of an SQL function are looked up now, and never again; unlike the other way, that keeps it as quick as it is.
DO $$
DECLARE
    command text;
BEGIN
    FOREACH command IN ARRAY ARRAY(
        SELECT CASE l.lanname
            WHEN 'sql' THEN format(
                'CREATE OR REPLACE FUNCTION %s(%s) RETURNS %s LANGUAGE sql %s %s BEGIN ATOMIC %s; END',
                p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid),
                CASE p.provolatile WHEN 'i' THEN 'IMMUTABLE' ELSE 'STABLE' END,
                CASE WHEN p.proisstrict THEN 'STRICT' ELSE 'CALLED ON NULL INPUT' END, p.prosrc
            )
            ELSE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', p.oid::regprocedure, current_schema())
        END
        FROM rights AS r
        INNER JOIN pg_proc AS p ON p.oid = to_regprocedure(r.name)
        INNER JOIN pg_language AS l ON l.oid = p.prolang
        WHERE r.kind = 'FUNCTION' AND p.prosqlbody IS NULL
    ) LOOP
        EXECUTE command;
    END LOOP;
END
$$;

SELECT hand_to_roles();
