"""How the words of a policy read in English: durations, roles, phases, lists."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from fractions import Fraction

from recourse.resolution.model.durations import write_duration, write_percentage
from recourse.resolution.model.vocabulary import Party, Phase

PHASE_WORDS: dict[Phase, str] = {
    "waiting_requirements": "waiting for requirements",
    "in_progress": "in progress",
    "delivered": "delivered",
    "in_revision": "in revision",
    "completed": "completed",
    "canceled": "canceled",
}
_UNITS = {"d": "day", "h": "hour", "m": "minute", "s": "second"}


def span(length: timedelta) -> str:
    """A duration in words: `48 hours`, `1 hour`, `3 days`."""
    text = write_duration(length)
    number, unit = int(text[:-1]), _UNITS[text[-1]]
    return f"{number} {unit}{'' if number == 1 else 's'}"


def percent(share: Fraction) -> str:
    """A percentage as policies write it."""
    return write_percentage(share)


def listed(words: Iterable[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, final = words
    return f"{', '.join(first)} {last} {final}" if first else final


def who(parties: Sequence[Party], nobody: str = "nobody") -> str:
    """Roles as the subject of a sentence."""
    if len(set(parties)) == 2:
        return "either party"
    return f"the {parties[0]}" if parties else nobody


def phases(names: Iterable[Phase]) -> str:
    """Phases, quoted by their names in everyday words."""
    return listed([PHASE_WORDS[name] for name in names], "or")


def capital(sentence: str) -> str:
    """The sentence with its first letter large."""
    return sentence[:1].upper() + sentence[1:]
