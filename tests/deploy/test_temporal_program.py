"""Which `temporal` program the local server runs on, and that the packaged one is what it says it is."""

import os
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from recourse.local import temporal, wheel
from recourse.local.progress import LocalError
from recourse.local.temporal import PROGRAM, find_program
from recourse.local.wheel import PACKAGE, SAYS, VERSION, is_as_checked, packaged
from tests.deploy.test_requirements import pins


@pytest.fixture(autouse=True)
def _nothing_but_the_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TEMPORAL_CLI", raising=False)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("RECOURSE_CACHE", str(tmp_path / "cache"))


def program(path: Path, says: str = "temporal version 9.9.9 (Server 1.33.1, UI 2.0.0)") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_the_packaged_program_is_what_was_checked(root: Path) -> None:
    found = packaged()

    assert found is not None
    assert is_as_checked(found)
    assert subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout.strip() == SAYS
    assert metadata.version(PACKAGE) == VERSION
    assert {str(pins(root, f"requirements/{file}.txt")[PACKAGE].specifier) for file in ("local", "dev")} == {
        f"=={VERSION}"
    }
    assert f'"{PACKAGE}=={VERSION}"' in (root / "pyproject.toml").read_text(encoding="utf-8")


def test_a_server_that_has_to_be_built_is_of_the_same_version(root: Path) -> None:
    module = (root / "recourse/local/devserver/go.mod").read_text(encoding="utf-8")

    assert f"github.com/temporalio/cli v{VERSION} " in module


async def test_a_named_program_comes_first_then_the_path_then_the_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await find_program() == packaged()
    on_path = program(tmp_path / "bin" / "temporal")
    monkeypatch.setenv("PATH", str(on_path.parent), prepend=os.pathsep)
    assert await find_program() == on_path
    named = program(tmp_path / "named")
    monkeypatch.setenv("TEMPORAL_CLI", str(named))
    assert await find_program() == named


async def test_an_old_program_on_the_path_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = program(tmp_path / "bin" / "temporal", "temporal version 1.0.0 (Server 1.24.2, UI 2.0.0)")
    monkeypatch.setenv("PATH", str(old.parent), prepend=os.pathsep)

    assert await find_program() == packaged()
    assert f"not the program on PATH, {old}, which has Temporal server 1.24; 1.32 or later" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ("temporal version 1.0.0 (Server 1.24.2, UI 2.0.0)", "has Temporal server 1.24"),
        ("hello", "does not say which Temporal server it has"),
        (None, "is no program that can be run"),
    ],
)
async def test_a_named_program_that_cannot_be_used_is_an_error(
    says: str | None, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = tmp_path / "named"
    if says:
        program(named, says)
    monkeypatch.setenv("TEMPORAL_CLI", str(named))

    with pytest.raises(LocalError, match=f"TEMPORAL_CLI is {named}, which {why}"):
        await find_program()


async def test_a_packaged_program_that_was_altered_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(temporal, "packaged", lambda: program(tmp_path / "altered"))
    kept = program(PROGRAM.path)

    assert await find_program() == kept
    assert "differs from the one that was checked" in capsys.readouterr().err


async def test_without_the_package_the_kept_program_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheel, "PACKAGE", "no-such-package-of-ours")
    kept = program(PROGRAM.path)

    assert await find_program() == kept


@pytest.mark.parametrize("in_the_way", ["cache", "cache/building.lock/folder"])
async def test_a_cache_that_cannot_be_written_is_named(
    in_the_way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / in_the_way).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / in_the_way).touch()
    monkeypatch.setattr(temporal, "packaged", lambda: None)

    with pytest.raises(LocalError, match=r"cache cannot be written .*Set RECOURSE_CACHE"):
        await find_program()
