"""Orders that began elsewhere (rules, 18)."""

from collections import Counter
from datetime import datetime, timedelta
from io import StringIO
from random import Random
from typing import Any

import pytest
from rich.console import Console

from campaigns.malformed_starts import some_state
from campaigns.random_orders import some_opening, some_policy
from recourse.cli.cases import _said
from recourse.cli.timeline import timeline as lines_of_record
from recourse.resolution.engine import OrderEngine, all_is_paid
from recourse.resolution.model.opening_state import Imported, OpeningState
from recourse.resolution.model.order import Opening, Order, open_order, read_opening, write_opening
from recourse.resolution.model.record import Export, Reader, export, verify
from recourse.resolution.model.step import Step
from recourse.resolution.model.vocabulary import OPEN_PHASES
from recourse.resolution.rules.clocks import clocks
from recourse.resolution.rules.importing import contradictions, opened
from recourse.resolution.shown.looking_ahead import available_actions, let_time_pass
from recourse.resolution.shown.views import view
from recourse.web.pages.timeline import offer, timeline
from recourse.workflows.page import step_title
from tests.rules.elsewhere import brought, shown, without_words
from tests.rules.given import MONDAY, opening
from tests.rules.invariants import check_money, check_order, check_that_silence_locks_nothing, check_what_is_open
from tests.rules.marketplaces import VARIANTS
from tests.rules.walk import State, key, walk

DAY = timedelta(days=1)
DEPTH = 3
READERS: tuple[Reader, ...] = ("client", "freelancer", "operator")


def elsewhere(policy: str = "resolution_center", changes: Any = None, terms: Any = None, **state: Any) -> Opening:
    """An order that came on Thursday; without anything else, it is in progress."""
    said = {"phase": "in_progress", "since": MONDAY, "due_at": MONDAY + 5 * DAY, **state}
    if said["phase"] == "waiting_requirements":
        said["due_at"] = state.get("due_at")
        terms = {"requirements": "awaited", **(terms or {})}
    made = opening(policy, changes, **(terms or {}))
    return made.model_copy(update={"state": OpeningState.model_validate(said)})


def came(begun: Opening, now: datetime = MONDAY + 3 * DAY) -> tuple[OrderEngine, Step]:
    """The engine of an order that came, and its first step."""
    engine = OrderEngine(begun)
    return engine, engine.commit(engine.opening(now))


def asked(**over: Any) -> dict[str, Any]:
    """A client's request to cancel, of Wednesday."""
    usual = {"kind": "cancel", "by": "client", "opened_at": MONDAY + 2 * DAY, "answer_due_at": MONDAY + 4 * DAY}
    return {**usual, **over}


def test_the_record_begins_with_what_was_given_and_nobody_is_told() -> None:
    begun = elsewhere(request=asked(comment="We stopped."), released=2_000, refunded=1_000)
    engine, step = came(begun)

    assert step.entry
    assert (step.entry.number, step.entry.content["command"]) == (1, "imported")
    assert step.entry.parsed.events[0] == Imported(state=begun.state)  # type: ignore[union-attr]
    assert step.notices == ()
    assert step.answer is None
    assert step.at == MONDAY + 3 * DAY
    assert engine.order.record_length == 1
    for reader in READERS:
        assert verify(export(begun, [step.entry], reader, at=step.at)) == []


def test_what_was_paid_elsewhere_is_booked_as_paid_and_never_paid_again() -> None:
    extras = {"price": 2_000, "service_fee": 110}
    begun = elsewhere(extras=extras, released=3_000, refunded=1_000)
    engine, step = came(begun.model_copy(update={"provider": "stripe"}))
    sums = Counter[str]()
    for line in step.ledger:
        sums[line.account] += line.amount

    # Of 12,000 and a fee of 660: a twelfth went back with its fee, a quarter is paid out less 20 %.
    assert sums == {"client": -12_660 + 1_055, "freelancer": 2_400, "platform": 600, "escrow": 8_605}
    assert [(row.leg, row.amount, row.status) for row in step.payments] == [
        ("refund", 1_055, "done"),
        ("payout", 2_400, "done"),
        ("fee", 600, "done"),
    ]
    check_money(engine.order)
    assert engine.asks(MONDAY + 3 * DAY) == ()
    assert all(leg.by_hand for leg in engine.order.legs)


