"""Reading what comes in: whatever it holds, it becomes a message, with a command or with a refusal."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, ValidationError

from resolution.commands import COMMANDS, Actor
from resolution.fields import UNNAMED, excerpt
from resolution.refusals import Refusal
from resolution.words import Frozen


class Message(Frozen):
    """A command as it came in, readable or not. `fields` is what goes into the record.

    One without an id of its own goes by a name that the reader gives it.
    """

    name: str
    actor: Actor | None
    command_id: str
    sent_at: datetime | None
    fields: dict[str, Any]
    command: Annotated[Any, Field(description="the Command, where it could be read")] = None
    refusal: Refusal | None = None

    @property
    def sender(self) -> str:
        """Who sent it; command ids are unique per sender."""
        return f"{self.actor.role}:{self.actor.id}" if self.actor else "unknown:"

    @property
    def key(self) -> tuple[str, str]:
        """By what a repetition is known: the sender and its id of the command."""
        return self.sender, self.command_id

    def named(self, command_id: str) -> "Message":
        """The same message under another id, where it has none of its own."""
        return self.model_copy(update={"command_id": command_id})

    def kept(self) -> dict[str, Any]:
        """All of it as JSON, to be read again by `again`."""
        return self.model_dump(mode="json", exclude={"command"})

    @classmethod
    def again(cls, kept: Mapping[str, Any]) -> "Message":
        """The message that was kept."""
        message = cls.model_validate(kept)
        if message.refusal is not None:
            return message
        given = {name: kept[name] for name in _FRAME if name != "command_id"}
        command = COMMANDS[message.name].model_validate({**message.fields, **given})
        return message.model_copy(update={"command": command})


_FRAME = ("actor", "command_id", "sent_at")


def read_message(name: str, payload: Any, unnamed: str) -> Message:
    """Read one message, whatever it holds. What cannot be read becomes a refusal, never an error.

    `unnamed` is its id where it has none that can be used.
    """
    if not isinstance(payload, Mapping):
        problem = {"payload": "not a JSON object" if payload is not None else "missing: send one JSON object"}
        return _unreadable(name, None, unnamed, {"unreadable": excerpt(payload)}, problem)
    actor = _actor(payload.get("actor"))
    given = payload.get("command_id")
    command_id = given if isinstance(given, str) and is_command_id(given) else unnamed
    fields = {excerpt(key): value for key, value in payload.items() if key not in _FRAME}
    kind = COMMANDS.get(name)
    if kind is None:
        refusal = Refusal(code="unknown_command", details={"commands": sorted(COMMANDS)})
        kept = {"unreadable": excerpt(fields)} if fields else {}
        return Message(name=_name(name), actor=actor, command_id=command_id, sent_at=None, fields=kept, refusal=refusal)
    try:
        command = kind.model_validate(dict(payload))
    except ValidationError as error:
        problems = {
            ".".join(str(part) for part in found["loc"]) or "payload": str(found["msg"]).removeprefix("Value error, ")
            for found in error.errors(include_url=False, include_input=False, include_context=False)[:20]
        }
        return _unreadable(name, actor, command_id, {"unreadable": excerpt(fields)}, problems)
    kept = command.model_dump(mode="json", exclude=set(_FRAME), exclude_defaults=True)
    return Message(name=name, actor=actor, command_id=command_id, sent_at=command.sent_at, fields=kept, command=command)


def unreadable_message(name: str, reason: str, unnamed: str) -> Message:
    """A message whose payload could not even be decoded."""
    return _unreadable(name, None, unnamed, {}, {"payload": excerpt(reason)})


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


def _unreadable(
    name: str, actor: Actor | None, command_id: str, fields: dict[str, Any], problems: dict[str, str]
) -> Message:
    clean = {excerpt(where): excerpt(why) for where, why in problems.items()}
    refusal = Refusal(code="malformed", details={"problems": clean})
    return Message(name=_name(name), actor=actor, command_id=command_id, sent_at=None, fields=fields, refusal=refusal)


def _actor(value: Any) -> Actor | None:
    try:
        return Actor.model_validate(value)
    except ValidationError:
        return None


def is_command_id(value: str) -> bool:
    """Whether a sender may give a command this id, or the record hold it."""
    return 0 < len(value) <= 200 and excerpt(value) == value and not value.startswith(UNNAMED)


def _name(name: str) -> str:
    return excerpt(name)[:200] or "unnamed"
