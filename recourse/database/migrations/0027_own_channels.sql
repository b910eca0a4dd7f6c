-- A notice channel may be a marketplace's own, of any name.
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '5min';

-- squawk-ignore ban-drop-constraint
ALTER TABLE deliveries DROP CONSTRAINT deliveries_channel_check;
-- squawk-ignore ban-drop-constraint
ALTER TABLE held_channels DROP CONSTRAINT held_channels_channel_check;
