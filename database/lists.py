"""Orders as lists: those of one party, and the cases that wait for operators."""

from datetime import datetime
from typing import Any, NamedTuple

from resolution.words import Party


class Parties(NamedTuple):
    """The ids of an order's two parties."""

    client: str
    freelancer: str

    def of(self, party: Party) -> str:
        """The id of one of them."""
        return self.client if party == "client" else self.freelancer


async def read_parties(pool: Any, order_id: str) -> Parties | None:
    """Whose order it is; None where there is no such order."""
    row = await pool.fetchrow("SELECT client, freelancer FROM orders WHERE order_id = $1", order_id)
    return Parties(row["client"], row["freelancer"]) if row else None


async def orders_of(
    pool: Any, party: Party, party_id: str, *, after: str = "", limit: int = 50
) -> list[dict[str, Any]]:
    """A page of one party's orders by id, behind `after`: where each stands and what comes next."""
    whose = "client = $1" if party == "client" else "freelancer = $1"
    columns = "order_id, policy, phase, turn, turn_until, next_clock, next_clock_at, settlement, case_stage"
    query = f"SELECT {columns} FROM orders WHERE {whose} AND order_id > $2 ORDER BY order_id LIMIT $3"  # noqa: S608
    return [dict(row) for row in await pool.fetch(query, party_id, after, limit)]


async def undecided_cases(
    pool: Any,
    *,
    after: tuple[datetime, str] | None = None,
    limit: int = 50,
    stage: str | None = None,
    turn: str | None = None,
) -> list[dict[str, Any]]:
    """A page of the cases that are not decided, those due next first, behind the due instant and order id `after`.

    A ruling that can still be appealed is decided: nobody waits for an operator. `stage` and `turn` pick those at one
    stage, and those that wait for one side.
    """
    rows = await pool.fetch(
        "SELECT order_id, policy, client, freelancer, currency, price, phase, case_stage AS stage, "
        "case_due_at AS due_at, turn, turn_until FROM orders "
        "WHERE case_stage IN ('mediation', 'ruling', 'appeal') AND (case_stage <> 'ruling' OR turn = 'operator') "
        "AND ($1::timestamptz IS NULL OR (case_due_at, order_id) > ($1, $2)) "
        "AND ($4::text IS NULL OR case_stage = $4) AND ($5::text IS NULL OR turn = $5) "
        "ORDER BY case_due_at, order_id LIMIT $3",
        after[0] if after else None,
        after[1] if after else None,
        limit,
        stage,
        turn,
    )
    return [dict(row) for row in rows]
