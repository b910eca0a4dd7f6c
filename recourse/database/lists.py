"""Orders as lists: those that somebody looks for, those that are due, and the cases that wait for operators.

Every condition here has an index, and every page begins where the one before ended.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, Self

from pydantic import AwareDatetime, Field

from recourse.database.access import Database, in_pages
from recourse.database.displays import read_displays
from recourse.database.orders import WHOLE
from recourse.resolution.model.data_version import NeedsNewerBuild
from recourse.resolution.model.display import Display
from recourse.resolution.model.money import Balances
from recourse.resolution.model.order import Order, read_state
from recourse.resolution.model.payments import Sums
from recourse.resolution.model.vocabulary import How, Party, Phase, SettlementStatus, Stage, View, Whose, if_any

_COLUMNS = (
    "order_id, policy, client, freelancer, currency, price, service_fee, phase, how, ordered_at, due_at, closed_at, "
    'turn, turn_until, next_clock, next_clock_at, settlement, case_stage, group_id AS "group", part, updated_at'
)
_MOVED = "(SELECT s.state -> 'moved' FROM order_states AS s WHERE s.order_id = orders.order_id) AS moved"
_CASE_COLUMNS = (
    "order_id, policy, client, freelancer, currency, price, phase, case_stage AS stage, case_due_at AS due_at, turn, "
    "turn_until"
)
Place = tuple[datetime, str]


class _Row(View):
    # A code that only a newer build knows is a text: it shall not take the whole list with it.
    order_id: str = Field(description="The order's id.")
    display: Display | None = if_any("What people call it and its parties.")
    policy: str = Field(description="The name of the order's policy.")
    client: str = Field(description="The client's id.")
    freelancer: str = Field(description="The freelancer's id.")
    currency: str = Field(description="The currency of all amounts, by ISO 4217.")
    price: int = Field(description="The price with all extras, in minor units.")
    phase: Phase | str = Field(description="Where the order stands.")
    turn: Whose | str = Field(description="Who must act next.")
    turn_until: AwareDatetime | None = Field(description="The deadline; null: there is none.")


class ListedOrder(_Row):
    """An order in a list."""

    service_fee: int = Field(description="What the client pays in addition to the price, in minor units.")
    how: How | str | None = Field(description="How it was canceled.")
    ordered_at: AwareDatetime = Field(description="When it was placed.")
    closed_at: AwareDatetime | None = Field(description="When it was completed or canceled.")
    due_at: AwareDatetime | None = Field(description="When the work is due.")
    next_clock: str | None = Field(description="The clock that fires next.")
    next_clock_at: AwareDatetime | None = Field(description="When that clock fires.")
    settlement: SettlementStatus | str = Field(description="Where the final payment stands.")
    case_stage: Stage | str | None = Field(description="Where the latest case stands.")
    group: str | None = Field(description="The group that it belongs to.")
    part: int | None = Field(description="Its place in the group.")
    updated_at: AwareDatetime = Field(description="When something that this list shows of it last changed.")
    money: Balances | None = if_any("Where the money is; there if it was asked for.")


class WaitingCase(_Row):
    """A case that waits for a decision. It is the parties' turn while a proposal is on the table."""

    stage: Stage | str = Field(description="Where the case stands.")
    due_at: AwareDatetime = Field(description="When the policy's fallback decides in place of an operator.")


class Parties(NamedTuple):
    """The ids of an order's two parties."""

    client: str
    freelancer: str

    def of(self, party: Party) -> str:
        """The id of one of them."""
        return self.client if party == "client" else self.freelancer


@dataclass(frozen=True)
class Wanted:
    """What is looked for in a list of orders; None: whatever it is. `how`: how a cancellation came about."""

    phase: Phase | None = None
    policy: str | None = None
    client: str | None = None
    freelancer: str | None = None
    settlement: SettlementStatus | None = None
    how: How | None = None
    group_id: str | None = None

    @classmethod
    def of(cls, party: Party, party_id: str) -> Self:
        """The orders of one party."""
        return cls(client=party_id) if party == "client" else cls(freelancer=party_id)


ANY = Wanted()


class Member(NamedTuple):
    """An order of a group, and its place there."""

    order_id: str
    part: int | None
    ordered_at: datetime
    parties: Parties


