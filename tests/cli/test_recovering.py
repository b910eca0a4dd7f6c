"""`recourse doctor`, `order revive` and `order repair` as an operator runs them."""

import asyncio
from collections.abc import AsyncIterator
from secrets import token_hex
from typing import Any

import pytest
from temporalio.service import RPCError, RPCStatusCode

from recourse.cli import recovering
from recourse.database.pool import connect as connect_database
from recourse.errors import TemporalUnreachable
from recourse.runtime.temporal_connection import connect
from recourse.starter.recovering import Done, Recovery
from tests.cli.test_operators import answered
from tests.cli.test_orders import environment, run, worker
from tests.process.setting_back import held, set_back

__all__ = ["environment", "worker"]

TERMS = ("--client", "c-1", "--freelancer", "f-1", "--price", "100 USD", "--policy", "resolution_center")


async def test_what_is_lost_is_found_asked_about_and_brought_back(
    environment: dict[str, str], worker: asyncio.subprocess.Process
) -> None:
    orders = [f"lost-{token_hex(3)}" for _ in range(2)]
    for order_id in orders:
        assert (await run(environment, "order", "start", order_id, *TERMS)).status == 0
        said = await run(environment, "order", "message", order_id, "--as", "client", "--comment", "Hello")
        assert said.status == 0, said.error
    healthy = await run(environment, "doctor")
    assert (healthy.status, healthy.output) == (0, "Nothing is wrong; 2 orders looked at.\n"), healthy.error
    client = await connect(target_host=environment["TEMPORAL_ADDRESS"])
    for order_id in orders:
        await client.get_workflow_handle(f"order-{order_id}").terminate()

    refused = await run(environment, "order", "message", orders[0], "--as", "client", "--comment", "Hello?")
    assert (refused.status, f"`recourse order revive {orders[0]}`" in refused.error) == (3, True)
    started = await run(environment, "order", "start", orders[0], *TERMS)
    assert (started.status, "has started" in started.output) == (3, False)
    ill = await run(environment, "doctor")
    assert ill.status == 1
    for order_id in orders:
        assert f"recourse order revive {order_id}" in ill.output
    (finding,) = (await run(environment, "doctor", orders[0], "--json")).json["findings"]
    assert (finding["kind"], finding["do"]) == ("orphaned", f"recourse order revive {orders[0]}")

    unsaid = await run(environment, "order", "revive")
    assert (unsaid.status, "Name an order or pass --all." in unsaid.error) == (2, True)
    unasked = await run(environment, "order", "revive", "--all")
    assert (unasked.status, "Pass --yes" in unasked.error) == (2, True)
    status, output = await answered(environment, "n", "order", "revive", "--all")
    asked = f"Revive 2 orders now, on Temporal at {environment['TEMPORAL_ADDRESS']}, namespace default?"
    assert (status, asked in " ".join(output.split()), "Nothing was done" in output) == (1, True, True)
    status, output = await answered(environment, "y", "order", "revive", "--all")
    assert (status, f"Order {orders[1]} goes on. What was wrong: it is" in output) == (0, True), output
    again = await run(environment, "order", "revive", orders[0], "--json")
    assert (again.status, again.json[0]["sent_again"]) == (0, 0)
    assert (await run(environment, "doctor", "--full")).status == 0
    assert (await run(environment, "order", "revive", "--all")).output == "There is no order to revive.\n"


