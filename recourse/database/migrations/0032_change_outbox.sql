-- The changes as a table in the shape that Debezium's outbox event router reads. `recourse relay outbox --on` adds the
-- trigger that fills it and the publication; without them nothing is written.
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '5min';

-- Its key is for those who publish all tables: PostgreSQL would refuse to delete a row that no key names.
CREATE TABLE change_outbox (
    id uuid PRIMARY KEY,
    aggregatetype text NOT NULL,
    aggregateid text NOT NULL,
    type text NOT NULL,
    payload jsonb NOT NULL,
    -- squawk-ignore prefer-timestamp-tz
    at timestamp NOT NULL
);
COMMENT ON TABLE change_outbox IS 'Each step as an event for logical decoding, which reads it from the write-ahead log. Always empty: a row goes in the transaction in which it comes.';
COMMENT ON COLUMN change_outbox.at IS 'The instant of the step in UTC, of a type that the event router reads.';

-- The payload is what read_changes() of recourse/database/changes.py says of the change; a test compares them.
CREATE FUNCTION fill_change_outbox() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    of_change uuid := event_id(NEW.order_id, NEW.step, NEW.at);
BEGIN
    INSERT INTO change_outbox (id, aggregatetype, aggregateid, type, payload, at)
    SELECT of_change, 'order', NEW.order_id, 'recourse.order.changed', jsonb_build_object(
        'cursor', NEW.number || '.' || NEW.mark,
        'id', of_change,
        'order_id', NEW.order_id,
        'step', NEW.step,
        'what', CASE
            WHEN e.number IS NOT NULL THEN e.content ->> 'command'
            WHEN NEW.step = 0 THEN 'opened' WHEN NEW.at IS NOT NULL THEN 'payments'
        END,
        'outcome', e.content ->> 'outcome',
        'events', coalesce(jsonb_path_query_array(e.content, '$.events[*].event'), '[]'),
        'by', e.content #>> '{actor,role}',
        'at', to_char(NEW.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'client', o.client,
        'freelancer', o.freelancer,
        'told', coalesce((
            SELECT jsonb_agg(jsonb_build_object('to', n.receiver, 'name', n.name) ORDER BY n.line) FROM notices AS n
            WHERE n.order_id = NEW.order_id AND n.step = NEW.step
        ), '[]')
    ), coalesce(NEW.at, now()) AT TIME ZONE 'UTC'
    FROM (SELECT) AS always
    LEFT JOIN orders AS o ON o.order_id = NEW.order_id
    LEFT JOIN record_entries AS e ON e.order_id = NEW.order_id AND e.number = NEW.entry;
    DELETE FROM change_outbox WHERE id = of_change;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION fill_change_outbox() IS 'Puts a change into change_outbox and takes it out again: what is left is in the write-ahead log.';
REVOKE EXECUTE ON FUNCTION fill_change_outbox() FROM PUBLIC;
DO $$ BEGIN EXECUTE format('ALTER FUNCTION fill_change_outbox() SET search_path = %I, pg_temp', current_schema()); END $$;

INSERT INTO rights (name, kind, app, web, reader, keeper) VALUES
    ('change_outbox', 'TABLE', 'SELECT', '', '', 'SELECT'),
    ('fill_change_outbox()', 'FUNCTION', '', '', '', '');

SELECT hand_to_roles();
