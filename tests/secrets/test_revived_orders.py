"""An order whose messages are encrypted and signed is revived with what nobody had decided of them."""

import asyncio
from typing import Any

from recourse.database.orders import read_record
from recourse.policies import load_policy
from recourse.runtime.actors import Actors, SignsCommands
from recourse.runtime.encryption import for_callers
from recourse.runtime.temporal_connection import connect
from recourse.starter.client import Recourse
from recourse.starter.recovering import Recovery
from tests.patience import PATIENCE
from tests.process.conftest import Marketplace
from tests.secrets.conftest import RING, Keyed

CLIENT = {"role": "client", "id": "c-1"}


async def test_sealed_and_signed_messages_are_sent_again_as_they_were(
    keyed: Keyed, temporal_address: str, pool: Any
) -> None:
    signing = [SignsCommands(Actors(RING))]
    client = await connect(target_host=temporal_address, data_converter=for_callers(RING), interceptors=signing)
    recourse = Recourse(client, pool, task_queue=keyed.queue)
    marketplace = Marketplace(recourse, keyed.queue)
    terms = marketplace.terms()
    await recourse.start(terms, load_policy("resolution_center"))
    async with keyed.working(RING, actors=Actors(RING)):
        await recourse.order(terms.order_id).send("message", {"actor": CLIENT, "comment": "one"})
    await recourse.order(terms.order_id).signal("message", {"actor": CLIENT, "comment": "two"})
    forged = (await keyed.marketplace(RING)).handle(terms.order_id)
    await forged.signal("message", {"actor": CLIENT, "command_id": "forged", "comment": "three"})
    await marketplace.handle(terms.order_id).terminate()

    done = await Recovery(recourse).revive(terms.order_id)
    async with keyed.working(RING, actors=Actors(RING)), asyncio.timeout(PATIENCE):
        while len(record := await read_record(pool, terms.order_id)) < 3:  # noqa: ASYNC110 - it is in the database
            await asyncio.sleep(0.05)

    assert done.sent_again == 2
    assert [entry.content["outcome"] for entry in record] == ["applied", "applied", "refused"]
    assert record[2].content["code"] == "actor_unproven"
