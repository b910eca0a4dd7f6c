-- squawk-ignore-file require-concurrent-index-creation
-- Indexes of what is counted while it is looked at (database/figures.py): each holds only the few rows that count.
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '5min';

CREATE INDEX IF NOT EXISTS orders_open ON orders (order_id) WHERE closed_at IS NULL;
CREATE INDEX IF NOT EXISTS orders_open_requests ON orders (answer_due_at) WHERE request_status = 'open';
CREATE INDEX IF NOT EXISTS orders_settling ON orders (settlement) WHERE settlement IN ('held', 'retrying');
CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (notice_id) WHERE delivered_at IS NULL;
