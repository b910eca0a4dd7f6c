"""Writes the clients' methods from the models of the commands, and the client without `await`."""

import re
import sys
import textwrap
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime
from pydantic.fields import FieldInfo

from recourse.resolution.model.command import Command
from recourse.resolution.model.commands import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
HEAD = '''\
"""The commands of an order as methods. Written by `make client` from resolution/model/commands.py: do not edit."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from recourse.resolution.model.outcome import Outcome
from recourse.starter.actors import AnyActor, Client, Freelancer, Operator, System


class Commands(ABC):
    """A method for each command. `OrderHandle` says what they return and raise."""

    @abstractmethod
    async def _give(self, command: str, actor: AnyActor, command_id: str | None, /, **fields: Any) -> Outcome:
        """Give a command with those of its fields that are not None."""
'''
# Said in other words, or by the client itself.
_LEFT_OUT = ("actor", "sent_at", "command_id")
_LAST = ("expected_version", "comment")
# `by` is the actor of every method.
_RENAMED = {"by": "length"}


def module() -> str:
    """The text of the module."""
    return "\n".join([HEAD, "\n\n".join(_method(name, command) for name, command in COMMANDS.items())]) + "\n"


def _method(name: str, command: type[Command]) -> str:
    fields = {field: known for field, known in command.model_fields.items() if field not in _LEFT_OUT}
    # Those that must be given first, those of every command last.
    order = sorted(fields, key=lambda field: (not fields[field].is_required(), *(field == last for last in _LAST)))
    arguments = [f'"{name}"', "by", "command_id", *(f"{field}={_argument(field)}" for field in order)]
    roles = " | ".join(role.capitalize() for role in command.roles)
    given = ["self", "*", f"by: {roles}", *(_parameter(field, fields[field]) for field in order)]
    given.append("command_id: str | None = None")
    lines = [
        f"async def {name}(",
        *(f"    {parameter}," for parameter in given),
        ") -> Outcome:",
        *(f"    {line}".rstrip() for line in _docstring(command, {field: fields[field] for field in order})),
        "    return await self._give(",
        *(f"        {argument}," for argument in arguments),
        "    )",
    ]
    return textwrap.indent("\n".join(lines), "    ")


def _argument(field: str) -> str:
    return _RENAMED.get(field, field)


def _parameter(field: str, known: FieldInfo) -> str:
    default = "" if known.is_required() else f" = {_literal(known.default)}"
    return f"{_argument(field)}: {_type(known.annotation)}{default}"


def _docstring(command: type[Command], fields: dict[str, FieldInfo]) -> Iterator[str]:
    yield f'"""{command.about}'
    yield ""
    for field, known in fields.items():
        yield from textwrap.wrap(f"{_argument(field)}: {known.description}", 108, subsequent_indent="    ")
    yield '"""'


def _type(annotation: Any) -> str:
    """How a type is written in source, without its bounds: the order itself refuses what is outside of them."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0])
    if origin in (Union, types.UnionType):
        return " | ".join(map(_type, arguments))
    if origin is Literal:
        return f"Literal[{', '.join(map(_literal, arguments))}]"
    if origin is tuple:
        return f"Sequence[{_type(arguments[0])}]"
    if annotation is AwareDatetime:
        return "datetime"
    return "None" if annotation is type(None) else str(annotation.__name__)


def _literal(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


# How a line of the client reads without `await`.
_PLAINLY = {
    r"\basync (def|with|for)\b": r"\1",
    r"\bawait ": "",
    r"\bAsyncClient\b": "Client",
    r"\basynccontextmanager\b": "contextmanager",
    r"\bAsyncIterator\b": "Iterator",
    r"\bAsyncGenerator\[(\w+), None\]": r"Generator[\1, None, None]",
    r"\bAsyncGenerator\b": "Generator",
    r"\bimport asyncio\b": "import time",
    r"\basyncio\.sleep\b": "time.sleep",
    r"\brecourse\.http\.handles\b": "recourse.sync.handles",
    r"\brecourse\.starter\.commands\b": "recourse.sync.commands",
}


def plain(text: str) -> str:
    """A module of the client for programs without a loop."""
    for found, instead in _PLAINLY.items():
        text = re.sub(found, instead, text)
    return text


def written() -> dict[Path, str]:
    """Every module that is written, by its file."""
    sync = ROOT / "recourse" / "sync"
    found = {ROOT / "starter" / "commands.py": module(), sync / "commands.py": plain(module())}
    for name in ("client", "handles"):
        text = (ROOT / "recourse" / "http" / f"{name}.py").read_text(encoding="utf-8")
        about = f'"""Without `await`: written by `make client` from http/{name}.py, do not edit."""'
        found[sync / f"{name}.py"] = f"{about}\n{plain(text.partition(chr(10))[2])}"
    return found


def main() -> None:
    """Write them, in the style of the others."""
    files = written()
    for file, text in files.items():
        file.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{file.relative_to(ROOT)} is written.\n")


if __name__ == "__main__":
    main()
