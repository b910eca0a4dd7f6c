"""What is installed: pinned, hashed, asked for, and from wherever the machine's own package client gets it."""

import re
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# Host names are put together here, so that this file does not hold them either.
INDEXES = [".".join(parts) for parts in (
    ("pypi", "org"), ("pythonhosted", "org"), ("proxy", "golang", "org"), ("sum", "golang", "org"), ("npmjs", "org"),
    ("npmjs", "com"), ("crates", "io"), ("deb", "debian", "org"), ("archive", "ubuntu", "com"), ("maven", "org"),
    ("repo", "maven", "apache", "org"),
)]  # fmt: skip
IN_THE_IMAGE = ("temporal", "webhooks", "backend", "worker", "web", "cli", "stripe", "s3", "nats", "otel")
FILES = (
    "requirements/run.txt",
    "requirements/local.txt",
    "requirements/uv.txt",
    "requirements/dev.txt",
    "requirements/build.txt",
    "requirements/audit.txt",
    "recourse/local/go.txt",
)


def pins(root: Path, file: str) -> dict[str, Requirement]:
    """Each pinned requirement of a file by its name."""
    lines = (root / file).read_text(encoding="utf-8").splitlines()
    found = [Requirement(line.rstrip(" \\")) for line in lines if re.match(r"[a-z]", line)]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def asked_for(root: Path) -> list[Requirement]:
    """What the project itself asks for, to run all its programs and to trace them."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = (*project["dependencies"], *(line for extra in IN_THE_IMAGE for line in extras[extra]))
    return [wish for wish in map(Requirement, lines) if wish.name != "recourse"]


def needed_by(wanted: list[Requirement]) -> set[str]:
    """Everything that is needed here for `wanted`, as the installed packages themselves say."""
    needed: set[tuple[str, str]] = set()
    waiting = [(wish, extra) for wish in wanted for extra in ("", *wish.extras)]
    while waiting:
        wish, extra = waiting.pop()
        name = canonicalize_name(wish.name)
        if (name, extra) in needed:
            continue
        needed.add((name, extra))
        for line in metadata.requires(name) or []:
            further = Requirement(line)
            if further.marker is None or further.marker.evaluate({"extra": extra}):
                waiting += [(further, inner) for inner in ("", *further.extras)]
    return {name for name, _ in needed}


@pytest.mark.parametrize("file", FILES)
def test_every_requirement_is_pinned_and_hashed(root: Path, file: str) -> None:
    text = (root / file).read_text(encoding="utf-8")
    entries = re.findall(r"^[a-z].*?(?=^[a-z]|\Z)", text, re.MULTILINE | re.DOTALL)
    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9-]+==[^ ;*]+( ; [^\\]+)? \\\n", entry), entry
        assert "--hash=sha256:" in entry, entry


def test_the_image_installs_what_the_project_asks_for_and_what_that_needs(root: Path) -> None:
    pinned = pins(root, "requirements/run.txt")
    for wish in asked_for(root):
        assert wish.specifier.contains(str(pinned[canonicalize_name(wish.name)].specifier)[2:]), wish
    here = {name for name, pin in pinned.items() if pin.marker is None or pin.marker.evaluate()}
    assert here == needed_by(asked_for(root))


def test_the_demo_installs_besides_what_local_servers_need(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [Requirement(line) for line in project["optional-dependencies"]["local"]]
    needed = needed_by([wish for wish in wanted if wish.name != "recourse"])

    assert set(pins(root, "requirements/local.txt")) == needed


@pytest.mark.parametrize("file", ["requirements/run.txt", "requirements/local.txt", "requirements/build.txt"])
def test_image_and_demo_install_the_versions_that_the_tests_use(root: Path, file: str) -> None:
    tested = pins(root, "requirements/dev.txt")
    # The markers may differ: the tests need some of them on more systems.
    assert {name: pin.specifier for name, pin in pins(root, file).items()} == {
        name: tested[name].specifier for name in pins(root, file)
    }


def test_no_file_names_a_package_index(root: Path) -> None:
    named = re.compile("|".join(re.escape(index) for index in INDEXES))
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True)
    for path in filter(None, listed.stdout.split("\0")):
        if (root / path).is_file():
            text = (root / path).read_text(encoding="utf-8", errors="replace")
            assert not named.search(text), path
