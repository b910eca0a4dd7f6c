"""Known vulnerabilities in what the image installs, asked of PyPI's advisory database by pip-audit.

Exit status: 0 none is known; 1 some are; 3 it is not known, since the database or the tool could not be had. pip-audit
itself answers 0 also where it could ask about nothing.
"""

import asyncio
import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

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


def main() -> None:
    """Say what is known."""
    try:
        status, sentences = asyncio.run(audit(REQUIREMENTS / "run.txt"))
    except LocalError as error:
        status, sentences = UNKNOWN, [str(error)]
    for sentence in sentences:
        say(sentence)
    sys.exit(status)


if __name__ == "__main__":
    main()
