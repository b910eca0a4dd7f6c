"""A sealed message counts as what it was sealed for, and once: no copy of it is another command."""

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.common import RawValue

from recourse.database.orders import read_record
from recourse.resolution.model.record import verify
from tests.process.conftest import Marketplace
from tests.process.test_messages import signal
from tests.secrets.conftest import RING, Keyed, replay
from tests.secrets.test_encrypted_orders import sealed

CLIENT = {"role": "client", "id": "c-1"}


async def messages(marketplace: Marketplace, order_id: str) -> dict[str, Payload]:
    """Each sealed message of an order's history, by the way and the name by which it came."""
    found = {}
    async for event in marketplace.handle(order_id).fetch_history_events():
        if event.HasField("workflow_execution_signaled_event_attributes"):
            told = event.workflow_execution_signaled_event_attributes
            found[f"signal:{told.signal_name}"] = told.input.payloads[0]
        if event.HasField("workflow_execution_update_accepted_event_attributes"):
            asked = event.workflow_execution_update_accepted_event_attributes.accepted_request.input
            found[f"update:{asked.name}"] = asked.args.payloads[0]
    return found


async def sent(client: Client, order_id: str, purpose: str, payload: Payload) -> None:
    way, name = purpose.split(":")
    if way == "signal":
        await signal(client, order_id, name, [payload])
    else:
        await client.get_workflow_handle(f"order-{order_id}").execute_update(
            name, RawValue(payload), result_type=RawValue
        )


@pytest.mark.parametrize("refuse_plain", [False, True])
async def test_a_copy_is_refused_as_anything_else_and_changes_nothing_as_itself(
    keyed: Keyed, refuse_plain: bool
) -> None:
    marketplace, stranger = await keyed.marketplace(RING), await keyed.stranger()
    async with keyed.working(RING, refuse_plain=refuse_plain):
        order_id, other = await marketplace.order(), await marketplace.order()
        freelancer = {"role": "freelancer", "id": "f-1"}
        assert (await marketplace.by("client", order_id, "request", kind="cancel")).applied
        await marketplace.recourse.order(order_id).signal("deliver", {"actor": freelancer, "comment": "Done"})
        assert (await marketplace.by("client", order_id, "message", comment="Hello")).applied
        copied = await messages(marketplace, order_id)
        assert sorted(copied) == ["signal:deliver", "update:message", "update:request"]
        before = len(await read_record(marketplace.recourse.pool, order_id))
        for purpose, payload in copied.items():
            for elsewhere in ("signal:accept", "update:accept", "signal:message", "update:deliver", "signal:nonsense"):
                await sent(stranger, order_id, elsewhere, payload)
            await sent(stranger, other, purpose, payload)
            # As itself it is a repetition.
            await sent(stranger, order_id, purpose, payload)
        await marketplace.by("client", order_id, "message", comment="Still there?")
        await marketplace.by("client", other, "message", comment="Still there?")

    refused = [entry.content for entry in (await read_record(marketplace.recourse.pool, order_id))[before:-1]]
    assert {entry["code"] for entry in refused} == {"malformed"}
    assert len(refused) == 15
    assert all("made for another command" in entry["details"]["problems"]["payload"] for entry in refused)
    elsewhere_refused = [entry.content.get("code") for entry in await read_record(marketplace.recourse.pool, other)]
    assert elsewhere_refused == ["malformed"] * 3 + [None]
    assert verify(await marketplace.recourse.order(order_id).record("operator")) == []
    await replay(marketplace.handle(order_id), RING)


async def test_a_sealed_message_that_says_not_what_it_is_for_is_refused_where_plain_ones_are(keyed: Keyed) -> None:
    marketplace = await keyed.marketplace(RING)
    async with keyed.working(RING):
        order_id = await marketplace.order()
        unbound = sealed(RING, order_id, actor=CLIENT, command_id="one", comment="Hello")
        await signal(marketplace.client, order_id, "message", [unbound])
        assert (await marketplace.by("client", order_id, "message", comment="Hello")).applied
    async with keyed.working(RING, refuse_plain=True):
        unbound = sealed(RING, order_id, actor=CLIENT, command_id="two", comment="Hello")
        await signal(marketplace.client, order_id, "message", [unbound])
        assert (await marketplace.by("client", order_id, "message", comment="Hello")).applied

    recorded = [entry.content for entry in await read_record(marketplace.recourse.pool, order_id)]
    assert [entry.get("code") for entry in recorded] == [None, None, "malformed", None]
    assert "which command it was made for" in recorded[2]["details"]["problems"]["payload"]
    await replay(marketplace.handle(order_id), RING)
