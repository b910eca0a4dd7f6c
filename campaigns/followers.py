"""Followers of the changes are killed wherever they are, while steps commit late: they miss none, and drop by id what
comes twice.

Three follow: a reader of the feed behind `GET /changes`, a reader of the outbox, and `recourse relay nats` with a
consumer of its stream. Each is a process of its own that kills itself at a point that the seed picks.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, Literal, cast

import nats
import nats.errors
from nats.js.api import AckPolicy, ConsumerConfig

from campaigns.decoding import confirm, decodable, make_slot, payload, peek
from campaigns.jetstream import jetstream
from campaigns.report import Report
from recourse.database.change_outbox import switch_outbox
from recourse.database.changes import START, Change, read_changes
from recourse.database.migrate import migrate
from recourse.database.pool import connect
from recourse.database.relays import cursor_of
from recourse.database.steps import record_step
from recourse.local.process import kill, scratch
from recourse.relay.running import Relay
from recourse.relay.stream import Stream, connected
from tests.facts.lives import live

Kind = Literal["changes", "outbox", "relay", "consumer"]
KINDS: tuple[Kind, ...] = ("changes", "outbox", "relay", "consumer")
# Behind what a follower is killed: it has read, it has handled a part, it has handled all and not stored its place.
POINTS = ("read", "half", "handled")
PREFIX, SLOT, DURABLE = "campaign.orders", "campaign", "campaign"
WRITERS = 4
LATEST = 0.1  # seconds for which a step stays uncommitted
BATCH = 20
AGAIN_AFTER = 1  # seconds
_TABLES = """
CREATE TABLE handled (kind text, id text, times bigint NOT NULL DEFAULT 1, PRIMARY KEY (kind, id));
CREATE TABLE places (kind text PRIMARY KEY, cursor text)
"""
_HANDLE = """
INSERT INTO handled AS h (kind, id) VALUES ($1, $2) ON CONFLICT (kind, id) DO UPDATE SET times = h.times + 1
RETURNING times
"""
_STORE = "INSERT INTO places VALUES ($1, $2) ON CONFLICT (kind) DO UPDATE SET cursor = excluded.cursor RETURNING true"


class Fate:
    """Where a follower dies: at a point of one of its batches; with no seed, never."""

    def __init__(self, seed: str | None) -> None:
        random = Random(seed)
        self._left, self.point = random.randint(0, 4), random.choice(POINTS)
        self._mortal = seed is not None

    def meet(self, point: str) -> None:
        """Be at a point of this batch."""
        if self._mortal and point == self.point and self._left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= point == POINTS[-1]


class Follower:
    """One kind of follower. `batch` handles what has come, and returns how much that was."""

    def __init__(self, pool: Any, kind: Kind, fate: Fate) -> None:
        self.pool, self.kind, self.fate = pool, kind, fate

    async def handle(self, ids: Sequence[str]) -> None:
        """Take note of events, and die where that is the fate."""
        self.fate.meet("read")
        for number, one in enumerate(ids):
            if number == len(ids) // 2:
                self.fate.meet("half")
            await self.pool.fetchval(_HANDLE, self.kind, one)
        self.fate.meet("handled")

    async def changes(self) -> int:
        """A page of the feed."""
        after = await self.pool.fetchval("SELECT cursor FROM places WHERE kind = $1", self.kind) or START
        page = await read_changes(self.pool, after, BATCH)
        if page:
            await self.handle([str(change.id) for change in page])
            await self.pool.fetchval(_STORE, self.kind, page[-1].cursor)
        return len(page)

    async def outbox(self) -> int:
        """Some transactions of the log."""
        end, rows = await peek(self.pool, SLOT, BATCH)
        if rows:
            await self.handle([payload(row)["id"] for row in rows])
        if end:
            await confirm(self.pool, SLOT, end)
        return len(rows)

    async def consumer(self, subscription: Any) -> int:
        """Some messages of the stream."""
        try:
            messages = await subscription.fetch(BATCH, timeout=0.5)
        except nats.errors.TimeoutError:
            return 0
        await self.handle([message.headers["Nats-Msg-Id"] for message in messages])
        for message in messages:
            await message.ack_sync()
        return len(messages)


class Doomed:
    """The stream, for a relay that dies around its publishing."""

    def __init__(self, stream: Stream, fate: Fate) -> None:
        self.warnings = stream.warnings
        self._stream, self._fate = stream, fate

    async def publish(self, changes: list[Change]) -> None:
        """Publish, and die where that is the fate."""
        self._fate.meet("read")
        await self._stream.publish(changes[: len(changes) // 2])
        self._fate.meet("half")
        await self._stream.publish(changes[len(changes) // 2 :])
        self._fate.meet("handled")


async def follow(kind: Kind, dsn: str, url: str, seed: str | None, over: asyncio.Event) -> None:
    """Follow until nothing more comes once `over` is set, or until the end that the seed has."""
    fate = Fate(seed)
    pool = await connect(dsn, most=2)
    try:
        if kind == "relay":
            async with connected([url], None, PREFIX) as stream:
                await Relay(pool, Doomed(stream, fate), PREFIX).run(over)
            return
        follower = Follower(pool, kind, fate)
        if kind == "consumer":
            client = await nats.connect(url)
            subscription = await client.jetstream().pull_subscribe(f"{PREFIX}.>", DURABLE)
            while await follower.consumer(subscription) or not over.is_set():
                pass
            await client.close()
            return
        batch = follower.changes if kind == "changes" else follower.outbox
        while (count := await batch()) or not over.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0 if count else 0.01)
    finally:
        await pool.close()


async def followers(report: Report) -> None:
    """`report.size` ends of each follower, while steps are written; then each takes the rest and is compared."""
    with scratch() as data, scratch() as store:
        async with decodable(data) as dsn, jetstream(store) as server:
            await migrate(dsn)
            pool = await connect(dsn, most=WRITERS + 2)
            await pool.execute(_TABLES)
            async with pool.acquire() as connection:
                await switch_outbox(connection, on=True)
                await make_slot(connection, SLOT)
            name = await server.make_stream(PREFIX)
            # A consumer that was killed gets again, soon, what it did not acknowledge.
            config = ConsumerConfig(durable_name=DURABLE, ack_policy=AckPolicy.EXPLICIT, ack_wait=AGAIN_AFTER)
            async with server.context() as stream:
                await stream.add_consumer(name, config)
            async with _writing(pool, report):
                await asyncio.gather(*(_kill(kind, dsn, server.url, report) for kind in KINDS))
            await _take_the_rest(pool, dsn, server.url)
            await _compare(pool, report)
            await pool.close()


@asynccontextmanager
async def _writing(pool: Any, report: Report) -> AsyncIterator[None]:
    """Write the lives of orders, with commits that come late and some that do not, until the block ends."""
    over = asyncio.Event()

    async def write(writer: int) -> None:
        random, number = Random(f"{report.seed}-writer-{writer}"), 0
        while not over.is_set():
            number += 1
            for step in live(random, order_id=f"o-{writer}-{number}").steps:
                async with pool.acquire() as connection:
                    for kept in [False, True] if random.random() < 0.1 else [True]:
                        transaction = connection.transaction()
                        await transaction.start()
                        await record_step(connection, step)
                        await asyncio.sleep(random.uniform(0, LATEST) if random.random() < 0.3 else 0.01)
                        await (transaction.commit() if kept else transaction.rollback())

    writing = [asyncio.create_task(write(writer)) for writer in range(WRITERS)]
    try:
        yield
    finally:
        over.set()
        await asyncio.gather(*writing)


async def _kill(kind: Kind, dsn: str, url: str, report: Report) -> None:
    for number in range(report.size):
        seed = f"{report.seed}-{kind}-{number}"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "campaigns.followers", kind, dsn, url, seed), cwd=Path(__file__).parents[1]
        )
        try:
            status = await process.wait()
        finally:
            kill(process)
        report.count(f"{kind}: {Fate(seed).point}")
        report.judge(
            f"{kind} {number} ends by its kill", [] if status == -signal.SIGKILL else [f"it ended with {status}"]
        )


async def _take_the_rest(pool: Any, dsn: str, url: str) -> None:
    over, relayed = asyncio.Event(), asyncio.Event()
    resting = [asyncio.create_task(follow(kind, dsn, url, None, over)) for kind in ("changes", "outbox")]
    relaying = asyncio.create_task(follow("relay", dsn, url, None, relayed))
    over.set()
    last = (await read_changes(pool, limit=10**6))[-1].cursor
    while await cursor_of(pool, PREFIX) != last:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    relayed.set()
    await asyncio.gather(*resting, relaying)
    # What a killed consumer had comes again after a second.
    await asyncio.sleep(AGAIN_AFTER + 0.5)
    await follow("consumer", dsn, url, None, over)


async def _compare(pool: Any, report: Report) -> None:
    wanted = {str(change.id) for change in await read_changes(pool, limit=10**6)}
    report.figures["changes"] = len(wanted)
    for kind in ("changes", "outbox", "consumer"):
        rows = await pool.fetch("SELECT id, times FROM handled WHERE kind = $1", kind)
        got = {row["id"] for row in rows}
        report.figures[f"{kind}: dropped by id"] = sum(row["times"] - 1 for row in rows)
        wrong = [f"{len(wanted - got)} were missed"] if wanted - got else []
        wrong += [f"{len(got - wanted)} are none"] if got - wanted else []
        report.judge(f"{kind} has every change under one id", wrong, sorted(wanted ^ got)[:20])


if __name__ == "__main__":
    _kind, _dsn, _url, _seed = sys.argv[1:]
    asyncio.run(follow(cast(Kind, _kind), _dsn, _url, _seed, asyncio.Event()))
