-- What a backend sees: role recourse_app, which reads everything.
--   psql "$DATABASE_URL" -v order=1001 -f backend.sql

\echo Cases that wait for an operator, the most urgent first
SELECT order_id, case_stage, case_due_at, case_due_at < now() AS overdue
FROM orders
WHERE case_stage IN ('mediation', 'ruling', 'appeal') AND turn = 'operator'
ORDER BY case_due_at
LIMIT 50;

\echo The answer that a command got, also after the order has ended
SELECT sender, command_id, outcome ->> 'status' AS status, outcome ->> 'code' AS code
FROM answers
WHERE order_id = :'order'
ORDER BY step;

\echo Who got what: the balance of each account of the order
SELECT account, sum(amount) AS amount
FROM ledger_entries
WHERE order_id = :'order'
GROUP BY account
ORDER BY account;

\echo Notices that have not reached anybody yet
SELECT n.id, n.name, d.attempts, d.last_error
FROM notices AS n
INNER JOIN deliveries AS d ON d.notice_id = n.id
WHERE d.delivered_at IS NULL
ORDER BY n.at
LIMIT 50;
