-- outside a transaction
-- squawk-ignore-file ban-concurrent-index-creation-in-transaction
-- Indexes of what is counted while it is looked at (database/figures.py): each holds only the few rows that count.
SET lock_timeout = '30s';
SET statement_timeout = '4h';

DROP INDEX CONCURRENTLY IF EXISTS orders_open;
CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_open ON orders (order_id) WHERE closed_at IS NULL;
DROP INDEX CONCURRENTLY IF EXISTS orders_open_requests;
CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_open_requests ON orders (answer_due_at) WHERE request_status = 'open';
