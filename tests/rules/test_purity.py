"""The rules are pure: nothing in `resolution` reaches a clock, chance, a network, a file, Temporal or PostgreSQL."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from recourse import resolution

# Besides the rules themselves: the base of all errors, the texts for people, which are data of the package, and how a
# record is hashed, in the one file that verifies it.
OWN = ("recourse.resolution", "recourse.errors", "recourse.wording", "recourse.verify_record")
ROOT = Path(next(iter(resolution.__path__)))
MODULES = sorted(ROOT.glob("**/*.py"))
NAMES = [
    ".".join(("recourse", *path.relative_to(ROOT.parent).with_suffix("").parts))
    for path in MODULES
    if path.stem != "__init__"
]
# What the rules may use. `importlib`, `io` and `zoneinfo` read the time zones of a pinned package, which are data.
ALLOWED = {
    "bisect",
    "collections",
    "contextlib",
    "copy",
    "dataclasses",
    "datetime",
    "fractions",
    "functools",
    "hashlib",
    "heapq",
    "hmac",
    "importlib",
    "io",
    "json",
    "math",
    "pydantic",
    "re",
    "recourse",
    "typing",
    "unicodedata",
    "zoneinfo",
}
FORBIDDEN_CALLS = {"now", "utcnow", "today", "open", "print", "input", "exec", "eval", "__import__", "getenv"}


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            yield node.module or ""


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_module_imports_nothing_but_values(module: Path) -> None:
    tree = ast.parse(module.read_text(encoding="utf-8"))

    names = set(imported(tree))
    assert {name.partition(".")[0] for name in names} <= ALLOWED
    assert [name for name in names if name.startswith("recourse") and not name.startswith(OWN)] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_module_asks_no_clock_and_opens_nothing(module: Path) -> None:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    }

    assert not called & FORBIDDEN_CALLS


def test_every_module_that_the_rules_import_is_one_of_theirs() -> None:
    reached: set[str] = set()
    waiting = [*NAMES]
    while waiting:
        name = waiting.pop()
        if name in reached or not name.startswith("recourse.resolution."):
            continue
        reached.add(name)
        path = ROOT / f"{name.removeprefix('recourse.resolution.').replace('.', '/')}.py"
        assert path.is_file(), name
        waiting += imported(ast.parse(path.read_text(encoding="utf-8")))
    assert reached == set(NAMES)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_no_module_is_too_long_to_read(module: Path) -> None:
    assert len(module.read_text(encoding="utf-8").splitlines()) <= 310


def test_the_rules_load_without_temporal_and_without_postgresql() -> None:
    program = f"import sys, {', '.join(NAMES)}; print(*sorted(sys.modules))"

    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT.parent.parent
    )

    outside = {"temporalio", "asyncpg", "recourse.activities", "recourse.database", "recourse.workflows"}
    assert not outside & set(loaded.stdout.split())
