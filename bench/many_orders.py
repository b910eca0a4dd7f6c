"""A database of many orders: real ones, led by the rules, copied under other ids, parties and instants."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from recourse.database.counting import count_facts
from recourse.database.steps import record_step
from recourse.policies import load_policy
from recourse.resolution.engine import OrderEngine
from recourse.resolution.model.fields import whole_second
from recourse.resolution.model.order import Opening
from recourse.resolution.model.reading import read_message
from recourse.resolution.model.terms import Terms
from recourse.resolution.rules.clocks import next_clock

Move = tuple[str, str, dict[str, Any]]

ASK: Move = ("client", "request", {"kind": "cancel", "comment": "We stopped."})
NO_AGREEMENT: Move = (
    "client",
    "request",
    {
        "kind": "cancel",
        "attestations": ["discussed", "tried_to_resolve"],
        "no_agreement": True,
        "reason": "no_longer_needed",
    },
)
AGREED = ["discussed", "tried_to_resolve", "agreed_compensation"]
OFFER: Move = (
    "client",
    "request",
    {"kind": "cancel", "reason": "no_longer_needed", "amount": 2_500, "attestations": AGREED},
)
PROPOSE: Move = ("operator", "propose", {"amount": 4_000, "explanation": "Half of the work is there."})
RULE: Move = ("operator", "rule", {"outcome": "cancel", "amount": 3_000, "explanation": "Two of five pages."})
DELIVER: Move = ("freelancer", "deliver", {})
ACCEPT: Move = ("freelancer", "accept", {})


class Story(NamedTuple):
    """How often it is among a thousand orders, the policy, what is done, and whether time then ends it."""

    share: int
    policy: str
    moves: tuple[Move, ...] = ()
    ends: bool = False


STORIES = (
    Story(50, "resolution_center"),
    Story(20, "upwork"),
    Story(25, "resolution_center", (DELIVER,)),
    Story(20, "resolution_center", (ASK,)),
    Story(4, "glimmer", (NO_AGREEMENT,)),
    Story(1, "glimmer", (NO_AGREEMENT, PROPOSE)),
    Story(10, "glimmer", (OFFER, ACCEPT)),
    Story(20, "glimmer", (NO_AGREEMENT, RULE), ends=True),
    Story(50, "glimmer", (OFFER, ACCEPT), ends=True),
    Story(100, "resolution_center", (ASK,), ends=True),
    Story(500, "resolution_center", (DELIVER,), ends=True),
    Story(200, "upwork", (DELIVER,), ends=True),
)
# Of a thousand delivered notices one is still waiting.
UNDELIVERED = 1_000
COPY_AT_ONCE = 100_000
BUSY = "f-busy"


async def one_of_each(pool: Any, now: datetime) -> None:
    """The first order of every story, step by step, as a worker writes it."""
    for number, story in enumerate(STORIES):
        began = whole_second(now - (timedelta(days=60) if story.ends else timedelta(hours=30)))
        terms = Terms(
            order_id=f"story-{number}",
            client=f"client-{number}",
            freelancer=f"freelancer-{number}",
            price=10_000,
            service_fee=550,
            ordered_at=began,
            delivery_time=timedelta(days=5),
        )
        engine = OrderEngine(Opening(terms=terms, policy=load_policy(story.policy), record_salt="0123456789abcdef"))
        steps = [engine.commit(engine.opening())]
        for place, (role, command, fields) in enumerate(story.moves):
            who = {"client": terms.client, "freelancer": terms.freelancer, "operator": "op-1"}[role]
            message = {"actor": {"role": role, "id": who}, "command_id": f"m-{place}", **fields}
            at = began + timedelta(hours=12 + place)
            steps.append(engine.apply(engine.decide(read_message(command, message, "unnamed"), at)))
            if not engine.answers[f"{role}:{who}", f"m-{place}"].outcome.applied:
                raise AssertionError(f"story {number}, {command}: {engine.answers}")
        while story.ends and (clock := next_clock(engine.order)) is not None:
            steps.append(engine.apply(engine.fire(clock, clock.at)))
        for step in steps:
            await record_step(pool, step)


# Open orders stay open, so their instants move within a day around what they were; closed ones over two years.
_ORDERS = """
INSERT INTO orders (
    order_id, policy, client, freelancer, currency, price, service_fee, phase, how, settlement, ordered_at, due_at,
    closed_at, request_kind, request_status, answer_due_at, case_stage, case_due_at, turn, turn_until, next_clock,
    next_clock_at, updated_at
)
SELECT 'o-' || lpad(g.n::text, 9, '0'), o.policy, 'c-' || (g.n * 7919) % $3, 'f-' || (g.n * 104729) % $4,
    o.currency, o.price, o.service_fee, o.phase, o.how, o.settlement, o.ordered_at - g.shift, o.due_at - g.shift,
    o.closed_at - g.shift, o.request_kind, o.request_status, o.answer_due_at - g.shift, o.case_stage,
    o.case_due_at - g.shift, o.turn, o.turn_until - g.shift, o.next_clock, o.next_clock_at - g.shift,
    coalesce(o.closed_at, o.ordered_at) - g.shift
