"""An operator's decisions on the command line: their effect is shown before anything is done."""

from collections.abc import Mapping
from typing import Annotated, Any

from cyclopts import Parameter

from recourse.cli.output import DONE, NO, Stop, ask, console, say_json
from recourse.cli.pages import outcome_page, outlook_page
from recourse.cli.typed import with_amount
from recourse.resolution.model.outcome import Refused
from recourse.resolution.shown.looking_ahead import WouldBeRefused
from recourse.resolution.shown.money_words import leg_named
from recourse.resolution.shown.views import payments
from recourse.starter.messages import stamped
from recourse.starter.reading import Orders, now
from recourse.wording import texts

By = Annotated[str, Parameter(name="--as", help="The operator: `operator:ID`.")]
# `recourse order` leaves these out, because they ask for confirmation.
_ASKED = texts("command", "ask")
DECISIONS = tuple(_ASKED)


async def decide(order_id: str, command: str, sender: str, fields: Mapping[str, Any], yes: bool, json: bool) -> int:
    """Show the effect of an operator's command, ask for confirmation, and send it."""
    # Only a decision needs Temporal; lists are read in a moment.
    from recourse.starter.client import Recourse

    role, _, operator = sender.partition(":")
    if role != "operator" or not operator:
        raise Stop(f"--as {sender!r} is not an operator: expected `operator:ID`.")
    async with Orders.connect() as orders:
        order = await orders.order(order_id).state()
        given, amount = with_amount(order, command, fields)
        legs = (one for one in payments(order, "operator") if one.leg == fields.get("leg"))
        amount = next((leg_named(one, order.terms.currency) for one in legs), amount)
        message = stamped({"actor": {"role": "operator", "id": operator}, **given}, now())
        ahead = await orders.order(order_id).preview(command, message)
    if not json:
        console().print(outlook_page(ahead, order.terms.currency, amount))
    if isinstance(ahead, WouldBeRefused):
        if json:
            say_json(ahead)
        return NO
    says = f": {amount}" if amount else ""
    ask(f"{_ASKED[command]} for order {order_id}{says}?", yes=yes)
    async with Recourse.connect() as recourse:
        outcome = await recourse.order(order_id).send(command, message)
    if json:
        say_json(outcome)
    else:
        console().print(outcome_page(outcome, order.terms.currency, amount))
    return NO if isinstance(outcome, Refused) else DONE
