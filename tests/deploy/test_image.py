"""The Dockerfile, as far as it can be tested without an engine."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def dockerfile(root: Path) -> str:
    """The file with its continued lines joined."""
    return (root / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")


@pytest.fixture(scope="module")
def copied(dockerfile: str) -> list[tuple[str, str]]:
    """What is copied from the checkout, and where to."""
    lines = [line.split()[1:] for line in dockerfile.splitlines() if line.startswith("COPY ") and "--from=" not in line]
    return [(source, target) for *sources, target in lines for source in sources]


def test_the_linter_has_nothing_to_say(root: Path) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    checked = subprocess.run([hadolint, root / "Dockerfile"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_what_is_copied_is_there_and_is_all_that_the_build_may_see(root: Path, copied: list[tuple[str, str]]) -> None:
    sources = {source for source, _ in copied}
    assert all((root / source).exists() for source in sources)
    ignored = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    assert {line[1:] for line in ignored if line.startswith("!")} == sources


def test_the_image_holds_every_package_that_the_project_ships(
    root: Path, copied: list[tuple[str, str]], tmp_path: Path
) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    shipped = project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    copied_code = [source for source, _ in copied if (root / source).is_dir() or source.endswith(".py")]
    for source, target in copied:
        place = tmp_path / source
        place.parent.mkdir(exist_ok=True)
        if (root / source).is_dir():
            assert source == target
            shutil.copytree(root / source, place, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(root / source, place)
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel"], cwd=tmp_path, check=True)
    [wheel] = (tmp_path / "dist").glob("*.whl")
    held = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in held if ".dist-info/" not in name} == set(shipped)
    listed = subprocess.run(["git", "ls-files", *copied_code], cwd=root, capture_output=True, text=True, check=True)
    linked = {f"recourse/{name}" if not name.startswith("recourse/") else name for name in listed.stdout.split()}
    assert {name for name in linked if not (root / name).is_symlink()} <= set(held)


def test_what_is_installed_is_checked_against_its_hash_or_made_here(dockerfile: str) -> None:
    installs = re.findall(r"pip (?:--python \S+ )?(?:install|wheel) [^&\n]*", dockerfile)
    assert len(installs) == 4
    assert all("--require-hashes" in install or "--no-index" in install for install in installs)


def test_both_stages_start_from_one_full_version(dockerfile: str) -> None:
    assert re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE) == ["${PYTHON_IMAGE}", "${PYTHON_IMAGE}"]
    assert re.search(r"^ARG PYTHON_IMAGE=python:3\.\d+\.\d+-slim-[a-z]+$", dockerfile, re.MULTILINE)


@pytest.mark.parametrize(
    ("release", "base", "status"),
    [("", "python:3.13", 0), ("1", "python:3.13", 1), ("1", f"python@sha256:{'0' * 64}", 0)],
)
def test_a_release_is_built_on_a_base_by_digest(dockerfile: str, release: str, base: str, status: int) -> None:
    [guard] = re.findall(r"^RUN (case .*esac)$", dockerfile, re.MULTILINE)
    environment = {"RELEASE": release, "PYTHON_IMAGE": base}
    done = subprocess.run(["sh", "-c", guard], env=environment, capture_output=True, check=False)
    assert done.returncode == status


def test_it_runs_as_nobody_in_particular_and_by_default_as_a_worker(dockerfile: str) -> None:
    user, group = re.findall(r"^USER (\d+):(\d+)$", dockerfile, re.MULTILINE)[-1]
    assert int(user) >= 10_000
    assert int(group) >= 10_000
    assert dockerfile.rstrip().endswith('ENTRYPOINT ["recourse"]\nCMD ["worker"]')
