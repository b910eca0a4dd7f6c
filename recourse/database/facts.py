"""What two parties have behind them when they open another order."""

from datetime import datetime

from recourse.database.access import Database
from recourse.resolution.model.facts import Facts
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.terms import Histories
from recourse.resolution.shown.scores import Tally, histories

# Good, bad and counted at all, by calculator, as the counters of the database have them. For any other calculator the
# facts of all closed orders of the freelancer are read.
_COUNTED = {
    "none": "jsonb_build_array(0, 0, 0)",
    "completion_rate": "(SELECT jsonb_build_array(completed, 0, completed + canceled) "
    "FROM analysis.completion_rate WHERE freelancer = $2)",
    "job_success": "(SELECT jsonb_build_array(good, bad, good + bad + neither) "
    "FROM analysis.job_success WHERE freelancer = $2)",
}
# Named, since a newer release may have more columns.
_CLOSED = f"(SELECT {', '.join(Facts.model_fields)} FROM analysis.closed_orders)"  # noqa: S608 - of our own parts only
# One statement, so that counters and facts are of one instant.
_BEHIND = """
SELECT {counted} AS counted, (
    SELECT coalesce(jsonb_agg(c), '[]') FROM {closed} AS c
    WHERE c.freelancer = $2 AND c.closed_at > coalesce($5, '-infinity'::timestamptz)
) AS others, (
    SELECT coalesce(jsonb_agg(c), '[]') FROM {closed} AS c
    WHERE c.ending = 'canceled' AND c.initiator IN ('client', 'freelancer')
        AND CASE c.initiator WHEN 'client' THEN c.client ELSE c.freelancer END IN ($1, $2)
        AND c.closed_at > $4 AND c.closed_at <= $3
) AS recent
"""


async def read_histories(pool: Database, client: str, freelancer: str, policy: Policy, at: datetime) -> Histories:
    """What the two have behind them at `at`: the `history` of the terms of an order under `policy`."""
    counted = _COUNTED.get(policy.scores.calculator)
    row = await pool.fetchrow(
        _BEHIND.format(counted=counted or "NULL", closed=_CLOSED),
        client,
        freelancer,
        at,
        at - policy.flags.repeat_canceler.within,
        at if counted else None,
    )
    closed = {one["order_id"]: Facts(**one) for one in (*row["others"], *row["recent"])}
    total = Tally(*(row["counted"] or ())) if counted else None
    return histories(closed.values(), client, freelancer, policy, at, total)
