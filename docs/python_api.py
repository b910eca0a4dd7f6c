"""Makes docs/python.md: the public names of the package, read off their docstrings. Run by `make docs`."""

import inspect
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from recourse.resolution.model.commands import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "python.md"
ABOUT = """# The Python package

Every public name, written by `make docs`. [integrating.md](integrating.md#python) shows how they are used. An order has
a method for each [command](messages.md#commands) too. Other modules may change with any version.
"""
PLAIN = "The values that there are."
MODULES = (
    "recourse",
    "recourse.sync",
    "recourse.temporal",
    "recourse.ports",
    "recourse.webhooks",
    "recourse.embedding",
    "recourse.testing",
    "recourse.testing.payments",
)


def page() -> str:
    """The whole page."""
    parts = [ABOUT]
    for module in map(import_module, MODULES):
        parts += [f"## `{module.__name__}`\n", "| name | what it is |", "|---|---|"]
        for name in module.__all__:
            parts += _rows(name, getattr(module, name))
        parts.append("")
    return "\n".join(parts)


def _rows(name: str, value: Any) -> Iterator[str]:
    yield f"| `{name}` | {_about(value)} |"
    # Of an error and of plain data, the docstring says all.
    if inspect.isclass(value) and not issubclass(value, Exception | BaseModel | str):
        for method, member in _methods(value).items():
            yield f"| `{name}.{method}` | {_about(member)} |"


def _methods(kind: type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for base in kind.__mro__[:-1]:
        if base.__module__.startswith("recourse."):
            found |= {name: member for name, member in vars(base).items() if name not in {*found, *COMMANDS}}
    public = {name: member for name, member in found.items() if not name.startswith("_")}
    return {
        name: member for name, member in public.items() if inspect.isfunction(member) or type(member) is classmethod
    }


def _about(value: Any) -> str:
    """The first sentences of a docstring, up to a blank line."""
    text = inspect.getdoc(value) if callable(value) or isinstance(value, classmethod) else None
    return " ".join((text or "").partition("\n\n")[0].split()).replace("|", "\\|") or PLAIN


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)} is written.\n")


if __name__ == "__main__":
    main()
