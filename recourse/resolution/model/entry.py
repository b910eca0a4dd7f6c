"""What an entry of the record says: a command that was applied or refused, or a clock that fired (rules, 10)."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field, TypeAdapter

from recourse.resolution.model.command import Actor
from recourse.resolution.model.events import Event
from recourse.resolution.model.money import Balances
from recourse.resolution.model.vocabulary import View, if_any


def _if_so(description: str) -> Any:
    return Field(default=False, exclude_if=lambda value: not value, description=description)


class OtherEvent(View):
    """An event of another build, which this one does not know."""

    model_config = ConfigDict(extra="allow")

    event: str = Field(description="The name of the event.")


class _Entry(View):
    """What every entry says. Codes and phases of another build are texts that this one does not know."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    at: AwareDatetime = Field(description="When it was decided.")
    counted_at: AwareDatetime | None = if_any("When it counted, if that was before: it had waited for us.")
    actor: Actor | None = Field(description="Who acted; null: nobody who could be told or proven.")
    command: str = Field(description="The command, or the clock that fired.")
    fields: dict[str, Any] = Field(default={}, description="What the command said.")
    # Every entry has it, empty or not, so that its presence says nothing.
    private: dict[str, Any] | None = Field(default=None, description="What only operators may read of it.")
    from_: str = Field(alias="from", description="The phase before.")
    to: str = Field(description="The phase after.")


# The words of `private` that operators read with an entry.
WORDS_FOR_OPERATORS = ("private_note", "explanation", "text")


class _Happened(_Entry):
    events: tuple[Annotated[Event | OtherEvent, Field(union_mode="left_to_right")], ...] = Field(
        description="What happened, in order."
    )
    money: Balances = Field(description="Where the money is afterwards.")


class AppliedEntry(_Happened):
    """A command that was applied."""

    outcome: Literal["applied"] = Field(default="applied", description="The command was applied.")
    command_id: str = Field(description="The id of the command, unique per sender.")
    confidential: bool = _if_so("The other party may not know of it.")


class RefusedEntry(_Entry):
    """A command that was refused: it changed nothing."""

    outcome: Literal["refused"] = Field(default="refused", description="The command was refused.")
    command_id: str = Field(description="The id of the command, unique per sender.")
    code: str = Field(description="Why it was refused.")
    details: dict[str, Any] = Field(description="The details of the refusal.")
    stranger: bool = _if_so("Somebody else claimed to be a party.")


class ClockFired(_Happened):
    """A deadline or a reminder, and what it did."""

    outcome: Literal["fired"] = Field(default="fired", description="A clock fired.")
    due_at: AwareDatetime = Field(description="When the clock was due.")


EntryOutcome = Literal["applied", "refused", "fired"]
EntryContent = Annotated[AppliedEntry | RefusedEntry | ClockFired, Field(discriminator="outcome")]

_CONTENT: TypeAdapter[EntryContent] = TypeAdapter(EntryContent)


def read_content(content: Mapping[str, Any]) -> EntryContent:
    """The content of an entry, of its JSON. Raises ValidationError."""
    return _CONTENT.validate_python(content, extra="ignore")
