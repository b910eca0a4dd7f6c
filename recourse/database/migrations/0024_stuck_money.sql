-- outside a transaction
SET lock_timeout = '30s';
SET statement_timeout = '1h';
-- Money that goes on only when an operator or a bank decides is found without reading every payment.
-- What a failure left of it is of no use.
DROP INDEX CONCURRENTLY IF EXISTS payments_stuck;
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS payments_stuck ON payments (order_id) WHERE status IN ('blocked', 'returned');
DROP INDEX CONCURRENTLY IF EXISTS ledger_contested;
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS ledger_contested ON ledger_entries (order_id) INCLUDE (amount)
WHERE account = 'contested';
UPDATE rights SET web = 'SELECT' WHERE name = 'payments';
SELECT hand_to_roles();
