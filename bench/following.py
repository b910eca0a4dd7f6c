"""`python -m bench.following`: the lag of the changes at a rate, through server-sent events and through the relay to
NATS at once; and what the outbox costs a step, off and on in turns.

The lag is from right after the commit, as the writer sees it, until a reader has the change.
"""

import asyncio
import json
import os
import sys
import time
from base64 import b64encode
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, cast

import httpx2 as httpx
import nats

from campaigns.decoding import decodable
from campaigns.jetstream import jetstream
from recourse.database.change_outbox import switch_outbox
from recourse.database.migrate import migrate
from recourse.database.pool import connect
from recourse.database.steps import record_step
from recourse.local.process import free_port, kill, scratch
from recourse.runtime.keys import KeyRing
from recourse.starter.client import Recourse
from recourse.web.app import make_app
from recourse.web.serving import listen, serve_until_stopped
from recourse.web.tokens import Bearer, sign_token
from tests.facts.lives import live

PREFIX = "bench.orders"
SECONDS, AT_ONCE = 20, 10  # changes that a transaction commits
TURNS, STEPS = 4, 80
KEYS = f"bench={b64encode(bytes(32)).decode()}"
# Changes of orders that are there, as many as a transaction commits, each of another order.
_MORE = """
INSERT INTO changes (order_id, step, at, entry)
SELECT order_id, step + 1000000 * $1, now(), entry FROM changes WHERE number <= 970 AND number % 97 = $1 % 97
ORDER BY number LIMIT $2 RETURNING order_id, step
"""


async def serve(dsn: str, port: int) -> None:
    """A web server of the changes alone."""
    pool = await connect(dsn)
    recourse = Recourse(cast(Any, None), pool)
    with listen("127.0.0.1", port) as listener:
        await serve_until_stopped(make_app(recourse, KeyRing.read(KEYS)), listener)


class Lags:
    """When each change was committed, and how long after that each reader had it."""

    def __init__(self) -> None:
        self.committed: dict[tuple[str, int], float] = {}
        self.heard: dict[str, dict[tuple[str, int], float]] = {"SSE": {}, "NATS": {}}

    def hear(self, reader: str, change: dict[str, Any]) -> None:
        """A reader has a change."""
        self.heard[reader][change["order_id"], change["step"]] = time.monotonic()

    def show(self, reader: str, rate: float) -> None:
        """Print the lags."""
        heard = self.heard[reader]
        lags = sorted(max(heard[key] - at, 0) for key, at in self.committed.items() if key in heard)
        half, most = lags[len(lags) // 2], lags[len(lags) * 99 // 100]
        print(
            f"{reader}: {len(lags)} of {len(self.committed)} changes at {rate:.0f} a second, "
            f"p50 {half * 1000:.0f} ms, p99 {most * 1000:.0f} ms",
            flush=True,
        )


async def lag(dsn: str, rate: float) -> None:
    """The lag at a rate, through both ways at once, each with a server and a reader of its own."""
    lags, port = Lags(), free_port()
    with scratch() as folder:
        async with jetstream(folder) as server:
            await server.make_stream(PREFIX)
            environment = {**os.environ, "DATABASE_URL": dsn, "RECOURSE_NATS_URL": server.url}
            relay = (Path(sys.executable).with_name("recourse"), "relay", "nats", "--prefix", PREFIX, "--after", "now")
            children = [
                await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.following", dsn, str(port)),
                await asyncio.create_subprocess_exec(*relay, env=environment),
            ]
            client = await nats.connect(server.url)

            async def take(message: Any) -> None:
                lags.hear("NATS", json.loads(message.data)["data"])

            await client.subscribe(f"{PREFIX}.>", cb=take)
            reading = asyncio.create_task(_read(port, lags))
            pool = await connect(dsn, most=2)
            try:
                while not await pool.fetchval("SELECT EXISTS (SELECT 1 FROM relays)"):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
                await asyncio.sleep(3)
                began = time.monotonic()
                for turn in count(1):
                    ahead = began + turn * AT_ONCE / rate - time.monotonic()
                    if turn * AT_ONCE / rate > SECONDS:
                        break
                    await asyncio.sleep(max(ahead, 0))
                    for row in await pool.fetch(_MORE, turn, AT_ONCE):
                        lags.committed[row["order_id"], row["step"]] = time.monotonic()
                real = len(lags.committed) / (time.monotonic() - began)
                await asyncio.sleep(3)
            finally:
                reading.cancel()
                for child in children:
                    kill(child)
                    await child.wait()
                await client.close()
                await pool.close()
    for reader in lags.heard:
        lags.show(reader, real)


async def _read(port: int, lags: Lags) -> None:
    bearer = Bearer.model_validate({"role": "service", "id": "bench"})
    token = sign_token(KeyRing.read(KEYS), bearer, "recourse-api", datetime.now(UTC) + timedelta(hours=1), "bench")
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    async with httpx.AsyncClient(timeout=None) as client:
        while True:
            with suppress(httpx.ConnectError):
                address = f"http://127.0.0.1:{port}/changes?after=now&limit=1000"
                async with client.stream("GET", address, headers=headers) as answer:
                    async for line in answer.aiter_lines():
                        if line.startswith("data: "):
                            lags.hear("SSE", json.loads(line[6:]))
            await asyncio.sleep(0.1)


async def cost(dsn: str) -> None:
    """What a step takes with the outbox off and on, in turns."""
    pool = await connect(dsn, most=1)
    took: dict[bool, list[float]] = {False: [], True: []}
    try:
        for turn in range(TURNS * 2):
            on = bool(turn % 2)
            async with pool.acquire() as connection:
                await switch_outbox(connection, on=on)
            steps = [
                step
                for seed in range(STEPS // 10)
                for step in live(Random(seed), order_id=f"c-{turn}-{seed}").steps  # noqa: S311
            ]
            for step in steps:
                began = time.perf_counter()
                await record_step(pool, step)
                took[on].append(time.perf_counter() - began)
    finally:
        await pool.close()
    for on, values in took.items():
        values.sort()
        half, most = values[len(values) // 2], values[len(values) * 99 // 100]
        print(f"outbox {'on' if on else 'off'}: {len(values)} steps, p50 {half * 1e3:.2f} ms, p99 {most * 1e3:.2f} ms")


async def main() -> None:
    """Measure all of it."""
    print(f"load average before: {os.getloadavg()[0]:.1f}", flush=True)
    with scratch() as folder:
        async with decodable(folder) as dsn:
            await migrate(dsn)
            await cost(dsn)
            await lag(dsn, 1000)
    print(f"load average behind: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])) if len(sys.argv) > 1 else main())