async def test_an_order_that_is_gone_by_now_holds_up_no_other(
    environment: dict[str, str],
    worker: asyncio.subprocess.Process,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    order_id = f"lost-{token_hex(3)}"
    assert (await run(environment, "order", "start", order_id, *TERMS)).status == 0
    client = await connect(target_host=environment["TEMPORAL_ADDRESS"])
    await client.get_workflow_handle(f"order-{order_id}").terminate()

    async def listed(*_: Any, **__: Any) -> AsyncIterator[str]:
        """What Temporal's lists say for a moment longer."""
        for each in ("gone", order_id):
            yield each

    monkeypatch.setattr(recovering, "suspects", listed)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert await recovering.revive(all_=True, yes=True) == 0
    assert f"Order {order_id} goes on" in capsys.readouterr().out


async def test_an_order_of_a_newer_build_holds_up_no_other(
    environment: dict[str, str],
    worker: asyncio.subprocess.Process,
    pool: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    orders = newer, other = [f"lost-{token_hex(3)}" for _ in range(2)]
    client = await connect(target_host=environment["TEMPORAL_ADDRESS"])
    for order_id in orders:
        assert (await run(environment, "order", "start", order_id, *TERMS)).status == 0
        said = await run(environment, "order", "message", order_id, "--as", "client", "--comment", "Hello")
        assert said.status == 0, said.error
        await client.get_workflow_handle(f"order-{order_id}").terminate()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    revive = Recovery.revive

    async def decided_meanwhile(recovery: Recovery, order_id: str) -> Done:
        """What happens where a newer build decides an order after it was found."""
        changed = """UPDATE order_states SET state = state || '{"made_for": 9, "needs": 9}' WHERE order_id = $1"""
        await pool.execute(changed, newer)
        return await revive(recovery, order_id)

    monkeypatch.setattr(Recovery, "revive", decided_meanwhile)
    waits = f"Order {newer} needs a build with data version 9"
    assert await recovering.revive(all_=True, yes=True) == 1
    output = capsys.readouterr().out
    assert (waits in output, f"Order {other} goes on" in output) == (True, True), output

    await client.get_workflow_handle(f"order-{other}").terminate()
    assert await recovering.revive(all_=True, yes=True) == 1
    shown = capsys.readouterr()
    assert (waits in shown.err, f"Order {other} goes on" in shown.out) == (True, True), shown
    assert await recovering.repair(all_=True, yes=True) == 1
    shown = capsys.readouterr()
    assert (waits in shown.err, "There is no other order to repair." in shown.out) == (True, True), shown


async def test_whoever_is_interrupted_hears_which_orders_may_be_half_done(
    environment: dict[str, str],
    worker: asyncio.subprocess.Process,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    orders = [f"half-{token_hex(3)}" for _ in range(2)]
    client = await connect(target_host=environment["TEMPORAL_ADDRESS"])
    for order_id in orders:
        assert (await run(environment, "order", "start", order_id, *TERMS)).status == 0
        await client.get_workflow_handle(f"order-{order_id}").terminate()

    async def interrupted(*_: Any) -> int:
        """What happens where Temporal goes away after an order has begun again."""
        raise RPCError("gone", RPCStatusCode.UNAVAILABLE, b"")

    monkeypatch.setattr(Recovery, "_send_undecided", interrupted)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TemporalUnreachable):
        await recovering.revive(all_=True, yes=True)
    said = capsys.readouterr().err
    assert "run `recourse order revive ORDER` for each of " in said
    assert all(order_id in said for order_id in orders)


async def test_what_a_database_lost_is_found_and_written(
    environment: dict[str, str], worker: asyncio.subprocess.Process
) -> None:
    order_id = f"behind-{token_hex(3)}"
    assert (await run(environment, "order", "start", order_id, *TERMS)).status == 0
    say = ("order", "message", order_id, "--as", "client", "--comment")
    assert (await run(environment, *say, "Hello")).status == 0
    pool = await connect_database(environment["DATABASE_URL"])
    before = await held(pool, order_id)
    assert (await run(environment, *say, "Hello?")).status == 0
    await set_back(pool, order_id, before)
    await pool.close()

    refused = await run(environment, "order", "revive", order_id)
    assert (refused.status, f"`recourse order repair {order_id}`" in refused.error) == (1, True)
    repaired = await run(environment, "order", "repair", "--all", "--yes")
    assert (repaired.status, "1 steps restored" in repaired.output) == (0, False), repaired.output
    assert "1 step restored, up to step 2" in repaired.output
    nothing = await run(environment, "order", "repair", order_id)
    assert (nothing.status, "has all 3 steps" in nothing.output) == (0, True)


async def test_servers_that_are_away_are_named_with_their_own_status(environment: dict[str, str]) -> None:
    for away in ({"TEMPORAL_ADDRESS": "127.0.0.1:1"}, {"DATABASE_URL": "postgresql://postgres@127.0.0.1:1/x"}):
        for words in (("doctor",), ("order", "revive", "--all"), ("order", "repair", "7")):
            ran = await run({**environment, **away}, *words)
            assert (ran.status, "127.0.0.1:1" in ran.error, "Traceback" in ran.error) == (3, True, False), ran.error
    unknown = await run(environment, "doctor", "nobody")
    assert (unknown.status, "There is no order nobody" in unknown.error) == (1, True)
