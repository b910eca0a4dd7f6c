"""Faults are planted in the source, one at a time, and the tests must find each.

It happens in a copy of the tree, which ends with the campaign. The tests that are expected to find a fault run first;
one that they let pass meets the whole suite. A fault that survives that is the campaign's failure: a test is missing.
"""

import asyncio
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import cache_from_source
from pathlib import Path
from random import Random

from campaigns.planted import PLANTED, Mutant
from campaigns.report import Report
from campaigns.testbed import ROOT
from recourse.local.process import kill, last_words, start

SUITE = ("tests",)
LOG = "tests.log"
# It looks for the texts that are to be replaced, and would find every mutant by that.
OWN_TEST = "tests/campaigns/test_mutants.py"
NARROW, WHOLE = 600.0, 5400.0  # seconds; what takes longer with a fault has no end, and is found by that
_PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--dist", "loadfile", f"--ignore={OWN_TEST}")
_ENVIRONMENT = {"PYTEST_ADDOPTS": ""}
FAILED = (1, 2)  # exit statuses of pytest: a test failed, or could not even be read


class DoesNotApply(Exception):
    """The text of a mutant does not stand in its file, or not once; the text says which and what to do."""


class CannotTest(Exception):
    """The tests could not be run; the text says why."""


def mutated(mutant: Mutant, root: Path = ROOT) -> str:
    """The source with the fault in it. Raises DoesNotApply."""
    path = root / mutant.file
    source = path.read_text(encoding="utf-8") if path.exists() else ""
    times = source.count(mutant.before)
    if times != 1:
        raise DoesNotApply(
            f"{mutant.file} has this text {times} times, and not once: {mutant.before!r}. "
            f"Write in campaigns/planted.py what stands there now, so that {mutant.breaks}."
        )
    return source.replace(mutant.before, mutant.after)


async def mutants(
    report: Report, *, planted: Sequence[Mutant] = PLANTED, suite: Sequence[str] = SUITE, workers: int = 2
) -> None:
    """Plant `report.size` faults, chosen and ordered by the seed, each alone. Raises DoesNotApply, CannotTest."""
    chosen = Random(report.seed).sample(planted, min(report.size, len(planted)))
    for mutant in chosen:
        mutated(mutant)
    with _copy() as tree:
        expected = sorted({test for mutant in chosen for test in mutant.tests})
        # What fails without a fault finds none, and is left out.
        wrong = await _failing(tree, expected, WHOLE, workers=workers, all_of_them=True)
        last = last_words(tree.parent / LOG, 40) if wrong else None
        report.judge("the tests pass before anything is planted", wrong, last)
        for number, mutant in enumerate(chosen, start=1):
            began, name = time.monotonic(), f"{mutant.area}: {mutant.breaks}"
            with _planted(mutant, tree):
                found, by = await _failing(tree, mutant.tests, NARROW, without=wrong), "expected tests"
            while not found:
                with _planted(mutant, tree):
                    found, by = await _failing(tree, suite, WHOLE, without=wrong, workers=workers), "whole suite"
                if not found:
                    break
                fails_anyway = "::" in found[0] and await _failing(tree, found[:1], WHOLE)
                if fails_anyway:
                    report.judge("the tests pass before anything is planted", found[:1])
                    wrong, found = [*wrong, *found[:1]], []
            first = found[0] if found else ""
            took = time.monotonic() - began
            print(f"{number}/{len(chosen)} {name}: {first or 'SURVIVED'} ({took:.0f} s)", flush=True)
            report.count(f"found by the {by}" if found else "survived")
            report.figures.setdefault("found by", {})[name] = first
            report.judge(name, [] if found else ["no test fails"], vars(mutant))


@contextmanager
def _copy() -> Iterator[Path]:
    """A copy of the tree as it is now, without what git ignores; it ends with the block."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    with tempfile.TemporaryDirectory(prefix="recourse-mutants-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        # PostgreSQL does not run as root, and whom it runs as must reach its data.
        folder.chmod(0o755)
        (folder / "tmp").mkdir(mode=0o755)
        for path in filter(None, listed.stdout.decode().split("\0")):
            # The links of the package are files to git, wherever they point.
            if (ROOT / path).is_file() or (ROOT / path).is_symlink():
                (folder / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / path, folder / "tree" / path, follow_symlinks=False)
        # Some tests ask git what is in the tree.
        for command in (["init", "-q"], ["add", "."]):
            subprocess.run(["git", *command], cwd=folder / "tree", check=True)
        yield folder / "tree"


@contextmanager
def _planted(mutant: Mutant, tree: Path) -> Iterator[None]:
    path = tree / mutant.file
    source = path.read_text(encoding="utf-8")
    # Python takes bytecode for that of a source of the same second and size.
    bytecode = Path(cache_from_source(str(path)))
    path.write_text(mutated(mutant, tree), encoding="utf-8")
    bytecode.unlink(missing_ok=True)
    try:
        yield
    finally:
        path.write_text(source, encoding="utf-8")
        bytecode.unlink(missing_ok=True)


async def _failing(
    tree: Path,
    tests: Sequence[str],
    patience: float,
    *,
    without: Sequence[str] = (),
    workers: int = 0,
    all_of_them: bool = False,
) -> list[str]:
    """The first test that fails in this tree, or all of them; nothing where none does. Raises CannotTest."""
    log = tree.parent / LOG
    log.unlink(missing_ok=True)
    left_out = [f"--deselect={test}" for test in without]
    process = await start(
        [sys.executable, *_PYTEST, "-n", str(workers), *([] if all_of_them else ["-x"]), *left_out, *tests],
        log=log,
        environment={**_ENVIRONMENT, "PYTHONPATH": str(tree), "TMPDIR": str(tree.parent / "tmp")},
        cwd=tree,
    )
    try:
        async with asyncio.timeout(patience):
            status = await process.wait()
    except TimeoutError:
        return ["a run of the tests without end"]
    finally:
        kill(process)
        await process.wait()
    if status == 0:
        return []
    said = log.read_text(encoding="utf-8", errors="replace")
    if status not in FAILED:
        raise CannotTest(f"pytest {' '.join(tests)} ended with {status}:\n{said[-2000:]}")
    # A name may hold blanks; what the test said stands behind a dash.
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+::.+?|\S+)(?: - .*)?$", said, re.MULTILINE)
    return failed or [f"a run of the tests that ended with {status}"]
