"""The command line against real servers: a worker of its own, an order from start to end, and every kind of failure."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from secrets import token_hex
from typing import Any
from unittest import mock

import pytest
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from recourse.cli import main
from recourse.runtime.temporal_connection import connect
from tests.cli.internals import INTERNALS
from tests.patience import PATIENCE

RECOURSE = Path(sys.executable).with_name("recourse")


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it said."""

    status: int
    output: str
    error: str

    @property
    def json(self) -> Any:
        return json.loads(self.output)


Run = Callable[..., Coroutine[Any, Any, Ran]]


async def run(environment: dict[str, str], *words: str, encoding: str = "utf-8") -> Ran:
    """Run `recourse` in this process, with nothing of ours in its environment but what is given."""
    return await asyncio.to_thread(run_here, environment, words, encoding)


def run_here(environment: dict[str, str], words: Sequence[str], encoding: str = "utf-8") -> Ran:
    """The same in a thread that runs no event loop."""
    output, error = (TextIOWrapper(BytesIO(), encoding=encoding) for _ in range(2))
    with (
        mock.patch.dict(os.environ, without_ours(environment), clear=True),
        mock.patch.multiple(sys, argv=["recourse", *words], stdin=StringIO(), stdout=output, stderr=error),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    said = []
    for stream in (output, error):
        stream.flush()
        said.append(stream.detach().getvalue().decode(encoding))
    assert isinstance(ended.value.code, int)
    return Ran(ended.value.code, *said)


async def run_program(environment: dict[str, str], *words: str) -> Ran:
    """Run the program `recourse` in the same way, as a process of its own: for what sets up its whole process."""
    process = await asyncio.create_subprocess_exec(
        RECOURSE,
        *words,
        env=without_ours(environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE):
        output, error = await process.communicate()
    return Ran(process.returncode or 0, output.decode(), error.decode())


def without_ours(environment: dict[str, str]) -> dict[str, str]:
    """This process's environment without settings of ours, and these."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("TEMPORAL_", "RECOURSE_"))}
    inherited.pop("DATABASE_URL", None)
    return {**inherited, **environment}


@pytest.fixture
def environment(dsn: str, temporal_address: str) -> dict[str, str]:
    return {"DATABASE_URL": dsn, "TEMPORAL_ADDRESS": temporal_address, "RECOURSE_TASK_QUEUE": f"cli-{token_hex(4)}"}


async def polled(client: Client, queue: str, is_over: Callable[[], bool] = lambda: False) -> None:
    """Wait until a worker polls a task queue, or is over."""
    asked = DescribeTaskQueueRequest(
        namespace="default",
        task_queue=TaskQueue(name=queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    while not is_over() and not (await client.workflow_service.describe_task_queue(asked)).pollers:  # noqa: ASYNC110 - elsewhere
        await asyncio.sleep(0.05)


@pytest.fixture
async def worker(environment: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """`recourse worker`, which has begun to work, told to stop at the end."""
    process = await asyncio.create_subprocess_exec(
        RECOURSE, "worker", env={**os.environ, **environment}, stderr=asyncio.subprocess.DEVNULL
    )
    client = await connect(target_host=environment["TEMPORAL_ADDRESS"])
    await polled(client, environment["RECOURSE_TASK_QUEUE"], lambda: process.returncode is not None)
    yield process
    if process.returncode is None:
        process.terminate()
    async with asyncio.timeout(PATIENCE):
        await process.wait()


async def test_an_order_from_start_to_end(environment: dict[str, str], worker: asyncio.subprocess.Process) -> None:
    name = f"cli-{token_hex(3)}"
    terms = ["--client", "c-1", "--freelancer", "f-1", "--price", "100", "--service-fee", "5.50", "--json"]
    started = await run(environment, "order", "start", name, *terms)
    assert (started.status, started.json["status"]) == (0, "started"), started.error

    asked = ["--as", "client", "--kind", "cancel", "--comment", "We stopped."]
    ahead = await run(environment, "order", "preview", "request", name, *asked, "--json")
    assert ahead.json["if_accepted"]["money"]["client"] == 10_550
    request = await run(environment, "order", "request", name, *asked, "--command-id", "ask", "--json")
    assert (request.status, request.json["status"]) == (0, "applied")
    can = await run(environment, "order", "actions", name, "--for", "freelancer", "--json")
    assert {"accept", "decline"} <= set(can.json["actions"])
    refused = await run(environment, "order", "accept", name, "--as", "client")
    assert (refused.status, "refused (not_yours_to_answer)" in refused.output) == (1, True)
    accepted = await run(environment, "order", "accept", name, "--as", "freelancer")
    assert (accepted.status, "applied" in accepted.output) == (0, True)
    page = await run(environment, "order", "show", name)
    assert "105.50 USD" in page.output
    told = await run(environment, "order", "notices", name, "--for", "freelancer", "--json")
    assert [notice["name"] for notice in told.json] == ["request_opened", "order_canceled"]
    again = await run(environment, "order", "request", name, *asked, "--command-id", "ask", "--json")
    assert again.json["repeated"] is True
    lived = (await run(environment, "order", "timeline", name)).output
    assert [told in lived for told in ("We stopped.", "refused: not yours to answer", "canceled")] == [True] * 3, lived
    record = await run(environment, "order", "timeline", name, "--for", "client", "--json")
    assert (record.json["order_id"], record.json["for"], len(record.json["entries"])) == (name, "client", 3)

    worker.terminate()
    async with asyncio.timeout(PATIENCE):
        assert await worker.wait() == 0


async def test_an_order_is_called_as_somebody_types_it(
    environment: dict[str, str], worker: asyncio.subprocess.Process
) -> None:
    name = f"cli-{token_hex(3)}"
    terms = ("--client", "c-1", "--freelancer", "f-1", "--price", "100")
    wrong = await run(environment, "order", "start", name, *terms, "--link", "market.example", "--title", "x" * 201)
    assert wrong.status == 2
    assert "--title may hold at most 200 characters" in wrong.error
    assert "--link must be an address such as https://market.example/orders/1002." in wrong.error
    named = ("--title", "Logo for a bakery", "--client-name", "Ben", "--freelancer-name", "Ada")
    assert (await run(environment, "order", "start", name, *terms, *named)).status == 0
    page = (await run(environment, "order", "show", name)).output
    assert re.search("title +Logo for a bakery +\n", page)
    assert "Ben (client), Ada (freelancer)" in page
    assert "Logo for a bakery" in (await run(environment, "orders", "list")).output
    changed = await run(environment, "order", "display", name, "--title", "", "--link", "https://a.example/", "--json")
    left = {"link": "https://a.example/", "client_name": "Ben", "freelancer_name": "Ada"}
    assert (changed.status, changed.json) == (0, left)
    assert re.search("client name +Ben", (await run(environment, "order", "display", name)).output)
    assert (await run(environment, "order", "display", name, "--link", "nowhere")).status == 2
    assert (await run(environment, "order", "display", "nobodys", "--title", "x")).status == 1


async def test_a_start_that_no_worker_has_taken_up_says_so(environment: dict[str, str]) -> None:
    name = f"cli-{token_hex(3)}"
    terms = ("--client", "c-1", "--freelancer", "f-1", "--price", "100", "--payment", "pi_1", "--destination", "acct_1")
    started = await run(environment, "order", "start", name, *terms)
    assert started.status == 0
    assert "_1" not in started.output
    assert f"No worker has picked it up yet: run one on the task queue {environment['RECOURSE_TASK_QUEUE']}" in (
        started.output
    )
    again = await run(environment, "order", "start", name, *terms, "--json")
    assert (again.status, again.json["can_be_read"]) == (0, False)


async def test_a_preview_of_what_would_be_refused_names_the_bounds(
    environment: dict[str, str], worker: asyncio.subprocess.Process
) -> None:
    name = f"cli-{token_hex(3)}"
    terms = ("--client", "c-1", "--freelancer", "f-1", "--price", "100", "--policy", "glimmer")
    assert (await run(environment, "order", "start", name, *terms)).status == 0
    confirmed = (
        "--attestations",
        "discussed",
        "--attestations",
        "tried_to_resolve",
        "--attestations",
        "agreed_compensation",
    )
    asked = (
        "--as",
        "client",
        "--kind",
        "cancel",
        "--comment",
        "Enough.",
        "--reason",
        "no_longer_needed",
        *confirmed,
        "--amount",
        "3000",
    )
    ahead = await run(environment, "order", "preview", "request", name, *asked)
    assert "would be refused (amount_out_of_range)" in ahead.output
    assert "The amount must be between 0.00 USD and 100.00 USD." in ahead.output, ahead.output


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("order", "show", "nobody"), 1, "There is no order nobody"),
        (("order", "accept", "nobody", "--as", "client"), 1, "There is no order nobody"),
        (("order", "accept", "nobody", "--as", "judge"), 1, "nobody"),
        (
            ("order", "start", "a/b", "--client", "c", "--freelancer", "f", "--price", "1"),
            2,
            "the order's id must begin",
        ),
        (("order", "start", "x", "--client", "c", "--freelancer", "f", "--price", "1", "--policy", "none"), 2, "none"),
        (
            (
                "order",
                "start",
                "x",
                "--client",
                "c",
                "--freelancer",
                "f",
                "--price",
                "1",
                "--destination",
                "acct\u202e",
            ),
            2,
            "--destination holds a character that nobody can see: acct\\u202e",
        ),
        (("order", "fly", "x"), 2, "fly"),
        (("order", "timeline", "nobody"), 1, "There is no order nobody"),
        (("outbox", "list", "nobody"), 1, "There is no order nobody"),
    ],
)
async def test_what_cannot_be_done_is_said_in_a_sentence(
    environment: dict[str, str], words: tuple[str, ...], status: int, says: str
) -> None:
    ended = await run(environment, *words)
    assert ended.status == status, ended.error
    assert says in ended.error
    assert not INTERNALS.search(ended.error)


@pytest.mark.parametrize(
    ("over", "words", "status", "says"),
    [
        ({"DATABASE_URL": "postgresql://postgres@127.0.0.1:1/none"}, ("orders", "list"), 3, "127.0.0.1:1"),
        ({"TEMPORAL_ADDRESS": "127.0.0.1:1"}, ("worker",), 3, "127.0.0.1:1 cannot be reached: nothing listens there."),
        ({"TEMPORAL_ADDRESS": "nobody.invalid:1"}, ("worker",), 3, "reached: there is no machine of this name."),
        ({"DATABASE_URL": ""}, ("migrate",), 2, "DATABASE_URL is not set"),
        ({"TEMPORAL_NAMESPACE": "nosuch"}, ("worker",), 3, "check TEMPORAL_NAMESPACE"),
    ],
)
async def test_a_server_that_is_not_there_is_named(
    environment: dict[str, str], over: dict[str, str], words: tuple[str, ...], status: int, says: str
) -> None:
    ended = await (run_program if words == ("worker",) else run)({**environment, **over}, *words)
    assert (ended.status, says in ended.error) == (status, True), ended.error
    assert not INTERNALS.search(ended.error)
    # A worker logs besides that this user may do more than it needs.
    assert len([line for line in ended.error.splitlines() if not line.startswith("{")]) == 1


@pytest.mark.parametrize("address", ["shop:hun/ter2@db/orders", "postgresql://shop:hun/ter2@db/orders", "db:5432/o"])
async def test_an_address_that_cannot_be_read_is_not_repeated(environment: dict[str, str], address: str) -> None:
    ended = await run({**environment, "DATABASE_URL": address}, "orders", "list")
    assert (ended.status, "DATABASE_URL cannot be read" in ended.error) == (3, True), ended.error
    assert not {"hun", "ter2"} & set(re.findall(r"\w+", ended.error))


async def test_a_worker_that_may_not_write_orders_does_not_begin(environment: dict[str, str]) -> None:
    reader = {**environment, "DATABASE_URL": f"{environment['DATABASE_URL']}?role=recourse_reader"}
    ended = await run_program(reader, "worker")
    assert (ended.status, "member of recourse_app" in ended.error) == (3, True), ended.error


async def test_a_worker_does_not_begin_before_the_database_is_migrated(environment: dict[str, str]) -> None:
    empty = {**environment, "DATABASE_URL": f"{environment['DATABASE_URL']}?search_path=pg_catalog"}
    ended = await run_program(empty, "worker")
    assert (ended.status, "recourse migrate" in ended.error) == (3, True), ended.error
