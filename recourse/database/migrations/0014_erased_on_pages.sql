-- Web servers show operators what was erased of an order, and why.
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '5min';

UPDATE rights SET web = 'SELECT' WHERE name = 'erased_orders';
SELECT hand_to_roles();
