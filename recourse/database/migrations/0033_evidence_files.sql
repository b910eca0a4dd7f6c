-- Files of evidence: who brought which to which order. Their content is in the store that RECOURSE_EVIDENCE names.
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '5min';

CREATE TABLE evidence_files (
    id text PRIMARY KEY CHECK (id ~ '^[0-9a-f]{32}$'),
    order_id text NOT NULL REFERENCES order_states (order_id),
    role text NOT NULL CHECK (role IN ('client', 'freelancer')),
    name text NOT NULL,
    media_type text NOT NULL,
    size bigint NOT NULL,
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    shown boolean NOT NULL DEFAULT false,
    began_at timestamptz NOT NULL DEFAULT now(),
    arrived_at timestamptz,
    kept_until timestamptz DEFAULT now() + interval '1 day'
);
COMMENT ON TABLE evidence_files IS 'Files that parties brought as evidence. A file that the record does not name by then goes after kept_until.';
COMMENT ON COLUMN evidence_files.arrived_at IS 'When it was in the store, with this hash. Null: it is not, or not for certain.';
COMMENT ON COLUMN evidence_files.kept_until IS 'Null: the record names it, so it stays as long as its words.';
COMMENT ON COLUMN evidence_files.shown IS 'Whether pages may show it as a small picture.';
CREATE INDEX evidence_files_by_order ON evidence_files (order_id);
CREATE INDEX evidence_files_unnamed ON evidence_files (kept_until) WHERE kept_until IS NOT NULL;

-- The files of an order that evidence of its record names, by their address.
CREATE FUNCTION named_files(of_order text) RETURNS SETOF text LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT substring(content #>> '{fields,address}' FROM '/files/([0-9a-f]{32})$') FROM record_entries
    WHERE order_id = of_order AND content ->> 'command' = 'add_evidence' AND content ->> 'outcome' = 'applied';
END;

-- Takes out of the list what nobody named in time, and returns the keys: the caller deletes them from the store before
-- it commits. Nothing else deletes a file that a web server can reach.
CREATE FUNCTION drop_unnamed_files(most integer) RETURNS SETOF text LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    due record;
BEGIN
    FOR due IN
        SELECT f.id, f.id IN (SELECT named_files(f.order_id)) AS named FROM evidence_files AS f
        WHERE f.kept_until < now() ORDER BY f.kept_until LIMIT most FOR UPDATE SKIP LOCKED
    LOOP
        IF due.named THEN
            UPDATE evidence_files SET kept_until = NULL WHERE id = due.id;
        ELSE
            DELETE FROM evidence_files WHERE id = due.id;
            RETURN NEXT due.id;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION drop_unnamed_files(integer) IS 'Deletes the rows of at most so many files that no record names in time, and returns their keys.';
REVOKE EXECUTE ON FUNCTION drop_unnamed_files(integer) FROM PUBLIC;
DO $$ BEGIN
    EXECUTE format('ALTER FUNCTION drop_unnamed_files(integer) SET search_path = %I, pg_temp', current_schema());
END $$;

INSERT INTO rights (name, kind, app, web, reader, keeper) VALUES
    ('evidence_files', 'TABLE', 'SELECT', 'SELECT, INSERT, UPDATE', '', 'SELECT'),
    ('named_files(text)', 'FUNCTION', 'EXECUTE', 'EXECUTE', '', 'EXECUTE'),
    ('drop_unnamed_files(integer)', 'FUNCTION', '', 'EXECUTE', '', 'EXECUTE');

CREATE OR REPLACE FUNCTION erase_order(of_order text, what text, whose text[], because text, basis text)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    known record;
    count_of bigint := 0;
    others bigint := 0;
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
            DELETE FROM evidence_files WHERE order_id = of_order AND role = ANY(whose);
            GET DIAGNOSTICS others = ROW_COUNT;
            count_of := count_of + others;
            IF what = 'texts' THEN
                UPDATE displays SET title = NULL, link = NULL, image = NULL
                WHERE order_id = of_order AND num_nonnulls(title, link, image) > 0;
            END IF;
        WHEN 'contacts' THEN
            DELETE FROM contacts WHERE order_id = of_order AND role = ANY(whose);
            GET DIAGNOSTICS count_of = ROW_COUNT;
            UPDATE displays SET
                client_name = CASE WHEN 'client' = ANY(whose) THEN NULL ELSE client_name END,
                freelancer_name = CASE WHEN 'freelancer' = ANY(whose) THEN NULL ELSE freelancer_name END
            WHERE order_id = of_order AND (
                'client' = ANY(whose) AND client_name IS NOT NULL
                OR 'freelancer' = ANY(whose) AND freelancer_name IS NOT NULL
            );
            GET DIAGNOSTICS others = ROW_COUNT;
            count_of := count_of + others;
        WHEN 'notices' THEN
            DELETE FROM deliveries USING notices AS n WHERE notice_id = n.id AND n.order_id = of_order;
            DELETE FROM notices WHERE order_id = of_order;
            GET DIAGNOSTICS count_of = ROW_COUNT;
        WHEN 'order' THEN
            DELETE FROM displays WHERE order_id = of_order;
            count_of := delete_order(of_order);
    END CASE;
    PERFORM set_config('recourse.erasing', 'off', true);
    INSERT INTO erased_orders (order_id, what, whose, erased, reason, legal_basis)
    VALUES (of_order, what, whose, count_of, because, basis);
    RETURN count_of;
END
$$;
COMMENT ON FUNCTION erase_order(text, text, text[], text, text) IS 'Erases of an order that is over what certain roles wrote (texts, with the order''s title, link and picture; addresses), with the files that they brought, its notices or all of it, and of any order its contacts and the names of its parties; returns how many. Refuses under a legal hold. Changes no hash, number, instant or amount.';
DO $$ BEGIN
    EXECUTE format(
        'ALTER FUNCTION erase_order(text, text, text[], text, text) SET search_path = %I, pg_temp', current_schema()
    );
END $$;

SELECT hand_to_roles();