def test_an_order_that_did_not_begin_elsewhere_says_nothing_of_it() -> None:
    plain = opening()
    assert "state" not in write_opening(plain)
    assert "imported" not in OrderEngine(plain).opening().step.order
    begun = elsewhere(phase="delivered", request=asked())
    assert read_opening(write_opening(begun)) == begun.model_copy(update={"needs": 2})


def test_the_state_is_kept_in_the_record_alone() -> None:
    begun = elsewhere(request=asked(comment="We stopped."))
    engine, step = came(begun.model_copy(update={"opening_salt": "another salt of these tests"}))
    assert step.opening
    assert "state" not in step.opening
    assert engine.order.opening.state is None
    assert engine.order.imported == begun.state.digest  # type: ignore[union-attr]


def test_clocks_that_ran_out_are_decided_at_once_in_their_order() -> None:
    begun = elsewhere(phase="delivered", since=MONDAY + DAY, request=asked(), revisions=0)
    engine, _ = came(begun, MONDAY + 40 * DAY)
    fired = []
    now = MONDAY + 40 * DAY
    while clock := engine.due(now):
        fired.append(clock.name)
        engine.carry_out(engine.fire(clock, now), all_is_paid)
    # Two days of the three were left when the client asked; silence takes it to an operator.
    assert fired == ["answer_reminder", "answer_due"]
    assert engine.order.open_case
    assert engine.order.auto_complete
    assert engine.order.auto_complete.left == 2 * DAY


def test_a_delivery_that_was_complete_before_anybody_asked_is_complete() -> None:
    begun = elsewhere(
        phase="delivered", since=MONDAY, request=asked(opened_at=MONDAY + 4 * DAY, answer_due_at=MONDAY + 6 * DAY)
    )
    engine, _ = came(begun, MONDAY + 5 * DAY)
    clock = engine.due(MONDAY + 5 * DAY)
    assert clock
    assert (clock.name, clock.at) == ("auto_complete", MONDAY + 3 * DAY)
    engine.carry_out(engine.fire(clock, MONDAY + 5 * DAY), all_is_paid)
    assert engine.order.phase == "completed"
    assert engine.order.request
    assert engine.order.request.status == "superseded"


def test_a_countered_request_is_answered_by_its_opener() -> None:
    begun = elsewhere("glimmer", request=asked(amount=4_000, counters=1))
    engine, _ = came(begun)
    assert engine.order.open_request
    assert engine.order.open_request.asked == "client"


