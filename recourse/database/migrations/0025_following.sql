-- outside a transaction
SET lock_timeout = '30s';
SET statement_timeout = '1h';
-- What a change says of its step, and when the columns of the lists last changed.
ALTER TABLE changes ADD COLUMN IF NOT EXISTS at timestamptz;
ALTER TABLE changes ADD COLUMN IF NOT EXISTS entry bigint;
COMMENT ON COLUMN changes.at IS 'The instant of the step; null: a former version wrote it.';
COMMENT ON COLUMN changes.entry IS 'The number of the record''s entry that the step wrote, if any.';
-- Rows that are there already count as changed now: reading some of them again loses nothing.
ALTER TABLE orders ADD COLUMN IF NOT EXISTS updated_at timestamptz DEFAULT now();
COMMENT ON COLUMN orders.updated_at IS 'When one of these columns last changed.';
CREATE OR REPLACE FUNCTION stamp_orders() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at := now(); RETURN NEW; END $$;
DO $$ BEGIN EXECUTE format('ALTER FUNCTION stamp_orders() SET search_path = %I, pg_temp', current_schema()); END $$;
-- A trigger, so that workers of a former version do it too.
CREATE OR REPLACE TRIGGER orders_are_stamped BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION stamp_orders();
-- What a failure left of it is of no use.
DROP INDEX CONCURRENTLY IF EXISTS orders_by_update;
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_by_update ON orders (updated_at, order_id);
UPDATE rights SET web = 'SELECT' WHERE name = 'changes';
INSERT INTO rights (name, kind, app, web, reader, keeper) VALUES ('stamp_orders()', 'FUNCTION', '', '', '', '') ON CONFLICT (name) DO NOTHING;
SELECT hand_to_roles();
