"""What does not fit in a message or a start, field by field, in words for its author."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Context = Mapping[str, Any]

# What the patterns of fields mean.
_PATTERNS = {
    r"^[0-9a-f]{64}$": "must be 64 hexadecimal digits in lower case, as `sha256sum` writes them",
    r"^[A-Z]{3}$": "must be the three capital letters of an ISO 4217 currency, such as USD",
    r"^[A-Za-z0-9][A-Za-z0-9._:-]*$": "must begin with a letter or digit and hold only letters, digits and . _ : -",
    r"^[^\x00-\x1f/]+$": "may hold neither a slash nor control characters",
    r"^(client|freelancer|operator|system)(:[^\x00-\x1f/]{1,200})?$": "must be client, freelancer or operator:ID",
    r"^[^\x00]*$": "may not hold U+0000",
}
_SENTENCES: dict[str, Callable[[Context], str]] = {
    "missing": lambda _: "is missing",
    "extra_forbidden": lambda _: "is not a field here",
    "model_attributes_type": lambda _: "must be a JSON object",
    "int_type": lambda _: "must be a whole number",
    "int_parsing": lambda _: "must be a whole number",
    "int_from_float": lambda _: "must be a whole number",
    "int_parsing_size": lambda _: "is too large",
    "bool_type": lambda _: "must be true or false",
    "bool_parsing": lambda _: "must be true or false",
    "string_type": lambda _: "must be a text",
    "string_unicode": lambda _: "is not valid Unicode",
    "string_pattern_mismatch": lambda of: _PATTERNS.get(of["pattern"], "has letters that may not stand there"),
    "string_too_short": lambda of: "may not be empty" if of["min_length"] == 1 else f"needs {of['min_length']} letters",
    "string_too_long": lambda of: f"may hold at most {of['max_length']} characters",
    "too_long": lambda of: f"may hold at most {of['max_length']} entries",
    "greater_than": lambda of: f"must be more than {of['gt']}" if isinstance(of["gt"], int) else "is too short",
    "greater_than_equal": lambda of: f"must be at least {of['ge']}",
    "less_than": lambda of: f"must be less than {of['lt']}",
    "less_than_equal": lambda of: f"must be at most {of['le']}",
    "literal_error": lambda of: f"must be {of['expected']}".replace("'", ""),
    "timezone_aware": lambda _: "needs its offset, such as 2025-03-04T10:00:00Z",
}


def unfit(errors: Iterable[Any]) -> dict[str, str]:
    """Each field that does not fit, by its path, with what is wrong, as in `price: must be at least 1`.

    `errors` are those of a `ValidationError`. Nothing of what was given is repeated but by the validators of our own.
    """
    return {".".join(map(str, one["loc"])): _sentence(one["type"], one["msg"], one.get("ctx", {})) for one in errors}


def _sentence(kind: str, otherwise: str, context: Context) -> str:
    if kind in _SENTENCES:
        return _SENTENCES[kind](context)
    text = otherwise.removeprefix("Value error, ")
    return (text[:1].lower() + text[1:]).rstrip(".")
