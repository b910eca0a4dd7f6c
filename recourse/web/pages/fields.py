"""The fields of a form: what is asked, within which bounds, and what was typed as the command's own values."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from recourse.resolution.model.amounts import read_amount
from recourse.resolution.model.durations import parse_duration
from recourse.resolution.shown.trying import Bounds
from recourse.wording.languages import say
from recourse.wording.reader import amount, span

# Of a browser's form, each field with all the values that were given for it.
Typed = Mapping[str, list[str]]
Shape = Literal["line", "text", "money", "one", "some", "yes", "length", "instant", "files"]


@dataclass(frozen=True)
class Choice:
    """One of several values, in words."""

    value: str
    words: str


@dataclass(frozen=True)
class Field:
    """One field. `bounds` of money are in minor units of `currency`; `usual` is chosen at first."""

    name: str
    label: str
    shape: Shape
    hint: str = ""
    required: bool = False
    choices: tuple[Choice, ...] = ()
    bounds: tuple[int, int] | None = None
    currency: str = ""
    usual: str = ""

    def values(self, typed: Typed) -> list[str]:
        """What was typed, as it was, so that nobody has to type it twice."""
        return typed.get(self.name, [])

    def value(self, typed: Typed) -> str:
        """The one value that was typed, or nothing."""
        return next(iter(self.values(typed)), "")

    def said(self, typed: Typed) -> str:
        """What was typed, as it is repeated before it is confirmed; nothing where nothing was."""
        text = self.value(typed).strip()
        match self.shape:
            case "one" | "some":
                return "\n".join(choice.words for choice in self.choices if choice.value in self.values(typed))
            case "yes":
                return say("Yes") if text else ""
            case "money":
                return amount(read_amount(text, self.currency), self.currency) if text else ""
            case "length":
                return span(parse_duration(self.read(typed))) if text else ""
            case _:
                return text

    def read(self, typed: Typed) -> Any:
        """The command's value; None where nothing was typed. Raises ValueError with a sentence."""
        text = self.value(typed).replace("\r\n", "\n").strip()
        match self.shape:
            case "some":
                return [value for value in self.values(typed) if value] or None
            case "yes":
                return True if text else None
            case "money":
                return read_amount(text, self.currency) if text else None
            case "length":
                return _length(text, next(iter(typed.get(f"{self.name}_unit", ())), "h")) if text else None
            case "instant":
                return _instant(text) if text else None
            case "files":
                return None  # they are no texts
            case _:
                return text or None


def _instant(text: str) -> str:
    """A day and a time in UTC, as people write them; the day alone is its beginning."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).isoformat()
    except ValueError:
        raise ValueError(say("Write a day and a time, such as 2027-01-04 09:00.")) from None


def _length(text: str, unit: str) -> str:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) == 0 or unit not in ("h", "d"):
        raise ValueError(say("Write a whole number of hours or days."))
    return f"{int(text)}{unit}"


def money(name: str, label: str, bounds: Bounds | None, currency: str, **more: Any) -> Field:
    """A field for an amount, which says its bounds."""
    hint = more.pop("hint", "")
    if bounds is None:
        return Field(name, label, "money", hint, currency=currency, **more)
    least, most = bounds.at_least, bounds.at_most
    bounded = say("From {least} to {most}.", least=amount(least, currency), most=amount(most, currency))
    said = f"{bounded} {hint}".strip()
    return Field(name, label, "money", said, bounds=(least, most), currency=currency, **more)


def comment(label: str = "", *, required: bool = False, hint: str = "", name: str = "comment") -> Field:
    """A field for words to the other side."""
    return Field(name, label or say("Comment"), "text", hint, required)


def one_of(name: str, label: str, words: Mapping[Any, str], **more: Any) -> Field:
    """A choice of one."""
    return Field(name, label, "one", choices=tuple(Choice(value, text) for value, text in words.items()), **more)
