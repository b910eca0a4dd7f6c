-- What hands the changes on: the id that an event has wherever it is read, and how far each relay is.
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '5min';

-- Not by order and step alone: where the database was set back, another step may come in the place of a lost one.
CREATE FUNCTION event_id(of_order text, of_step bigint, of_instant timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- Version 8: an id made of a hash.
RETURN overlay(overlay(left(encode(sha256(convert_to(
    of_order || '/' || of_step::text || '/' || coalesce(extract(EPOCH FROM of_instant)::text, ''), 'UTF8'
)), 'hex'), 32) PLACING '8' FROM 13) PLACING 'a' FROM 17)::uuid;
COMMENT ON FUNCTION event_id(text, bigint, timestamptz) IS 'The id of a change as an event: the same for the same step of an order at the same instant.';

CREATE TABLE relays (
    name text PRIMARY KEY,
    cursor text NOT NULL,
    moved_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE relays IS 'How far each relay has handed the changes on: the cursor behind which all is still to come.';

INSERT INTO rights (name, kind, app, web, reader, keeper) VALUES
    ('event_id(text,bigint,timestamp with time zone)', 'FUNCTION', 'EXECUTE', 'EXECUTE', '', ''),
    ('relays', 'TABLE', 'SELECT', 'SELECT, INSERT, UPDATE', '', 'SELECT');

SELECT hand_to_roles();
