"""The errors of the client, each with what is wrong and what to do, and messages as they are sent."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic_core import to_json

from recourse.errors import BadInput, RecourseError, Unreachable
from recourse.resolution.model.commands import Actor

# Temporal itself stops at 2 MiB; no honest message comes near.
LARGEST_MESSAGE = 1024 * 1024


class OrderExists(RecourseError):
    """An order of this id was started with other terms; an order id is never used again."""


class NoSuchOrder(RecourseError):
    """There is no order of this id."""


class UnusableMessage(BadInput, ValueError):
    """A message that cannot be sent at all; the text says why."""


class OrderNotRunning(Unreachable):
    """The order needs a workflow, but none leads it: it was terminated or deleted, or it runs on another Temporal.

    `remedy` is the command with which an operator puts that right. What was sent has had no effect.
    """

    def __init__(self, sentence: str, remedy: str) -> None:
        super().__init__(sentence)
        self.remedy = remedy


def not_running(order_id: str, phase: str) -> OrderNotRunning:
    """The order is in the database, and no workflow of it runs."""
    remedy = f"recourse order revive {order_id}"
    return OrderNotRunning(
        f"Order {order_id} is {phase.replace('_', ' ')} in the database, but has no workflow: it was terminated or "
        "deleted, or TEMPORAL_ADDRESS or TEMPORAL_NAMESPACE names another Temporal. Nothing is lost: "
        f"`{remedy}` restarts the order.",
        remedy,
    )


def database_is_behind(order_id: str) -> OrderNotRunning:
    """The workflow has ended by itself, and the database has the order as open."""
    remedy = f"recourse order repair {order_id}"
    return OrderNotRunning(
        f"Order {order_id} has ended, but the database was set back to an earlier state: `{remedy}` restores it.",
        remedy,
    )


def ended_unwritten(order_id: str) -> OrderNotRunning:
    """The workflow was ended, and the database does not have the order."""
    remedy = f"recourse doctor {order_id}"
    return OrderNotRunning(
        f"Order {order_id} is not in the database, and its workflow was ended: `{remedy}` shows the fix.",
        remedy,
    )


class Unanswered(Unreachable):
    """Nobody knows whether a command, or a start, arrived: no answer came.

    To send the same again is safe. A command must then carry the `command_id` that is here; if it did arrive, it gets
    its first answer.
    """

    def __init__(self, sentence: str, command_id: str | None = None) -> None:
        super().__init__(sentence)
        self.command_id = command_id


def counted(number: int, thing: str) -> str:
    """So many of a thing, as `1 order` or `2 orders`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def stamped(fields: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """A message as it is sent: with an id, and the instant at which it came to us, whatever its sender says.

    An answer that waits for us through an outage still counts when it came.
    """
    payload = {**fields, "sent_at": now.isoformat(timespec="seconds")}
    if payload.get("command_id") is None:
        payload["command_id"] = uuid.uuid4().hex
    actor = payload.get("actor")
    return payload | ({"actor": actor.model_dump()} if isinstance(actor, Actor) else {})


def unsendable(payload: Mapping[str, Any]) -> str | None:
    """Why a message cannot be sent at all: it is too large, or holds what JSON cannot."""
    try:
        size = len(to_json(payload))
    except (ValueError, TypeError, RecursionError) as error:
        return f"cannot be written as JSON: {str(error).splitlines()[0][:200]}"
    return f"{size} bytes; at most {LARGEST_MESSAGE} are accepted" if size > LARGEST_MESSAGE else None
