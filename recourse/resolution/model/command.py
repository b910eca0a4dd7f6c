"""What every command is: who gives it, and what each of them carries."""

from typing import Any, ClassVar

from pydantic import Field

from recourse.resolution.model.fields import CommandId, Instant, Int64, Name, Text
from recourse.resolution.model.vocabulary import Frozen, Role

AMOUNT: Any = Field(default=None, description="In minor units: what the freelancer gets before commission.")
EXPLANATION: Any = Field(default=None, description="The reasons. Both parties receive them.")


class Actor(Frozen):
    """Who gives a command: a role, and the id that the marketplace knows them by."""

    role: Role = Field(description="The role of the actor.")
    id: Name = Field(description="The actor's id in the marketplace.")


class Command(Frozen):
    """What every command carries.

    For people: `about` says what the command does, `sample` has such fields as it takes besides the actor.
    `for_operators`: the fields that only operators may read; `unseen`: the parties learn of the command only if they
    gave it.
    """

    name: ClassVar[str]
    roles: ClassVar[tuple[Role, ...]]
    about: ClassVar[str]
    sample: ClassVar[dict[str, Any]] = {}
    for_operators: ClassVar[tuple[str, ...]] = ()
    unseen: ClassVar[bool] = False

    actor: Actor = Field(description="Who gives the command.")
    command_id: CommandId | None = Field(
        default=None, description="Idempotency key, unique per actor. The same id again gets the first outcome."
    )
    expected_version: Int64 | None = Field(
        default=None,
        description="The version of the offer that you answer. If it has changed, the command is refused.",
    )
    sent_at: Instant | None = Field(
        default=None, description="Stamped by Recourse's own client and HTTP API; other senders leave it out."
    )
    comment: Text | None = Field(default=None, description="Message to the other party.")

    @property
    def said(self) -> str | None:
        """The comment, unless it is blank: an empty text explains nothing."""
        return self.comment if self.comment and self.comment.strip() else None
