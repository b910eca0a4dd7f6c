"""The outcome of a command: applied, or refused. The same models go to Temporal, the database, HTTP and the client."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from recourse.resolution.model.data_version import NeedsNewerBuild
from recourse.resolution.model.refusals import CODES
from recourse.resolution.model.vocabulary import Phase, RequestKind, RequestStatus, SettlementStatus

REPEATED: Any = Field(default=False, description="This is the first answer to this id; nothing was done again.")


class _Stored(BaseModel):
    # Another version may have written more; that is kept.
    model_config = ConfigDict(frozen=True, extra="allow")


class Turn(_Stored):
    """Who must act next, and the deadline if there is one."""

    who: Literal["client", "freelancer", "both", "operator", "nobody"] = Field(description="Who must act next.")
    until: AwareDatetime | None = Field(default=None, description="The deadline; null: there is none.")


class RequestSummary(_Stored):
    """The order's latest request, in short."""

    number: int = Field(description="Counts the order's requests, from 1.")
    kind: RequestKind = Field(description="What is asked for.")
    status: RequestStatus = Field(description="Where the request stands.")
    version: int = Field(description="Counts the offers on this request. Answer with it as `expected_version`.")


class NextClock(_Stored):
    """What happens next if nobody acts."""

    name: str = Field(description="The clock, such as `answer_due` or `auto_complete`.")
    at: AwareDatetime = Field(description="When it fires.")


class Applied(_Stored):
    """A command that was applied, and the order after it."""

    applied: ClassVar[Literal[True]] = True
    status: Literal["applied"] = "applied"
    order_id: str = Field(description="The order's id.")
    command: str = Field(description="The command.")
    command_id: str = Field(description="The id of the command.")
    repeated: bool = REPEATED
    entry: int = Field(description="The number of its entry in the record.")
    at: AwareDatetime = Field(description="When it was decided.")
    events: tuple[str, ...] = Field(description="What happened, such as `request_opened`.")
    phase: Phase = Field(description="The phase of the order afterwards.")
    request: RequestSummary | None = Field(description="The latest request.")
    settlement: SettlementStatus = Field(description="Where the final payment stands.")
    turn: Turn = Field(description="Who must act next, and until when.")
    next: NextClock | None = Field(description="The clock that fires next; null: none runs.")


class Refused(_Stored):
    """A command that was not applied; it changed nothing but the record."""

    applied: ClassVar[Literal[False]] = False
    status: Literal["refused"] = "refused"
    order_id: str = Field(description="The order's id.")
    command: str = Field(description="The command.")
    command_id: str = Field(description="The id of the command.")
    repeated: bool = REPEATED
    # Later versions may have more codes.
    code: str = Field(description="Why; stable, to branch on.", json_schema_extra={"examples": list(CODES)})
    message: str = Field(description="What the code means, in a sentence for people.")
    details: dict[str, Any] = Field(description="What helps, by the code: `available_at`, `missing`, `problems` …")
    entry: int | None = Field(
        default=None, description="The number of its entry in the record; null where it reached no open order."
    )
    at: AwareDatetime | None = Field(default=None, description="When it was decided; null without an entry.")


Outcome = Applied | Refused

_OUTCOME: TypeAdapter[Outcome] = TypeAdapter(Outcome)


def read_outcome(answer: Mapping[str, Any]) -> Outcome:
    """The outcome of its JSON. Raises NeedsNewerBuild where an order stands as only a newer build knows."""
    try:
        return _OUTCOME.validate_python(answer)
    except ValidationError as error:
        raise NeedsNewerBuild(f"The outcome of `{answer.get('command')}`") from error
