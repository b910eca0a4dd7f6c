"""The process of one contestant: `python -m bench.serve NAME`, with what it needs in the environment."""

import asyncio
import os
import sys

import uvloop

from recourse.database.pool import connect
from recourse.worker import freeze_startup_objects


def as_users_write_it(name: str) -> bool:
    """Whether it runs as Python does by default, and not as `recourse worker`."""
    return name.startswith("naive")


async def serve(name: str) -> None:
    """Work until killed."""
    pool = await connect(os.environ["DATABASE_URL"])
    if name == "rows":
        from bench.rows import serve_rows

        await serve_rows(pool, int(os.environ["BENCH_PORT"]))
    elif name == "dbos":
        from bench.dbos_orders import serve_dbos

        await serve_dbos(pool, int(os.environ["BENCH_PORT"]), os.environ["BENCH_DBOS_URL"])
    elif name == "restate":
        from bench.restate_orders import serve_restate

        await serve_restate(pool, int(os.environ["BENCH_PORT"]))
    else:
        from bench.receiver import SECRET
        from bench.temporal_contestants import connected, worker_of
        from recourse.activities.webhook import WebhookChannel

        url = os.environ.get("BENCH_WEBHOOK")
        channels = [WebhookChannel(url, [SECRET])] if url else []
        cache = int(os.environ.get("BENCH_CACHE", "1000"))
        client = await connected(os.environ["TEMPORAL_ADDRESS"])
        async with worker_of(name, client, pool, channels, max_cached_workflows=cache):
            if not as_users_write_it(name):
                freeze_startup_objects()
            await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=None if as_users_write_it(sys.argv[1]) else uvloop.new_event_loop) as runner:
        runner.run(serve(sys.argv[1]))
