"""Writes a step of an order, as an attempt does whose worker dies before it reports: `lost_step ORDER COMMENT`."""

import asyncio
import sys
from types import SimpleNamespace
from typing import Any

from recourse.database.pool import connect
from recourse.runtime.settings import read_settings
from recourse.starter.reading import Orders
from tests.process.test_forgotten_attempts import committed_and_forgotten


async def main(order_id: str, comment: str) -> None:
    """Write it, with the code of the tree in which this runs."""
    pool = await connect(read_settings().database_url)
    fields = {"actor": {"role": "client", "id": "c-1"}, "command_id": "lost", "comment": comment}
    market: Any = SimpleNamespace(recourse=Orders(pool))
    await committed_and_forgotten(market, order_id, ("message", fields))
    await pool.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
