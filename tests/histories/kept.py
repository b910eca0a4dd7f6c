"""Histories as they are kept: what a worker did for one order, run by run, to be replayed by every later version.

Each is a gzipped JSON file, `NAME.1.json.gz`; a later one of the same path stands beside it as `NAME.2.json.gz`.
`NAME.txt` is the fingerprint of the newest: the commands that the workflow gave, in words, without ids and instants.
"""

import base64
import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory

FOLDER = Path(__file__).parent / "kept"
# What names the machine, the process or the folder where a history was recorded.
_SECRET_PLACES = {"identity": "worker", "stackTrace": "", "workerInstanceKey": "", "workerControlTaskQueue": ""}
_COMMANDS = {
    "ACTIVITY_TASK_SCHEDULED": "activity",
    "ACTIVITY_TASK_CANCEL_REQUESTED": "cancel activity",
    "TIMER_STARTED": "timer",
    "TIMER_CANCELED": "cancel timer",
    "MARKER_RECORDED": "marker",
    "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES": "search attributes",
    "WORKFLOW_EXECUTION_UPDATE_ACCEPTED": "accept update",
    "WORKFLOW_EXECUTION_UPDATE_COMPLETED": "answer update",
    "WORKFLOW_EXECUTION_CONTINUED_AS_NEW": "go on in a new run",
    "WORKFLOW_EXECUTION_COMPLETED": "complete",
    "WORKFLOW_EXECUTION_FAILED": "fail",
}


@dataclass(frozen=True)
class Kept:
    """One run of one order as it is kept."""

    workflow_id: str
    events: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, history: WorkflowHistory) -> "Kept":
        """A recorded history without what tells where it was recorded."""
        return cls(history.workflow_id, [_anonymous(event) for event in history.to_json_dict()["events"]])

    @property
    def history(self) -> WorkflowHistory:
        """For the SDK's replayer."""
        return WorkflowHistory.from_json(self.workflow_id, {"events": list(self.events)})

    @property
    def waits_for(self) -> set[str]:
        """What its timers wait for, in the words of the Temporal UI."""
        said = [event["userMetadata"]["summary"] for event in self.events if "timerStartedEventAttributes" in event]
        plain = [summary for summary in said if base64.b64decode(summary["metadata"]["encoding"]) == b"json/plain"]
        return {str(_decoded(summary)).split(" · ")[0] for summary in plain}

    def commands(self) -> Iterator[str]:
        """What the workflow asked for, one after the other."""
        for event in self.events:
            kind = str(event["eventType"]).removeprefix("EVENT_TYPE_")
            if kind in _COMMANDS:
                yield " ".join([_COMMANDS[kind], *_about(event)])


def write_kept(path: Path, runs: Sequence[Kept]) -> None:
    """Keep the runs of one order."""
    found = [{"workflow_id": run.workflow_id, "events": run.events} for run in runs]
    # Without a time stamp in it, so that the same content is the same file.
    path.write_bytes(gzip.compress(json.dumps(found, separators=(",", ":")).encode(), mtime=0))


def read_kept(path: Path) -> list[Kept]:
    """The runs of one order."""
    return [Kept(**run) for run in json.loads(gzip.decompress(path.read_bytes()))]


def all_kept(folder: Path = FOLDER) -> list[Path]:
    """Every history that is kept, the old ones too."""
    return sorted(folder.glob("*.json.gz"))


def newest(name: str, folder: Path = FOLDER) -> Path | None:
    """The history of a path that was recorded last."""
    found = {int(path.name.split(".")[-3]): path for path in folder.glob(f"{name}.*.json.gz")}
    return found[max(found)] if found else None


def fingerprint(runs: Sequence[Kept]) -> str:
    """The commands of an order, one a line; what repeats itself is counted."""
    lines = []
    for number, run in enumerate(runs):
        lines += [f"run {number + 1}"] if len(runs) > 1 else []
        for command, same in groupby(run.commands()):
            times = sum(1 for _ in same)
            lines.append(f"{command}{f' x{times}' if times > 1 else ''}")
    return "\n".join(lines) + "\n"


def _about(event: Mapping[str, Any]) -> list[str]:
    [attributes] = [value for key, value in event.items() if key.endswith("EventAttributes")]
    match attributes:
        case {"newExecutionRunId": _}:
            return []
        case {"activityType": {"name": name}}:
            return [name]
        case {"markerName": "core_local_activity", "details": details}:
            return ["of local activity", _payload(details["data"])["activity_type"]]
        case {"markerName": "core_patch", "details": details}:
            return ["of patch", re.sub(r"[0-9a-f]{16}", "…", _payload(details["patch-data"])["id"])]
        case {"markerName": name}:
            return [name]
        case {"searchAttributes": {"indexedFields": fields}}:
            return [", ".join(sorted(fields))]
    return []


def _payload(payloads: Mapping[str, Any]) -> Any:
    return _decoded(payloads["payloads"][0])


def _decoded(payload: Mapping[str, Any]) -> Any:
    return json.loads(base64.b64decode(payload["data"]))


def _anonymous(found: Any, key: str = "") -> Any:
    if key in _SECRET_PLACES:
        return _SECRET_PLACES[key]
    match found:
        case {"kind": "TASK_QUEUE_KIND_STICKY"}:
            return {**found, "name": "sticky"}
        case dict():
            return {name: _anonymous(value, name) for name, value in found.items()}
        case list():
            return [_anonymous(value) for value in found]
    return found
