"""Known vulnerabilities in what the image installs, asked of PyPI's advisory database by pip-audit.

With the path of a copy of advisories, nothing is asked: a folder or a zip file of JSON files in the OSV format, such as
OSV's own export for PyPI.

Exit status: 0 none is known; 1 some are; 3 it is not known, since the database or the tool could not be had. pip-audit
itself answers 0 also where it could ask about nothing.
"""

import asyncio
import hashlib
import json
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from deploy.documents import runtime
from recourse.local.cache import cache
from recourse.local.gobuild import workshop
from recourse.local.process import last_words, run
from recourse.local.progress import LocalError, say

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements"
NONE, SOME, UNKNOWN = 0, 1, 3


HINT = "So what is known of the packages cannot be said. Try again where a Python package index can be reached."


def verdict(report: Any) -> tuple[int, list[str]]:
    """The exit status for pip-audit's JSON report, and what to say about it."""
    packages = report["dependencies"]
    found = [
        f"{package['name']} {package['version']}: {known['id']}, fixed in {', '.join(known['fix_versions']) or 'none'}"
        for package in packages
        for known in package.get("vulns", [])
    ]
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    if unknown:
        found.append(
            f"Audit: could not reach its database for {len(unknown)} of {len(packages)} packages, "
            f"so what is known of them cannot be said: {', '.join(unknown)}."
        )
        return (SOME if len(found) > 1 else UNKNOWN), found
    return (SOME, found) if found else (NONE, [f"Audit: no known vulnerability in {len(packages)} packages."])


async def audit(requirements: Path) -> tuple[int, list[str]]:
    """Ask about every package of a hashed requirements file. Raises LocalError where that cannot be done."""
    program = await _tool()
    with tempfile.TemporaryDirectory(prefix="recourse-audit-") as scratch:
        answer = Path(scratch) / "answer.json"
        asking = ["--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
        log = Path(scratch) / "log"
        # It answers 1 both for what it found and for what went wrong; only the former leaves a report.
        await run(
            "Audit: asking the advisory database",
            [program, *asking, "--output", answer, "--requirement", requirements],
            log,
            hint=HINT,
            fine=(0, 1),
        )
        try:
            report = json.loads(answer.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise LocalError(f"Audit: could not reach its database: {last_words(log)}\n{HINT}") from error
    return verdict(report)


async def _tool() -> Path:
    """pip-audit in an environment of its own, made from hashed requirements."""
    wanted = REQUIREMENTS / "audit.txt"
    made_from = hashlib.sha256(sys.version.encode() + wanted.read_bytes()).hexdigest()[:12]
    environment = cache() / f"audit-{made_from}"
    # An environment cannot be moved, so it is made in place, and counts once its stamp is there.
    ready = environment / "ready"
    if not ready.exists():
        async with workshop() as folder:
            if not ready.exists():
                log = folder / "log"
                python = environment / "bin" / "python"
                await run(
                    "Audit: making an environment for pip-audit",
                    [sys.executable, "-m", "venv", "--clear", environment],
                    log,
                    hint=HINT,
                )
                await run(
                    "Audit: installing pip-audit",
                    [python, "-m", "pip", "install", "--no-deps", "--require-hashes", "--requirement", wanted],
                    log,
                    hint=HINT,
                )
                ready.touch()
    return environment / "bin" / "pip-audit"


def offline(copy: Path, wanted: Sequence[Requirement]) -> tuple[int, list[str]]:
    """The exit status for what a copy of advisories says of pinned packages, and what to say about it."""
    pins = {canonicalize_name(one.name): str(one.specifier)[2:] for one in wanted}
    found, newest = [], ""
    for advisory in _advisories(copy):
        newest = max(newest, str(advisory.get("modified", "")))
        for affected in () if "withdrawn" in advisory else advisory.get("affected", ()):
            package = affected.get("package", {})
            version = (
                pins.get(canonicalize_name(package.get("name", ""))) if package.get("ecosystem") == "PyPI" else None
            )
            if version and (fixed := _affects(affected, Version(version))) is not None:
                fix = ", ".join(fixed) or "none"
                found.append(f"{package['name']} {version}: {advisory.get('id')}, fixed in {fix}")
    if not newest:
        return UNKNOWN, [f"Audit: {copy} holds no advisories in the OSV format, so what is known cannot be said."]
    until = f"as of {newest[:10]}, the newest advisory of the copy"
    if found:
        return SOME, [*sorted(set(found)), f"Audit: {until}."]
    return NONE, [f"Audit: no known vulnerability in {len(pins)} packages, {until}."]


def _advisories(copy: Path) -> Iterator[dict[str, Any]]:
    """Every advisory of a folder or a zip file. Raises LocalError."""
    try:
        if copy.is_dir():
            yield from (json.loads(path.read_bytes()) for path in sorted(copy.rglob("*.json")))
        else:
            with zipfile.ZipFile(copy) as packed:
                yield from (json.loads(packed.read(name)) for name in packed.namelist() if name.endswith(".json"))
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise LocalError(f"Audit: {copy} cannot be read as a copy of advisories: {error}.") from error


def _affects(affected: dict[str, Any], version: Version) -> list[str] | None:
    """The versions that have the fix; None: this version is not affected."""
    hit, fixed = str(version) in affected.get("versions", ()), []
    for listed in affected.get("ranges", ()):
        inside = False
        for event in listed.get("events", ()) if listed.get("type") == "ECOSYSTEM" else ():
            if "introduced" in event:
                inside = inside or event["introduced"] == "0" or version >= Version(event["introduced"])
            elif "fixed" in event:
                fixed.append(event["fixed"])
                inside = inside and version < Version(event["fixed"])
            elif "last_affected" in event:
                inside = inside and version <= Version(event["last_affected"])
        hit = hit or inside
    return fixed if hit else None


def main() -> None:
    """Say what is known."""
    try:
        if len(sys.argv) > 1:
            status, sentences = offline(Path(sys.argv[1]), runtime())
        else:
            status, sentences = asyncio.run(audit(REQUIREMENTS / "run.txt"))
    except LocalError as error:
        status, sentences = UNKNOWN, [str(error)]
    for sentence in sentences:
        say(sentence)
    sys.exit(status)


if __name__ == "__main__":
    main()
