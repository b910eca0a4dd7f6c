"""Private notes, private feedback and accounts at a payment provider are for operators: marked texts are planted in
real stories, and everything that leaves the house is searched for them (rules, 8 and 9)."""

import io
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType

from recourse.cli.timeline import timeline
from recourse.database.displays import write_display
from recourse.database.lists import list_orders
from recourse.database.orders import read_notices, write_contacts
from recourse.resolution.model.display import Display
from recourse.resolution.model.record import Export, Reader
from recourse.runtime.encryption import Encryption
from tests.outcomes import code
from tests.process.conftest import Marketplace
from tests.process.test_messages import JSON, signal
from tests.secrets.conftest import RING, Keyed, raw_history
from tests.secrets.outside import outside, worker_process

NOTE, REFUSED_NOTE, GARBLED_NOTE = "QNOTEQ", "QREFUSEDQ", "QGARBLEDQ"
FEEDBACK, TOO_LATE, NOT_HIS = "QFEEDBACKQ", "QLATEQ", "QHISQ"
ACCOUNTS = {"payment": "QPAYMENTQ", "destination": "QDESTINATIONQ"}
PRIVATE = (NOTE, REFUSED_NOTE, GARBLED_NOTE, FEEDBACK, TOO_LATE, NOT_HIS, *ACCOUNTS.values())
PUBLIC = "said to the other side"
# What people call an order is in no record, no history and no log.
CALLED, CALLED_IN = "QCALLEDQ", {"list", "client's view", "freelancer's view", "a webhook", "a mail"}
PARTIES: tuple[Reader, ...] = ("client", "freelancer")
# Who wrote a review may read it again in the record; a note to the operators is not given back even to its author.
OWN: dict[Reader, tuple[str, ...]] = {"client": (FEEDBACK, TOO_LATE), "freelancer": (NOT_HIS,)}
Found = tuple[str, Any, tuple[str, ...]]


async def opened(marketplace: Marketplace, policy: str) -> str:
    """An order whose parties have addresses."""
    order_id = marketplace.terms().order_id
    emails = {"client": "c@home.test", "freelancer": "f@home.test"}
    await write_contacts(marketplace.recourse.pool, order_id, emails)
    display = Display(title=CALLED, client_name=f"{CALLED} Ben", freelancer_name=f"{CALLED} Ada")
    await write_display(marketplace.recourse.pool, order_id, display)
    return await marketplace.order(policy, order_id=order_id, **ACCOUNTS)


async def an_unpaid_exit(marketplace: Marketplace) -> str:
    """Ends by agreement, with private feedback of the client."""
    order_id, by = await opened(marketplace, "upwork"), marketplace.by
    ask = {"kind": "cancel", "reason": "cannot_deliver", "comment": PUBLIC, "amount": 0}
    assert (await by("freelancer", order_id, "request", **ask, private_note=NOTE)).applied
    refused = await by("client", order_id, "request", kind="cancel", private_note=REFUSED_NOTE)
    assert code(refused) == "request_open"
    assert (await by("client", order_id, "accept", comment=PUBLIC)).applied
    review = {"visibility": "private", "rating": "negative"}
    assert (await by("client", order_id, "leave_feedback", **review, text=FEEDBACK)).applied
    assert code(await by("client", order_id, "leave_feedback", **review, text=TOO_LATE)) == "feedback_not_allowed"
    assert code(await by("freelancer", order_id, "leave_feedback", **review, text=NOT_HIS)) == "feedback_not_allowed"
    return order_id


async def a_ruling(marketplace: Marketplace) -> str:
    """Ends by a ruling, after messages that cannot be read."""
    order_id, by = await opened(marketplace, "resolution_center"), marketplace.by
    assert (await by("client", order_id, "request", kind="cancel", comment=PUBLIC, private_note=NOTE)).applied
    garbled = await by("client", order_id, "request", kind="cancle", private_note=GARBLED_NOTE)
    assert code(garbled) == "malformed"
    actor = {"role": "client", "id": "c-1"}
    for written in (json.dumps({"actor": actor, "private_note": GARBLED_NOTE}), f'{{"private_note": "{GARBLED_NOTE}'):
        sealed = Payload(metadata=JSON, data=written.encode())
        await signal(marketplace.client, order_id, "request", [Encryption(RING).seal(sealed)])
        await signal(marketplace.client, order_id, "requets", [Encryption(RING).seal(sealed)])
    assert (await by("freelancer", order_id, "decline", comment=PUBLIC)).applied
    assert (await by("client", order_id, "escalate", comment=PUBLIC)).applied
    assert (await by("operator", order_id, "propose", amount=5_000, explanation=PUBLIC)).applied
    assert (await by("freelancer", order_id, "decline")).applied
    assert (await by("operator", order_id, "rule", outcome="cancel", amount=0, explanation=PUBLIC)).applied
    return order_id


