"""Every code that a call may be answered with: what it means, what to show a person, what to do."""

from collections.abc import Iterator
from dataclasses import dataclass

from recourse.resolution.model.refusals import CODES, SENTENCES
from recourse.web.problems import PROBLEMS, status_of_refusal
from recourse.wording import texts

_SHOWN = texts("refusal", "page")
_REMEDIES = texts("refusal", "remedy")
_MEANINGS = texts("problem", "means")
_WAYS_OUT = texts("problem", "remedy")


@dataclass(frozen=True)
class Explained:
    """One code. `shown` is None where a person cannot cause it, or has nothing to learn from it."""

    code: str
    status: int
    means: str
    remedy: str
    shown: str | None = None


def refusals() -> Iterator[Explained]:
    """The refusals of the contract. When several apply, the one that stands first is given."""
    for code in CODES:
        yield Explained(code, status_of_refusal(code), SENTENCES[code], _REMEDIES[code], _SHOWN[code])


def other_errors() -> Iterator[Explained]:
    """The other errors of the HTTP API, by status."""
    for code in sorted(_MEANINGS, key=lambda code: (PROBLEMS[code], code)):
        yield Explained(code, PROBLEMS[code], _MEANINGS[code], _WAYS_OUT[code])
