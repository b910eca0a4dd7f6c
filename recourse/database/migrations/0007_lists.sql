-- outside a transaction
-- squawk-ignore-file ban-concurrent-index-creation-in-transaction
-- What operators look for has an index each. They are made while orders go on, one at a time; a file that was stopped
-- half way is begun again from the top, so every statement may come twice.
SET lock_timeout = '30s';
SET statement_timeout = '4h';

ALTER TABLE deliveries ADD COLUMN IF NOT EXISTS since timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN deliveries.since IS 'When the first attempt began.';

DROP INDEX CONCURRENTLY IF EXISTS orders_by_phase;
CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_by_phase ON orders (phase, order_id);
DROP INDEX CONCURRENTLY IF EXISTS orders_by_policy;
CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_by_policy ON orders (policy, order_id);
DROP INDEX CONCURRENTLY IF EXISTS orders_by_settlement;
CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_by_settlement ON orders (settlement, order_id);
DROP INDEX CONCURRENTLY IF EXISTS orders_by_how;
CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_by_how ON orders ((state #>> '{resolution,how}'), order_id)
WHERE state #>> '{resolution,how}' IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS orders_by_due;
CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_by_due ON orders (due_at, order_id) WHERE closed_at IS NULL;
DROP INDEX CONCURRENTLY IF EXISTS deliveries_undelivered;
CREATE INDEX CONCURRENTLY IF NOT EXISTS deliveries_undelivered ON deliveries (since, notice_id, channel)
WHERE delivered_at IS NULL;
