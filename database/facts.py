"""Reading the facts of closed orders, and what two parties have behind them when they open another."""

from datetime import datetime
from typing import Any

from resolution.facts import Facts
from resolution.order import Histories
from resolution.policy import Policy
from resolution.scores import histories


async def read_facts(pool: Any, *, client: str | None = None, freelancer: str | None = None) -> list[Facts]:
    """The facts that stand, of every closed order of this client or of this freelancer, the oldest first."""
    rows = await pool.fetch(
        "SELECT * FROM analysis.closed_orders WHERE client = $1 OR freelancer = $2 ORDER BY closed_at, order_id",
        client,
        freelancer,
    )
    return [Facts(**dict(row)) for row in rows]


async def read_histories(pool: Any, client: str, freelancer: str, policy: Policy, at: datetime) -> Histories:
    """What the two have behind them at `at`: the `history` of the terms of an order under `policy`."""
    closed = await read_facts(pool, client=client, freelancer=freelancer)
    return histories(closed, client, freelancer, policy, at)
