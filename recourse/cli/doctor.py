"""`recourse doctor`: what is wrong, and what to do."""

from collections import Counter
from dataclasses import asdict
from typing import Annotated

from cyclopts import Parameter

from recourse.cli.output import DONE, NO, Json, console, say_json
from recourse.resolution.model.fields import visible
from recourse.starter.client import Recourse
from recourse.starter.doctor import Ailment, Doctor
from recourse.starter.recovering import counted

# Where many orders are ill alike, so many of them are shown.
SHOWN = 20


async def doctor(
    order_id: str | None = None,
    /,
    *,
    full: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> int:
    """Compare the database with Temporal. Prints each finding and its fix; changes nothing.

    Finds orders without a workflow, workflows without an order, either of them behind the other, overdue clocks,
    undelivered notices, ledgers that do not balance, books of payment providers that differ from ours, pending
    migrations, and a task queue without a worker.

    Parameters
    ----------
    order_id
        Check only this order, completely.
    full
        Also compare every order with its Temporal history and verify every record. Takes a few hundredths of a second
        per order.
    """
    found, kinds = list[Ailment](), Counter[str]()
    async with Recourse.connect() as recourse:
        looking = Doctor(recourse)
        async for ailment in looking.everything(full=full) if order_id is None else looking.one(order_id):
            kinds[ailment.kind] += 1
            if json:
                found.append(ailment)
            elif kinds[ailment.kind] <= SHOWN:
                about = f"Order {ailment.order_id}: " if ailment.order_id else ""
                says = f"{about}{ailment.says}."
                console().print(f"{says[0].upper()}{visible(says[1:])}")
                console().print(f"  {ailment.do}")
    if json:
        say_json({"healthy": not kinds, "orders": looking.checked, "findings": [asdict(one) for one in found]})
        return NO if kinds else DONE
    for kind, count in kinds.items():
        if count > SHOWN:
            console().print(f"And {count - SHOWN} more: {kind.replace('_', ' ')}. --json names them all.")
    found_in_all = counted(kinds.total(), "finding") if kinds else "Nothing is wrong"
    console().print(f"{found_in_all}; {counted(looking.checked, 'order')} looked at.")
    return NO if kinds else DONE
