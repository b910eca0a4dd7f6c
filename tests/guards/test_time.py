"""No test depends on how long the run takes: none makes at import what expires, none waits for a time of its own."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE

TESTS = Path(__file__).resolve().parents[1]
MODULES = sorted(path for path in TESTS.rglob("*.py") if "kept" not in path.parts)
# Imports modules, and says which of their lines read a clock meanwhile. A clock that an imported library reads for
# itself is its own affair: what counts is the module whose body is run.
READS = """
import importlib, os, sys, time, datetime
here, clocks = sys.argv[1], {time.time, time.time_ns, time.monotonic, time.monotonic_ns, time.gmtime, time.localtime}
methods = {"now", "utcnow", "today"}
found = set()

def watch(frame, event, called):
    if event != "c_call":
        return
    kind = getattr(called, "__self__", None)
    reads = called in clocks if isinstance(called, type(time.time)) and kind is time else (
        isinstance(kind, type) and issubclass(kind, datetime.date) and called.__name__ in methods
    )
    while reads and frame is not None:
        if frame.f_code.co_name == "<module>":
            if frame.f_code.co_filename.startswith(here + os.sep):
                found.add(f"{os.path.relpath(frame.f_code.co_filename, here)}:{frame.f_lineno}")
            return
        frame = frame.f_back

failed = []
sys.setprofile(watch)
for name in sys.argv[2:]:
    try:
        importlib.import_module(name)
    except ImportError as missing:
        failed.append(f"{name}: {missing}")
sys.setprofile(None)
print("\\n".join(sorted(found)))
sys.stderr.write("\\n".join(failed))
os._exit(0)
"""


def read_at_import(folder: Path, *modules: str) -> tuple[list[str], str]:
    """The lines of the modules of a folder that read a clock when they are imported, and what cannot be imported."""
    ran = subprocess.run(
        [sys.executable, "-c", READS, str(folder), *modules],
        cwd=folder.parent,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    return ran.stdout.split(), ran.stderr


def test_no_test_module_reads_a_clock_when_it_is_imported() -> None:
    modules = [".".join(path.relative_to(TESTS.parent).with_suffix("").parts) for path in MODULES]
    assert read_at_import(TESTS, *modules) == ([], "")


def test_a_clock_that_is_read_at_import_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "planted"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "made.py").write_text(
        "from datetime import UTC, datetime, timedelta\n\ndef token():\n    return datetime.now(UTC) + timedelta(1)\n",
        encoding="utf-8",
    )
    (folder / "late.py").write_text("from planted.made import token\nLATER = token\n", encoding="utf-8")
    (folder / "soon.py").write_text(
        "import time\nfrom planted.made import token\n\nclass Early:\n    at = token()\n\nBEGAN = time.time()\n",
        encoding="utf-8",
    )
    assert read_at_import(folder, "planted.made", "planted.late") == ([], "")
    assert read_at_import(folder, "planted.soon") == (["soon.py:4", "soon.py:7"], "")


def lengths(tree: ast.AST) -> list[int]:
    """The lines on which a wait is bounded by a number that stands there."""
    found = []
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        bounds = [given.value for given in call.keywords if given.arg == "timeout"]
        bounds += call.args[:1] if name == "timeout" else call.args[1:2] if name == "wait_for" else []
        if any(isinstance(bound, ast.Constant) and isinstance(bound.value, int | float) for bound in bounds):
            found.append(call.lineno)
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(TESTS)))
def test_no_wait_is_shorter_than_a_slow_machine_needs(path: Path) -> None:
    lines = lengths(ast.parse(path.read_text(encoding="utf-8")))
    assert lines == [], f"{path.relative_to(TESTS)}: wait for PATIENCE of tests/patience.py on lines {lines}"


def test_a_wait_of_its_own_length_is_found() -> None:
    found = ("asyncio.timeout(30)", "asyncio.wait_for(x, 5)", "run(timeout=60.5)")
    fine = ("asyncio.timeout(PATIENCE)", "run(timeout=left)", "asyncio.wait_for(x, PATIENCE)")
    assert lengths(ast.parse("\n".join((*found, *fine)))) == [1, 2, 3]
