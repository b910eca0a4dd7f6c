"""Payloads as a worker reads them: what cannot be read becomes a value that says why, never an error.

An error would fail the order's workflow task for ever; the order refuses such a value instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.contrib.pydantic import PydanticPayloadConverter

from recourse.resolution.model.unfit import unfit

Verdict = Literal["no_key", "changed", "plain", "other", "unbound"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
# What is recorded: it may not change with the keys, so it names none of them.
WHY_UNOPENED: dict[Verdict, str] = {
    "no_key": "it is encrypted with a key that is not known here",
    "changed": "it is encrypted for another order, or with another key, or was changed",
    "plain": "it is not encrypted, which is refused here",
    "other": "it was made for another command, or to be sent another way",
    "unbound": "it does not say which command it was made for, or has no command_id, which is refused here",
}
# The metadata of a message by which it says what it is for, such as `signal:accept`; encryption covers it.
MEANT_FOR = "recourse-for"
_UNOPENED = b"recourse/unopened"


@dataclass(frozen=True)
class Undecodable:
    """Payloads that could not be read, and why; `payloads` are those that came."""

    error: str
    payloads: tuple[Payload, ...] = ()


@dataclass(frozen=True)
class Unopened(Undecodable):
    """Payloads of which at least one was not opened by the codec."""

    verdict: Verdict = "plain"


@dataclass(frozen=True)
class Bound:
    """The value of a message that says what it is for."""

    value: Any
    purpose: str


def left_unopened(payload: Payload, verdict: Verdict, why: str) -> Payload:
    """What a worker's codec hands on instead of a payload that it cannot or may not open."""
    return Payload(
        metadata={"encoding": _UNOPENED, "verdict": verdict.encode(), "why": why.encode()},
        data=payload.SerializeToString(),
    )


def is_unopened(payload: Payload) -> bool:
    """Whether a payload was made by `left_unopened`."""
    return payload.metadata.get("encoding") == _UNOPENED


# The SDK makes a converter for every activation and activity. What it knows of the types is kept between them.
_ENCODINGS = tuple(PydanticPayloadConverter().converters.values())


class ForgivingConverter(PydanticPayloadConverter):
    """Reads payloads as ever, but gives an `Undecodable` where one cannot be read."""

    def __init__(self) -> None:
        super(PydanticPayloadConverter, self).__init__(*_ENCODINGS)

    def from_payloads(self, payloads: Sequence[Payload], type_hints: list[type[Any]] | None = None) -> list[Any]:
        """The values of `payloads`, or one `Undecodable` for all of them."""
        raw = bool(type_hints) and all(hint is RawValue for hint in type_hints or [])
        if not raw and any(is_unopened(payload) for payload in payloads):
            return [_unopened(payloads)]
        try:
            values = super().from_payloads(payloads, type_hints)
        except Exception as error:  # noqa: BLE001 - whatever a payload does, it must not wedge the order
            return [Undecodable(_in_words(error, type_hints or []), tuple(payloads))]
        if raw or len(payloads) != 1 or MEANT_FOR not in payloads[0].metadata:
            return values
        return [Bound(values[0], payloads[0].metadata[MEANT_FOR].decode(errors="replace"))]


def _in_words(error: Exception, hints: Sequence[Any]) -> str:
    """What is wrong with a payload, by field, and nothing of what it holds: the salt of a record stays secret."""
    if not isinstance(error, ValidationError):
        return str(error)[:500]
    # Of a choice between models, what counts is what keeps a payload from being the first of them.
    first, *others = [model.__name__ for hint in hints for model in get_args(hint) or (hint,)] or [""]
    found = [
        {**wrong, "loc": [part for part in wrong["loc"] if part != first] or ["payload"]}
        for wrong in error.errors(include_url=False, include_input=False)
        if not set(wrong["loc"]) & set(others)
    ]
    return "; ".join(f"{where}: {why}" for where, why in unfit(found).items())[:1000]


def _unopened(payloads: Sequence[Payload]) -> Unopened:
    came = tuple(Payload.FromString(payload.data) if is_unopened(payload) else payload for payload in payloads)
    found = {
        payload.metadata["verdict"].decode(): payload.metadata["why"].decode()
        for payload in payloads
        if is_unopened(payload)
    }
    verdict = next(verdict for verdict in VERDICTS if verdict in found)
    return Unopened(error=found[verdict], verdict=verdict, payloads=came)
