"""What runs inside of a workflow asks no clock, no chance and nothing outside, so that a replay does the same again.

The workflow sandbox of the SDK is off: it guards nothing in packages that are passed through it, as ours must be to be
fast. What it would guard, this reads off the code (and `tests/rules/test_purity.py` off the rules).
"""

import ast
from pathlib import Path

import pytest

from recourse import workflows

ROOT = Path(next(iter(workflows.__path__))).parent
# All of the room runs inside of an order, and the names and shapes that it shares with the activities do.
MODULES = [*sorted((ROOT / "workflows").glob("*.py")), ROOT / "activities" / "contract.py"]
# What differs from one run to the next, or waits for something that no history tells of.
OUTSIDE = {
    "asyncpg",
    "glob",
    "httpx2",
    "io",
    "logging",
    "multiprocessing",
    "os",
    "pathlib",
    "platform",
    "queue",
    "random",
}
OUTSIDE |= {"secrets", "select", "signal", "socket", "subprocess", "sys", "tempfile", "threading", "time", "uuid"}
CALLS = {"now", "utcnow", "today", "fromtimestamp", "open", "print", "input", "exec", "eval", "__import__", "set", "id"}
# Of asyncio, what Temporal's own loop does not make deterministic.
ASYNCIO = {"wait", "as_completed", "to_thread", "run", "get_running_loop", "create_subprocess_exec", "open_connection"}


def tree_of(module: Path) -> ast.AST:
    return ast.parse(module.read_text(encoding="utf-8"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_code_inside_of_a_workflow_imports_nothing_that_differs_between_runs(module: Path) -> None:
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }

    assert not imported & OUTSIDE


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_code_inside_of_a_workflow_asks_temporal_for_the_time(module: Path) -> None:
    asked = set()
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Call):
            of = getattr(getattr(node.func, "value", None), "id", None)
            called = getattr(node.func, "attr", None) or getattr(node.func, "id", "")
            if called in CALLS and (of, called) != ("workflow", "now"):
                asked.add((of, called))
        elif isinstance(node, ast.Attribute) and getattr(node.value, "id", None) == "asyncio":
            assert node.attr not in ASYNCIO

    assert not asked
