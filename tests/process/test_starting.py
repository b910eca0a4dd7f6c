"""An order starts once, whoever starts it how often; its id is never used again."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import ApplicationError

from recourse.database.orders import read_balances, read_order
from recourse.errors import BadInput, NoSuchOrder, OrderExists
from recourse.policies import load_policy
from recourse.resolution.model.order import Opening
from recourse.resolution.model.vocabulary import Party
from recourse.runtime.currencies import UnusableCurrency
from recourse.runtime.names import FORMER, SIGNALS, workflow_id
from recourse.runtime.search_attributes import PHASE, TURN
from recourse.starter.client import Recourse
from recourse.starter.recovering import Recovery
from recourse.starter.starting import start_options
from tests.outcomes import code
from tests.process.conftest import Marketplace

POLICY = load_policy("resolution_center")


async def test_starting_the_same_order_again_changes_nothing(marketplace: Marketplace) -> None:
    terms = marketplace.terms()
    await marketplace.recourse.start(terms, POLICY)
    await marketplace.by("client", terms.order_id, "message", comment="Hello")
    await marketplace.recourse.start(terms, POLICY)

    assert (await marketplace.recourse.order(terms.order_id).state()).record_length == 1
    assert await read_balances(marketplace.recourse.pool, terms.order_id) == {
        "client": -10_550,
        "freelancer": 0,
        "platform": 0,
        "escrow": 10_550,
        "contested": 0,
    }


async def test_an_order_and_its_first_command_start_in_one_go(marketplace: Marketplace) -> None:
    terms = marketplace.terms()
    first = ("request", {"actor": {"role": "client", "id": "c-1"}, "command_id": "one", "kind": "cancel"})

    outcome = await marketplace.recourse.start_and_send(terms, POLICY, *first)
    again = await marketplace.recourse.start_and_send(terms, POLICY, *first)

    assert outcome.applied
    assert again.applied
    assert again.repeated
    assert (await marketplace.recourse.order(terms.order_id).state()).record_length == 1


async def test_addresses_are_kept_before_the_first_command_is_sent(marketplace: Marketplace, pool: Any) -> None:
    terms, recourse = marketplace.terms(), marketplace.recourse
    first = ("request", {"actor": {"role": "client", "id": "c-1"}, "kind": "cancel"})
    waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'contacts'::regclass)"
    async with pool.acquire() as other:
        async with other.transaction():
            await other.execute("LOCK TABLE contacts IN ACCESS EXCLUSIVE MODE")
            start = recourse.start_and_send(terms, POLICY, *first, emails={"client": "c@x.example"})
            starting = asyncio.create_task(start)
            while not await pool.fetchval(waiting):
                assert not starting.done()
                await asyncio.sleep(0.02)
            assert await recourse.order(terms.order_id).soon_written()
            assert (await recourse.order(terms.order_id).state()).record_length == 0
        outcome = await starting
    assert outcome.applied
    assert await pool.fetchval("SELECT email FROM contacts") == "c@x.example"


async def test_addresses_of_an_id_that_belongs_to_other_terms_are_not_kept(marketplace: Marketplace, pool: Any) -> None:
    terms = marketplace.terms()
    await marketplace.recourse.start(terms, POLICY, emails={"client": "c@x.example"})
    dearer = terms.model_copy(update={"price": 20_000})
    with pytest.raises(OrderExists):
        await marketplace.recourse.start(dearer, POLICY, emails={"client": "other@x.example"})
    assert await pool.fetchval("SELECT email FROM contacts") == "c@x.example"


async def test_an_address_that_is_none_is_refused_as_bad_input_and_says_whose_it_is(marketplace: Marketplace) -> None:
    terms = marketplace.terms()
    for address in ("a..b@x.example", "somebody"):
        emails: dict[Party, str] = {"client": "c@x.example", "freelancer": address}
        with pytest.raises(BadInput, match=r"^the freelancer's address is not one e-mail address") as refused:
            await marketplace.recourse.start(terms, POLICY, emails=emails)
        assert address not in str(refused.value)
    with pytest.raises(NoSuchOrder):
        await marketplace.recourse.order(terms.order_id).state()


async def test_an_id_that_belongs_to_other_terms_is_refused(marketplace: Marketplace) -> None:
    terms = marketplace.terms()
    await marketplace.recourse.start(terms, POLICY)
    dearer = terms.model_copy(update={"price": 20_000})

    with pytest.raises(OrderExists, match="never be reused"):
        await marketplace.recourse.start(dearer, POLICY)


async def test_an_id_is_not_used_again_after_its_order_has_ended(marketplace: Marketplace) -> None:
    order_id = await marketplace.order(changes={"order.reachable_after": "0h"}, requirements="awaited")
    await marketplace.by("client", order_id, "request", kind="cancel")
    await marketplace.handle(order_id).result()

    with pytest.raises(OrderExists):
        await marketplace.recourse.start(marketplace.terms(order_id=order_id, price=1), POLICY)
    later = await marketplace.by("client", order_id, "message", comment="Hello?")
    assert code(later) == "order_closed"


async def test_an_unknown_order_is_said_to_be_unknown(marketplace: Marketplace) -> None:
    with pytest.raises(NoSuchOrder, match="no order nobody"):
        await marketplace.by("client", "nobody", "complete")
    with pytest.raises(NoSuchOrder):
        await marketplace.recourse.order("nobody").show("client")


async def test_what_temporal_does_not_take_is_bad_input(marketplace: Marketplace) -> None:
    with pytest.raises(BadInput, match="Temporal does not take this: "):
        await marketplace.recourse.start(marketplace.terms(), POLICY, start_delay=timedelta(hours=-1))


@pytest.mark.parametrize("opening", [None, "text", 17, {}, {"terms": {"price": -1}}, [1, 2]], ids=repr)
async def test_an_opening_that_cannot_be_read_fails_at_once_and_says_why(
    marketplace: Marketplace, opening: Any
) -> None:
    handle = await marketplace.client.start_workflow(
        "Order", opening, id=workflow_id(marketplace.terms().order_id), task_queue=marketplace.queue
    )
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == "bad_opening"


@pytest.mark.parametrize("arguments", [[], [1, 2]], ids=["none", "two"])
async def test_an_opening_of_the_wrong_number_of_arguments_fails_at_once(
    marketplace: Marketplace, arguments: list[Any]
) -> None:
    handle = await marketplace.client.start_workflow(
        "Order", args=arguments, id=workflow_id(marketplace.terms().order_id), task_queue=marketplace.queue
    )
    with pytest.raises(WorkflowFailureError):
        await handle.result()


@pytest.mark.parametrize("said", ["many", -1, 1.5, [1], None, b"many"], ids=repr)
async def test_an_order_goes_on_whatever_its_starter_keeps_in_the_memo(marketplace: Marketplace, said: Any) -> None:
    terms = marketplace.terms()
    opening = Opening(terms=terms, policy=POLICY, record_salt="a salt of sixteen")
    memo = {SIGNALS: said, FORMER: said, "terms": said}
    options = {**start_options(opening, marketplace.queue), "memo": memo}
    handle = await marketplace.client.start_workflow("Order", opening, **options)
    await handle.signal("message", {"actor": {"role": "client", "id": "c-1"}, "comment": "Hello"})
    assert (await marketplace.by("client", terms.order_id, "message", comment="Hello?")).applied

    assert (await marketplace.recourse.order(terms.order_id).state()).record_length == 2
    recovery = Recovery(marketplace.recourse)
    assert (await recovery.examine(terms.order_id)).state == "well"
    assert (await recovery.revive(terms.order_id)).sent_again == 0
    await handle.terminate()
    assert (await recovery.revive(terms.order_id)).sent_again == 0
    assert (await marketplace.by("client", terms.order_id, "message", comment="Hello?!")).applied


async def test_an_unknown_kind_of_workflow_fails_and_names_the_known_one(marketplace: Marketplace) -> None:
    handle = await marketplace.client.start_workflow(
        "Ordr", id=workflow_id(marketplace.terms().order_id), task_queue=marketplace.queue
    )
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    assert "orders are of type 'Order'" in str(failed.value.cause)


async def test_two_starters_at_once_make_one_order(marketplace: Marketplace) -> None:
    terms = marketplace.terms()
    await asyncio.gather(*(marketplace.recourse.start(terms, POLICY) for _ in range(5)))
    await marketplace.by("client", terms.order_id, "message", comment="Hello")

    stored = await read_order(marketplace.recourse.pool, terms.order_id)
    assert stored is not None
    assert stored.step == 1


async def test_an_order_that_waits_to_begin_is_not_there_yet(marketplace: Marketplace) -> None:
    terms = marketplace.terms()
    await marketplace.recourse.start(terms, POLICY, start_delay=timedelta(hours=1))

    assert await read_order(marketplace.recourse.pool, terms.order_id) is None


async def test_an_opening_that_cannot_be_read_is_told_by_field_and_nothing_of_it_is_repeated(
    marketplace: Marketplace,
) -> None:
    opening = {"terms": {"price": -1, "client": "somebody"}, "policy": {}, "record_salt": "a secret of sixteen"}
    handle = await marketplace.client.start_workflow(
        "Order", opening, id=workflow_id(marketplace.terms().order_id), task_queue=marketplace.queue
    )
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    told = str(failed.value.cause)
    assert "The order cannot start: terms.order_id: is missing; " in told
    assert "; terms.price: must be at least 1; " in told
    assert "policy.name: is missing" in told
    assert all(word not in told for word in ("secret", "somebody", "Carried", "pydantic"))


async def test_an_order_is_found_before_any_worker_takes_it_up_and_tells_nothing_twice(
    marketplace: Marketplace,
) -> None:
    terms = marketplace.terms()
    nobody = Recourse(marketplace.client, marketplace.recourse.pool, task_queue=f"nobody-{marketplace.queue}")
    await nobody.start(terms, POLICY)
    described = await marketplace.handle(terms.order_id).describe()
    led = await marketplace.order()
    kinds = [event.event_type async for event in marketplace.handle(led).fetch_history_events()]

    assert described.typed_search_attributes.get(PHASE) == "in_progress"
    assert described.typed_search_attributes.get(TURN) == "freelancer"
    assert EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES not in kinds


async def test_an_order_starts_in_a_namespace_that_has_no_search_attributes_yet(
    marketplace: Marketplace, temporal_address: str
) -> None:
    new, terms = f"new-{marketplace.queue}", marketplace.terms()
    await marketplace.client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=new, workflow_execution_retention_period=Duration(seconds=86_400))
    )
    there = await Client.connect(temporal_address, namespace=new, data_converter=marketplace.client.data_converter)
    await Recourse(there, marketplace.recourse.pool).start(terms, POLICY)

    described = await there.get_workflow_handle(workflow_id(terms.order_id)).describe()
    assert described.status is WorkflowExecutionStatus.RUNNING


async def refused_start(marketplace: Marketplace, **terms: Any) -> str:
    """What a start with these terms, as another program sends it, fails with."""
    opening = Opening(terms=marketplace.terms(), policy=POLICY, record_salt="0123456789abcdef").model_dump(mode="json")
    opening["terms"] |= terms
    handle = await marketplace.client.start_workflow(
        "Order", opening, id=workflow_id(opening["terms"]["order_id"]), task_queue=marketplace.queue
    )
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    cause: Any = failed.value.cause
    while not isinstance(cause, ApplicationError):
        cause = cause.cause
    assert cause.type == "bad_opening"
    return str(cause)


@pytest.mark.parametrize("currency", ["UDS", "XXX", "XTS", "DEM", "HRK"])
async def test_no_order_starts_in_a_currency_that_there_is_not(marketplace: Marketplace, currency: str) -> None:
    told = await refused_start(marketplace, currency=currency)
    assert f"The order cannot start: terms.currency: '{currency}' is not a currency" in told
    with pytest.raises(UnusableCurrency):
        await marketplace.recourse.start(marketplace.terms(currency=currency), POLICY)


async def test_an_order_that_has_started_outlives_its_currency(
    marketplace: Marketplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = await marketplace.order(currency="EUR")
    await marketplace.by("client", order_id, "message", comment="Hello")
    order = await marketplace.recourse.order(order_id).state()

    def withdrawn(code: str) -> None:
        raise UnusableCurrency(code)

    monkeypatch.setattr("recourse.activities.recording.check_currency", withdrawn)
    monkeypatch.setattr("recourse.starter.starting.check_currency", withdrawn)
    await marketplace.recourse.start(order.terms, POLICY)
    await marketplace.handle(order_id).terminate()
    await marketplace.client.start_workflow(
        "Order", order.opening, id=workflow_id(order_id), task_queue=marketplace.queue
    )
    assert (await marketplace.by("client", order_id, "message", comment="Still here")).applied


@pytest.mark.parametrize("placed", [1_700_000_000, 1_700_000_000_000, "1700000000"])
async def test_no_order_is_placed_at_a_number(marketplace: Marketplace, placed: Any) -> None:
    assert "terms.ordered_at" in await refused_start(marketplace, ordered_at=placed)


async def test_a_start_and_its_commands_take_whole_numbers_with_a_fraction_of_zero(marketplace: Marketplace) -> None:
    opening = Opening(terms=marketplace.terms(), policy=POLICY, record_salt="0123456789abcdef").model_dump(mode="json")
    opening["terms"] |= {"price": 10_000.0, "service_fee": 550.0}
    order_id = opening["terms"]["order_id"]
    handle = await marketplace.client.start_workflow(
        "Order", opening, id=workflow_id(order_id), task_queue=marketplace.queue
    )
    await handle.signal("request", {"actor": {"role": "client", "id": "c-1"}, "kind": "cancel"})
    answers: list[dict[str, Any]] = []
    for version in (1.5, 1.0):
        sent = {"actor": {"role": "freelancer", "id": "f-1"}, "expected_version": version}
        answers.append(await handle.execute_update("accept", sent, result_type=dict))
    half, whole = answers
    assert (half["code"], whole["status"]) == ("malformed", "applied")
    assert (await marketplace.recourse.order(order_id).state()).terms.price == 10_000
