-- outside a transaction
SET lock_timeout = '30s';
SET statement_timeout = '1h';
-- Orders of the same two parties that belong together, such as the milestones of a contract.
ALTER TABLE orders ADD COLUMN IF NOT EXISTS group_id text;
ALTER TABLE orders ADD COLUMN IF NOT EXISTS part bigint;
COMMENT ON COLUMN orders.group_id IS 'The group of orders that it belongs to, if any.';
COMMENT ON COLUMN orders.part IS 'Its place in the group.';
-- What a failure left of it is of no use.
DROP INDEX CONCURRENTLY IF EXISTS orders_by_group;
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_by_group ON orders (group_id, order_id) WHERE group_id IS NOT NULL;
