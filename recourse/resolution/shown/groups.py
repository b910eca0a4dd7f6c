"""Groups of orders, such as the milestones of a contract (rules, 17): a view of them, and one command to all.

A group is never a state: each order keeps its own limits, windows and money.
"""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import Field

from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.money import Balances
from recourse.resolution.model.outcome import Turn
from recourse.resolution.model.vocabulary import PARTIES, View, Whose
from recourse.resolution.shown.views import OrderView

# The commands that may be sent to a group.
GROUP_COMMANDS = (
    *("request", "accept", "decline", "counter", "withdraw", "escalate", "message"),
    *("open_case", "hold", "lift_hold"),
)


class NextTurn(Turn):
    """The order of a group that has the next deadline."""

    order_id: str = Field(description="The order's id.")


class GroupView(View):
    """A group as one role sees it now: its orders by their parts, and what they come to together."""

    group: str = Field(description="The group's id.")
    client: str = Field(description="The client's id.")
    freelancer: str = Field(description="The freelancer's id.")
    money: dict[str, Balances] = Field(description="The sums of their money, by currency.")
    turn: list[Whose] = Field(description="Who must act in any of them.")
    next: NextTurn | None = Field(description="The next deadline; null: there is none.")
    orders: list[OrderView] = Field(description="The orders, as for themselves.")


def group_view(group: str, parties: tuple[str, str], orders: Sequence[OrderView]) -> GroupView:
    """The view of the orders of a group of a client and a freelancer."""
    sums: dict[str, dict[str, int]] = {}
    for order in orders:
        summed = sums.setdefault(order.currency, dict.fromkeys(Balances.model_fields, 0))
        for whose in summed:
            summed[whose] += getattr(order.money, whose)
    acting = {who for order in orders for who in (PARTIES if order.turn.who == "both" else (order.turn.who,))}
    waiting = [(order.turn.until, order) for order in orders if order.turn.until and order.turn.who != "nobody"]
    until, first = min(waiting, key=lambda one: one[0], default=(None, None))
    return GroupView(
        group=group,
        client=parties[0],
        freelancer=parties[1],
        money={currency: Balances(**summed) for currency, summed in sums.items()},
        turn=[who for who in get_args(Whose) if who in acting and who != "nobody"],
        next=NextTurn(who=first.turn.who, until=until, order_id=first.order_id) if first else None,
        orders=list(orders),
    )


def fields_of(command: str, fields: Mapping[str, Any], parts: Sequence[int | None]) -> list[dict[str, Any]] | str:
    """What each order of a group is sent, by the orders' parts; a text: why nothing can be sent.

    An amount is given by part, as `amounts: {1: 0, 2: 2500}`: an order that it does not name is sent none.
    """
    if fields.get("amount") is not None:
        return "a group takes amounts by part, such as `amounts: {1: 0, 2: 2500}`"
    amounts = fields.get("amounts")
    plain = {name: value for name, value in fields.items() if name not in ("amount", "amounts")}
    if amounts is None:
        return [plain for _ in parts]
    if "amount" not in COMMANDS[command].model_fields:
        return f"`{command}` takes no amounts"
    if not isinstance(amounts, Mapping):
        return "amounts are an object of parts and amounts, such as {1: 0, 2: 2500}"
    given = {str(part): amount for part, amount in amounts.items()}
    known = [str(part) for part in parts if part is not None]
    wrong = next((part for part in given if known.count(part) != 1), None)
    if wrong is not None:
        return f"amounts name the part {wrong}, which is not one order of the group"
    return [plain | ({"amount": given[str(part)]} if str(part) in given else {}) for part in parts]
