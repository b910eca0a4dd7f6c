"""Messages as the client sends them."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic_core import to_json

from recourse.resolution.model.command import Actor
from recourse.runtime.names import TOKEN

# Temporal itself stops at 2 MiB; no honest message comes near.
LARGEST_MESSAGE = 1024 * 1024


def stamped(fields: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """A message as it is sent: with an id, and the instant at which it came to us, whatever its sender says.

    An answer that waits for us through an outage still counts when it came. A message that is signed already is sent as
    it was signed.
    """
    if TOKEN in fields:
        return {"command_id": None, **fields}
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
