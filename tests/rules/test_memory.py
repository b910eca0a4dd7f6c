"""However many messages an order gets, it stays small (rules, 2)."""

from typing import Any

from recourse.resolution.rules.evolve_disputes import LATE_OFFERS_KNOWN
from tests.rules.given import Given

HASTY: dict[str, Any] = {
    "requests.extension.window.client_asked": "1s",
    "requests.extension.reminder": "never",
    "requests.cancel.window.client_asked": "1s",
    "requests.cancel.window.freelancer_asked": "1s",
    "requests.cancel.reminder": "never",
    "requests.cancel.silence.client_asked": "lapse",
    "requests.cancel.silence.freelancer_asked": "lapse",
}


def size(given: Given) -> int:
    return len(given.order.model_dump_json(exclude={"opening"}))


def test_offers_that_nobody_answers_do_not_pile_up() -> None:
    given = Given(changes=HASTY)
    sizes = []
    for _ in range(3 * LATE_OFFERS_KNOWN):
        given.freelancer("request", kind="extension", extend_by="1s")
        given.after("1s")
        sizes.append(size(given))

    # Versions grow by a digit, nothing else does.
    assert max(sizes[LATE_OFFERS_KNOWN:]) - sizes[LATE_OFFERS_KNOWN] < 200
    latest = given.order.offers
    assert given.client("accept", expected_version=latest).refused == "expired"
    assert given.client("accept", expected_version=latest - LATE_OFFERS_KNOWN + 1).refused == "expired"
    assert given.client("accept", expected_version=1).refused == "no_open_request"


def test_nor_do_requests_asked_and_withdrawn() -> None:
    given = Given()
    sizes = []
    for _ in range(300):
        given.client("request", kind="cancel", comment="Again.")
        given.client("withdraw")
        sizes.append(size(given))

    assert max(sizes) - min(sizes) < 100


def test_nor_do_declines_cases_messages_offers_and_refusals() -> None:
    given = Given(delivery_time="60d")
    sizes = []
    for number in range(100):
        given.client("request", kind="cancel", comment="Again.")
        given.freelancer("decline", comment="No.")
        given.client("escalate")
        given.client("settle", amount=number)
        given.operator("propose", amount=number, explanation="Why not?")
        given.client("withdraw")
        given.client("message", comment="Still there?")
        given.freelancer("accept")
        sizes.append(size(given))

    assert max(sizes[1:]) - sizes[1] < 100
