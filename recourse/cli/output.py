"""How commands answer: tables and sentences for people, one JSON document for programs, and exit statuses."""

import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from pydantic import BaseModel
from rich.console import Console
from rich.text import Text

from recourse.errors import ExitStatus
from recourse.resolution.model.durations import write_duration
from recourse.resolution.model.fields import visible
from recourse.resolution.model.zones import read_zone

DONE = 0
NO, BAD_INPUT, UNREACHABLE = ExitStatus
INTERRUPTED = 130
BROKEN_PIPE = 141

Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]
OnMyServers = Annotated[bool, Parameter(negative="")]
OrderId = Annotated[str, Parameter(help="The order's id.")]
GroupId = Annotated[str, Parameter(help="The group's id.")]
After = Annotated[str, Parameter(help="The end of the previous page, as it was printed.")]


def _known_zone(_: type, name: str) -> None:
    read_zone(name)


Zone = Annotated[str, Parameter(name="--zone", validator=_known_zone, help="Show times in this IANA time zone.")]


class Stop(Exception):
    """A command that ends early: one clear sentence for people, and an exit status."""

    def __init__(self, sentence: str, status: int = BAD_INPUT) -> None:
        super().__init__(sentence)
        self.status = status


def complain(stop: Stop) -> int:
    """Say on standard error why a command stops; returns its exit status."""
    _Screen(stderr=True, soft_wrap=True).print(Text("recourse: ", "bold red"), f"{stop}", sep="")
    return stop.status


def warn(sentence: str) -> None:
    """Say on standard error what should be changed, though all was done."""
    _Screen(stderr=True, soft_wrap=True).print(Text("recourse: warning: ", "bold yellow"), sentence, sep="")


def remark(sentence: str) -> None:
    """Say something about a list: below it, or on standard error where a program reads the list."""
    screen = console() if sys.stdout.isatty() else _Screen(stderr=True, soft_wrap=True)
    screen.print(sentence)


Yes = Annotated[bool, Parameter(name="--yes", negative="", help="Do not ask for confirmation.")]


def ask(question: str, *, yes: bool) -> None:
    """Go on only after a yes, from the option or from a person. Raises Stop."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Stop("Aborted: cannot ask for confirmation without a terminal. Pass --yes to proceed.")
    if console().input(Text(f"{visible(question)} [y/N] ")).strip().lower() not in ("y", "yes"):
        raise Stop("Nothing was done.", NO)


class _Screen(Console):
    """Where people read. A text is only ever shown: no markup, nothing in it that hides or steers the terminal."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, **options)

    def print(self, *objects: Any, **options: Any) -> None:
        """As rich prints."""
        super().print(*(visible(one, lines=True) if isinstance(one, str) else one for one in objects), **options)

    def on_broken_pipe(self) -> None:
        """Leave it to `main`, for every output alike: rich would end the process with a refusal's status."""
        raise BrokenPipeError


def console() -> Console:
    """Where people read. Long lines are kept whole when the output is not a terminal."""
    terminal = sys.stdout.isatty()
    return _Screen(soft_wrap=not terminal, width=None if terminal else 160)


def check_text(arguments: Sequence[str]) -> None:
    """Raise Stop for an argument that is no text: bytes that the terminal's encoding does not have."""
    for argument in arguments:
        if any("\ud800" <= letter <= "\udfff" for letter in argument):
            raise Stop(f"'{visible(argument)}' cannot be read: it is not text in the encoding of this terminal.")


def help_screen() -> Console:
    """Where help is read, as wide as the terminal or as COLUMNS says."""
    return _Screen()


def let_everything_be_written() -> None:
    """Have letters that the output's encoding lacks written as escapes, instead of failing at them."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def leave_the_broken_pipe() -> None:
    """Let what is still buffered go nowhere: the reader has read enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def exports(environment: Mapping[str, str]) -> str:
    """Lines to paste into another terminal, by which this very `recourse` works there in this environment."""
    settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items())
    return f"""  export PATH="{Path(sys.executable).parent}:$PATH"\n  export {settings}"""


def more(end: str) -> str:
    """How to go on behind a full page."""
    return f"There may be more: --after '{visible(end)}'"


def say_json(value: Any) -> None:
    """One JSON document on standard output, on one line."""
    sys.stdout.write(as_json(plain(value)) + "\n")


def as_json(value: Any, indent: int | None = None) -> str:
    """JSON for standard output: in ASCII where that is not UTF-8, so that it stays JSON; nothing in it hides."""
    ascii_only = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    return visible(json.dumps(value, ensure_ascii=ascii_only, indent=indent), lines=True)


def plain(value: Any) -> Any:
    """JSON values of anything that a command answers with; instants in UTC, durations as policies write them."""
    match value:
        case BaseModel():
            return value.model_dump(mode="json")
        case Mapping():
            return {str(key): plain(inner) for key, inner in value.items()}
        case str() | bytes():
            return value if isinstance(value, str) else value.decode(errors="replace")
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case Decimal():
            return float(value)
        case timedelta():
            return write_duration(value)
        case Sequence() | set() | frozenset():
            return [plain(inner) for inner in value]
        case _:
            return value
