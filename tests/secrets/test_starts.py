"""Where actors must be proven, an order starts only as a program with a key said, and under a policy without errors."""

from typing import Any

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError

from recourse.database.orders import read_record
from recourse.errors import OrderExists, OrderNotRunning
from recourse.policies import load_policy
from recourse.resolution.model.opening_state import OpeningState
from recourse.resolution.model.order import Opening, write_opening
from recourse.runtime.actors import Actors
from recourse.runtime.keys import KeyRing
from recourse.runtime.names import ORDER, workflow_id
from recourse.starter.starting import start_options
from tests.process.conftest import Marketplace
from tests.secrets.conftest import NONE, OLD, RING, Keyed

SALT = "0123456789abcdef"
ACTORS = Actors(RING)
POLICY = load_policy("resolution_center")
# A policy that ends orders within minutes, by clocks alone; no file may hold it.
HASTY = POLICY.model_copy(update={"order": POLICY.order.model_copy(update={"dormant_after": POLICY.order.late_grace})})


@pytest.fixture
async def signing(keyed: Keyed) -> Marketplace:
    """A marketplace whose backend has the keys."""
    return await keyed.signing(ACTORS)


async def began(marketplace: Marketplace, opening: Opening, **over: Any) -> WorkflowHandle[Any, Any]:
    options = start_options(opening, marketplace.queue) | over
    return await marketplace.client.start_workflow(ORDER, write_opening(opening), **options)


async def failure(handle: WorkflowHandle[Any, Any]) -> ApplicationError:
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == "bad_opening"
    return failed.value.cause


async def test_an_order_that_nobody_signed_never_starts(keyed: Keyed, signing: Marketplace) -> None:
    stranger, pool = await keyed.marketplace(NONE), signing.recourse.pool
    async with keyed.working(NONE, actors=ACTORS):
        opening = Opening(terms=stranger.terms(), policy=POLICY, record_salt=SALT)
        unsigned = await began(stranger, opening)
        assert "not signed" in str(await failure(unsigned))
        # Reset, it is no more signed than before.
        assert "not signed" in str(await failure(await began(stranger, opening, id_reuse_policy=1)))
        # The order that the marketplace then wants to start is not said to run.
        with pytest.raises(OrderNotRunning):
            await signing.recourse.start(opening.terms, POLICY)
        good = await signing.order()
        assert (await signing.by("client", good, "message", comment="Hello")).applied

    assert await read_record(pool, opening.terms.order_id) == []


@pytest.mark.parametrize("other", ["policy", "provider", "terms", "record_salt", "state"])
def test_a_start_is_signed_for_each_part_of_its_opening(signing_of: Opening, other: str) -> None:
    parts: dict[str, Any] = {
        "policy": load_policy("glimmer"),
        "provider": "cards",
        "terms": signing_of.terms.model_copy(update={"price": 1}),
        "record_salt": SALT * 2,
        "state": OpeningState(phase="in_progress", since=signing_of.terms.ordered_at),
    }
    token, workflow = ACTORS.sign_start(signing_of), workflow_id(signing_of.terms.order_id)

    assert ACTORS.prove_start(signing_of, token, workflow)
    assert not ACTORS.prove_start(signing_of.model_copy(update={other: parts[other]}), token, workflow)
    assert not ACTORS.prove_start(signing_of, token, workflow_id("another"))
    assert not ACTORS.prove_start(signing_of, None, workflow)
    assert not Actors(KeyRing({"new": OLD})).prove_start(signing_of, token, workflow)


@pytest.fixture
def signing_of() -> Opening:
    """Something to sign."""
    terms = {"order_id": "17", "client": "c-1", "freelancer": "f-1", "price": 100, "ordered_at": "2026-01-01T00:00:00Z"}
    return Opening.model_validate(
        {"terms": {**terms, "delivery_time": "5d"}, "policy": POLICY.model_dump(), "record_salt": SALT}
    )


async def test_an_order_that_started_before_there_were_keys_begins_anew_after_a_reset(
    keyed: Keyed, signing: Marketplace
) -> None:
    stranger = await keyed.marketplace(NONE)
    async with keyed.working(NONE):
        order_id = await stranger.order()
        assert (await stranger.by("client", order_id, "message", comment="Hello")).applied
    await stranger.handle(order_id).terminate()
    opening = (await stranger.recourse.order(order_id).state()).opening
    async with keyed.working(NONE, actors=ACTORS):
        await began(stranger, opening, id_reuse_policy=1)
        assert (await signing.by("client", order_id, "message", comment="Hello")).applied

    assert len(await read_record(signing.recourse.pool, order_id)) == 2


async def test_a_policy_that_a_lint_calls_wrong_starts_no_order_either(keyed: Keyed) -> None:
    stranger = await keyed.marketplace(NONE)
    async with keyed.working(NONE):
        opening = Opening(terms=stranger.terms(), policy=HASTY, record_salt=SALT)
        assert "policy.order.dormant_after" in str(await failure(await began(stranger, opening)))

    assert await read_record(stranger.recourse.pool, opening.terms.order_id) == []


async def test_the_same_start_is_one_of_the_same_policy_and_provider(keyed: Keyed) -> None:
    marketplace = await keyed.marketplace(NONE)
    terms, glimmer = marketplace.terms(), load_policy("glimmer")
    start = marketplace.recourse.start
    # Neither where only Temporal knows the order, nor where the database does.
    await start(terms, POLICY)
    for _ in range(2):
        await start(terms, POLICY)
        with pytest.raises(OrderExists, match="other rules"):
            await start(terms, glimmer)
        with pytest.raises(OrderExists, match="other payments"):
            await start(terms, POLICY, provider="cards")
        with pytest.raises(OrderExists, match="other terms"):
            await start(terms.model_copy(update={"price": 1}), POLICY)
        async with keyed.working(NONE):
            assert (await marketplace.by("client", terms.order_id, "message", comment="Hello")).applied


async def test_an_order_id_that_a_stranger_took_is_said_to_be_taken(keyed: Keyed) -> None:
    marketplace, stranger = await keyed.marketplace(NONE), await keyed.marketplace(KeyRing({"theirs": OLD}))
    opening = Opening(terms=marketplace.terms(), policy=load_policy("glimmer"), record_salt=SALT)
    # With a memo that says that all is as it should be.
    honest = start_options(Opening(terms=opening.terms, policy=POLICY, record_salt=SALT), marketplace.queue)
    await began(stranger, opening, memo=honest["memo"])
    with pytest.raises(OrderExists, match="cannot be read"):
        await marketplace.recourse.start(opening.terms, POLICY)
    other = opening.model_copy(update={"terms": marketplace.terms()})
    await began(marketplace, other, memo=honest["memo"])
    with pytest.raises(OrderExists, match="other rules"):
        await marketplace.recourse.start(other.terms, POLICY)
