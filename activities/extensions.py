"""A marketplace's own code that a setting names: how it is loaded, and the limits of its calls."""

import importlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from recourse.errors import BadInput

CALLS = 16  # at once, unless the extension says otherwise
SECONDS = 10.0  # for a call, unless the extension says otherwise
LONGEST = 20.0  # seconds that an extension may ask for: an order waits half a minute for an answer


class NotDelivered(Exception):
    """The receiver did not take the notice.

    The text says why and names no address, so that it may go to logs and into Temporal. `answer` is what the receiver
    said, for the database alone. `wait`: send it nothing for so long; `gone`: send it nothing any more.
    """

    def __init__(self, why: str, answer: str = "", *, wait: timedelta | None = None, gone: bool = False) -> None:
        super().__init__(why)
        self.answer, self.wait, self.gone = answer, wait, gone


def limits_of(extension: Any, wrong: type[BadInput] = BadInput) -> tuple[int, float]:
    """How many of its calls may run at once, and how many seconds each may take. Raises `wrong`,
    also for a `late` that is no number of seconds."""
    calls, seconds = getattr(extension, "concurrency", CALLS), getattr(extension, "timeout", SECONDS)
    named = type(extension).__name__
    if type(calls) is not int or calls < 1:
        raise wrong(f"{named}.concurrency is {calls!r}, and must be a whole number from 1.")
    if type(seconds) not in (int, float) or not 0 < seconds <= LONGEST:
        raise wrong(f"{named}.timeout is {seconds!r}, and must be a number of seconds, {LONGEST:g} at most.")
    late = getattr(extension, "late", 0)
    if type(late) not in (int, float) or late < 0:
        raise wrong(f"{named}.late is {late!r}, and must be a number of seconds.")
    return calls, float(seconds)


def load_named(text: str, method: str, taken: Mapping[str, str], wrong: type[BadInput] = BadInput) -> dict[str, Any]:
    """What a setting names, as `name=package.module:factory`, separated by blanks.

    Each factory is called once, without arguments, and returns an object with this `method`. Its module must be
    installed where it is used. `taken` has the names that are reserved, and why. Raises `wrong`.
    """
    found: dict[str, Any] = {}
    for entry in text.split():
        name, _, path = entry.partition("=")
        if not name or not path:
            raise wrong(f"{entry!r} is not of the form name=package.module:factory.")
        if name in taken or name in found:
            raise wrong(f"{entry!r}: the name {name!r} {taken.get(name, 'is there twice')}; take another.")
        found[name] = _load(entry, path, method, wrong)
    return found


def _load(entry: str, path: str, method: str, wrong: type[BadInput]) -> Any:
    module, _, attribute = path.partition(":")
    try:
        factory = getattr(importlib.import_module(module), attribute)
        made = factory()
    except ModuleNotFoundError as error:
        # A program that was installed does not look into the folder in which it is started.
        todo = f"Install the package that has {error.name}, or have PYTHONPATH name the folder that it is in."
        raise wrong(f"{entry!r} cannot be loaded: {type(error).__name__}: {error}. {todo}") from error
    # Whatever a foreign module raises, the error names its entry.
    except Exception as error:
        raise wrong(f"{entry!r} cannot be loaded: {type(error).__name__}: {error}") from error
    if not callable(getattr(made, method, None)):
        raise wrong(f"{entry!r}: {attribute}() returned {type(made).__name__}, which has no method `{method}`.")
    try:
        limits_of(made, wrong)
    except wrong as error:
        raise wrong(f"{entry!r}: {error}") from error
    return made
