"""`recourse money list`: payments that are stuck, what a client's bank disputes, and what to do about it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from cyclopts import Parameter

from recourse.cli.deciding import By, decide
from recourse.cli.lists import Listed, Watch, keep_saying
from recourse.cli.output import After, Json, OrderId, Yes, more
from recourse.cli.tables import Cell, Column, Listing, toned
from recourse.cli.times import due
from recourse.cli.typed import Limit
from recourse.database.lists import orders_with_stuck_money, read_orders
from recourse.resolution.model.amounts import write_amount
from recourse.resolution.shown.money_words import STUCK, payee
from recourse.resolution.shown.stuck_money import StuckMoney, stuck_money
from recourse.runtime.database_connection import explaining_database_errors
from recourse.starter.reading import Orders, now

Leg = Annotated[str, Parameter(help="The leg, such as `1.payout`, as `recourse money list` shows it.")]


async def list_stuck(*, after: After = "", limit: Limit = 50, watch: Watch = False, json: Json = False) -> None:
    """List payments that are blocked or came back, and what clients' banks have taken, by order id."""
    async with Orders.connect() as orders:

        async def read() -> Listed:
            at = now()
            with explaining_database_errors():
                ids = await orders_with_stuck_money(orders.pool, after=after, limit=limit)
                known = await read_orders(orders.pool, ids)
            found = [one for order_id in ids if order_id in known for one in stuck_money(known[order_id])]
            table = Listing(
                ("order", "leg", Column("amount", right=True), "what is wrong", Column("parties", extra=True)),
                [_cells(one, at) for one in found],
            )
            remarks = [f"Order {one} needs a newer build of Recourse." for one in ids if one not in known]
            return Listed(found, table, "No money is stuck.", remarks + ([more(ids[-1])] if len(ids) == limit else []))

        await keep_saying(read, json=json, watch=watch)


def _cells(one: StuckMoney, at: datetime) -> Sequence[Cell]:
    answer = f"; answer to the bank {due(one.respond_by, at)}" if one.respond_by else ""
    why = one.reason or one.reference
    return (
        one.order_id,
        f"{one.leg}, to the {payee(one.leg)}" if one.leg else "-",
        write_amount(one.amount, one.currency),
        toned(STUCK[one.status] + (f": {why}" if why else "") + answer, "red"),
        f"{one.client}, {one.freelancer}",
    )


async def retry_payment(order_id: OrderId, /, *, sender: By, leg: Leg, yes: Yes = False, json: Json = False) -> int:
    """Have a payment made again that is blocked or came back. Shows the effect and asks for confirmation."""
    return await decide(order_id, "retry_payment", sender, {"leg": leg}, yes, json)


async def settle_by_hand(
    order_id: OrderId,
    /,
    *,
    sender: By,
    leg: Leg,
    reference: str,
    explanation: str,
    yes: Yes = False,
    json: Json = False,
) -> int:
    """Note that a payment was made outside of the provider. Shows the effect and asks for confirmation.

    Parameters
    ----------
    reference
        The reference of the payment, such as that of a bank transfer. Only operators read it.
    explanation
        The reasons. Only operators read them.
    """
    fields = {"leg": leg, "reference": reference, "explanation": explanation}
    return await decide(order_id, "settle_by_hand", sender, fields, yes, json)
