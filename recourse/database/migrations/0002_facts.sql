-- What each closed order says for scores, marks and analysis (resolution.facts.Facts). A row is what stands from its
-- step on: a review, a second ruling, an exemption or an undo adds one and changes none.
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '5min';

CREATE TABLE facts (
    order_id text NOT NULL REFERENCES orders (order_id),
    step bigint NOT NULL,
    ending text NOT NULL CHECK (ending IN ('completed', 'canceled', 'reopened')),
    policy text,
    client text,
    freelancer text,
    currency text,
    price bigint,
    ordered_at timestamptz,
    closed_at timestamptz,
    how text,
    initiator text,
    reason text,
    fault text,
    exempt boolean,
    exempt_because text,
    gross bigint,
    lateness text,
    delivered boolean,
    communicated boolean,
    explained boolean,
    client_public text,
    client_private text,
    freelancer_public text,
    calculator text,
    unpaid_silent text,
    repeat_count bigint,
    repeat_within_seconds bigint,
    PRIMARY KEY (order_id, step),
    CONSTRAINT closed_orders_say_everything CHECK (
        ending = 'reopened'
        OR num_nulls(
            policy, client, freelancer, currency, price, ordered_at, closed_at, fault, exempt, gross, lateness,
            delivered, communicated, explained, calculator, unpaid_silent, repeat_count, repeat_within_seconds
        ) = 0
    )
);
COMMENT ON TABLE facts IS 'The facts of closed orders, as of each step that changed them. Never changed, never deleted; analysis.closed_orders holds those that stand.';
COMMENT ON COLUMN facts.ending IS 'reopened: an undo or a second ruling took the facts back, the order goes on.';
COMMENT ON COLUMN facts.client_private IS 'Private feedback: for operators only.';
CREATE INDEX facts_by_client ON facts (client);
CREATE INDEX facts_by_freelancer ON facts (freelancer);

CREATE TRIGGER facts_only_grow BEFORE UPDATE OR DELETE OR TRUNCATE ON facts
FOR EACH STATEMENT EXECUTE FUNCTION only_grows();
CREATE TRIGGER answers_only_grow BEFORE UPDATE OR DELETE OR TRUNCATE ON answers
FOR EACH STATEMENT EXECUTE FUNCTION only_grows();