class _Query:
    """Conditions with their values. Only those that are asked for are in it, so that an index can serve them."""

    def __init__(self) -> None:
        self.conditions: list[str] = []
        self.values: list[Any] = []

    def where(self, condition: str, *values: Any) -> None:
        """Add a condition, in which `{}` stands for each value, unless its first value is None."""
        if values[0] is None:
            return
        numbers = range(len(self.values) + 1, len(self.values) + len(values) + 1)
        self.conditions.append(condition.format(*(f"${number}" for number in numbers)))
        self.values += values

    def but_of(self, person: str | None) -> None:
        self.where("{} NOT IN (client, freelancer)", person)

    def those(self, wanted: Wanted) -> None:
        for name, value in vars(wanted).items():
            self.where(f"{name} = {{}}", value)

    async def orders(self, pool: Database, order: str, limit: int, *, money: bool) -> list[ListedOrder]:
        rows = await self.page(pool, f"{_COLUMNS}, {_MOVED}" if money else _COLUMNS, order, limit)
        return [_listed(**row) for row in await _named(pool, rows)]

    async def page(self, pool: Database, columns: str, order: str, limit: int) -> list[dict[str, Any]]:
        """The rows. Names in it are ours; all that comes from outside is among the values."""
        conditions = " AND ".join(self.conditions) or "true"
        query = f"SELECT {columns} FROM orders WHERE {conditions} ORDER BY {order} LIMIT ${len(self.values) + 1}"  # noqa: S608
        return [dict(row) for row in await pool.fetch(query, *self.values, limit)]


