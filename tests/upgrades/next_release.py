"""The next release as a copy of this one with more data: keys, a command, an event, a clock, and a number that grew.

A key that is marked with `Since` makes older builds wait where it is used; CONTRIBUTING.md says how to add one.
"""

import ast
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from recourse.local.process import last_words, start, stop
from tests.http.processes import environment
from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]
FOLDERS = ("recourse", "workflows", "activities", "starter", "tests", "campaigns")
_MODEL, _RULES = "recourse/resolution/model", "recourse/resolution/rules"
_SINCE = "from typing import Annotated\nfrom recourse.resolution.model.data_version import Since\n"
_PAUSED = "from recourse.resolution.model.events import Paused\n"

# Fields: file, class, and the line of each. They come first in their class.
FIELDS = (
    # Policy keys: one that older builds may overlook, and one that they may not.
    (f"{_MODEL}/policy.py", "Cases", 'survey: Name = "none"'),
    (f"{_MODEL}/policy.py", "Undo", "twice: Annotated[bool, Since(3)] = False"),
    # Keys of the state, at the top and further in.
    (f"{_MODEL}/order.py", "Order", "messages: int = 0"),
    (f"{_MODEL}/order.py", "Order", "paused_until: Annotated[AwareDatetime | None, Since(3)] = None"),
    (f"{_MODEL}/dispute.py", "Request", 'seen: str = "on the phone"'),
    # What the record says, an undecided message, and what one run hands to the next.
    (f"{_MODEL}/events.py", "MessageSent", 'channel: str = "app"'),
    (f"{_MODEL}/entry.py", "_Entry", 'device: str = "phone"'),
    (f"{_MODEL}/reading.py", "Message", 'device: str = "phone"'),
    ("workflows/carried.py", "Carried", 'device: str = ""'),
)
# Code: file, the class or function before which it stands.
CODE = (
    (f"{_MODEL}/policy.py", "Undo", _SINCE),
    (f"{_MODEL}/order.py", "Order", _SINCE),
    # A command with its event and its clock.
    (
        f"{_MODEL}/events.py",
        "FollowedUp",
        'class Paused(Frozen):\n    event: Literal["paused"] = "paused"\n    until: AwareDatetime | None = None\n',
    ),
    (
        f"{_MODEL}/commands.py",
        "OrderAgain",
        'class Pause(Command):\n    name = "pause"\n    roles = ("client",)\n    about = "Pauses."\n'
        "    seconds: Int64 = 0\n",
    ),
    (
        f"{_RULES}/decide.py",
        "_apply",
        f"from recourse.resolution.model.commands import Pause\nfrom datetime import timedelta\n{_PAUSED}",
    ),
    (f"{_RULES}/evolve.py", "evolve", _PAUSED),
    ("recourse/resolution/shown/notices.py", "notices", _PAUSED),
    (
        f"{_RULES}/clocks.py",
        "_settle",
        f"{_PAUSED}\n\ndef _pause_ends(decision: Decision) -> None:\n    decision.happen(Paused())\n",
    ),
)
# Texts: file, what stands there once, and what stands there in the next release; § is what stood there.
TEXTS = (
    (f"{_MODEL}/data_version.py", "DATA_VERSION = 2", "DATA_VERSION = 3"),
    (f"{_MODEL}/commands.py", "    | OrderAgain\n", "    | Pause\n§"),
    (
        f"{_RULES}/decide.py",
        "        case SubmitRequirements():",
        "        case Pause():\n            until = decision.now + timedelta(seconds=command.seconds)\n"
        "            decision.happen(Paused(until=until if command.seconds else None))\n§",
    ),
    (
        f"{_RULES}/evolve.py",
        "        case FollowedUp():",
        '        case Paused():\n            return {"paused_until": event.until}\n§',
    ),
    (f"{_RULES}/evolve.py", 'return {"wrote": ', 'return {"messages": order.messages + 1, "wrote": '),
    (f"{_RULES}/clocks.py", '    "dormancy",\n]', '    "dormancy",\n    "pause_ends",\n]'),
    (
        f"{_RULES}/clocks.py",
        "    return running\n\n\ndef _a",
        '    running.append(("pause_ends", order.paused_until))\n§',
    ),
    (f"{_RULES}/clocks.py", '    "follow_up": _follow_up,', '§\n    "pause_ends": _pause_ends,'),
    ("recourse/resolution/shown/notices.py", "            | CaseReleased()\n        ):", "            | Paused()\n§"),
    ("recourse/wording/en.toml", "[clock]\n", '§pause_ends.future = "the pause ends"\n'),
    ("workflows/order.py", "                order=write_state(", '                device="phone",\n§'),
)


def next_release(folder: Path) -> Path:
    """The next release, in a folder of its own."""
    tree = folder / "next"
    for name in FOLDERS:
        shutil.copytree(ROOT / name, tree / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOT / "worker.py", tree)
    for file, owner, field in FIELDS:
        _write(tree / file, _with_field(_read(tree / file), owner, field))
    for file, place, code in CODE:
        _write(tree / file, _with_code(_read(tree / file), place, code))
    for file, before, after in TEXTS:
        source = _read(tree / file)
        assert source.count(before) == 1, (
            f"{file} has this {source.count(before)} times, and not once: {before!r}. "
            f"Write in {__name__} what stands there now."
        )
        _write(tree / file, source.replace(before, after.replace("§", before)))
    return tree


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _write(path: Path, source: str) -> None:
    path.write_text(source, encoding="utf-8")


def _with_field(source: str, owner: str, field: str) -> str:
    first, *others = _definition(source, owner).body
    documented = isinstance(first, ast.Expr) and others
    return _inserted(source, (first.end_lineno or 0) if documented else first.lineno - 1, f"    {field}\n")


def _with_code(source: str, place: str, code: str) -> str:
    return _inserted(source, _definition(source, place).lineno - 1, f"{code}\n\n")


def _definition(source: str, name: str) -> ast.ClassDef | ast.FunctionDef:
    found = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef | ast.FunctionDef))
    return next(node for node in found if node.name == name)


def _inserted(source: str, line: int, text: str) -> str:
    lines = source.splitlines(keepends=True)
    return "".join((*lines[:line], text, *lines[line:]))


@asynccontextmanager
async def worker_of(tree: Path, queue: str, dsn: str, address: str, log: Path) -> AsyncIterator[None]:
    """`recourse worker` of a tree."""
    told = environment(
        PYTHONPATH=str(tree),
        DATABASE_URL=dsn,
        TEMPORAL_ADDRESS=address,
        RECOURSE_TASK_QUEUE=queue,
        PYTHONUNBUFFERED="1",
    )
    command = [sys.executable, "-c", "from recourse.cli import main; main()", "worker"]
    running = await start(command, log=log, environment=told, cwd=tree)
    try:
        yield
    finally:
        assert running.returncode is None, last_words(log, 40)
        await stop(running, signal.SIGTERM, patience=PATIENCE)


async def run_in(tree: Path, module: str, *words: str, log: Path, **settings: str) -> None:
    """Run a module of a tree to its end."""
    told: Any = environment(PYTHONPATH=str(tree), **settings)
    running = await start([sys.executable, "-m", module, *words], log=log, environment=told, cwd=tree)
    assert await running.wait() == 0, last_words(log, 40)
