"""Reports of a payment provider that come doubled, or out of order (rules, 13)."""

from typing import Literal, assert_never

from recourse.resolution.model.operator_commands import PaymentEvent
from recourse.resolution.model.order import Order
from recourse.resolution.model.payments import Chargeback


def out_of_turn(order: Order, command: PaymentEvent) -> Literal["early", "known"] | None:
    """`early`: what the report is about has not come to the order yet, and it is to be sent again; `known`: another
    report has said the same before. None: it is for the order to take or to refuse."""
    about = [one for one in order.chargebacks if _is_about(command, one)]
    match command.event:
        case "returned":
            status = next((leg.status for leg in order.legs if leg.id == command.leg), None)
            return "early" if status == "waiting" else "known" if status == "returned" else None
        case "chargeback_opened":
            return "known" if command.reference is not None and about else None
        case "chargeback_closed":
            if not about:
                return "early"
            return "known" if all(one.status == command.outcome for one in about) else None
        case _:
            assert_never(command.event)


def _is_about(command: PaymentEvent, chargeback: Chargeback) -> bool:
    return command.reference is None or chargeback.reference in (None, command.reference)