FROM (
    SELECT n, (SELECT count(*) FROM unnest($5::int[]) AS upto WHERE upto <= (n * 7919) % 1000) AS story,
        make_interval(secs => (n * 104729) % CASE WHEN (n * 7919) % 1000 >= $6 THEN 63072000 ELSE 20000 END) AS shift
    FROM generate_series($1::bigint, $2::bigint) AS n
) AS g
INNER JOIN orders AS o ON o.order_id = 'story-' || g.story
"""
_STATES = """
WITH story AS (
    SELECT 'o-' || lpad(n::text, 9, '0') AS order_id,
        'story-' || (SELECT count(*) FROM unnest($3::int[]) AS upto WHERE upto <= (n * 7919) % 1000) AS story
    FROM generate_series($1::bigint, $2::bigint) AS n
),
states AS (
    INSERT INTO order_states (order_id, step, record_salt, state)
    SELECT s.order_id, o.step, o.record_salt, o.state
    FROM story AS s INNER JOIN order_states AS o ON o.order_id = s.story
)
INSERT INTO openings (order_id, opening)
SELECT s.order_id, o.opening FROM story AS s INNER JOIN openings AS o ON o.order_id = s.story
"""
_CHANGES = """
INSERT INTO changes (order_id, step, at) SELECT order_id, 0, ordered_at FROM orders WHERE order_id BETWEEN $1 AND $2
"""
# Each ran for another time, up to sixty days; one order of a hundred was a single freelancer's.
_FACTS = """
INSERT INTO facts
SELECT r.* FROM orders AS o
INNER JOIN facts AS f ON f.order_id = 'story-' || (
    SELECT count(*) FROM unnest($3::int[]) AS upto WHERE upto <= (substr(o.order_id, 3)::bigint * 7919) % 1000
)
CROSS JOIN LATERAL jsonb_populate_record(NULL::facts, to_jsonb(f) || jsonb_build_object(
    'order_id', o.order_id, 'client', o.client, 'closed_at', o.closed_at,
    'freelancer', CASE WHEN substr(o.order_id, 3)::bigint % 100 = 1 THEN $4 ELSE o.freelancer END,
    'ordered_at', o.closed_at - make_interval(secs => (substr(o.order_id, 3)::bigint * 15485863) % 5184000)
)) AS r
WHERE o.order_id BETWEEN $1 AND $2 AND o.closed_at IS NOT NULL
"""
_QUEUE = """
INSERT INTO uncounted (order_id, step, freelancer) SELECT order_id, step, freelancer FROM facts
WHERE order_id BETWEEN $1 AND $2
"""
_NOTICES = """
INSERT INTO notices (id, order_id, step, line, receiver, name, at, body)
SELECT 'n-' || order_id, order_id, 1, 1, 'client', 'order_delivered', ordered_at, '{}' FROM orders
WHERE order_id BETWEEN $1 AND $2
"""
_DELIVERIES = """
INSERT INTO deliveries (notice_id, channel, attempts, delivered_at, last_error)
SELECT 'n-' || order_id, 'webhook', 1, CASE WHEN substr(order_id, 3)::bigint % $3 <> 0 THEN ordered_at END,
    CASE WHEN substr(order_id, 3)::bigint % $3 = 0 THEN 'webhook: the receiver answered 503' END
FROM orders WHERE order_id BETWEEN $1 AND $2
"""


_DISPLAYS = """
INSERT INTO displays (order_id, title, client_name, freelancer_name)
SELECT order_id, 'Logo for a bakery', 'Ben', 'Ada' FROM orders WHERE order_id BETWEEN $1 AND $2
"""


async def fill(pool: Any, count: int, now: datetime) -> None:
    """So many orders, with their facts, a notice each and its delivery; the record of each is left out."""
    await one_of_each(pool, now)
    upto: Sequence[int] = [sum(story.share for story in STORIES[: n + 1]) for n in range(len(STORIES))]
    closed_from = sum(story.share for story in STORIES if not story.ends)
    async with pool.acquire() as connection, connection.transaction():
        # What is copied is consistent already; a million foreign keys need no look of their own.
        await connection.execute("SET LOCAL session_replication_role = replica")
        for first in range(1, count + 1, COPY_AT_ONCE):
            last = min(first + COPY_AT_ONCE - 1, count)
            names = f"o-{first:09}", f"o-{last:09}"
            parties = max(count // 5, 1), max(count // 20, 1)
            await connection.execute(_STATES, first, last, upto, timeout=600)
            await connection.execute(_ORDERS, first, last, *parties, upto, closed_from, timeout=600)
            await connection.execute(_CHANGES, *names, timeout=600)
            await connection.execute(_FACTS, *names, upto, BUSY, timeout=600)
            await connection.execute(_QUEUE, *names, timeout=600)
            await connection.execute(_DISPLAYS, *names, timeout=600)
            await connection.execute(_NOTICES, *names, timeout=600)
            await connection.execute(_DELIVERIES, *names, UNDELIVERED, timeout=600)
    await count_facts(pool)
    await pool.execute("VACUUM ANALYZE", timeout=600)
