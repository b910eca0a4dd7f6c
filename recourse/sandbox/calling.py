"""Moving a clock of a sandbox that runs in another process."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx2

from recourse.errors import BadInput, RecourseError, Unreachable
from recourse.runtime.urls import read_url

PATIENCE = 600.0  # seconds for a clock to pass all deadlines on its way


class NoSandbox(Unreachable):
    """What answers at an address is no sandbox, or nothing answers there."""


@dataclass(frozen=True)
class Reading:
    """What the clock of an order reads, and the next instant at which time alone decides something; None: none."""

    order_id: str
    now: datetime
    next_deadline: datetime | None


def move_clock(address: str, order_id: str, *, advance: str | None = None, until: str | None = None) -> Reading:
    """Move the clock of an order forward: by a length such as `48h`, or to an instant.

    What falls due on the way happens. Raises NoSandbox; BadInput for a move that cannot be made; RecourseError for an
    order that there is not, or whose clock has stopped.
    """
    try:
        read_url(address, "http", user=False, path=False, query=False)
    except ValueError as error:
        raise BadInput(f"The address of the sandbox: {error}.") from None
    move = {name: value for name, value in (("advance", advance), ("until", until)) if value is not None}
    url = f"{address.rstrip('/')}/sandbox/orders/{quote(order_id, safe='')}/clock"
    try:
        answer = httpx2.post(url, json=move, timeout=PATIENCE, trust_env=False)
    except httpx2.HTTPError as error:
        raise NoSandbox(f"No sandbox answers at {address}: start one with `recourse dev`.") from error
    try:
        said = answer.json()
        if not answer.is_success:
            raise _problem(said, address)
        deadline = said["next_deadline"]
        return Reading(
            order_id=said["order_id"],
            now=datetime.fromisoformat(said["now"]),
            next_deadline=datetime.fromisoformat(deadline) if deadline else None,
        )
    except (ValueError, LookupError, TypeError):
        raise NoSandbox(f"What answers at {address} is no sandbox: start one with `recourse dev`.") from None


def _problem(said: dict[str, Any], address: str) -> RecourseError:
    if said["code"] == "not_found":
        return NoSandbox(
            f"Recourse at {address} is no sandbox, so no clock can be moved: start one with `recourse dev`."
        )
    wrong = [
        why if where == "body" else f"{where.removeprefix('body.')} {why}"
        for where, why in said["details"].get("problems", {}).items()
    ]
    if wrong:
        return BadInput(f"{'; '.join(wrong)}.")
    return RecourseError(said.get("detail") or said["title"])
