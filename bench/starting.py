"""How long one waits for the command line, and how fast stories are simulated."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence

from bench.contestants import ROOT
from bench.findings import Findings, Goal, median, table
from bench.story import opening
from recourse.database.migrate import migrate
from recourse.database.pool import connect
from recourse.database.steps import record_step
from recourse.local.postgres import postgres
from recourse.resolution.engine import OrderEngine

NOTHING = "python -c pass"
STORIES = ROOT / "tests" / "scenarios"
RECOURSE = [sys.executable, "-c", "from recourse.cli import main; main()"]


async def starting(times: int) -> Findings:
    """Each command several times, one after another."""
    async with postgres() as dsn:
        await migrate(dsn)
        pool = await connect(dsn, most=1)
        await record_step(pool, OrderEngine(opening("there")).opening().step)
        await pool.close()
        environment = {**os.environ, "DATABASE_URL": dsn, "NO_COLOR": "1"}
        stories = len(list(STORIES.glob("*.yaml")))
        commands = {
            NOTHING: [sys.executable, "-c", "pass"],
            "import of the client": [sys.executable, "-c", "import recourse.starter.client"],
            "import of the worker": [sys.executable, "-c", "import recourse.worker"],
            "recourse --help": [*RECOURSE, "--help"],
            "recourse order show": [*RECOURSE, "order", "show", "there"],
            _simulating(stories): [*RECOURSE, "simulate", str(STORIES)],
        }
        took = {name: [_took(command, environment) for _ in range(times)] for name, command in commands.items()}
    return _findings(took, stories)


def _took(command: Sequence[str], environment: dict[str, str]) -> float:
    began = time.monotonic()
    subprocess.run(command, env=environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return (time.monotonic() - began) * 1000


def _findings(took: dict[str, list[float]], stories: int) -> Findings:
    bare, playing = median(took[NOTHING]), median(took[_simulating(stories)])
    # What is left of a whole run once the program is there.
    rate = stories * 1000 / max(playing - median(took["recourse --help"]), 1)
    found = Findings("Starting")
    found.goals = [
        Goal(f"{name} / {NOTHING}", median(took[name]) / bare)
        for name in ("recourse --help", "recourse order show", "import of the client")
    ]
    found.goals.append(Goal("simulated on the rules alone, stories/s", rate))
    found.lines = table(
        ["", "ms: median (min to max)"],
        [[name, f"{median(each):.0f} ({min(each):.0f} to {max(each):.0f})"] for name, each in took.items()],
    )
    found.figures = {"milliseconds": took, "stories": stories}
    return found


def _simulating(stories: int) -> str:
    return f"recourse simulate, {stories} stories"
