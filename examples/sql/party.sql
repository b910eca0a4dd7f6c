-- What a party may see, for a program that serves parties: role recourse_reader, the party_ views and nothing else.
--   psql "$DATABASE_URL" -v role=freelancer -v party=f-7 -v order=1001 -f party.sql

\echo Where my orders stand, those that wait for me first
SELECT order_id, phase, turn, turn_until, request_kind, request_status, how
FROM party_orders
WHERE role = :'role' AND party = :'party'
ORDER BY turn = :'role' DESC, turn_until NULLS LAST, order_id
LIMIT 50;

\echo My money in one of them, in minor units
SELECT currency, price, service_fee, held, paid_to_client, paid_to_freelancer, paid_to_platform, settlement
FROM party_orders
WHERE role = :'role' AND party = :'party' AND order_id = :'order';

\echo What happened in it
SELECT at, content #>> '{actor,role}' AS actor, content ->> 'command' AS command, content ->> 'to' AS phase
FROM party_record
WHERE role = :'role' AND party = :'party' AND order_id = :'order'
ORDER BY position;

\echo What I was told of it, and until when I could act
SELECT at, name, body ->> 'deadline' AS deadline, body -> 'answers' AS answers
FROM party_notices
WHERE role = :'role' AND party = :'party' AND order_id = :'order'
ORDER BY at, id;
