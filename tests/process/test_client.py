"""The client of a Python backend: commands as methods, outcomes as values."""

from datetime import timedelta

import pytest

from recourse import (
    Applied,
    BadInput,
    Client,
    Freelancer,
    NoSuchOrder,
    Operator,
    Outcome,
    Refused,
    Unanswered,
)
from recourse.policies import load_policy
from recourse.temporal import Recourse
from tests.outcomes import applied, code, repeated
from tests.process.conftest import Marketplace

CLIENT, FREELANCER = Client("c-1"), Freelancer("f-1")


def in_words(outcome: Outcome) -> str:
    match outcome:
        case Applied(phase=phase, turn=turn):
            return f"{phase}, {turn.who}"
        case Refused(code="not_yours_to_answer"):
            return "the other side"
        case Refused():
            return outcome.message


async def test_commands_are_methods_and_outcomes_are_matched(marketplace: Marketplace) -> None:
    terms = marketplace.terms()
    order = await marketplace.recourse.start(terms, load_policy("resolution_center"))

    asked = await order.request(by=CLIENT, kind="cancel", comment="We stopped.", command_id="web-1")
    again = await order.request(by=CLIENT, kind="cancel", comment="We stopped.", command_id="web-1")
    own = await order.accept(by=CLIENT)
    accepted = await order.accept(by=FREELANCER, expected_version=1)

    assert [in_words(outcome) for outcome in (asked, own)] == ["in_progress, freelancer", "the other side"]
    assert again == repeated(asked)
    assert applied(accepted).phase == (await order.state()).phase == "canceled"
    assert len({asked.command_id, own.command_id, accepted.command_id}) == 3


async def test_fields_arrive_as_they_were_given(marketplace: Marketplace) -> None:
    order = marketplace.recourse.order(await marketplace.order())

    asked = await order.request(
        by=FREELANCER, kind="extension", extend_by=timedelta(hours=36), comment="More pages.", private_note="I am ill."
    )
    wrong = await order.request(by=FREELANCER, kind="extension", extend_by=timedelta(0), attestations=["true"])
    nobody = await order.propose(by=Operator(""), amount=5, explanation="Half of it is done.")

    request = (await order.state()).request
    assert request is not None
    assert asked.applied
    assert (request.extend_by, request.comment, request.private_note) == (
        timedelta(hours=36),
        "More pages.",
        "I am ill.",
    )
    assert [code(outcome) for outcome in (wrong, nobody)] == ["malformed", "malformed"]


async def test_a_handle_waits_as_long_as_its_patience(marketplace: Marketplace) -> None:
    nobody = Recourse(marketplace.client, marketplace.recourse.pool, task_queue=f"nobody-{marketplace.queue}")
    terms = marketplace.terms()
    await nobody.start(terms, load_policy("resolution_center"))
    order = nobody.order(terms.order_id, patience=timedelta(milliseconds=200))

    with pytest.raises(Unanswered) as unanswered:
        await order.accept(by=FREELANCER, command_id="app-1")

    assert unanswered.value.command_id == "app-1"


async def test_an_order_that_is_not_there_is_an_error_once_it_is_asked(marketplace: Marketplace) -> None:
    order = marketplace.recourse.order("nobody")

    with pytest.raises(NoSuchOrder, match="There is no order nobody"):
        await order.accept(by=FREELANCER)
    with pytest.raises(NoSuchOrder):
        await order.signal("accept", {"actor": {"role": "freelancer", "id": "f-1"}})


async def test_to_read_without_a_database_is_a_mistake_of_the_program(marketplace: Marketplace) -> None:
    order_id = await marketplace.order()
    order = Recourse(marketplace.client, task_queue=marketplace.queue).order(order_id)

    for reading in (order.show("client"), order.state(), order.preview("complete", {})):
        with pytest.raises(BadInput, match="made without a database"):
            await reading


async def test_addresses_without_a_database_start_nothing(marketplace: Marketplace) -> None:
    terms = marketplace.terms()
    bare = Recourse(marketplace.client, task_queue=marketplace.queue)

    with pytest.raises(BadInput, match="made without a database"):
        await bare.start(terms, load_policy("resolution_center"), emails={"client": "c@x.example"})
    with pytest.raises(NoSuchOrder):
        await marketplace.recourse.order(terms.order_id).has_ended()


async def test_a_command_without_a_database_goes_on_while_its_order_runs(marketplace: Marketplace) -> None:
    """An order that begins a new run turns commands away for a moment."""
    bare = Recourse(marketplace.client, task_queue=marketplace.queue)
    running = bare.order(await marketplace.order())
    payload = bare.stamped({"actor": {"role": "client", "id": "c-1"}})

    assert await running._take_after_the_end("accept", payload) is None
    with pytest.raises(BadInput, match="made without a database"):
        await bare.order("nobody").accept(by=CLIENT)
