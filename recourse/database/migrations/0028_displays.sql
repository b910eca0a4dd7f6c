-- What people call an order: for pages, lists and mails. It is kept here alone, as addresses are, so that it can change
-- and can be erased. Names of people go with their addresses; title, link and picture go with the words of an order.
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '5min';

CREATE TABLE displays (
    order_id text PRIMARY KEY,
    title text,
    link text,
    image text,
    client_name text,
    freelancer_name text
);
COMMENT ON TABLE displays IS 'What people call orders and their parties; kept here only, never in the workflow or the record.';

INSERT INTO rights (name, kind, app, web, reader, keeper) VALUES
    ('displays', 'TABLE', 'SELECT, INSERT, UPDATE', 'SELECT, INSERT, UPDATE', '', 'SELECT');

CREATE OR REPLACE FUNCTION erase_order(of_order text, what text, whose text[], because text, basis text)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    known record;
    count_of bigint := 0;
    names bigint := 0;
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
            GET DIAGNOSTICS names = ROW_COUNT;
            count_of := count_of + names;
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
COMMENT ON FUNCTION erase_order(text, text, text[], text, text) IS 'Erases of an order that is over what certain roles wrote (texts, with the order''s title, link and picture; addresses), its notices or all of it, and of any order its contacts and the names of its parties; returns how many. Refuses under a legal hold. Changes no hash, number, instant or amount.';
DO $$ BEGIN
    EXECUTE format(
        'ALTER FUNCTION erase_order(text, text, text[], text, text) SET search_path = %I, pg_temp', current_schema()
    );
END $$;

SELECT hand_to_roles();
