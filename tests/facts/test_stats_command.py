"""`recourse stats`: the views for analysis on the command line."""

import json
from random import Random
from typing import Any, get_args
from urllib.parse import urlsplit

import pytest

from recourse.cli.stats import View
from recourse.database.steps import record_step
from tests.facts.lives import live
from tests.facts.stories import played
from tests.facts.test_record_commands import recourse


@pytest.fixture
async def lived(dsn: str, pool: Any) -> str:
    for seed in range(12):
        for step in live(Random(seed), order_id=f"o-{seed}").steps:
            await record_step(pool, step)
    for step in (await played("s24b-unpaid-exit-bad-private-feedback")).steps:
        await record_step(pool, step)
    return dsn


async def test_every_view_is_shown_to_people_and_to_programs(lived: str, pool: Any) -> None:
    for view in get_args(View):
        done = recourse("stats", view, "--json", DATABASE_URL=lived)
        assert (done.returncode, done.stderr) == (0, "")
        rows = json.loads(done.stdout)
        assert len(rows) == await pool.fetchval(f"SELECT count(*) FROM analysis.{view}")
    shown = recourse("stats", "job_success", "--limit", "1", DATABASE_URL=lived)
    assert shown.returncode == 0
    assert "job success" in shown.stdout
    assert "f-1" in shown.stdout


async def test_instants_are_shown_in_the_readers_zone(lived: str) -> None:
    done = recourse("stats", "closed_orders", "--zone", "Asia/Kathmandu", DATABASE_URL=lived)
    assert (done.returncode, "+05:45" in done.stdout) == (0, True)


async def test_where_nothing_is_closed_it_says_so(dsn: str) -> None:
    done = recourse("stats", "endings", DATABASE_URL=dsn)
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)
    assert done.stderr == "Nothing yet: no closed order counts here.\n"
    assert recourse("stats", "endings", "--json", DATABASE_URL=dsn).stdout == "[]\n"


async def test_what_cannot_be_read_is_said_in_a_sentence(dsn: str) -> None:
    empty = urlsplit(dsn)._replace(path="/template1").geturl()
    for address, sentence in ((empty, "is not up to date"), (f"{dsn}?role=recourse_reader", "does not let this user")):
        done = recourse("stats", "endings", DATABASE_URL=address)
        assert (done.returncode, sentence in done.stderr, "Traceback" in done.stderr) == (3, True, False)
    assert recourse("stats", "everything", DATABASE_URL=dsn).returncode == 2
