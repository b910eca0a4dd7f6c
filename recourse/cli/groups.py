"""`recourse group`: the orders of a group, and one command to all of them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.console import Group, RenderableType
from rich.text import Text

from recourse.cli.commands import As, actor, add_commands
from recourse.cli.orders import For
from recourse.cli.output import DONE, NO, GroupId, Json, Stop, Zone, console, say_json
from recourse.cli.pages import money_lines, outcome_page
from recourse.cli.refusing import readable
from recourse.cli.tables import Column, Listing, pairs
from recourse.cli.typed import read_money
from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.instants import write_instant
from recourse.resolution.shown.groups import GROUP_COMMANDS, GroupView, fields_of
from recourse.resolution.shown.views import OrderView
from recourse.starter.reading import Orders
from recourse.wording.english import PHASES, as_words, listed

app = App(name="group", help="Show a group of orders, such as milestones, and send a command to each of them.")

Amounts = Annotated[
    list[str] | None,
    Parameter(
        negative="",
        help="What the freelancer gets before commission, or the client back, by part: `1=0`; repeat for several.",
    ),
]


@app.command
async def show(group: GroupId, /, *, reader: For = "operator", zone: Zone = "UTC", json: Json = False) -> None:
    """Show where the orders of a group stand, and their money together."""
    async with Orders.connect() as orders:
        page = await orders.group(group).show(reader)
    if json:
        say_json(page)
    else:
        console().print(_page(page, zone))


def _page(page: GroupView, zone: str) -> RenderableType:
    turn = listed(page.turn) if page.turn else "nobody"
    lines = [("group", page.group), ("client", page.client), ("freelancer", page.freelancer), ("turn", turn)]
    if page.next and page.next.until:
        lines.append(("next", f"order {page.next.order_id}, {page.next.who}, {write_instant(page.next.until, zone)}"))
    table = Listing(
        (Column("part", right=True), "order", "phase", "turn", "until", Column("price", right=True)),
        [
            (
                _part(order),
                order.order_id,
                PHASES[order.phase],
                as_words(order.turn.who),
                write_instant(order.turn.until, zone),
                write_amount(order.price, order.currency),
            )
            for order in page.orders
        ],
    )
    paid = {
        currency: sum(one.price + one.service_fee for one in page.orders if one.currency == currency)
        for currency in page.money
    }
    return Group(
        pairs(lines), table, *(money_lines(sums, currency, paid[currency]) for currency, sums in page.money.items())
    )


def _part(order: OrderView) -> str:
    return str(order.part) if order.part else "-"


def _amounts(typed: Sequence[str], orders: Sequence[OrderView]) -> dict[str, int]:
    """The amounts that were typed as `PART=MONEY`, by part, in minor units. Raises Stop."""
    currencies = {_part(order): order.currency for order in orders}
    found: dict[str, int] = {}
    for one in typed:
        part, equals, money = one.partition("=")
        if not equals or part in found:
            raise Stop(f"--amount {one!r}: write the part and its amount once, such as `--amount 2=25`.")
        if part not in currencies:
            raise Stop(f"--amount {one!r}: the group has no part {part}.")
        found[part] = read_money(money, currencies[part], "--amount")
    return found


async def _give(command: str, group: str, sender: As, fields: Mapping[str, Any], signal: bool, json: bool) -> int:
    from recourse.starter.client import Recourse

    async with Recourse.connect() as recourse:
        handle = recourse.group(group)
        members = await handle.members()
        orders = (await handle.show("operator", members)).orders
        given = {name: value for name, value in fields.items() if name != "amount"}
        if fields.get("amount"):
            given["amounts"] = _amounts(fields["amount"], orders)
        message = {"actor": actor(members[0].parties, sender), **given}
        each = fields_of(command, message, [order.part for order in orders])
        if isinstance(each, str):
            raise Stop(f"The group cannot be sent this: {each}.")
        for one in each:
            readable(command, one)
        outcomes = await handle.send(command, message)
    if json:
        say_json(outcomes)
    else:
        currencies = {order.order_id: order.currency for order in orders}
        parts = {order.order_id: _part(order) for order in orders}
        for outcome in outcomes:
            order_id = outcome.order_id
            console().print(Text(f"order {order_id}, part {parts[order_id]}", "bold"))
            console().print(outcome_page(outcome, currencies[order_id], None))
    return DONE if any(outcome.applied for outcome in outcomes) else NO


add_commands(app, _give, GROUP_COMMANDS, to="group", amount=Amounts)
