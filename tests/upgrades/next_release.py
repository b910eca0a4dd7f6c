"""The next release as a copy of this one with more data: keys, a command, an event, a clock, and a number that grew.

A key that is marked with `Since` makes older builds wait where it is used; CONTRIBUTING.md says how to add one.
"""

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
_SINCE = "from recourse.resolution.model.data_version import Since\n\n\n"

# File, text that stands there once, and what stands there in the next release; § is that text.
CHANGES: tuple[tuple[str, str, str], ...] = (
    (f"{_MODEL}/data_version.py", "DATA_VERSION = 1", "DATA_VERSION = 2"),
    # A policy key that older builds may overlook, and another that they may not.
    (f"{_MODEL}/policy.py", 'fallback: Fallback = "cancel_split"', '§\n    survey: Name = "none"'),
    (f"{_MODEL}/policy.py", "class Undo(Frozen)", "from typing import Annotated\n" + _SINCE + "§"),
    (f"{_MODEL}/policy.py", "consent: StrictBool = False", "§\n    twice: Annotated[StrictBool, Since(2)] = False"),
    # Keys of the state, at the top and further in.
    (f"{_MODEL}/order.py", "class Order(Frozen)", _SINCE + "§"),
    (
        f"{_MODEL}/order.py",
        "hidden_from: dict[Party, int] = {}",
        "§\n    messages: int = 0\n    paused_until: Annotated[AwareDatetime | None, Since(2)] = None",
    ),
    (f"{_MODEL}/dispute.py", "ruled_on: bool = False", '§\n    seen: str = "no"'),
    (f"{_RULES}/evolve_disputes.py", "communicated=event.communicated,", '§\n        seen="on the phone",'),
    # A command with its event and its clock.
    (
        f"{_MODEL}/events.py",
        "class FollowedUp(Frozen)",
        'class Paused(Frozen):\n    event: Literal["paused"] = "paused"\n    until: AwareDatetime | None = None\n\n\n§',
    ),
    (
        f"{_MODEL}/commands.py",
        "class OrderAgain(Command)",
        'class Pause(Command):\n    name = "pause"\n    by = ("client",)\n    about = "Pauses."\n'
        "    seconds: Int64 = 0\n\n\n§",
    ),
    (f"{_MODEL}/commands.py", "    | OrderAgain\n", "    | Pause\n§"),
    (
        f"{_RULES}/decide.py",
        "def _apply(",
        "from recourse.resolution.model.commands import Pause\nfrom recourse.resolution.model.events import Paused\n"
        "from datetime import timedelta\n\n\n§",
    ),
    (
        f"{_RULES}/decide.py",
        "        case SubmitRequirements():",
        "        case Pause():\n            until = decision.now + timedelta(seconds=command.seconds)\n"
        "            decision.happen(Paused(until=until if command.seconds else None))\n§",
    ),
    (f"{_RULES}/evolve.py", "def evolve(", "from recourse.resolution.model.events import Paused\n\n\n§"),
    (
        f"{_RULES}/evolve.py",
        "        case FollowedUp():",
        '        case Paused():\n            return {"paused_until": event.until}\n§',
    ),
    (f"{_RULES}/evolve.py", 'return {"wrote": ', 'return {"messages": order.messages + 1, "wrote": '),
    (f"{_RULES}/clocks.py", '    "dormancy",\n]', '    "dormancy",\n    "pause_ends",\n]'),
    (
        f"{_RULES}/clocks.py",
        '    running += [("settlement_retry"',
        '    running.append(("pause_ends", order.paused_until))\n§',
    ),
    (f"{_RULES}/clocks.py", '    "follow_up": _follow_up,', '§\n    "pause_ends": _pause_ends,'),
    (
        f"{_RULES}/clocks.py",
        "def _settle(",
        "from recourse.resolution.model.events import Paused\n\n\ndef _pause_ends(decision: Decision) -> None:\n"
        "    decision.happen(Paused())\n\n\n§",
    ),
    ("recourse/resolution/shown/notices.py", "            | EvidenceAdded()\n        ):", "            | Paused()\n§"),
    (
        "recourse/resolution/shown/notices.py",
        "def _told(",
        "from recourse.resolution.model.events import Paused\n\n\n§",
    ),
    ("recourse/wording/en.toml", "[clock]\n", '§pause_ends.future = "the pause ends"\n'),
    # Fields of the record's entries, of an undecided message and of what one run hands to the next.
    (f"{_MODEL}/events.py", 'event: Literal["message_sent"] = "message_sent"', '§\n    channel: str = "app"'),
    (
        f"{_MODEL}/entry.py",
        'command: str = Field(description="The command, or the clock that fired.")',
        '§\n    device: str = Field("phone")',
    ),
    (f"{_MODEL}/reading.py", "refusal: Refusal | None = None", '§\n    device: str = "phone"'),
    ("workflows/carried.py", "recent: list[str] = []", '§\n    device: str = ""'),
    ("workflows/order.py", "                order=write_state(", '                device="phone",\n§'),
)


def next_release(folder: Path) -> Path:
    """The next release, in a folder of its own."""
    tree = folder / "next"
    for name in FOLDERS:
        shutil.copytree(ROOT / name, tree / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOT / "worker.py", tree)
    for file, before, after in CHANGES:
        source = (tree / file).read_text(encoding="utf-8")
        assert source.count(before) == 1, (
            f"{file} has this {source.count(before)} times, and not once: {before!r}. Write in "
            "tests/upgrades/next_release.py what stands there now."
        )
        (tree / file).write_text(source.replace(before, after.replace("§", before)), encoding="utf-8")
    return tree


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
