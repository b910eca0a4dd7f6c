"""Checks that what is said ahead of time is what then happens."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from recourse.resolution.model.order import Order
from recourse.resolution.model.reading import Message, read_message
from recourse.resolution.model.record import Reader
from recourse.resolution.model.refusals import Refusal
from recourse.resolution.model.vocabulary import PARTIES
from recourse.resolution.rules.clocks import next_clock
from recourse.resolution.rules.decide import decide
from recourse.resolution.rules.decision import Decision
from recourse.resolution.shown.looking_ahead import ALWAYS, WouldBeRefused, available_actions, preview
from tests.rules.choices import choices, commands_of
from tests.rules.given import Given, Then

PLURALS = {"kind": "kinds", "reason": "reasons", "outcome": "outcomes", "visibility": "visibility", "rating": "rating"}
SAME = ("phase", "settlement", "settles_at", "due_at")


def check_preview(given: Given, message: Message) -> Callable[[Then], None]:
    """Previews `message`, and returns what checks the answer against what came of sending it."""
    ahead = preview(given.order, message, given.now)
    said = ahead.model_dump()
    before = given.fork()

    def check(then: Then) -> None:
        if isinstance(ahead, WouldBeRefused):
            assert ahead.refused == then.refused
            assert {key: _plain(value) for key, value in ahead.details.items()} == then.details
            return
        assert then.refused is None
        after = given.fork()
        check_outlook(said, before, after)
        check_if_accepted(said, before, after)
        check_if_nobody_acts(said, before, after)

    return check


def check_outlook(said: dict[str, Any], before: Given, after: Given) -> None:
    """One outlook is the page of the order as it then is."""
    page, was = after.view("operator"), before.view("operator")
    assert {key: said[key] for key in SAME} == {key: page[key] for key in SAME}
    resolution = page["resolution"] or {}
    assert {key: said[key] for key in ("how", "exempt", "fault")} == {
        key: resolution.get(key) for key in ("how", "exempt", "fault")
    }
    for key, names in (("request", ("kind", "status")), ("case", ("stage",))):
        assert said[key] == (page[key] and {name: page[key][name] for name in names})
    assert said["reviews"] == page["reviews"]
    assert said["scores"] == {
        party: {name: {"before": was["scores"][party][name], "after": score} for name, score in named.items()}
        for party, named in page["scores"].items()
    }
    assert said["money"] == (money_in_the_end(after) if after.order.closed else page["money"])


def money_in_the_end(given: Given) -> dict[str, int]:
    """Where the money of a closed order ends up when nobody does anything more."""
    alone = given.fork()
    for _ in range(20):
        clock = next_clock(alone.order)
        # What a bank disputes is where it is now.
        if clock is None or alone.order.settlement == "settled" or alone.order.open_chargeback:
            break
        alone.until(clock.at)
    money: dict[str, int] = alone.view("operator")["money"]
    return money


def check_if_accepted(said: dict[str, Any], before: Given, after: Given) -> None:
    """What it says of an acceptance is what comes of one."""
    request, proposal = after.order.open_request, after.order.open_proposal
    asked = [request.asked] if request else []
    if after.order.still:
        request = proposal = None
        asked = []
    if proposal and not request:
        asked = [party for party in PARTIES if party not in proposal.accepted_by]
    assert ("if_accepted" in said) == bool(asked)
    agreed = after.fork()
    for party in asked:
        assert agreed.by(party, "accept", comment="-").refused is None
    if asked:
        check_outlook(said["if_accepted"], before, agreed)


def check_if_nobody_acts(said: dict[str, Any], before: Given, after: Given) -> None:
    """What it says of nobody acting is what comes of letting time pass until then, and nothing comes before."""
    if "if_nobody_acts" not in said:
        assert after.order.closed or next_clock(after.order) is None
        return
    alone = after.fork()
    at = said["if_nobody_acts"]["at"]
    alone.until(at)
    check_outlook({key: said["if_nobody_acts"][key] for key in said["if_nobody_acts"].keys() - {"at"}}, before, alone)


def applies(order: Order, name: str, actor: Any, fields: dict[str, Any], now: datetime) -> bool:
    """Whether a command, filled in so, would be applied now."""
    message = read_message(name, {"actor": actor, **fields}, "preview")
    return not isinstance(message.asked, Refusal) and isinstance(decide(order, message.asked, now), Decision)


def _plain(value: Any) -> Any:
    return value.isoformat().replace("+00:00", "Z") if hasattr(value, "isoformat") else value


def check_actions(order: Order, role: Reader, now: datetime) -> None:
    """What is listed is applied within its bounds; what is not listed, or lies outside of them, is refused."""
    listed = available_actions(order, role, now)
    who = {"role": role, "id": "operator-9" if role == "operator" else order.party(role)}
    for name in commands_of(role):
        if name in ALWAYS:
            continue
        applied = [fields for fields in choices(order, name, role) if applies(order, name, who, fields, now)]
        assert bool(applied) == (name in listed), (name, applied[:1])
        if name in listed:
            _check_bounds(listed[name].model_dump(), order, name, role, applied)


def _check_bounds(said: dict[str, Any], order: Order, name: str, role: Reader, applied: list[dict[str, Any]]) -> None:
    for field in {field for fields in applied for field in fields if field != "kind"}:
        assert field in said["fields"], (name, field)
    for field, plural in PLURALS.items():
        if field in said["fields"]:
            possible = {one[field] for one in applied if one.get(field) is not None}
            # Reasons are tried out on cancel requests only.
            every = field != "reason" or "cancel" in said["kinds"]
            assert possible == set(said[plural]) if every else possible <= set(said[plural]), (name, field)
    if name == "request":
        if role in order.policy.requests.cancel.amount_from:
            _check_amounts(said.get("amount"), order, name, role, applied, {"kind": "cancel"})
        _check_amounts(said.get("refund"), order, name, role, applied, {"kind": "partial_refund"})
        _check_amounts(said.get("extra"), order, name, role, applied, {"kind": "extra"})
    elif name == "rule":
        _check_amounts(said["amount"], order, name, role, applied, {"outcome": "cancel"})
    elif "amount" in said["fields"]:
        _check_amounts(said["amount"], order, name, role, applied, {})


def _check_amounts(
    said: dict[str, int] | None,
    order: Order,
    name: str,
    role: Reader,
    applied: list[dict[str, Any]],
    which: dict[str, Any],
) -> None:
    def amounts(all_fields: Iterable[dict[str, Any]]) -> set[int]:
        meant = (fields for fields in all_fields if which.items() <= fields.items())
        return {fields["amount"] for fields in meant if fields.get("amount") is not None}

    if said is None:
        assert not amounts(applied), name
        return
    tried = amounts(choices(order, name, role))
    assert amounts(applied) == {one for one in tried if said["at_least"] <= one <= said["at_most"]}, name
    assert {said["at_least"], said["at_most"]} <= tried, name
