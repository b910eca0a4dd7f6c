"""Each example leads an order from its start to its end, by the commands that docs/integrating.md shows."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from temporalio.client import WorkflowFailureError

from recourse.policies import load_policy
from recourse.resolution.model.order import Opening
from recourse.web.schemas import schemas
from tests.examples.conftest import ROOT, Servers, commands, copied, needs, run, section

# The first time, compilers and packages are many; later runs take seconds.
PAGE = ROOT / "docs" / "integrating.md"

STORY = """\
request by the client: applied, in_progress
request by the client: applied, in_progress (repeated)
accept by the client: refused, not_yours_to_answer
accept by the freelancer: applied, canceled
The order is canceled (mutual), its money settled.
client 10550, freelancer 0, platform 0
"""
ANSWERS: list[dict[str, Any]] = [
    {"status": "applied", "command_id": "web-1", "phase": "in_progress"},
    {"status": "applied", "command_id": "web-1", "phase": "in_progress", "repeated": True},
    {"code": "not_yours_to_answer"},
    {"status": "applied", "command_id": "app-1", "phase": "canceled", "settlement": "settled"},
]
MONEY = {"client": 10550, "freelancer": 0, "platform": 0, "contested": 0, "held": 0}


def documents(text: str) -> list[Any]:
    """The JSON documents of a text, one after the other."""
    found, decoder = [], json.JSONDecoder()
    while text := text.lstrip():
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:]
    return found


async def played(heading: str, servers: Servers, tmp_path: Path) -> str:
    """What the commands of a section print."""
    return await run(commands(heading, servers.order_id), cwd=copied(tmp_path), env=servers.settings)


async def test_the_python_client(servers: Servers, api: str, tmp_path: Path) -> None:
    servers.settings["RECOURSE_API"] = api
    assert await played("Python", servers, tmp_path) == STORY


@pytest.mark.parametrize(
    ("heading", "programs"), [("TypeScript", ("node", "npm")), ("Go", ("go",)), ("Java", ("java", "mvn"))]
)
async def test_a_temporal_client_in(heading: str, programs: tuple[str, ...], servers: Servers, tmp_path: Path) -> None:
    needs(*programs)
    # Maven resets a terminal's colours, whatever it is told.
    told = (await played(heading, servers, tmp_path)).replace("\x1b[0m", "")
    assert told.endswith("The order has started.\n" + STORY)
    if heading == "TypeScript":
        await run("npm run check", cwd=tmp_path / "examples" / "typescript", env=servers.settings)
    again = await run(commands(heading, servers.order_id), cwd=tmp_path, env=servers.settings)
    assert "The order had started before.\nrequest by the client: applied, in_progress (repeated)\n" in again


def tells_the_story(outcomes: list[dict[str, Any]], page: Any) -> bool:
    """Whether outcomes and the order's page are what every example shows."""
    as_wanted = [{**real, **wanted} == real for wanted, real in zip(ANSWERS, outcomes, strict=True)]
    how = page["resolution"]["how"]
    return all(as_wanted) and (page["phase"], how, page["money"]) == ("canceled", "mutual", MONEY)


async def test_the_temporal_command(servers: Servers, tmp_path: Path) -> None:
    _, *updates, query = documents(await played("The temporal command", servers, tmp_path))
    assert tells_the_story([update["result"] for update in updates], query["queryResult"][0])


async def test_temporals_http_api(servers: Servers, tmp_path: Path) -> None:
    needs("curl")
    _, *updates, query = documents(await played("Temporal's HTTP API", servers, tmp_path))
    outcomes = [update["outcome"]["success"][0] for update in updates]
    assert tells_the_story(outcomes, query["queryResult"][0])


async def test_a_start_that_does_not_fit_says_why_and_its_id_can_be_had_again(servers: Servers, tmp_path: Path) -> None:
    temporal, workflow_id = servers.marketplace.client, f"order-{servers.order_id}"
    handle = await temporal.start_workflow(
        "Order", {"terms": {}, "policy": {}}, id=workflow_id, task_queue=servers.marketplace.queue
    )
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    folder = copied(tmp_path)
    shell = commands("When starting an order fails validation", servers.order_id)
    told = await run(shell, cwd=folder, env=servers.settings)
    assert "The order cannot start: terms.order_id: is missing; " in told
    script = folder / "examples" / "temporal-cli" / "order.sh"
    script.write_text(script.read_text().replace("RejectDuplicate", "AllowDuplicateFailedOnly"))
    again = await run(commands("The temporal command", servers.order_id), cwd=folder, env=servers.settings)
    assert '"phase": "canceled"' in again


async def test_our_http_api(servers: Servers, api: str, tmp_path: Path) -> None:
    needs("curl")
    servers.settings["RECOURSE_API"] = api
    _, *outcomes, page = documents(await played("Our HTTP API", servers, tmp_path))
    assert tells_the_story(outcomes, page)


def test_the_page_shows_outcomes_as_they_are() -> None:
    outcome = jsonschema_rs.Draft202012Validator(schemas()["outcome"], validate_formats=True)
    shown = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", section("Five things to know"), re.DOTALL)]
    assert [one["status"] for one in shown] == ["applied", "refused"]
    for one in shown:
        outcome.validate(one)


def test_the_page_shows_a_start_as_it_is() -> None:
    [block] = re.findall(r"```json\n(.*?)```", section("Starting an order"), re.DOTALL)
    start = {**json.loads(block), "policy": load_policy("resolution_center").model_dump(mode="json")}
    jsonschema_rs.Draft202012Validator(schemas()["start"], validate_formats=True).validate(start)
    Opening.model_validate_json(json.dumps(start))


def test_every_link_of_the_page_leads_somewhere() -> None:
    page = PAGE.read_text(encoding="utf-8")
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", page) if "://" not in link]
    assert [link for link in links if link and not (PAGE.parent / link).exists()] == []
    docs = "".join(path.read_text(encoding="utf-8") for path in PAGE.parent.glob("*.md"))
    shown = set(re.findall(r"\]\(\.\./examples/([^/)]+)", docs))
    assert {path.name for path in (PAGE.parent.parent / "examples").iterdir()} == shown
