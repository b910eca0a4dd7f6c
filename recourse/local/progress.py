"""Messages about what takes long, and why."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from recourse.errors import Unreachable

SILENT_FOR = 2.0  # seconds: what is faster needs no words
EVERY = 10.0  # seconds between signs of life


class LocalError(Unreachable):
    """A step of the set-up failed; the text says which, why, and what to do."""


def say(text: str) -> None:
    """One line for people, apart from the program's own output."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


@contextmanager
def taking_long(what: str) -> Iterator[None]:
    """Say `what` is being done if it takes more than two seconds, and that it still is every ten."""
    over, started = threading.Event(), time.monotonic()

    def sign_of_life() -> None:
        wait = SILENT_FOR
        while not over.wait(wait):
            say(f"  … {what} ({time.monotonic() - started:.0f} s)")
            wait = EVERY

    thread = threading.Thread(target=sign_of_life, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        took = time.monotonic() - started
        if took > SILENT_FOR:
            say(f"  {what}: {took:.0f} s")
