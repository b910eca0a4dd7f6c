"""Groups of orders (rules, 17): their place in the terms, their view, and what each order of one is sent."""

from typing import Any

import pytest
from pydantic import ValidationError

from recourse.resolution.model.data_version import needs_of
from recourse.resolution.model.money import Balances
from recourse.resolution.model.order import write_opening, write_state
from recourse.resolution.model.record import Reader, export
from recourse.resolution.shown.groups import GROUP_COMMANDS, fields_of, group_view
from recourse.resolution.shown.summary import summary
from recourse.resolution.shown.views import OrderView, view
from tests.rules.given import MONDAY, Given


def milestone(part: int | None, **terms: Any) -> Given:
    return Given("upwork", order_id=f"o-{part}", group="g-1", part=part, **terms)


def shown(given: Given) -> OrderView:
    return view(given.order, "client", given.order.decided_at)


def test_an_order_without_a_group_is_stored_and_shown_as_before() -> None:
    order = Given().order
    written = [write_opening(order.opening)["terms"], write_state(order), summary(order).model_dump(mode="json")]
    written.append(view(order, "operator", MONDAY).model_dump(mode="json"))
    assert all(not {"group", "group_id", "part"} & each.keys() for each in written)


def test_an_order_of_a_group_waits_for_a_build_that_knows_groups() -> None:
    assert (needs_of(Given().order), needs_of(milestone(1).order)) == (1, 2)


@pytest.mark.parametrize(
    "terms",
    [{"part": 1}, {"group": "g", "part": 0}, {"group": "g", "part": "1"}, {"group": "a/b"}, {"group": ""}],
    ids=str,
)
def test_a_group_that_cannot_be_used_is_an_error(terms: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Given(**terms)


def test_both_parties_read_the_group_in_the_record() -> None:
    opening = milestone(2).order.opening.model_copy(update={"opening_salt": "0123456789abcdef"})
    readers: tuple[Reader, ...] = ("client", "freelancer", "operator")
    for reader in readers:
        shown = export(opening, [], reader, at=MONDAY)["opening"]
        assert (shown["group"]["value"], shown["part"]["value"]) == ("g-1", 2)


def test_a_group_has_the_sums_of_its_orders_and_the_next_deadline() -> None:
    first, second = milestone(1), milestone(2, requirements="awaited")
    first.by("freelancer", "deliver")
    euros = milestone(3, currency="EUR", delivery_time="1d")

    group = group_view("g-1", ("c-1", "f-1"), [shown(first), shown(second), shown(euros)])

    assert group.money == {
        "USD": Balances(client=0, freelancer=0, platform=0, held=21_100),
        "EUR": Balances(client=0, freelancer=0, platform=0, held=10_550),
    }
    assert group.turn == ["client", "freelancer"]
    assert group.next is not None
    assert (group.next.order_id, group.next.who, group.next.until) == ("o-3", "freelancer", euros.order.due_at)

    closed = Given(order_id="o-4", group="g-1")
    closed.by("freelancer", "deliver")
    closed.by("client", "complete")
    over = group_view("g-1", ("c-1", "f-1"), [shown(closed)])
    assert (over.turn, over.next) == ([], None)


def test_a_command_goes_to_each_order_with_the_amount_of_its_part() -> None:
    asked = {"kind": "cancel", "comment": "Enough."}
    assert fields_of("request", asked, [1, 2, None]) == [asked, asked, asked]
    assert fields_of("request", {**asked, "amounts": {1: 0, "2": 2_500}}, [1, 2, 3, None]) == [
        {**asked, "amount": 0},
        {**asked, "amount": 2_500},
        asked,
        asked,
    ]


@pytest.mark.parametrize(
    ("command", "fields", "says"),
    [
        ("request", {"amount": 0}, "by part"),
        ("request", {"amount": 0, "amounts": {1: 0}}, "by part"),
        ("request", {"amounts": 2_500}, "an object"),
        ("request", {"amounts": {3: 0}}, "part 3"),
        ("request", {"amounts": {"None": 0}}, "part None"),
        ("request", {"amounts": {2: 0}}, "part 2"),
        ("accept", {"amounts": {1: 0}}, "takes no amounts"),
    ],
    ids=str,
)
def test_an_amount_that_is_of_no_one_part_is_sent_to_nobody(command: str, fields: dict[str, Any], says: str) -> None:
    sent = fields_of(command, fields, [1, 2, 2, None])
    assert isinstance(sent, str)
    assert says in sent


def test_what_may_be_sent_to_a_group() -> None:
    both = {"request", "accept", "decline", "counter", "withdraw", "escalate", "message"}
    assert both | {"open_case", "hold", "lift_hold"} == {*GROUP_COMMANDS}
    assert not {"rule", "deliver", "complete", "settle"} & {*GROUP_COMMANDS}