def test_who_was_declined_elsewhere_may_take_it_to_an_operator() -> None:
    begun = elsewhere(declined_at={"client": MONDAY + 2 * DAY})
    order = opened(begun, MONDAY + 3 * DAY)
    assert "escalate" in available_actions(order, "client", MONDAY + 3 * DAY)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"phase": "completed"}, "phase: an order that is completed is over"),
    ({"since": MONDAY - DAY}, "since: Sun 2025-03-02"),
    ({"since": MONDAY + 4 * DAY}, "since: Fri 2025-03-07"),
    ({"due_at": None}, "due_at: missing"),
    ({"due_at": MONDAY - DAY}, "due_at: "),
    ({"delivered_at": MONDAY + DAY}, "delivered_at: an order that is in progress was never delivered"),
    ({"revisions": 1}, "revisions: an order that is in progress had none"),
    ({"completes_at": MONDAY + 9 * DAY}, "completes_at: only a delivered order"),
    ({"phase": "in_revision"}, "revisions: at least 1"),
    ({"phase": "in_revision", "revisions": 1, "delivered_at": MONDAY + DAY}, "delivered_at: later than since"),
    ({"phase": "delivered", "delivered_at": MONDAY + DAY}, "delivered_at: a delivered order"),
    ({"phase": "delivered", "completes_at": MONDAY - DAY}, "completes_at: before since"),
    ({"phase": "waiting_requirements", "due_at": MONDAY + DAY}, "due_at: the time to deliver begins"),
    ({"phase": "waiting_requirements", "terms": {"requirements": "received"}}, "phase: requirements are awaited here"),
    ({"released": 9_000, "refunded": 1_001}, "released, refunded: together 10001, more than the price of 10000"),
    ({"extras": {"price": 10**15}}, "extras.price: with the price more than"),
    ({"extras": {"service_fee": 5}}, "extras.service_fee: a fee for extras that cost nothing"),
    ({"extras": {"price": 5, "service_fee": 10**15}}, "extras.service_fee: with the service fee more than"),
    ({"declined_at": {"client": MONDAY - DAY}}, "declined_at.client: "),
    ({"policy": "glimmer", "declined_at": {"freelancer": MONDAY}}, "declined_at.freelancer: the policy lets no"),
    ({"declined_at": {"client": MONDAY + 3 * DAY}, "request": asked()}, "declined_at.client: after request.opened_at"),
    ({"request": asked(answer_due_at=MONDAY + 2 * DAY)}, "request.answer_due_at: not later than opened_at"),
    (
        {"request": asked(opened_at=MONDAY + 4 * DAY, answer_due_at=MONDAY + 5 * DAY)},
        "request.opened_at: Fri 2025-03-07",
    ),
    ({"request": asked(opened_at=MONDAY - DAY)}, "request.opened_at: Sun 2025-03-02"),
    ({"policy": "upwork", "request": asked(kind="update")}, "request.kind: the policy has no update requests"),
    ({"request": asked(kind="extension", extend_by="1d")}, "request.by: the policy lets no client open"),
    ({"request": asked(kind="extension", by="freelancer")}, "request.extend_by: missing"),
    ({"request": asked(extend_by="1d")}, "request.extend_by: this kind of request asks for no more time"),
    (
        {"request": asked(kind="extension", by="freelancer", extend_by="1d"), "phase": "delivered"},
        "request.kind: not opened",
    ),
    ({"request": asked(reason="cannot_deliver")}, "request.reason: none that the policy lets a client give: "),
    ({"request": asked(amount=5)}, "request.amount: this kind of request has none under this policy"),
    ({"request": asked(counters=1)}, "request.counters: nobody can name another amount"),
    ({"policy": "glimmer", "request": asked()}, "request.amount: missing"),
    ({"policy": "glimmer", "request": asked(amount=10_001)}, "request.amount: 10001 is not between 0 and 10000"),
    ({"policy": "glimmer", "request": asked(amount=1, counters=6)}, "request.counters: at most 5"),
    ({"policy": "upwork", "request": asked(amount=1)}, "request.amount: the policy pays it at once"),
    ({"request": asked(kind="partial_refund", by="freelancer")}, "request.amount: missing"),
    (
        {"request": asked(kind="partial_refund", by="freelancer", amount=6_001)},
        "request.amount: 6001 is not between 1 and 6000",
    ),
    (
        {"terms": {"price": 5_000}, "request": asked(kind="partial_refund", by="freelancer", amount=1)},
        "request.kind: the policy has partial refunds above",
    ),
    ({"request": asked(kind="extra", by="freelancer", amount=0)}, "request.amount: 0 is not between"),
]


@pytest.mark.parametrize(("state", "says"), WRONG)
def test_each_contradiction_is_one_sentence(state: dict[str, Any], says: str) -> None:
    [sentence] = contradictions(elsewhere(**state), MONDAY + 3 * DAY)
    assert sentence.startswith(f"state.{says}")
    came(elsewhere(**state))


