"""What a payment provider reports of an order: its order takes each report once (rules, 13)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from recourse.activities.providers import PaymentReport
from recourse.database.reports import forget_untaken, note_untaken
from recourse.errors import BadInput, NoSuchOrder
from recourse.resolution.model.fields import UNNAMED, excerpt
from recourse.resolution.model.operator_commands import PaymentEvent
from recourse.resolution.model.order import Order
from recourse.resolution.model.outcome import Refused
from recourse.resolution.model.reading import is_command_id, read_message
from recourse.resolution.model.terms import OrderId
from recourse.resolution.rules.reporting import out_of_turn
from recourse.starter.client import PATIENCE, Recourse

COMMAND = "payment_event"
_ORDER_ID = TypeAdapter[str](OrderId)
# `repeated`: its order knew it before. `not_ours`: it is for no order of ours that this provider pays.
# `early`: the provider is to send it again.
Result = Literal["taken", "repeated", "refused", "not_ours", "early"]


async def take_report(
    recourse: Recourse, provider: str, report: PaymentReport, *, patience: timedelta = PATIENCE
) -> Result:
    """Have the order take what its provider reports; however often it comes, it counts once.

    What no order takes is kept for operators. Raises BadInput for an id that no command can have, and the errors of a
    command: the report is then to come again.
    """
    if not is_command_id(report.event_id):
        raise BadInput(
            f"The event's id {excerpt(report.event_id)[:80]!r} cannot be used: at most 200 letters are taken."
        )
    message = {
        **to_jsonable_python(dict(report.fields)),
        "actor": {"role": "system", "id": provider},
        "command_id": report.event_id,
    }
    result, reason = await _take(recourse, provider, report.order_id, message, patience)
    if reason is None:
        await forget_untaken(recourse.pool, provider, report.event_id)
    else:
        event, order_id = excerpt(report.fields.get("event", ""))[:200], excerpt(report.order_id)[:200]
        await note_untaken(recourse.pool, provider, report.event_id, order_id=order_id, event=event, reason=reason)
    return result


async def _take(
    recourse: Recourse, provider: str, order_id: str, message: Mapping[str, Any], patience: timedelta
) -> tuple[Result, str | None]:
    if not _is_an_order_id(order_id):
        return "not_ours", "no_such_order"
    order = recourse.order(order_id, patience=patience)
    try:
        stored: Order | None = await order.state()
    except NoSuchOrder:
        # It may have started while the database was away.
        stored = None
    if stored is not None and stored.opening.provider != provider:
        return "not_ours", "other_provider"
    command = read_message(COMMAND, message, UNNAMED).command
    if stored is not None and isinstance(command, PaymentEvent):
        match out_of_turn(stored, command):
            case "early":
                return "early", "too_early"
            case "known":
                return "repeated", None
    try:
        outcome = await order.send(COMMAND, message)
    except NoSuchOrder:
        return "not_ours", "no_such_order"
    if isinstance(outcome, Refused):
        return "refused", outcome.code
    return ("repeated" if outcome.repeated else "taken"), None


def _is_an_order_id(text: str) -> bool:
    try:
        _ORDER_ID.validate_python(text)
    except ValidationError:
        return False
    return True
