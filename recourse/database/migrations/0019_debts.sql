-- Debts: what a freelancer owes the marketplace of a closed order. Facts without it have none.
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '5min';

ALTER TABLE facts ADD COLUMN debt bigint;
COMMENT ON COLUMN facts.debt IS 'What the freelancer owes the marketplace, in minor units; null: nothing.';
CREATE OR REPLACE VIEW analysis.closed_orders AS
SELECT
    f.order_id, f.policy, f.client, f.freelancer, f.currency, f.price, f.ordered_at, f.closed_at, f.ending, f.how,
    f.initiator, f.reason, f.fault, f.exempt, f.exempt_because, f.gross, f.lateness, f.delivered, f.communicated,
    f.explained, f.client_public, f.client_private, f.freelancer_public, f.calculator, f.unpaid_silent,
    f.repeat_count, f.repeat_within_seconds, coalesce(f.debt, 0) AS debt
FROM facts AS f
WHERE
    f.ending <> 'reopened'
    AND NOT EXISTS (SELECT 1 FROM facts AS later WHERE later.order_id = f.order_id AND later.step > f.step);