def test_all_contradictions_are_said_at_once() -> None:
    begun = elsewhere(
        since=MONDAY - DAY, revisions=2, released=20_000, request=asked(reason="none", answer_due_at=MONDAY)
    )
    found = contradictions(begun, MONDAY + 3 * DAY)
    assert [sentence.split(":")[0] for sentence in found] == [
        "state.since",
        "state.request.answer_due_at",
        "state.revisions",
        "state.released, refunded",
        "state.request.reason",
    ]


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_order_that_came_is_the_one_that_lived_here(variant: str) -> None:
    """Whatever can happen to the one would come out the same for the other: the same state of the walk."""
    policy, changes = VARIANTS[variant]
    seen = Counter[str]()
    for requirements in ("received", "awaited"):
        start = open_order(opening(policy, changes, requirements=requirements))
        for state in walk(start, DEPTH).values():
            said = brought(state)
            if said is not None:
                seen[state.order.phase] += 1
                _compare(state, said)
    assert set(seen) == set(OPEN_PHASES), seen


def _compare(state: State, said: OpeningState) -> None:
    lived, now = without_words(state.order), state.now
    begun = lived.opening.model_copy(update={"state": said})
    assert contradictions(begun, now) == [], state.path()
    engine, _ = came(begun, now)
    order = let_time_pass(engine.order, now)
    check_money(order)
    check_what_is_open(order)
    assert key(order, now) == key(lived, now), state.path()
    assert clocks(order) == clocks(lived), state.path()
    for reader in READERS:
        if state.depth == DEPTH:
            continue
        assert available_actions(order, reader, now) == available_actions(lived, reader, now), state.path()
        assert _page(order, reader, now) == _page(lived, reader, now), state.path()


def _page(order: Order, reader: Reader, now: datetime) -> dict[str, Any]:
    return shown(order, view(order, reader, now))


def test_a_state_of_any_kind_is_planned_and_one_without_contradictions_lives_on() -> None:
    fit = 0
    for seed in range(150):
        random = Random(seed)
        begun = some_opening(random, some_policy(random), "o-1", provider=random.choice(("ledger", "bank")))
        begun = begun.model_copy(update={"state": some_state(random, begun)})
        now = begun.terms.ordered_at
        engine, _ = came(begun, now)
        if contradictions(begun, now):
            continue
        fit += 1
        while clock := engine.due(now):
            engine.carry_out(engine.fire(clock, now), all_is_paid)
        check_order(engine.order, now)
        if begun.provider == "ledger":
            check_that_silence_locks_nothing(engine.order)
    assert fit > 50


def test_people_read_where_it_came_from_and_who_asked_what() -> None:
    begun = elsewhere(released=2_000, request=asked(comment="We stopped.", reason="other"))
    engine, step = came(begun)
    assert step.entry
    record = Export.model_validate(export(engine.order.opening, [step.entry], "freelancer", at=step.at))
    paper = StringIO()
    Console(file=paper, width=400, color_system=None).print(lines_of_record(record))
    for part in ("system import", "imported", "request opened", "freelancer +16.00 USD"):
        assert part in paper.getvalue()

    [shown_entry] = timeline(record.entries, "freelancer", "USD")
    assert (shown_entry.who, shown_entry.headline) == ("The marketplace", "Brought the order here")
    assert shown_entry.details[:2] == (
        "It began elsewhere. When it came here, it was in progress.",
        "The client asks to cancel the order.",
    )
    assert shown_entry.quotes == (("", "We stopped."),)
    page = view(engine.order, "freelancer", step.at)
    assert offer(record.entries, page.request, "freelancer") == ("The client writes", "We stopped.")
    assert [statement.who for statement in _said([step.entry])] == ["client"]
    assert step_title(step) == "came from elsewhere: in progress"