async def to_everybody(marketplace: Marketplace, order_id: str) -> AsyncIterator[Found]:
    """What Temporal keeps and shows of an order, also to who can decrypt the texts of its UI."""
    handle = marketplace.handle(order_id)
    yield "raw history and description", await raw_history(handle), ()
    described = await handle.describe()
    yield "title", await described.static_summary(), ()
    yield "details", await described.static_details(), ()
    yield "search attributes", str(described.typed_search_attributes), ()
    yield "memo", await described.memo(), ()
    metadata = await handle.query("__temporal_workflow_metadata")
    yield "current details", metadata.current_details, ()
    async for event in handle.fetch_history_events():
        kind = EventType.Name(event.event_type)
        shown = [event.user_metadata.summary, event.user_metadata.details]
        shown += event.activity_task_completed_event_attributes.result.payloads
        shown += event.workflow_execution_completed_event_attributes.result.payloads
        for details in event.marker_recorded_event_attributes.details.values():
            shown += details.payloads
        for failure in (
            event.activity_task_started_event_attributes.last_failure,
            event.activity_task_failed_event_attributes.failure,
        ):
            if failure.HasField("encoded_attributes"):
                shown.append(failure.encoded_attributes)
        for payload in shown:
            yield kind, Encryption(RING).open(payload).data, ()
    yield "list", await list_orders(marketplace.recourse.pool), ()


async def to_a_party(marketplace: Marketplace, order_id: str, party: Reader) -> AsyncIterator[Found]:
    """What one party can read of its order."""
    recourse = marketplace.recourse
    yield f"{party}'s view", await recourse.order(order_id).show(party), ()
    yield f"{party}'s actions", await recourse.order(order_id).actions(party), ()
    asked = {"actor": {"role": party, "id": "c-1" if party == "client" else "f-1"}, "kind": "cancel"}
    yield f"{party}'s preview", await recourse.order(order_id).preview("request", asked), ()
    yield f"{party}'s notices", [notice.model_dump() for notice in await recourse.order(order_id).notices(party)], ()
    record = await recourse.order(order_id).record(party)
    yield f"{party}'s export", record, OWN[party]
    yield f"{party}'s rows", [row async for row in rows_for(recourse.pool, order_id, party)], OWN[party]
    screen = io.StringIO()
    Console(file=screen, width=500).print(timeline(Export.model_validate(record)))
    yield f"{party}'s timeline", screen.getvalue(), OWN[party]


async def rows_for(pool: Any, order_id: str, party: Reader) -> AsyncIterator[str]:
    """What a program that serves parties can read of one in the database, where there is a role for such programs."""
    relations = await pool.fetch(
        "SELECT table_name FROM information_schema.role_table_grants "
        "WHERE grantee = 'recourse_reader' AND privilege_type = 'SELECT'"
    )
    for relation in relations:
        rows = await pool.fetch(
            f"SELECT v::text FROM {relation['table_name']} AS v WHERE order_id = $1 AND role = $2", order_id, party
        )
        for row in rows:
            yield row[0]


def leaks(found: Found) -> Iterator[str]:
    """Where which private text stands that may not."""
    where, content, allowed = found
    text = as_text(content)
    yield from (f"{private} in {where}" for private in PRIVATE if private in text and private not in allowed)


def as_text(content: Any) -> str:
    if isinstance(content, bytes):
        return content.decode(errors="replace")
    return content if isinstance(content, str) else json.dumps(content, default=str)


async def test_what_is_for_operators_leaves_the_house_on_no_path(
    keyed: Keyed, temporal_address: str, dsn: str, tmp_path: Path
) -> None:
    marketplace, log = await keyed.marketplace(RING), tmp_path / "worker.log"
    pool = marketplace.recourse.pool
    found: list[Found] = []
    async with (
        outside() as (world, settings),
        worker_process(log, temporal_address, dsn, keyed.queue, **settings),
    ):
        orders = [await an_unpaid_exit(marketplace), await a_ruling(marketplace)]
        notices = [notice for order_id in orders for notice in await read_notices(pool, order_id)]
        letters = {(notice.to, notice.id.rpartition(".")[0]) for notice in notices}
        await world.until(lambda: len(world.webhooks) >= len(notices) and len(world.mails) >= len(letters))
        for order_id in orders:
            found += [one async for one in to_everybody(marketplace, order_id)]
            for party in PARTIES:
                found += [one async for one in to_a_party(marketplace, order_id, party)]
        for_operators = json.dumps([await marketplace.recourse.order(one).record("operator") for one in orders])
    found += [("a webhook", body, ()) for body in world.webhooks]
    found += [("a mail", mail, ()) for mail in world.mails]
    found.append(("the worker's output", log.read_bytes(), ()))

    assert [leak for one in found for leak in leaks(one)] == []
    assert {where for where, content, _ in found if CALLED in as_text(content)} == CALLED_IN
    # The search would find them: operators read them all, and what may be read is read in the same places.
    assert [private for private in PRIVATE if private not in for_operators] == []
    assert any(PUBLIC in body.decode() for body in world.webhooks)
    assert any(PUBLIC in mail.decode() for mail in world.mails)
    assert "500" in log.read_text()
    whole = [str(content) for where, content, _ in found if where == "client's export"]
    assert all(PUBLIC in text for text in whole)
