"""Every history that is kept replays with the code as it is now: no running order is led astray by a change."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from temporalio.worker import Replayer

from recourse.policies import PRESETS
from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.rules.clocks import ClockName
from recourse.running import how_workflows_run
from recourse.runtime.encryption import for_callers, for_work
from recourse.runtime.payloads import VERDICTS
from recourse.workflows.order import WORKFLOWS
from tests.histories.kept import FOLDER, Kept, all_kept, fingerprint, newest, read_kept
from tests.histories.paths import PATHS, STEADY, walk
from tests.secrets.conftest import RING

WHAT_TO_DO = """
The code leads the order of {path} otherwise than it did when this history was recorded. Orders are running whose
histories look like that; a worker with this code would hold each of them up ("nondeterminism").
  1. Is the change meant for running orders? Guard it, so that an old history goes the old way:
         if workflow.patched("what-has-changed"): ...new way...
         else: ...old way...
  2. Record how new orders run: `make histories`. It puts new histories beside the old ones and rewrites the
     fingerprints. Commit both.
  3. Never delete or rewrite a history while an order may be open that was led so: see docs/upgrading.md.
"""
ANOTHER_WAY = """
Orders on the path {name} now give other commands than its fingerprint says. Left: as recorded, right: as the code does.
If no kept history fails to replay, running orders are safe. Where this is meant, run `make histories ARGS={name}`: it
keeps the new history beside the old ones and rewrites the fingerprint. Commit both. Where it is not, the change has a
side effect: an activity, a timer or an answer more or less than before. docs/upgrading.md tells more.
"""


@pytest.mark.parametrize("path", all_kept(), ids=lambda path: path.name.removesuffix(".json.gz"))
async def test_a_history_that_is_kept_replays(path: Path) -> None:
    replayer = Replayer(workflows=WORKFLOWS, data_converter=for_work(for_callers(RING)), **how_workflows_run())
    for run in read_kept(path):
        result = await replayer.replay_workflow(run.history, raise_on_replay_failure=False)
        assert result.replay_failure is None, WHAT_TO_DO.format(path=path.name) + str(result.replay_failure)


def test_each_path_has_a_history_and_a_fingerprint_of_its_newest_one() -> None:
    assert {path.name.split(".")[0] for path in all_kept()} == set(PATHS), "run `make histories`"
    for name in PATHS:
        last = newest(name)
        assert last is not None
        said = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
        assert fingerprint(read_kept(last)) == said, f"{name}.txt is not that of {last.name}: run `make histories`"


async def test_orders_give_the_commands_that_their_fingerprints_say() -> None:
    walked = await walk(STEADY)
    for name in STEADY:
        said, given = (FOLDER / f"{name}.txt").read_text(encoding="utf-8"), fingerprint(walked[name])
        assert said.splitlines() == given.splitlines(), ANOTHER_WAY.format(name=name)


def lines() -> Iterator[str]:
    for path in all_kept():
        yield from re.sub(r" x\d+$", "", fingerprint(read_kept(path)), flags=re.MULTILINE).splitlines()


def test_together_they_have_everything_that_an_order_can_ask_of_temporal() -> None:
    found = set(lines())
    activities = {"record_step", "deliver_notices", "pay"}
    wanted = {f"activity {name}" for name in activities}
    wanted |= {f"marker of local activity {name}" for name in ("record_step", "find_answer", "read_offsets")}
    wanted |= {"timer"}
    wanted |= {f"marker of patch signal 1 {verdict}" for verdict in VERDICTS if verdict == "no_key"}
    wanted |= {"accept update", "answer update", "cancel timer", "go on in a new run", "complete", "fail"}
    wanted |= {"cancel activity"}
    assert wanted - found == set()
    assert [line for line in found if line.startswith("search attributes") and "RecourseNextDueAt" in line]


def test_together_they_wait_for_every_clock_and_for_the_end() -> None:
    words = {words for path in all_kept() for run in read_kept(path) for words in run.waits_for}
    # By their number: words may change for new orders.
    assert len(words) >= len(get_args(ClockName)) + 1


def test_together_they_have_every_command_and_every_preset() -> None:
    kept = [run for path in all_kept() for run in read_kept(path)]
    names = {name for run in kept for name in _names(run)}
    assert set(COMMANDS) - names == set()
    said = "\n".join(line for line in map(_policy, kept) if line)
    assert [preset for preset in PRESETS if preset not in said] == []


def _names(run: Kept) -> Iterator[str]:
    for event in run.events:
        signaled = event.get("workflowExecutionSignaledEventAttributes", {})
        accepted = event.get("workflowExecutionUpdateAcceptedEventAttributes", {})
        yield signaled.get("signalName") or accepted.get("acceptedRequest", {}).get("input", {}).get("name", "")


def _policy(run: Kept) -> str:
    started = run.events[0].get("workflowExecutionStartedEventAttributes", {})
    [payload] = started["input"]["payloads"]
    try:
        whole = json.loads(base64.b64decode(payload["data"]))
    except ValueError:
        return ""  # encrypted
    return str(whole.get("policy", {}).get("name", "")) if isinstance(whole, dict) else ""


def test_no_history_tells_where_it_was_recorded_and_all_of_them_are_small() -> None:
    for path in all_kept():
        for run in read_kept(path):
            text = json.dumps(run.events)
            assert set(re.findall(r'"identity": "([^"]*)"', text)) <= {"worker"}, path.name
            assert not re.search(r'"stackTrace": "[^"]', text), path.name
            assert not re.search(r"/(home|root|tmp|work|usr)/", text), path.name
    assert sum(path.stat().st_size for path in all_kept()) < 2_000_000
