"""Migrations are safe to apply while workers run."""

import subprocess
import sys
from pathlib import Path

import pytest

# The first migration finds nobody at work: it needs no time limits.
FIRST = ("require-lock-timeout", "require-statement-timeout")
FILES = sorted(path.name for path in (Path(__file__).parents[2] / "recourse" / "database" / "migrations").glob("*.sql"))


def squawk(root: Path, path: Path, *excluded: str) -> subprocess.CompletedProcess[str]:
    """The linter's answer for one file."""
    excluding = ["--exclude", ",".join(excluded)] if excluded else []
    return subprocess.run(
        [
            Path(sys.executable).with_name("squawk"),
            "--config",
            root / ".squawk.toml",
            "--reporter",
            "gcc",
            *excluding,
            path,
        ],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", FILES)
def test_the_linter_has_nothing_to_say_of_any_migration(root: Path, name: str) -> None:
    checked = squawk(
        root, root / "recourse" / "database" / "migrations" / name, *(FIRST if name.startswith("0001") else ())
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_it_would_say_something_of_one_that_stops_the_workers(root: Path, tmp_path: Path) -> None:
    bad = tmp_path / "0009_bad.sql"
    bad.write_text("SET LOCAL lock_timeout = '2s';\nALTER TABLE orders ALTER COLUMN price TYPE numeric;\n")
    checked = squawk(root, bad, *FIRST)
    assert checked.returncode == 1
    assert "changing-column-type" in checked.stdout