async def _named(pool: Database, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows with what people call their orders."""
    displays = await read_displays(pool, [row["order_id"] for row in rows]) if rows else {}
    return [{**row, "display": displays.get(row["order_id"])} for row in rows]


async def read_parties(pool: Database, order_id: str) -> Parties | None:
    """Whose order it is; None where there is no such order."""
    row = await pool.fetchrow("SELECT client, freelancer FROM orders WHERE order_id = $1", order_id)
    return Parties(row["client"], row["freelancer"]) if row else None


async def read_group(pool: Database, group: str, party: Party | None = None, party_id: str = "") -> list[Member]:
    """The orders of a group, or those of one party's, by their parts; those without a part come last.

    A group has the parties of its first order. Should others have got in while the database was away, they are left
    out.
    """
    mine = f"AND {party} = $4" if party else ""
    query = (
        "SELECT order_id, part, ordered_at, client, freelancer FROM orders "  # noqa: S608 - names of ours
        f"WHERE order_id > $1 AND group_id = $3 {mine} ORDER BY order_id LIMIT $2"
    )
    found = list[Member]()
    async for rows in in_pages(pool, query, group, *([party_id] if party else [])):
        found += map(_member, rows)
    found.sort(key=lambda one: (one.part is None, one.part or 0, one.order_id))
    return [one for one in found if one.parties == found[0].parties]


async def misfit(pool: Database, group: str, order_id: str, parties: Parties, part: int | None) -> Member | None:
    """Another order of the group that has other parties or the same part; None: there is none."""
    row = await pool.fetchrow(
        "SELECT order_id, part, ordered_at, client, freelancer FROM orders WHERE group_id = $1 AND order_id <> $2 "
        "AND ((client, freelancer) <> ($3, $4) OR part = $5) LIMIT 1",
        group,
        order_id,
        *parties,
        part,
    )
    return _member(row) if row else None


def _member(row: Mapping[str, Any]) -> Member:
    return Member(row["order_id"], row["part"], row["ordered_at"], Parties(row["client"], row["freelancer"]))


def _listed(moved: dict[str, int] | None = None, **row: Any) -> ListedOrder:
    if moved is not None:
        sums = Sums.model_validate(moved)
        row["money"] = Balances.of(sums, row["price"] + row["service_fee"] - sums.total)
    return ListedOrder.model_construct(**row)


async def list_orders(
    pool: Database,
    wanted: Wanted = ANY,
    *,
    after: str = "",
    limit: int = 50,
    but_of: str | None = None,
    money: bool = False,
) -> list[ListedOrder]:
    """A page of orders by id, behind `after`: where each stands and what comes next.

    `but_of`: without the orders that this person is a party of. `money`: with where the money of each is.
    """
    query = _Query()
    query.those(wanted)
    query.but_of(but_of)
    query.where("order_id > {}", after)
    return await query.orders(pool, "order_id", limit, money=money)


async def orders_due(
    pool: Database,
    clock: Literal["due_at", "next_clock_at"],
    before: datetime,
    wanted: Wanted = ANY,
    *,
    after: Place | None = None,
    limit: int = 50,
    but_of: str | None = None,
    money: bool = False,
) -> list[ListedOrder]:
    """A page of open orders that are due before an instant, the first due first, behind the instant and id `after`.

    `due_at` is when the work is due; `next_clock_at` is when time decides something next. A clock that was due some
    minutes ago and has not fired means that no worker runs the order.
    """
    query = _Query()
    query.those(wanted)
    query.but_of(but_of)
    query.where(f"{clock} < {{}}", before)
    query.where(f"({clock}, order_id) > ({{}}, {{}})", *(after or (None, None)))
    if clock == "due_at":
        query.conditions.append("closed_at IS NULL")
    return await query.orders(pool, f"{clock}, order_id", limit, money=money)


async def orders_updated(
    pool: Database,
    since: datetime,
    wanted: Wanted = ANY,
    *,
    due_before: datetime | None = None,
    after: Place | None = None,
    limit: int = 50,
    but_of: str | None = None,
    money: bool = False,
) -> list[ListedOrder]:
    """A page of the orders of which something in this list has changed since an instant, the first changed first.

    Behind the instant and id `after`. `due_before`: only open orders whose work is due before then. A change that is
    committed late has an earlier instant, so this can miss it; `changes` misses none.
    """
    query = _Query()
    query.those(wanted)
    query.but_of(but_of)
    query.where("updated_at > {}", since)
    query.where("(updated_at, order_id) > ({}, {})", *(after or (None, None)))
    if due_before is not None:
        query.where("due_at < {}", due_before)
        query.conditions.append("closed_at IS NULL")
    return await query.orders(pool, "updated_at, order_id", limit, money=money)


async def undecided_cases(
    pool: Database,
    *,
    after: Place | None = None,
    limit: int = 50,
    stage: str | None = None,
    turn: str | None = None,
    policy: str | None = None,
    due_by: datetime | None = None,
    but_of: str | None = None,
) -> list[WaitingCase]:
    """A page of the cases that are not decided, those due next first, behind the due instant and order id `after`.

    A ruling that can still be appealed is decided: nobody waits for an operator. Nor does anybody while the order
    stands still. `stage` and `turn` pick those at one stage, and those that wait for one side; `due_by` those that
    time decides by then.
    `but_of`: without the cases of this person's own orders.
    """
    query = _Query()
    query.but_of(but_of)
    query.conditions += [
        "case_stage IN ('mediation', 'ruling', 'appeal')",
        "(case_stage <> 'ruling' OR turn = 'operator')",
        "case_due_at IS NOT NULL",
    ]
    query.where("(case_due_at, order_id) > ({}, {})", *(after or (None, None)))
    query.where("case_stage = {}", stage)
    query.where("turn = {}", turn)
    query.where("policy = {}", policy)
    query.where("case_due_at <= {}", due_by)
    rows = await query.page(pool, _CASE_COLUMNS, "case_due_at, order_id", limit)
    return [WaitingCase.model_construct(**row) for row in await _named(pool, rows)]


# Each of the three by an index of its own.
_STUCK = """
(SELECT order_id FROM orders WHERE settlement = 'blocked' AND order_id > $1 ORDER BY order_id LIMIT $2)
UNION
(
    SELECT DISTINCT order_id FROM payments
    WHERE status IN ('blocked', 'returned') AND order_id > $1 ORDER BY order_id LIMIT $2
)
UNION
(
    SELECT order_id FROM ledger_entries WHERE account = 'contested' AND order_id > $1
    GROUP BY order_id HAVING sum(amount) > 0 ORDER BY order_id LIMIT $2
)
ORDER BY order_id LIMIT $2
"""


async def orders_with_stuck_money(pool: Database, *, after: str = "", limit: int = 50) -> list[str]:
    """A page of the ids, behind `after`, of orders with a payment that is blocked or came back, or with money that a
    bank has taken and not decided about."""
    return [row["order_id"] for row in await pool.fetch(_STUCK, after, limit)]


async def policies_in_use(pool: Database) -> list[str]:
    """The names of the policies that orders have, in order."""
    # From each name the index leads to the next one; DISTINCT would read all orders.
    query = """
        WITH RECURSIVE used AS (
            SELECT min(policy) AS policy FROM orders
            UNION ALL
            SELECT (SELECT min(o.policy) FROM orders AS o WHERE o.policy > used.policy) FROM used
            WHERE used.policy IS NOT NULL
        )
        SELECT policy FROM used WHERE policy IS NOT NULL ORDER BY policy
    """
    return [row["policy"] for row in await pool.fetch(query)]


async def read_orders(pool: Database, order_ids: Sequence[str]) -> Mapping[str, Order]:
    """Several orders as of their last steps, by id; without those that need a newer build."""
    rows = await pool.fetch(f"{WHOLE} WHERE s.order_id = ANY($1)", list(order_ids))
    orders = {}
    for row in rows:
        with suppress(NeedsNewerBuild):
            orders[row["order_id"]] = read_state(row["state"])
    return orders
