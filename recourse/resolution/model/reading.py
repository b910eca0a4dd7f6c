"""Reading what comes in: whatever it holds, it becomes a message, with a command or with a refusal."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from recourse.resolution.model.command import Actor
from recourse.resolution.model.commands import COMMANDS, AnyCommand
from recourse.resolution.model.data_version import NeedsNewerBuild, dump_stored
from recourse.resolution.model.fields import UNNAMED, excerpt, is_blank
from recourse.resolution.model.operator_commands import PaymentEvent
from recourse.resolution.model.refusals import Refusal
from recourse.resolution.model.vocabulary import Frozen
from recourse.verify_record import canonical


class Message(Frozen):
    """A command as it came in, readable or not. `fields` is what goes into the record.

    `unnamed` is what its reader calls it. A message without an id of its own goes by that.
    """

    name: str
    actor: Actor | None
    command_id: str
    unnamed: str = UNNAMED
    sent_at: datetime | None
    fields: dict[str, Any]
    command: AnyCommand | None = None
    refusal: Refusal | None = None

    @property
    def asked(self) -> AnyCommand | Refusal:
        """The command, or why it is refused before anybody looks at the order."""
        found = self.refusal or self.command
        if found is None:
            raise AssertionError("a message has a command or a refusal")
        return found

    @property
    def sender(self) -> str:
        """Who sent it; command ids are unique per sender."""
        return f"{self.actor.role}:{self.actor.id}" if self.actor else "unknown:"

    @property
    def brings_back(self) -> bool:
        """Whether an order that is over takes it: the payment provider reports what has happened (rules, 13)."""
        return isinstance(self.command, PaymentEvent) and self.refusal is None and self.command.actor.role == "system"

    @property
    def key(self) -> tuple[str, str]:
        """By what a repetition is known: the sender and its id of the command."""
        return self.sender, self.command_id

    @property
    def fingerprint(self) -> str:
        """By what the same command with the same fields is known; see `fingerprint`."""
        return fingerprint(self.name, self.fields)

    def called(self, unnamed: str) -> "Message":
        """The same message, which its reader calls otherwise."""
        own = self.command_id != self.unnamed
        return self.model_copy(update={"unnamed": unnamed, "command_id": self.command_id if own else unnamed})

    def without_its_id(self, refusal: Refusal) -> "Message":
        """The same message where its sender has used its id for something else: refused, unless it cannot be read
        anyway, and under a name of ours. That name is the same however often the message is decided anew.

        A message without an id of its own cannot be refused for that: it gets the next name.
        """
        name, _, number = self.command_id.partition(_AGAIN)
        if name.startswith(UNNAMED):
            return self.model_copy(update={"command_id": f"{name}{_AGAIN}{int(number or 1) + 1}"})
        ours = self.unnamed if self.unnamed.startswith(UNNAMED) else f"{UNNAMED}{_digest(self.unnamed)}"
        first = min((one for one in (self.refusal, refusal) if one), key=lambda one: one.rank)
        return self.model_copy(update={"command_id": ours, "refusal": first})

    def kept(self) -> dict[str, Any]:
        """All of it as JSON, to be read again by `again`."""
        return dump_stored(self, without=frozenset({"command"}))

    @classmethod
    def again(cls, kept: Mapping[str, Any]) -> "Message":
        """The message that was kept. Raises NeedsNewerBuild where only a newer build can decide it."""
        try:
            message = cls.model_validate(kept, extra="allow")
            if message.refusal is not None:
                return message
            given = {name: kept[name] for name in _FRAME if name != "command_id"}
            command = COMMANDS[message.name].model_validate({**message.fields, **given})
        except (KeyError, ValidationError) as error:
            raise NeedsNewerBuild(f"The message {kept.get('name')}, which is not decided yet,") from error
        return message.model_copy(update={"command": command})


_FRAME = ("actor", "command_id", "sent_at")
_AGAIN = "."


def fingerprint(command: str, fields: Mapping[str, Any]) -> str:
    """By what the same command with the same fields is known: its SHA-256.

    An empty text counts as left out, and a list is a set.
    """
    said = {
        name: sorted(value, key=str) if isinstance(value, list) else value
        for name, value in fields.items()
        if not is_blank(value)
    }
    return _digest(canonical({"command": command, "fields": said}))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def read_message(name: str, payload: Any, unnamed: str) -> Message:
    """Read one message, whatever it holds. What cannot be read becomes a refusal, never an error.

    `unnamed` is its id where it has none that can be used.
    """
    if not isinstance(payload, Mapping):
        problem = {"payload": "not a JSON object" if payload is not None else "missing: send one JSON object"}
        return _unreadable(name, None, unnamed, unnamed, {"unreadable": excerpt(payload)}, problem)
    payload = {key: value for key, value in payload.items() if not is_blank(value)}
    actor = _actor(payload.get("actor"))
    given = payload.get("command_id")
    command_id = given if isinstance(given, str) and is_command_id(given) else unnamed
    fields = {excerpt(key): value for key, value in payload.items() if key not in _FRAME}
    kind = COMMANDS.get(name)
    if kind is None:
        refusal = Refusal(code="unknown_command", details={"commands": sorted(COMMANDS)})
        kept = {"unreadable": excerpt(fields)} if fields else {}
        return _refused(name, actor, command_id, unnamed, kept, refusal)
    try:
        command = kind.model_validate(payload)
    except ValidationError as error:
        problems = {
            ".".join(str(part) for part in found["loc"]) or "payload": str(found["msg"]).removeprefix("Value error, ")
            for found in error.errors(include_url=False, include_input=False, include_context=False)[:20]
        }
        return _unreadable(name, actor, command_id, unnamed, {"unreadable": excerpt(fields)}, problems)
    return Message(
        name=name,
        actor=actor,
        command_id=command_id,
        unnamed=unnamed,
        sent_at=command.sent_at,
        fields=command.model_dump(mode="json", exclude=set(_FRAME), exclude_defaults=True),
        command=command,
    )


def unreadable_message(name: str, reason: str, unnamed: str) -> Message:
    """A message whose payload could not even be decoded."""
    return _unreadable(name, None, unnamed, unnamed, {}, {"payload": excerpt(reason)})


def unproven_message(name: str, payload: Mapping[str, Any], reason: str, unnamed: str) -> Message:
    """A message as it is refused. It goes by nobody's name, so that it neither shows in the record of the actor that it
    names nor uses up one of that actor's command ids."""
    read = read_message(name, payload, unnamed)
    refusal = Refusal(code="actor_unproven", details={"problem": reason, "claimed": excerpt(payload.get("actor"))})
    return _refused(name, None, read.command_id, unnamed, {"unreadable": excerpt(dict(payload))}, refusal)


def _unreadable(
    name: str, actor: Actor | None, command_id: str, unnamed: str, fields: dict[str, Any], problems: dict[str, str]
) -> Message:
    clean = {excerpt(where): excerpt(why) for where, why in problems.items()}
    refusal = Refusal(code="malformed", details={"problems": clean})
    return _refused(name, actor, command_id, unnamed, fields, refusal)


def _refused(
    name: str, actor: Actor | None, command_id: str, unnamed: str, fields: dict[str, Any], refusal: Refusal
) -> Message:
    return Message(
        name=_name(name),
        actor=actor,
        command_id=command_id,
        unnamed=unnamed,
        sent_at=None,
        fields=fields,
        refusal=refusal,
    )


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
