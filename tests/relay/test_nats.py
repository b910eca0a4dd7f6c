"""`recourse relay nats`: every change becomes an event of the stream, once, wherever a relay or NATS ends."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import unquote

import httpx2 as httpx
import pytest

from campaigns.jetstream import JetStream, jetstream
from recourse.database.changes import START, read_changes
from recourse.database.relays import cursor_of
from recourse.database.steps import record_step
from recourse.errors import UnknownCursor
from recourse.local.process import free_port, stop
from recourse.relay import stream as reaching
from recourse.relay.events import cloud_event, subject_of
from recourse.relay.running import Relay
from recourse.relay.stream import BadStream, NatsUnreachable, Stream, connected
from tests.cli.test_orders import RECOURSE, run, without_ours
from tests.facts.lives import live
from tests.patience import PATIENCE


async def write(pool: Any, *order_ids: str) -> int:
    """Lives of these orders, step by step; how many steps."""
    steps = [step for number, name in enumerate(order_ids) for step in live(Random(number), order_id=name).steps]
    for step in steps:
        await record_step(pool, step)
    return len(steps)


async def until(there: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await there():  # noqa: ASYNC110 - nothing says when it is there
            await asyncio.sleep(0.01)


@asynccontextmanager
async def relaying(pool: Any, url: str, prefix: str, after: str = START) -> AsyncIterator[Relay]:
    """A relay in this process, for as long as the block runs."""
    end = asyncio.Event()
    async with connected([url], None, prefix) as stream:
        relay = Relay(pool, stream, prefix, after)
        running = asyncio.create_task(relay.run(end))
        try:
            yield relay
        finally:
            end.set()
            await running


async def has_all(pool: Any, prefix: str) -> bool:
    cursor = await cursor_of(pool, prefix)
    return cursor is not None and not await read_changes(pool, cursor)


async def test_each_step_is_one_event_under_the_subject_of_its_order(
    pool: Any, nats_server: JetStream, prefix: str
) -> None:
    ids = ["o-1", "a.b", "a..c:D_e-", "1"]
    await nats_server.make_stream(prefix)
    count = await write(pool, *ids)
    async with relaying(pool, nats_server.url, prefix) as relay:
        await until(lambda: has_all(pool, prefix))
        assert (relay.published, relay.lag, relay.failing) == (count, 0, None)
    changes = {str(change.id): change for change in await read_changes(pool)}
    assert len(changes) == count
    found = await nats_server.messages(prefix)
    assert len(found) == count
    for message in found:
        event = json.loads(message.data)
        change = changes[event["id"]]
        assert message.headers["Nats-Msg-Id"] == event["id"]
        assert message.headers["Content-Type"] == "application/cloudevents+json"
        assert message.subject == subject_of(prefix, change.order_id)
        assert unquote(message.subject.removeprefix(f"{prefix}.").removesuffix(".changed")) == change.order_id
        assert message.subject.count(".") == prefix.count(".") + 2
        assert event == cloud_event(change)
        assert (event["specversion"], event["subject"]) == ("1.0", change.order_id)
        assert event["data"] == json.loads(change.model_dump_json())
    for order_id in ids:
        steps = [json.loads(one.data)["data"]["step"] for one in found if one.subject == subject_of(prefix, order_id)]
        assert steps == list(range(len(steps)))


async def test_what_is_published_again_is_dropped_by_its_id(pool: Any, nats_server: JetStream, prefix: str) -> None:
    """As after a relay that was killed behind the acknowledgement and before it stored its cursor."""
    await nats_server.make_stream(prefix)
    count = await write(pool, "o-1", "o-2")
    for _ in range(2):
        async with relaying(pool, nats_server.url, prefix):
            await until(lambda: has_all(pool, prefix))
        await pool.execute("DELETE FROM relays")
    assert len(await nats_server.messages(prefix)) == count


async def test_two_relays_of_a_prefix_never_set_its_place_back(pool: Any, nats_server: JetStream, prefix: str) -> None:
    await nats_server.make_stream(prefix)
    async with relaying(pool, nats_server.url, prefix), relaying(pool, nats_server.url, prefix):
        count = await write(pool, "o-1", "o-2", "o-3")
        await until(lambda: has_all(pool, prefix))
    assert len(await nats_server.messages(prefix)) == count
    assert await cursor_of(pool, prefix) == (await read_changes(pool))[-1].cursor


async def test_it_goes_on_where_nats_was_away_and_says_so(
    pool: Any, tmp_path: Path, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaching, "ACKS_WITHIN", 0.5)
    async with jetstream(tmp_path) as server:
        await server.make_stream(prefix)
        async with relaying(pool, server.url, prefix) as relay:
            await server.kill()
            count = await write(pool, "o-1")

            async def fails() -> bool:
                return bool(await relay.complaints())

            await until(fails)
            assert (await relay.complaints())["relay"].startswith("The connection to NATS is lost (")
            assert relay.lag > 0
            await server.start()
            await until(lambda: has_all(pool, prefix))
        assert len(await server.messages(prefix)) == count


async def test_it_waits_where_the_stream_is_full_and_loses_nothing(
    pool: Any, nats_server: JetStream, prefix: str
) -> None:
    from nats.js.api import DiscardPolicy, StreamConfig

    name = await nats_server.make_stream(prefix, max_msgs=2, discard=DiscardPolicy.NEW)
    count = await write(pool, "o-1")
    assert count > 2
    async with relaying(pool, nats_server.url, prefix) as relay:

        async def fails() -> bool:
            return relay.failing is not None

        await until(fails)
        assert "(maximum messages exceeded)" in str(relay.failing)
        async with nats_server.context() as stream:
            await stream.update_stream(StreamConfig(name=name, subjects=[f"{prefix}.>"]))
        await until(lambda: has_all(pool, prefix))
    assert len(await nats_server.messages(prefix)) == count


async def test_a_stream_that_drops_or_doubles_events_is_warned_of(nats_server: JetStream, prefix: str) -> None:
    await nats_server.make_stream(
        prefix, max_msgs=10, max_msgs_per_subject=1, max_age=60, storage="memory", duplicate_window=1
    )
    async with connected([nats_server.url], None, prefix) as stream:
        assert [warning.partition(" (")[0].split(" ", 3)[3] for warning in stream.warnings] == [
            "drops its oldest events when it is full",
            "keeps only 1 events of an order",
            "drops events after 60 s",
            "is kept in memory: a restart of NATS loses it.",
            "knows events again for 1 s only",
        ]
    await nats_server.make_stream(f"{prefix}-good")
    async with connected([nats_server.url], None, f"{prefix}-good") as stream:
        assert stream.warnings == []


async def found(url: str, prefix: str) -> Stream:
    async with connected([url], None, prefix) as stream:
        return stream


async def test_what_is_wrong_with_nats_is_said(
    nats_server: JetStream, tmp_path: Path, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaching, "CONNECTS_WITHIN", 1)
    away = f"127.0.0.1:{free_port()}"
    with pytest.raises(NatsUnreachable, match=rf"NATS cannot be reached at {away} \(") as told:
        await found(f"nats://me:secret@{away}", prefix)
    assert "secret" not in str(told.value)
    with pytest.raises(BadStream, match=rf"has no stream that takes {prefix}\.\*\.changed\. Make one"):
        await found(nats_server.url, prefix)
    await nats_server.make_stream(prefix, no_ack=True)
    with pytest.raises(BadStream, match="acknowledges nothing"):
        await found(nats_server.url, prefix)
    users = (
        "authorization { users: [{user: may, password: it}, {user: not, password: it, permissions: "
        '{publish: ["$JS.API.>"]}}] }'
    )
    async with jetstream(tmp_path, users) as plain:
        with pytest.raises(
            NatsUnreachable, match=r"cannot be reached at 127.0.0.1:\d+ \(.*Authorization Violation.*\)"
        ):
            await found(plain.url.replace("//", "//may:secret@"), prefix)
        with pytest.raises(BadStream, match="has no JetStream"):
            await found(plain.url.replace("//", "//may:it@"), prefix)


async def test_a_user_who_may_not_publish_is_told_so(
    pool: Any, tmp_path: Path, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaching, "ACKS_WITHIN", 0.5)
    users = (
        "jetstream { store_dir: %s }\nno_auth_user: all\nauthorization { users: [{user: all, password: it}, "
        '{user: little, password: it, permissions: {publish: ["$JS.API.>"]}}] }'
    )
    await write(pool, "o-1")
    async with jetstream(tmp_path, users) as server:
        await server.make_stream(prefix)
        async with relaying(pool, server.url.replace("//", "//little:it@"), prefix) as relay:

            async def fails() -> bool:
                return relay.failing is not None

            await until(fails)
            assert "ermissions violation for publish" in str(relay.failing).replace("P", "p").replace("V", "v")


@asynccontextmanager
async def program(environment: dict[str, str], *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        RECOURSE, "relay", "nats", *words, env=without_ours(environment), stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        await stop(process, signal.SIGKILL)


async def test_the_program_relays_answers_its_probes_and_stops_when_it_is_told_to(
    dsn: str, pool: Any, nats_server: JetStream, prefix: str
) -> None:
    name = await nats_server.make_stream(prefix)
    health, metrics = free_port(), free_port()
    environment = {
        "DATABASE_URL": f"{dsn}?role=recourse_web",
        "RECOURSE_NATS_URL": nats_server.url,
        "RECOURSE_HEALTH_ADDRESS": f"127.0.0.1:{health}",
        "RECOURSE_METRICS_ADDRESS": f"127.0.0.1:{metrics}",
    }
    count = await write(pool, "o-1")
    async with program(environment, "--prefix", prefix) as process:
        await until(lambda: has_all(pool, prefix))
        async with httpx.AsyncClient() as client:
            ready = await client.get(f"http://127.0.0.1:{health}/readyz")
            assert (ready.status_code, ready.json()) == (200, {"status": "ok"})
            figures = (await client.get(f"http://127.0.0.1:{metrics}/metrics")).text
        for line in (f"published_total {count}", "lag_seconds 0", "up 1", "failures_total 0"):
            assert f"recourse_relay_{line}\n" in figures
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            _, said = await process.communicate()
        assert process.returncode == 0
        assert f'"stream": "{name}"' in said.decode()
        assert f'"published": {count}' in said.decode()
    assert len(await nats_server.messages(prefix)) == count

    shown = await run({"DATABASE_URL": dsn}, "relay", "place", "--prefix", prefix, "--json")
    assert (shown.json["cursor"], shown.json["waits"]) == ((await read_changes(pool))[-1].cursor, False)
    back = await run({"DATABASE_URL": dsn}, "relay", "place", "--prefix", prefix, "--set", "start")
    assert (back.status, back.output.splitlines()[-1].startswith("The next change of ")) == (0, True)


async def test_what_cannot_be_begun_ends_with_one_sentence(dsn: str, nats_server: JetStream, prefix: str) -> None:
    given = {"DATABASE_URL": dsn, "RECOURSE_NATS_URL": nats_server.url}
    for environment, words, said in (
        ({"RECOURSE_NATS_URL": ""}, ("nats",), "RECOURSE_NATS_URL is not set"),
        ({"RECOURSE_NATS_URL": "http://me:secret@h:1"}, ("nats",), "RECOURSE_NATS_URL: it does not begin with nats://"),
        ({"RECOURSE_NATS_CREDENTIALS": "/none"}, ("nats",), "there is no file /none"),
        ({}, ("nats", "--prefix", "a..b"), "is no prefix of subjects"),
        ({}, ("nats", "--prefix", "a.>"), "is no prefix of subjects"),
        ({}, ("place", "--prefix", prefix), "No relay has run with the prefix"),
        ({}, ("place", "--prefix", prefix, "--set", "nowhere"), "from an earlier one, or from `start`"),
    ):
        ran = await run(given | environment, "relay", *words)
        assert (ran.status, said in ran.error, "secret" in ran.error) == (2, True, False), ran.error


async def test_a_place_that_the_database_does_not_have_ends_the_relay(
    pool: Any, nats_server: JetStream, prefix: str
) -> None:
    await nats_server.make_stream(prefix)
    for after in ("17.x", f"17.{'0' * 8}-0000-0000-0000-{'0' * 12}"):
        async with connected([nats_server.url], None, prefix) as stream:
            with pytest.raises(UnknownCursor):
                await Relay(pool, stream, prefix, after).run(asyncio.Event())
