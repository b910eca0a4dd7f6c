"""Orders whose payloads are encrypted: keys change, go missing and come back, payloads are changed and copied, and no
order is wedged, lost or led astray."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowFailureError
from temporalio.common import RawValue
from temporalio.converter import WorkflowSerializationContext
from temporalio.exceptions import ApplicationError

from recourse.database.orders import read_record
from recourse.policies import load_policy
from recourse.resolution.model.order import Opening
from recourse.resolution.model.record import verify
from recourse.runtime.encryption import Encryption
from recourse.runtime.keys import KeyRing
from recourse.runtime.names import workflow_id
from recourse.workflows.order import OrderWorkflow
from tests.process.conftest import Marketplace
from tests.process.test_messages import JSON, signal
from tests.secrets.conftest import (
    NEW,
    NONE,
    OLD,
    ONLY_NEW,
    ONLY_OLD,
    RING,
    Keyed,
    raw_history,
    replay,
    until_a_task_fails,
)

SECRET = "Sesame, in nobody's history"
CLIENT = {"role": "client", "id": "c-1"}
POLICY = load_policy("resolution_center")


def payload(**fields: Any) -> Payload:
    return Payload(metadata=JSON, data=json.dumps(fields).encode())


def sealed(keys: KeyRing, order_id: str, **fields: Any) -> Payload:
    """A message as a caller with `keys` sends it to an order."""
    context = WorkflowSerializationContext(namespace="default", workflow_id=workflow_id(order_id))
    return Encryption(keys).with_context(context).seal(payload(**fields))


async def started(marketplace: Marketplace) -> str:
    """An order whose tasks are tried again after a second, instead of ten."""
    opening = Opening(terms=marketplace.terms(), policy=POLICY, record_salt="0123456789abcdef")
    await marketplace.client.start_workflow(
        OrderWorkflow.run,
        opening,
        id=workflow_id(opening.terms.order_id),
        task_queue=marketplace.queue,
        task_timeout=timedelta(seconds=1),
    )
    return opening.terms.order_id


async def contents(marketplace: Marketplace, order_id: str) -> list[dict[str, Any]]:
    return [entry.content for entry in await read_record(marketplace.recourse.pool, order_id)]


async def test_nothing_that_is_said_can_be_read_from_what_temporal_keeps(keyed: Keyed) -> None:
    marketplace = await keyed.marketplace(RING)
    async with keyed.working(RING):
        order_id = await marketplace.order(client="Clara Client", freelancer="Fred Freelancer")
        client, freelancer = {"role": "client", "id": "Clara Client"}, {"role": "freelancer", "id": "Fred Freelancer"}
        said = await marketplace.recourse.order(order_id).send("message", {"actor": client, "comment": SECRET})
        await marketplace.recourse.order(order_id).signal("message", {"actor": client, "comment": SECRET})
        asked = {"kind": "extension", "extend_by": "1d", "comment": SECRET}
        assert (await marketplace.recourse.order(order_id).send("request", {"actor": freelancer, **asked})).applied
    kept = await raw_history(marketplace.handle(order_id))

    assert said.applied
    assert b"binary/encrypted" in kept
    for text in (SECRET.encode(), b"Clara", b"Freelancer", b"price", b"money", b"escrow", b"extension"):
        assert text not in kept, text


async def test_keys_change_while_an_order_is_open(keyed: Keyed) -> None:
    between = KeyRing({"old": OLD, "new": NEW})
    before, after = await keyed.marketplace(between), await keyed.marketplace(RING)
    async with keyed.working(ONLY_OLD):
        order_id = await before.order()
        await before.by("client", order_id, "message", comment="under the old key")
    async with keyed.working(RING):
        first = await before.by("client", order_id, "request", kind="cancel")
        second = await after.by("freelancer", order_id, "accept")

    assert first.applied
    assert second.applied
    assert verify(await after.recourse.order(order_id).record("operator")) == []
    await replay(after.handle(order_id), RING)


async def test_a_changed_or_copied_payload_is_refused_and_recorded_and_the_order_goes_on(keyed: Keyed) -> None:
    marketplace = await keyed.marketplace(RING)
    async with keyed.working(RING):
        order_id, other = await marketplace.order(), await marketplace.order()
        changed = sealed(RING, order_id, actor=CLIENT, comment="Hello")
        changed.data = changed.data[:-1] + bytes([changed.data[-1] ^ 1])
        copied = sealed(RING, other, actor=CLIENT, comment="Hello")
        for bad in (changed, copied):
            await signal(marketplace.client, order_id, "message", [bad])
            await signal(marketplace.client, order_id, "no_such_thing", [bad])
        after = await marketplace.by("client", order_id, "message", comment="Still there?")

    assert after.applied
    *refused, _ = await contents(marketplace, order_id)
    assert [entry["code"] for entry in refused] == ["malformed"] * 4
    assert "encrypted for another order" in refused[0]["details"]["problems"]["payload"]
    await replay(marketplace.handle(order_id), RING)


async def test_what_was_refused_for_want_of_a_key_stays_refused_when_the_key_comes(keyed: Keyed) -> None:
    ahead, marketplace = await keyed.marketplace(ONLY_NEW), await keyed.marketplace(ONLY_OLD)
    async with keyed.working(ONLY_OLD):
        order_id = await marketplace.order()
        await ahead.recourse.order(order_id).signal(
            "request", {"actor": CLIENT, "command_id": "early", "kind": "cancel"}
        )
        await marketplace.by("client", order_id, "message", comment="sees the refusal")
    async with keyed.working(RING):
        everywhere = await keyed.marketplace(RING)
        again = await everywhere.by("client", order_id, "request", kind="cancel", command_id="early")

    assert again.applied
    recorded = await contents(marketplace, order_id)
    # On a busy machine the message may come in the same task as the signal, and be decided before it.
    *first, last = [entry.get("code", "applied") for entry in recorded]
    assert (sorted(first), last) == (["applied", "malformed"], "applied")
    assert verify(await marketplace.recourse.order(order_id).record("operator")) == []
    await replay(marketplace.handle(order_id), RING)


async def test_an_order_waits_for_a_key_that_was_taken_away_too_early(keyed: Keyed) -> None:
    before, after = await keyed.marketplace(ONLY_OLD), await keyed.marketplace(RING)
    async with keyed.working(ONLY_OLD):
        order_id = await started(before)
        await before.by("client", order_id, "request", kind="cancel")
    async with keyed.working(ONLY_NEW):
        asking = asyncio.create_task(after.by("freelancer", order_id, "decline"))
        await until_a_task_fails(after.handle(order_id))
        assert len(await contents(after, order_id)) == 1
    async with keyed.working(RING):
        assert (await asking).applied

    assert [entry["outcome"] for entry in await contents(after, order_id)] == ["applied", "applied"]


async def test_a_start_waits_for_its_key_and_no_order_is_lost(keyed: Keyed) -> None:
    ahead = await keyed.marketplace(ONLY_NEW)
    async with keyed.working(ONLY_OLD):
        order_id = await started(ahead)
        await until_a_task_fails(ahead.handle(order_id))
    async with keyed.working(RING):
        assert (await ahead.by("client", order_id, "message", comment="Hello")).applied


async def test_a_start_that_was_changed_fails_at_once_and_only_who_has_the_key_reads_why(keyed: Keyed) -> None:
    marketplace, keyless = await keyed.marketplace(RING), await keyed.client(NONE)
    order_id = marketplace.terms().order_id
    changed = sealed(RING, order_id, terms={})
    changed.data = changed.data[:-1] + bytes([changed.data[-1] ^ 1])
    async with keyed.working(RING):
        await keyless.start_workflow(
            "Order", RawValue(changed), id=workflow_id(order_id), task_queue=keyed.queue, result_type=str
        )
        with pytest.raises(WorkflowFailureError) as failed:
            await marketplace.handle(order_id).result()

    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == "bad_opening"
    assert "it was changed" in str(failed.value.cause)
    assert b"it was changed" not in await raw_history(marketplace.handle(order_id))


async def test_plain_messages_of_other_languages_are_taken(keyed: Keyed) -> None:
    plain, marketplace = await keyed.marketplace(NONE), await keyed.marketplace(RING)
    async with keyed.working(RING):
        order_id = await plain.order()
        await signal(plain.client, order_id, "message", [payload(actor=CLIENT, comment="Hello")])
        assert (await marketplace.by("client", order_id, "message", comment="encrypted")).applied

    assert [entry["outcome"] for entry in await contents(marketplace, order_id)] == ["applied", "applied"]


async def test_plain_messages_are_refused_where_the_worker_says_so_and_what_came_before_stays(keyed: Keyed) -> None:
    plain, marketplace = await keyed.marketplace(NONE), await keyed.marketplace(RING)
    async with keyed.working(RING):
        order_id = await plain.order()
        await signal(plain.client, order_id, "message", [payload(actor=CLIENT, comment="came in time")])
        await marketplace.by("client", order_id, "message", comment="encrypted")
    async with keyed.working(RING, refuse_plain=True):
        await signal(plain.client, order_id, "message", [payload(actor=CLIENT, comment="too late")])
        assert (await marketplace.by("client", order_id, "message", comment="encrypted")).applied
        late = await plain.client.start_workflow(
            "Order", plain.terms(), id=workflow_id("late-" + order_id), task_queue=keyed.queue
        )
        with pytest.raises(WorkflowFailureError):
            await marketplace.client.get_workflow_handle(late.id).result()

    recorded = await contents(marketplace, order_id)
    assert [entry.get("code", "applied") for entry in recorded] == ["applied", "applied", "malformed", "applied"]
    assert "is not encrypted, which is refused here" in recorded[2]["details"]["problems"]["payload"]
    await replay(marketplace.handle(order_id), RING, refuse_plain=True)
    await replay(marketplace.handle(order_id), RING)


async def test_a_worker_that_lost_all_keys_leads_no_order_astray(keyed: Keyed) -> None:
    marketplace = await keyed.marketplace(RING)
    async with keyed.working(RING):
        order_id = await marketplace.order()
        await marketplace.by("client", order_id, "request", kind="cancel")
    async with keyed.working(NONE):
        await signal(marketplace.client, order_id, "accept", [payload(actor={"role": "freelancer", "id": "f-1"})])
        await until_a_task_fails(marketplace.handle(order_id))

    assert len(await contents(marketplace, order_id)) == 1


async def test_the_memo_names_nobody(keyed: Keyed) -> None:
    marketplace = await keyed.marketplace(NONE)
    async with keyed.working(NONE):
        order_id = await marketplace.order()
        memo = (await marketplace.handle(order_id).describe()).raw_description.workflow_execution_info.memo

    assert b"c-1" not in memo.SerializeToString()
    assert b"f-1" not in memo.SerializeToString()


async def test_many_payloads_that_cannot_be_opened_wedge_nothing(keyed: Keyed) -> None:
    marketplace = await keyed.marketplace(RING)
    bad = Payload(metadata={"encoding": b"binary/encrypted", "encryption-key-id": b"nobody's"}, data=b"x" * 40)
    async with keyed.working(RING):
        order_id = await marketplace.order()
        for _ in range(4):
            await asyncio.gather(*(signal(marketplace.client, order_id, "message", [bad]) for _ in range(50)))
            assert (await marketplace.by("client", order_id, "message", comment="Still there?")).applied
    async with keyed.working(RING):
        assert (await marketplace.by("client", order_id, "message", comment="Still there?")).applied

    assert len(await contents(marketplace, order_id)) == 205
    await replay(marketplace.handle(order_id), RING)
