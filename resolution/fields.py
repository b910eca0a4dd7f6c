"""The types of a command's fields, and the excerpt that is kept of what cannot be read."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

_KEPT_OF_THE_UNREADABLE = 2_000


def _plain(text: str) -> str:
    if "\x00" in text:
        raise ValueError("U+0000 is not allowed")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("not valid Unicode: a lone surrogate") from error
    return text


def _instant(value: Any) -> Any:
    # Numbers would be read as seconds since 1970; only a text with its offset is an instant here.
    if isinstance(value, datetime | str):
        return value
    raise ValueError("an instant is a text such as '2025-03-04T10:00:00Z'")


def whole_second(instant: datetime) -> datetime:
    """The instant as the contract keeps it: in UTC and to the second, so that no deadline ever shows a fraction."""
    try:
        return instant.astimezone(UTC).replace(microsecond=0)
    except OverflowError as error:
        raise ValueError("an instant outside of the years 1 to 9999") from error


Name = Annotated[str, Field(strict=True, min_length=1, max_length=200), AfterValidator(_plain)]
Text = Annotated[str, Field(strict=True, max_length=10_000), AfterValidator(_plain)]
NonEmptyText = Annotated[str, Field(strict=True, min_length=1, max_length=10_000), AfterValidator(_plain)]
Whole = Annotated[int, Field(strict=True, ge=-(2**63), le=2**63 - 1)]
Instant = Annotated[AwareDatetime, BeforeValidator(_instant), AfterValidator(whole_second)]
Yes = Annotated[bool, Field(strict=True)]


def excerpt(value: Any) -> str:
    """A text of anything, short and storable: no U+0000, no lone surrogates."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except (RecursionError, ValueError):
        # Nested too deeply, or a number of thousands of digits.
        text = f"a {type(value).__name__} too large to show"
    return text[:_KEPT_OF_THE_UNREADABLE].replace("\x00", "\\0").encode("utf-8", "backslashreplace").decode()
