"""`recourse changes` shows every step of every order, and goes on from a cursor."""

import asyncio
import json
import signal
from random import Random
from typing import Any

import pytest

from recourse.database.steps import record_step
from recourse.starter.reading import Orders
from tests.cli.test_orders import RECOURSE, run, without_ours
from tests.facts.lives import live
from tests.patience import PATIENCE


@pytest.fixture
async def steps(pool: Any) -> Any:
    life = live(Random(1), order_id="o-1")
    for step in life.steps:
        await record_step(pool, step)
    return life.steps


async def test_a_page_is_lines_with_tabs_or_json_lines_and_says_how_to_go_on(dsn: str, steps: Any) -> None:
    environment = {"DATABASE_URL": dsn}
    first = await run(environment, "changes", "--limit", "2")
    lines = [line.split("\t") for line in first.output.splitlines()]
    assert [line[1:4] for line in lines] == [
        ["order", "step", "what"],
        ["o-1", "0", "opened"],
        ["o-1", "1", lines[2][3]],
    ]
    cursor = lines[2][-1]
    assert first.error == f"There may be more: --after '{cursor}'\n"
    rest = await run(environment, "changes", "--after", cursor, "--json")
    assert [json.loads(line)["step"] for line in rest.output.splitlines()] == [step.number for step in steps[2:]]
    assert rest.error == ""
    nothing = await run(environment, "changes", "--after", "now")
    assert nothing.error == f"Nothing changed since: --after '{json.loads(rest.output.splitlines()[-1])['cursor']}'\n"


async def test_a_cursor_of_another_database_ends_with_a_sentence(dsn: str, steps: Any) -> None:
    ended = await run({"DATABASE_URL": dsn}, "changes", "--after", "17.x")
    assert (ended.status, "from an earlier one, or from `start`" in ended.error) == (2, True)


async def test_it_follows_until_it_is_stopped(dsn: str, pool: Any) -> None:
    program = await asyncio.create_subprocess_exec(
        *(RECOURSE, "changes", "--follow", "--json"),
        env=without_ours({"DATABASE_URL": dsn}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert program.stdout
    async with asyncio.timeout(PATIENCE):
        for number, step in enumerate(live(Random(2), order_id="o-2").steps):
            await record_step(pool, step)
            assert json.loads(await program.stdout.readline())["step"] == number
        program.send_signal(signal.SIGINT)
        assert await program.communicate() == (b"", b"")
    assert program.returncode == 0


async def test_the_client_follows_and_stops_where_it_is_told_to(pool: Any, steps: Any) -> None:
    orders = Orders(pool)
    there = [change async for change in orders.changes(follow=False)]
    assert [change.step for change in there] == [step.number for step in steps]
    assert [change.step async for change in orders.changes(there[-2].cursor, follow=False)] == [there[-1].step]
    async with asyncio.timeout(PATIENCE):
        coming = orders.changes(there[-1].cursor)
        waiting = asyncio.ensure_future(anext(coming))
        await record_step(pool, live(Random(3), order_id="o-3").steps[0])
        assert (await waiting).order_id == "o-3"
        await coming.aclose()
