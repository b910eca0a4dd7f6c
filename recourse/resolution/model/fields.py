"""The types of a command's fields, and the excerpt that is kept of what cannot be read."""

import re
import unicodedata
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

# Larger floats stand for more than one whole number.
_LARGEST_FLOAT = 2**53
LATEST = datetime(9000, 1, 1, tzinfo=UTC)  # later, a deadline could lie beyond what a calendar holds
_NUMBER = re.compile(r"[-+._eE0-9\s]*")
_KEPT_OF_THE_UNREADABLE = 2_000
# Unicode's categories of controls, formats, surrogates, and separators of lines and paragraphs.
_HIDING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# What a message without an id of its own is called; no sender may use it, or it could be taken for another's.
UNNAMED = "unnamed-"


def storable(text: str) -> str:
    """A text that PostgreSQL can keep. Raises ValueError."""
    if "\x00" in text:
        raise ValueError("U+0000 is not allowed")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("not valid Unicode: a lone surrogate") from error
    return text


def visible(text: str, *, lines: bool = False) -> str:
    """A foreign text in which nothing hides: controls, direction marks and other invisible letters show as escapes.

    An escape is that of JSON, such as `\\u202e`, so that JSON stays what it was. `lines`: line breaks stay line breaks.
    """
    if text.isprintable():
        return text
    if lines:
        return "\n".join(map(visible, text.replace("\r\n", "\n").split("\n")))
    return "".join(_escape(letter) if _hides(letter) else letter for letter in text)


def _hides(letter: str) -> bool:
    # The two joiners shape words of Persian, Hindi and others, and join pictures.
    return unicodedata.category(letter) in _HIDING and letter not in "\u200c\u200d"


def _escape(letter: str) -> str:
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))


def _not_ours(command_id: str) -> str:
    if command_id.startswith(UNNAMED):
        raise ValueError(f"may not begin with {UNNAMED!r}")
    return command_id


def is_blank(value: Any) -> bool:
    """Whether a value is a text that says nothing; it counts as left out."""
    return isinstance(value, str) and not value.strip()


def _not_blank(text: str) -> str:
    if is_blank(text):
        raise ValueError("may not be blank")
    return text


def _plainly_readable(text: str) -> str:
    if is_blank(text) or text != text.strip():
        raise ValueError("may not begin or end with a blank")
    if any(map(_hides, text)):
        raise ValueError(f"holds a character that nobody can see: {visible(text)}")
    return text


def is_number(text: Any) -> bool:
    """Whether a text could be taken for a number of seconds."""
    return isinstance(text, str) and _NUMBER.fullmatch(text) is not None


def _an_instant(value: Any) -> Any:
    # Numbers would be read as seconds or milliseconds since 1970, by their size.
    if isinstance(value, datetime | str) and not is_number(value):
        return value
    raise ValueError("an instant is a text such as '2025-03-04T10:00:00Z'")


def is_whole_float(value: Any) -> bool:
    """Whether a number that was written with a fraction, such as 1000.0, is whole for certain."""
    return isinstance(value, float) and value.is_integer() and abs(value) <= _LARGEST_FLOAT


def _a_whole_number(value: Any) -> Any:
    # To JSON Schema 1000.0 is an integer, and some languages write all numbers so.
    return int(value) if is_whole_float(value) else value


def whole_second(instant: datetime) -> datetime:
    """The instant as the contract keeps it: in UTC and to the second, so that no deadline ever shows a fraction."""
    try:
        return instant.astimezone(UTC).replace(microsecond=0)
    except OverflowError as error:
        raise ValueError("an instant outside of the years 1 to 9999") from error


Name = Annotated[str, Field(strict=True, min_length=1, max_length=200), AfterValidator(storable)]
Visible = Annotated[Name, AfterValidator(_plainly_readable)]
Secret = Annotated[str, Field(min_length=16, max_length=200), AfterValidator(storable)]
CommandId = Annotated[Name, AfterValidator(_not_ours)]
Text = Annotated[str, Field(strict=True, max_length=10_000), AfterValidator(storable)]
NonEmptyText = Annotated[str, Field(strict=True, min_length=1, max_length=10_000), AfterValidator(storable)]
NonBlank = Annotated[NonEmptyText, AfterValidator(_not_blank)]
WholeNumber = BeforeValidator(_a_whole_number)
AnInstant = BeforeValidator(_an_instant)
Int64 = Annotated[int, Field(strict=True, ge=-(2**63), le=2**63 - 1), WholeNumber]
Instant = Annotated[AwareDatetime, AnInstant, AfterValidator(whole_second)]


def excerpt(value: Any) -> str:
    """A text of anything, short and storable: no U+0000, no lone surrogates."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except (RecursionError, ValueError):
        # Nested too deeply, or a number of thousands of digits.
        text = f"a {type(value).__name__} too large to show"
    return text[:_KEPT_OF_THE_UNREADABLE].replace("\x00", "\\0").encode("utf-8", "backslashreplace").decode()
