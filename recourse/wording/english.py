"""How English puts words together: lists, capitals, codes as words."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from recourse.resolution.model.durations import write_duration
from recourse.wording import texts
from recourse.wording.languages import ENGLISH, language

PHASES = texts("phase", "name")
_UNITS = {"d": "day", "h": "hour", "m": "minute", "s": "second"}


def span(length: timedelta) -> str:
    """A duration in words: `48 hours`, `1 hour`, `3 days`."""
    text = write_duration(length)
    number, unit = int(text[:-1]), _UNITS[text[-1]]
    return f"{number} {unit}{'' if number == 1 else 's'}"


def listed(words: Iterable[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, final = words
    return f"{', '.join(first)} {last} {final}" if first else final


def who(parties: Sequence[str], nobody: str = "nobody") -> str:
    """Roles as the subject of a sentence."""
    if len(set(parties)) == 2:
        return "either party"
    return f"the {parties[0]}" if parties else nobody


def phases(names: Iterable[str]) -> str:
    """Phases in everyday words."""
    return listed([PHASES[name] for name in names], "or")


def capital(sentence: str) -> str:
    """The sentence with its first letter large."""
    return sentence[:1].upper() + sentence[1:]


def lowered(text: str) -> str:
    """A text within a sentence; other languages than English keep their capitals."""
    return text.lower() if language() == ENGLISH else text


def as_words(name: object) -> str:
    """A code of the contract or of a policy as words: `late_delivery` is `late delivery`."""
    return str(name).replace("_", " ")


def word(known: Mapping[Any, str], name: object) -> str:
    """The text of a code; a code that is not known, such as a policy's own, becomes words itself."""
    return known.get(name, capital(as_words(name)))
