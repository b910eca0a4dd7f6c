"""Messages that are not shown to come from the actor that they name."""

from collections.abc import Mapping
from typing import Any

from resolution.commands import Message, read_message
from resolution.fields import excerpt
from resolution.refusals import Refusal


def unproven_message(name: str, payload: Mapping[str, Any], reason: str, unnamed: str) -> Message:
    """A message as it is refused. It goes by nobody's name, so that it neither shows in the record of the actor that it
    names nor uses up one of that actor's command ids."""
    read = read_message(name, payload, unnamed)
    return Message(
        name=read.name,
        actor=None,
        command_id=read.command_id,
        sent_at=None,
        fields={"unreadable": excerpt(dict(payload))},
        refusal=Refusal(code="actor_unproven", details={"problem": reason, "claimed": excerpt(payload.get("actor"))}),
    )
