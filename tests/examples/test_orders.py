"""Each example leads an order from its start to its end, and says the same."""

import json
from pathlib import Path
from typing import Any

from tests.examples.conftest import Servers, copied, needs, run

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
MONEY = {"client": 10550, "freelancer": 0, "platform": 0, "held": 0}


async def policy(servers: Servers, folder: Path) -> str:
    """A policy as the example's reader gets it."""
    told = await run("recourse", "policy", "payload", "resolution_center", cwd=folder, env=servers.settings)
    (folder / "policy.json").write_text(told)
    return "policy.json"


def documents(text: str) -> list[Any]:
    """The JSON documents of a text, one after the other."""
    found, decoder = [], json.JSONDecoder()
    while text := text.lstrip():
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:]
    return found


async def test_the_python_client(servers: Servers, tmp_path: Path) -> None:
    folder = copied("python", tmp_path)
    assert await run("python", "order.py", servers.order_id, cwd=folder, env=servers.settings) == STORY


async def test_typescript(servers: Servers, tmp_path: Path) -> None:
    needs("node", "npm")
    folder = copied("typescript", tmp_path)
    await run("npm", "install", "--prefer-offline", "--no-audit", "--no-fund", cwd=folder, env=servers.settings)
    await run("npm", "run", "check", cwd=folder, env=servers.settings)
    start = ("npm", "start", "--silent", "--", servers.order_id, await policy(servers, folder))
    assert await run(*start, cwd=folder, env=servers.settings) == "The order has started.\n" + STORY
    assert (await run(*start, cwd=folder, env=servers.settings)).startswith("The order had started before.\n")


async def test_go(servers: Servers, tmp_path: Path) -> None:
    needs("go")
    folder = copied("go", tmp_path)
    await run("go", "build", "-o", "order", ".", cwd=folder, env=servers.settings)
    start = ("./order", servers.order_id, await policy(servers, folder))
    assert await run(*start, cwd=folder, env=servers.settings) == "The order has started.\n" + STORY
    assert (await run(*start, cwd=folder, env=servers.settings)).startswith("The order had started before.\n")


async def test_java(servers: Servers, tmp_path: Path) -> None:
    needs("java", "mvn")
    folder = copied("java", tmp_path)
    words = f"-Dexec.args={servers.order_id} {await policy(servers, folder)}"
    start = ("mvn", "-q", "-B", "-Dstyle.color=never", "compile", "exec:java", words)
    first, again = [plain(await run(*start, cwd=folder, env=servers.settings)) for _ in range(2)]
    assert first == "The order has started.\n" + STORY
    assert again.startswith("The order had started before.\n")


def plain(text: str) -> str:
    """A text without the codes by which Maven resets a terminal's colours, whatever it is told."""
    return text.replace("\x1b[0m", "")


def tells_the_story(outcomes: list[dict[str, Any]], page: Any) -> bool:
    """Whether outcomes and the order's page are what every example shows."""
    as_wanted = [{**real, **wanted} == real for wanted, real in zip(ANSWERS, outcomes, strict=True)]
    how = page["resolution"]["how"]
    return all(as_wanted) and (page["phase"], how, page["money"]) == ("canceled", "mutual", MONEY)


async def test_the_temporal_cli(servers: Servers, tmp_path: Path) -> None:
    folder = copied("temporal-cli", tmp_path)
    told = await run("./order.sh", servers.order_id, await policy(servers, folder), cwd=folder, env=servers.settings)
    _, *updates, query = documents(told)
    assert tells_the_story([update["result"] for update in updates], query["queryResult"][0])


async def test_temporals_http_api(servers: Servers, tmp_path: Path) -> None:
    needs("curl")
    folder = copied("curl-temporal", tmp_path)
    told = await run("./order.sh", servers.order_id, await policy(servers, folder), cwd=folder, env=servers.settings)
    _, *updates, query = documents(told)
    outcomes = [update["outcome"]["success"][0] for update in updates]
    assert tells_the_story(outcomes, query["queryResult"][0])


async def test_the_http_api(servers: Servers, api: str, tmp_path: Path) -> None:
    needs("curl")
    folder = copied("curl-recourse", tmp_path)
    told = await run("./order.sh", servers.order_id, cwd=folder, env={**servers.settings, "RECOURSE_API": api})
    _, *outcomes, page = documents(told)
    assert tells_the_story(outcomes, page)
