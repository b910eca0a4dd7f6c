"""What an order is opened with (rules, 1)."""

from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from recourse.resolution.model.data_version import needs_of
from recourse.resolution.model.order import Opening, write_opening
from recourse.resolution.model.record import Reader, export
from tests.rules.given import MONDAY, Given

READERS: tuple[Reader, ...] = ("client", "freelancer", "operator")


def test_an_order_is_placed_in_whole_seconds_of_utc() -> None:
    ordered_at = datetime(2025, 3, 3, 10, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=1)))

    given = Given(ordered_at=ordered_at)

    assert given.order.terms.ordered_at == MONDAY
    assert given.order.terms.ordered_at.tzinfo == UTC
    assert given.order.due_at == MONDAY + timedelta(days=5)
    assert given.order.due_at.utcoffset() == timedelta(0)


def test_an_order_that_waits_for_its_requirements_is_not_due_yet() -> None:
    given = Given(requirements="awaited")

    assert given.order.phase == "waiting_requirements"
    assert given.order.due_at is None


def test_all_of_the_money_is_in_escrow_at_first() -> None:
    given = Given()

    opening_step = given.steps[0]
    assert given.money == (0, 0, 0, 10_550)
    assert [(line.account, line.amount) for line in opening_step.ledger] == [("client", -10_550), ("escrow", 10_550)]
    assert opening_step.entry is None


def test_an_order_without_an_account_is_stored_as_before() -> None:
    order = Given().order

    assert not {"payment", "destination"} & write_opening(order.opening)["terms"].keys()
    assert (needs_of(order), needs_of(Given(payment="pi_1").order), needs_of(Given(destination="a").order)) == (1, 2, 2)


@pytest.mark.parametrize("name", ["payment", "destination"])
@pytest.mark.parametrize(
    "text", ["", "   ", " pi_1", "pi_1\n", "pi\x001", "pi\u202e1", "pi\u200b1", "p" * 201, 1], ids=repr
)
def test_an_account_is_a_text_in_which_nothing_hides(name: str, text: Any) -> None:
    plain: dict[str, Any] = {name: "DE 89 ü/1"}
    assert getattr(Given(**plain).order.terms, name) == "DE 89 ü/1"
    with pytest.raises(ValidationError):
        Given(**plain | {name: text})


def test_parties_do_not_read_the_accounts_in_the_record() -> None:
    given = Given(payment="pi_1", destination="acct_1").order.opening
    for salt in (None, "0123456789abcdef"):
        opening = given.model_copy(update={"opening_salt": salt})
        for reader in READERS:
            shown = str(export(opening, [], reader, at=MONDAY))
            assert ("pi_1" in shown, "acct_1" in shown) == (bool(salt) and reader == "operator",) * 2


@pytest.mark.parametrize(
    "terms",
    [
        {"price": 0},
        {"price": -1},
        {"price": 10.5},
        {"price": "10"},
        {"price": 2.0**54},
        {"ordered_at": 1_700_000_000},
        {"ordered_at": 1_700_000_000_000},
        {"ordered_at": "1700000000"},
        {"ordered_at": True},
        {"history": {"client": {"completed": 1.5}}},
        {"price": True},
        {"price": 10**15 + 1},
        {"service_fee": -1},
        {"currency": "usd"},
        {"order_id": "a/b"},
        {"order_id": ""},
        {"client": ""},
        {"client": "a\x00b"},
        {"ordered_at": datetime(2025, 3, 3, 9)},  # noqa: DTZ001 - that it has no zone is the point
        {"delivery_time": "a week"},
        {"delivery_time": "-1h"},
        {"requirements": "none"},
        {"note": "unknown"},
    ],
    ids=str,
)
def test_terms_that_cannot_be_used_are_an_error(terms: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Given(**terms)


def test_the_parties_may_have_the_same_id_since_an_id_belongs_to_a_role() -> None:
    given = Given(client="17", freelancer="17", delivery_time="0d")
    assert (given.order.due_at, given.view("client")["lateness"]) == (MONDAY, "late")

    given.says({"role": "freelancer", "id": "17"}, "deliver", {})
    given.says({"role": "client", "id": "17"}, "complete", {})
    assert given.order.phase == "completed"


def test_whole_numbers_of_an_opening_may_be_written_with_a_fraction_of_zero() -> None:
    history = {"client": {"completed": 3.0}}
    terms = Given(price=10_000.0, service_fee=550.0, history=history).order.terms
    assert (terms.price, terms.service_fee, terms.history.client.completed) == (10_000, 550, 3)
    assert {type(number) for number in (terms.price, terms.service_fee, terms.history.client.completed)} == {int}

    opening = Given().order.opening.model_dump(mode="json")
    opening["policy"]["requests"]["cancel"]["max_requests"] = 3.0
    assert Opening.model_validate(opening).policy.requests.cancel.max_requests == 3


def texts(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], bool]]:
    """Where something has a text: the way there, and whether it is a key."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key), True
            yield from texts(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from texts(inner, (*path, number))
    elif isinstance(value, str):
        yield path, False


@pytest.mark.parametrize("unstorable", ["\x00", "\ud800"], ids=["U+0000", "a lone surrogate"])
@pytest.mark.parametrize("policy", ["glimmer", "upwork"])
def test_no_text_of_an_opening_is_one_that_the_database_cannot_keep(policy: str, unstorable: str) -> None:
    given = Given(policy).order.opening.model_dump(mode="json")

    taken = []
    for path, is_key in texts(given):
        bad = deepcopy(given)
        inner = bad
        for part in path[:-1]:
            inner = inner[part]
        inner[f"{path[-1]}{unstorable}" if is_key else path[-1]] = (
            inner.pop(path[-1]) if is_key else inner[path[-1]] + unstorable
        )
        with suppress(ValidationError):
            Opening.model_validate(bad)
            taken.append(path)
    assert taken == []
