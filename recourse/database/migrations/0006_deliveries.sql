-- While somebody is sending a notice, nobody else sends it: a lease, which ends by itself if its holder dies.
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '5min';

ALTER TABLE deliveries ADD COLUMN leased_until timestamptz;
COMMENT ON COLUMN deliveries.leased_until IS 'Until then one attempt, the last counted in attempts, may be sending it.';

-- A notice is tried for some days and then holds back none behind it; its own instant may be long before it was written.
ALTER TABLE notices ADD COLUMN written_at timestamptz NOT NULL DEFAULT now();
