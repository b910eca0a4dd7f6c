-- Erasing what people wrote, and whole orders, when a person asks or a policy's `keeping` says so. Only the functions
-- here change what otherwise only grows, and only recourse_keeper may call them. The record stays a chain: in the place
-- of an erased field stands the salted hash that its entry is hashed from (recourse/resolution/model/record.py).
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '5min';

ALTER TABLE record_entries ADD COLUMN erased jsonb, ADD COLUMN salts jsonb;
COMMENT ON COLUMN record_entries.erased IS 'The hashes of the fields of which something was erased. Null: nothing was.';
COMMENT ON COLUMN record_entries.salts IS 'The salts of the other fields, once the secret that they are made with is gone. Null: it is that of the opening.';
COMMENT ON TABLE record_entries IS 'Every command and every fired clock, entry by entry; each holds the hash of the entry before. Never deleted but with the order; changed only where something is erased.';

CREATE TABLE erasures (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    role text NOT NULL CHECK (role IN ('client', 'freelancer')),
    party text NOT NULL,
    others_too boolean NOT NULL,
    reason text NOT NULL,
    legal_basis text NOT NULL,
    asked_by text NOT NULL DEFAULT session_user,
    asked_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
COMMENT ON TABLE erasures IS 'Who is to be erased, by whose login, and why. Orders that are not over yet follow when they are.';
COMMENT ON COLUMN erasures.others_too IS 'Also what others wrote in the orders of this party.';
CREATE INDEX erasures_unfinished ON erasures (number) WHERE finished_at IS NULL;

CREATE TABLE erased_orders (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    what text NOT NULL CHECK (what IN ('texts', 'addresses', 'notices', 'contacts', 'order')),
    whose text[] NOT NULL,
    erased bigint NOT NULL,
    reason text NOT NULL,
    legal_basis text NOT NULL,
    erased_by text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE erased_orders IS 'What was erased of which order, when and why, without what it said. Stays when the order is gone.';
COMMENT ON COLUMN erased_orders.erased IS 'How many entries, notices, addresses or orders that was.';
CREATE INDEX erased_orders_by_order ON erased_orders (order_id, number);
CREATE TRIGGER erased_orders_only_grow BEFORE UPDATE OR DELETE OR TRUNCATE ON erased_orders
FOR EACH STATEMENT EXECUTE FUNCTION only_grows();

CREATE TABLE legal_holds (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id text,
    role text CHECK (role IN ('client', 'freelancer')),
    party text,
    reason text NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    set_by text NOT NULL DEFAULT session_user,
    lifted_at timestamptz,
    lifted_by text,
    CONSTRAINT of_an_order_or_of_a_party CHECK (
        (order_id IS NULL AND num_nulls(role, party) = 0) OR (order_id IS NOT NULL AND num_nulls(role, party) = 2)
    )
);
COMMENT ON TABLE legal_holds IS 'Orders and parties of which nothing may be erased while a hold stands.';
CREATE INDEX legal_holds_that_stand ON legal_holds (order_id, role, party) WHERE lifted_at IS NULL;

-- erase_order() has this setting on while it erases. The trigger guards against mistakes of who owns the tables; nobody
-- else may change or delete a row, whatever the setting says.
CREATE OR REPLACE FUNCTION only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('recourse.erasing', true) = 'on' AND TG_OP <> 'TRUNCATE' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'table % only grows: its rows are never changed or deleted', TG_TABLE_NAME;
END
$$;

CREATE FUNCTION canonical(value jsonb) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    CASE jsonb_typeof(value)
        WHEN 'object' THEN
            RETURN '{' || coalesce((
                SELECT string_agg(to_json(e.key)::text || ':' || canonical(e.value), ',' ORDER BY e.key COLLATE "C")
                FROM jsonb_each(value) AS e
            ), '') || '}';
        WHEN 'array' THEN
            RETURN '[' || coalesce((
                SELECT string_agg(canonical(e.value), ',' ORDER BY e.ordinality)
                FROM jsonb_array_elements(value) WITH ORDINALITY AS e
            ), '') || ']';
        ELSE
            RETURN value::text;
    END CASE;
END
$$;
COMMENT ON FUNCTION canonical(jsonb) IS 'The one JSON text of a value, by which it is hashed (recourse.resolution.model.record.canonical).';

CREATE FUNCTION hash_of(VARIADIC parts text[]) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT encode(sha256(convert_to(array_to_string(parts, E'\x1f'), 'UTF8')), 'hex')
$$;

CREATE FUNCTION padded_key(secret text, pad integer) RETURNS bytea LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    key bytea := convert_to(secret, 'UTF8');
BEGIN
    IF length(key) > 64 THEN
        key := sha256(key);
    END IF;
    key := key || decode(repeat('00', 64 - length(key)), 'hex');
    FOR place IN 0..63 LOOP
        key := set_byte(key, place, get_byte(key, place) # pad);
    END LOOP;
    RETURN key;
END
$$;
COMMENT ON FUNCTION padded_key(text, integer) IS 'A key of HMAC-SHA256, padded: inner with 54, outer with 92.';

CREATE FUNCTION without_words(value jsonb, words text[], reasons text[]) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    erased CONSTANT jsonb := '"[erased]"';
BEGIN
    CASE jsonb_typeof(value)
        WHEN 'object' THEN
            IF value ? 'sha256' AND 'text' = ANY(words) THEN
                words := words || 'kind'::text; -- of a file: any word, unlike that of a request
            END IF;
            RETURN coalesce((
                SELECT jsonb_object_agg(e.key, CASE
                    WHEN e.value = 'null' THEN e.value
                    WHEN e.key = ANY(words) THEN erased
                    WHEN e.key = 'reason' AND 'text' = ANY(words) AND jsonb_typeof(e.value) = 'string'
                        AND NOT e.value #>> '{}' = ANY(reasons) THEN erased
                    ELSE without_words(e.value, words, reasons)
                END)
                FROM jsonb_each(value) AS e
            ), '{}');
        WHEN 'array' THEN
            RETURN coalesce((
                SELECT jsonb_agg(without_words(e.value, words, reasons) ORDER BY e.ordinality)
                FROM jsonb_array_elements(value) WITH ORDINALITY AS e
            ), '[]');
        ELSE
            RETURN value;
    END CASE;
END
$$;
COMMENT ON FUNCTION without_words(jsonb, text[], text[]) IS 'The same value with [erased] for what people wrote: under the keys `words`, and for a reason that is no code of the policy.';

CREATE FUNCTION words_of(what text) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE what
        WHEN 'texts' THEN ARRAY['comment', 'private_note', 'explanation', 'text', 'title', 'address', 'attestations']
        WHEN 'addresses' THEN ARRAY['address']
    END
$$;
COMMENT ON FUNCTION words_of(text) IS 'The keys under which commands, events, states and notices hold what people wrote.';

CREATE FUNCTION is_held(of_order text, of_client text, of_freelancer text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT 1 FROM legal_holds AS h
        WHERE h.lifted_at IS NULL AND (
            h.order_id = of_order
            OR (h.role = 'client' AND h.party = of_client) OR (h.role = 'freelancer' AND h.party = of_freelancer)
        )
    )
$$;
COMMENT ON FUNCTION is_held(text, text, text) IS 'Whether an order, or a party of it, is under a legal hold.';

CREATE FUNCTION erased_content(content jsonb, what text, whose text[], reasons text[])
RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    author CONSTANT text := content #>> '{actor,role}';
BEGIN
    IF NOT (
        whose @> ARRAY['client', 'freelancer', 'operator']
        -- Nobody knows who wrote what nobody could prove.
        OR (content ->> 'outcome' <> 'fired' AND (author IS NULL OR content ? 'stranger'))
        OR coalesce(author = ANY(whose), false)
    ) THEN
        RETURN content;
    END IF;
    IF content ->> 'outcome' <> 'refused' THEN
        RETURN content || without_words(content - 'actor' - 'command' - 'command_id', words_of(what), reasons);
    END IF;
    IF what = 'addresses' AND content ->> 'command' <> 'add_evidence' THEN
        RETURN content;
    END IF;
    -- What cannot be read says anything, in keys and in values.
    RETURN content || '{"fields": {}, "private": {}, "details": {}}'
        || CASE WHEN content ->> 'code' = 'unknown_command' THEN '{"command": "unknown_command"}' ELSE '{}' END::jsonb;
END
$$;
COMMENT ON FUNCTION erased_content(jsonb, text, text[], text[]) IS 'An entry of the record without what is to be erased of it.';

CREATE FUNCTION own_words_erased(value jsonb, author text, what text, whose text[], reasons text[])
RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN value ->> author = ANY(whose) THEN without_words(value, words_of(what), reasons) ELSE value END
$$;

CREATE FUNCTION erased_state(state jsonb, what text, whose text[], reasons text[])
RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN whose @> ARRAY['client', 'freelancer', 'operator'] THEN without_words(state, words_of(what), reasons)
        ELSE state
            || CASE WHEN state ? 'request' THEN jsonb_build_object(
                'request', own_words_erased(state -> 'request', 'opened_by', what, whose, reasons)
            ) ELSE '{}' END
            || CASE WHEN state ? 'declined' THEN jsonb_build_object(
                'declined', own_words_erased(state -> 'declined', 'opened_by', what, whose, reasons)
            ) ELSE '{}' END
            || CASE WHEN state ? 'feedback' THEN jsonb_build_object('feedback', coalesce((
                SELECT jsonb_agg(own_words_erased(f.value, 'by', what, whose, reasons) ORDER BY f.ordinality)
                FROM jsonb_array_elements(state -> 'feedback') WITH ORDINALITY AS f
            ), '[]')) ELSE '{}' END
    END
$$;

-- One entry after the other, so that each is checked before anything of it goes: an entry that somebody has changed
-- does not become one that was erased.
CREATE FUNCTION erase_words(of_order text, what text, whose text[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    everybody CONSTANT boolean := whose @> ARRAY['client', 'freelancer', 'operator'];
    fresh_salt CONSTANT text := replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
    secret text;
    reasons text[];
    inner_key bytea;
    outer_key bytea;
    entry record;
    field text;
    salt text;
    left_over jsonb;
    leaves jsonb;
    kept jsonb;
    lost jsonb;
    numbers bigint[];
    steps bigint[];
BEGIN
    SELECT s.record_salt, ARRAY(SELECT jsonb_object_keys(g.opening #> '{policy,reasons}')) INTO secret, reasons
    FROM order_states AS s INNER JOIN openings AS g ON g.order_id = s.order_id WHERE s.order_id = of_order;
    numbers := ARRAY(
        SELECT e.number FROM record_entries AS e
        WHERE e.order_id = of_order AND erased_content(e.content, what, whose, reasons) <> e.content
    );
    IF numbers = '{}' THEN
        RETURN 0;
    END IF;
    inner_key := padded_key(secret, 54);
    outer_key := padded_key(secret, 92);
    FOR entry IN SELECT * FROM record_entries AS e WHERE e.order_id = of_order ORDER BY e.number LOOP
        leaves := coalesce(entry.erased, '{}');
        kept := '{}';
        FOR field IN SELECT jsonb_object_keys(entry.content) LOOP
            CONTINUE WHEN leaves ? field;
            salt := coalesce(entry.salts ->> field, encode(sha256(outer_key || sha256(inner_key || convert_to(
                concat_ws(E'\x1f', of_order, entry.number, field), 'UTF8'
            ))), 'hex'));
            kept := kept || jsonb_build_object(field, salt);
            leaves := leaves || jsonb_build_object(field, hash_of('leaf', salt, canonical(entry.content -> field)));
        END LOOP;
        IF entry.hash <> hash_of('entry', entry.number::text, entry.previous, hash_of('fields', canonical(leaves))) THEN
            RAISE EXCEPTION 'entry % of order % does not fit its hash', entry.number, of_order USING ERRCODE = 'RC003';
        END IF;
        left_over := erased_content(entry.content, what, whose, reasons);
        SELECT coalesce(entry.erased, '{}') || coalesce(jsonb_object_agg(l.key, l.value), '{}') INTO lost
        FROM jsonb_each(leaves) AS l WHERE left_over -> l.key IS DISTINCT FROM entry.content -> l.key;
        UPDATE record_entries SET
            content = left_over, erased = nullif(lost, '{}'), salts = kept - ARRAY(SELECT jsonb_object_keys(lost))
        WHERE order_id = of_order AND number = entry.number;
    END LOOP;
    -- From here on the secret is another: with the former, an erased value could be guessed from its hash.
    UPDATE order_states AS s SET record_salt = fresh_salt, state = erased_state(s.state, what, whose, reasons)
    WHERE s.order_id = of_order;
    UPDATE openings AS g SET opening = g.opening || jsonb_build_object('record_salt', fresh_salt)
    WHERE g.order_id = of_order;
    steps := ARRAY(
        SELECT a.step FROM answers AS a WHERE a.order_id = of_order AND (a.outcome ->> 'entry')::bigint = ANY(numbers)
    );
    UPDATE answers AS a SET
        outcome = a.outcome || '{"details": {}}'
            || CASE WHEN a.outcome ->> 'code' = 'unknown_command' THEN '{"command": "unknown_command"}' ELSE '{}' END::jsonb
    WHERE a.order_id = of_order AND a.step = ANY(steps) AND a.outcome ->> 'status' = 'refused';
    -- What a receiver answered may repeat what it was sent.
    UPDATE deliveries AS d SET last_error = NULL FROM notices AS n
    WHERE n.id = d.notice_id AND n.order_id = of_order AND (everybody OR n.step = ANY(steps));
    UPDATE notices AS n SET body = without_words(n.body, words_of(what), reasons)
    WHERE n.order_id = of_order AND (everybody OR n.step = ANY(steps));
    RETURN cardinality(numbers);
END
$$;

CREATE FUNCTION delete_order(of_order text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    place record;
BEGIN
    IF EXISTS (SELECT 1 FROM uncounted WHERE order_id = of_order) THEN
        RAISE EXCEPTION 'order % is not in the statistics yet', of_order USING ERRCODE = 'RC004';
    END IF;
    DELETE FROM contacts WHERE order_id = of_order;
    DELETE FROM deliveries USING notices AS n WHERE notice_id = n.id AND n.order_id = of_order;
    FOR place IN
        SELECT c.conrelid::regclass AS of_table, a.attname AS of_column
        FROM pg_constraint AS c
        INNER JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
        WHERE c.contype = 'f' AND c.confrelid = 'order_states'::regclass
    LOOP
        EXECUTE format('DELETE FROM %s WHERE %I = $1', place.of_table, place.of_column) USING of_order;
    END LOOP;
    DELETE FROM order_states WHERE order_id = of_order;
    RETURN 1;
END
$$;

CREATE FUNCTION erase_order(of_order text, what text, whose text[], because text, basis text)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    known record;
    count_of bigint := 0;
BEGIN
    IF trim(coalesce(because, '')) = '' OR trim(coalesce(basis, '')) = '' THEN
        RAISE EXCEPTION 'an erasure needs its reason and its legal basis';
    END IF;
    PERFORM 1 FROM order_states AS s WHERE s.order_id = of_order FOR UPDATE;
    SELECT o.client, o.freelancer, o.closed_at, o.next_clock_at INTO known FROM orders AS o WHERE o.order_id = of_order;
    IF is_held(of_order, known.client, known.freelancer) THEN
        RAISE EXCEPTION 'order % is under a legal hold', of_order USING ERRCODE = 'RC001';
    END IF;
    IF what <> 'contacts' AND (known.closed_at IS NULL OR known.next_clock_at IS NOT NULL) THEN
        RAISE EXCEPTION 'order % is not over', of_order USING ERRCODE = 'RC002';
    END IF;
    PERFORM set_config('recourse.erasing', 'on', true);
    CASE what
        WHEN 'texts', 'addresses' THEN
            count_of := erase_words(of_order, what, whose);
        WHEN 'contacts' THEN
            DELETE FROM contacts WHERE order_id = of_order AND role = ANY(whose);
            GET DIAGNOSTICS count_of = ROW_COUNT;
        WHEN 'notices' THEN
            DELETE FROM deliveries USING notices AS n WHERE notice_id = n.id AND n.order_id = of_order;
            DELETE FROM notices WHERE order_id = of_order;
            GET DIAGNOSTICS count_of = ROW_COUNT;
        WHEN 'order' THEN
            count_of := delete_order(of_order);
    END CASE;
    PERFORM set_config('recourse.erasing', 'off', true);
    INSERT INTO erased_orders (order_id, what, whose, erased, reason, legal_basis)
    VALUES (of_order, what, whose, count_of, because, basis);
    RETURN count_of;
END
$$;
COMMENT ON FUNCTION erase_order(text, text, text[], text, text) IS 'Erases of an order that is over what certain roles wrote (texts, addresses), its notices or all of it, and of any order its contacts; returns how many. Refuses under a legal hold. Changes no hash, number, instant or amount.';

REVOKE EXECUTE ON FUNCTION
    erase_order(text, text, text[], text, text), erase_words(text, text, text[]), delete_order(text)
FROM PUBLIC;
DO $$ BEGIN
    EXECUTE format(
        'ALTER FUNCTION erase_order(text, text, text[], text, text) SET search_path = %I, pg_temp', current_schema()
    );
END $$;

-- A fourth role, and a hand_to_roles() that goes on where somebody may not create the roles that came later.
ALTER TABLE rights ADD COLUMN keeper text NOT NULL DEFAULT '';
COMMENT ON TABLE rights IS 'Everything of Recourse, and what each of its roles may do with it. A migration that makes something adds it here and calls hand_to_roles().';
UPDATE rights SET keeper = 'SELECT' WHERE kind = 'TABLE';
UPDATE rights SET keeper = 'USAGE' WHERE kind = 'SCHEMA';
INSERT INTO rights (name, kind, app, reader, keeper) VALUES
    ('erasures', 'TABLE', 'SELECT', '', 'SELECT, INSERT, UPDATE (finished_at)'),
    ('erased_orders', 'TABLE', 'SELECT', '', 'SELECT'),
    ('legal_holds', 'TABLE', 'SELECT', '', 'SELECT, INSERT, UPDATE (lifted_at, lifted_by)'),
    ('canonical(jsonb)', 'FUNCTION', '', '', ''),
    ('hash_of(text[])', 'FUNCTION', '', '', ''),
    ('padded_key(text, integer)', 'FUNCTION', '', '', ''),
    ('words_of(text)', 'FUNCTION', '', '', ''),
    ('without_words(jsonb, text[], text[])', 'FUNCTION', '', '', ''),
    ('erased_content(jsonb, text, text[], text[])', 'FUNCTION', '', '', ''),
    ('own_words_erased(jsonb, text, text, text[], text[])', 'FUNCTION', '', '', ''),
    ('erased_state(jsonb, text, text[], text[])', 'FUNCTION', '', '', ''),
    ('is_held(text, text, text)', 'FUNCTION', '', '', ''),
    ('erase_words(text, text, text[])', 'FUNCTION', '', '', ''),
    ('delete_order(text)', 'FUNCTION', '', '', ''),
    ('erase_order(text, text, text[], text, text)', 'FUNCTION', '', '', 'EXECUTE');

CREATE OR REPLACE FUNCTION hand_to_roles() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    wanted text;
    command text;
    roles text[] := '{}';
BEGIN
    FOREACH wanted IN ARRAY ARRAY['recourse_migrator', 'recourse_app', 'recourse_reader', 'recourse_keeper'] LOOP
        IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN
                    NULL; -- another database of this cluster was faster
                WHEN insufficient_privilege THEN
                    IF wanted = 'recourse_keeper' THEN
                        RAISE NOTICE 'Recourse: % may not create the role recourse_keeper; until it is there, only the owner of the tables can erase. Create it and run: SELECT hand_to_roles()', current_user;
                        CONTINUE;
                    END IF;
                    RAISE NOTICE 'Recourse: % may not create the role %; everything stays with %. Create the roles recourse_migrator, recourse_app, recourse_reader and recourse_keeper and run: SELECT hand_to_roles()', current_user, wanted, current_user;
                    RETURN 'skipped: the roles are missing and may not be created';
            END;
        END IF;
        roles := roles || wanted;
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), wanted);
    END LOOP;

    FOREACH command IN ARRAY ARRAY(
        SELECT format('GRANT %s ON %s %s TO %s', g.rights, r.kind, r.name, g.role)
        FROM rights AS r CROSS JOIN LATERAL (VALUES
            ('recourse_app', r.app), ('recourse_reader', r.reader), ('recourse_keeper', r.keeper)
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
            RAISE NOTICE 'Recourse: % may not hand its tables to recourse_migrator (%); only % can migrate this database.', current_user, SQLERRM, current_user;
            RETURN 'granted; owned by ' || current_user;
    END;
    RETURN 'granted and handed over';
END
$$;
COMMENT ON FUNCTION hand_to_roles() IS 'Creates the roles of Recourse where they are missing and gives each its rights; may be run again at any time.';
REVOKE EXECUTE ON FUNCTION hand_to_roles() FROM PUBLIC;

SELECT hand_to_roles();
