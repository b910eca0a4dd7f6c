"""What people might say and do in an order, at random, and policies in which a day passes in seconds."""

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Literal

from recourse.policies import PRESETS, load_policy
from recourse.resolution.engine import OrderEngine, all_is_paid
from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.durations import parse_duration, write_duration
from recourse.resolution.model.order import Opening, Order
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.reading import read_message
from recourse.resolution.model.record import Reader
from recourse.resolution.model.terms import Terms
from recourse.resolution.rules.clocks import next_clock
from recourse.resolution.shown.looking_ahead import available_actions
from recourse.resolution.shown.turn import turn

ROLES: tuple[Reader, ...] = ("client", "freelancer", "operator")
# Differences between marketplaces that bring other commands and clocks into play.
CHANGES: tuple[dict[str, Any], ...] = (
    {},
    {},
    {"undo.by": ["client", "freelancer"], "undo.window": "24h"},
    {"undo.by": ["client"], "undo.window": "3d", "undo.consent": True},
    {"cases.appeal_window": "3d"},
    {"requests.cancel.operator_review": True},
    {"requests.cancel.on_decline": "escalate", "cases.escalate_by": []},
)
_DURATION = re.compile(r"(\d+[smhd])+")


def hurried(policy: Policy, day: timedelta) -> Policy:
    """The same policy with a day that takes `day`; nothing that takes any time takes less than a second."""

    def hurry(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: hurry(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [hurry(inner) for inner in value]
        if isinstance(value, str) and _DURATION.fullmatch(value):
            length = parse_duration(value)
            return write_duration(max(length * (day / timedelta(days=1)), timedelta(seconds=bool(length))))
        return value

    return _without_reminders_too_late(Policy.model_validate(hurry(policy.model_dump(mode="json"))))


def _without_reminders_too_late(policy: Policy) -> Policy:
    """No reminder comes when its window ends: no order starts with such a policy."""
    changes: dict[str, Any] = {}
    document = policy.model_dump(mode="json")
    for kind, table in document["requests"].items():
        reminder = table.get("reminder", "never") if isinstance(table, dict) else "never"
        if reminder != "never":
            shortest = min(parse_duration(window) for window in table["window"].values())
            if parse_duration(reminder) >= shortest:
                changes[f"requests.{kind}.reminder"] = "never"
    reminders = sorted({one for one in policy.cases.reminders if one < policy.cases.rule_within})
    changes["cases.reminders"] = [write_duration(one) for one in reminders]
    return with_changes(policy, changes)


def with_changes(policy: Policy, changes: Mapping[str, Any]) -> Policy:
    """A policy with single keys changed by their dotted names, whatever a lint would say."""
    document = policy.model_dump(mode="json")
    for dotted, value in changes.items():
        table = document
        *path, last = dotted.split(".")
        for part in path:
            table = table.setdefault(part, {})
        table[last] = value
    return Policy.model_validate(document)


def some_policy(random: Random, day: timedelta | None = None, changes: Mapping[str, Any] | None = None) -> Policy:
    """A preset with something changed; a day takes `day`. `changes` are made last, and as they are."""
    policy = load_policy(random.choice(PRESETS), random.choice(CHANGES))
    if day is not None:
        policy = hurried(policy, day)
    return with_changes(policy, changes or {})


def some_opening(
    random: Random, policy: Policy, order_id: str, *, day: timedelta = timedelta(days=1), provider: str = "ledger"
) -> Opening:
    """An order placed now, with days to deliver that take `day`."""
    terms = Terms(
        order_id=order_id,
        client="c-1",
        freelancer="f-1",
        currency=random.choice(("USD", "JPY", "KWD")),
        price=random.choice((1, 4_999, 5_001, 10_000, 12_345)),
        service_fee=random.choice((0, 1, 550)),
        ordered_at=datetime.now(UTC),
        delivery_time=timedelta(seconds=int((day * random.randint(1, 9)).total_seconds())),
        requirements=random.choice(("awaited", "received", "received")),
    )
    return Opening(terms=terms, policy=policy, record_salt=f"{random.getrandbits(128):032x}", provider=provider)


def something_to_say(random: Random, order: Order, now: datetime) -> tuple[str, dict[str, Any]]:
    """A command and its fields, `actor` among them: mostly by whose turn it is, mostly one that would be applied."""
    whose = turn(order).who
    roles = [role for role in ROLES if role == whose] or ROLES
    role = random.choice(roles if random.random() < 0.6 else ROLES)
    name = random.choice(sorted(COMMANDS))
    if random.random() < 0.8:
        able = [one for one in available_actions(order, role, now) if one != "complete" or random.random() < 0.3]
        name = random.choice(able) if able else name
    terms = order.terms
    who = {"client": terms.client, "freelancer": terms.freelancer, "operator": random.choice(("op-1", "op-2"))}[role]
    actor = {"role": role, "id": who if random.random() < 0.97 else "stranger"}
    if name == "order_again":
        actor = {"role": "system", "id": "system-1"}
    return name, {"actor": actor, **_fields(random, order, name, role)}


def _fields(random: Random, order: Order, name: str, role: str) -> dict[str, Any]:
    amount = random.choice((0, order.released, order.price // 3, order.price, order.price + 1))
    comment = {"comment": "Как договорились \u4e16\u754c"} if random.random() < 0.8 else {}
    match name:
        case "request":
            return _request(random, order, role, amount) | comment
        case "counter" | "settle":
            return {"amount": amount, **comment}
        case "propose":
            return {"amount": amount, "explanation": "half each"}
        case "rule":
            outcome = random.choice(("cancel", "cancel", "continue", "let_them_decide"))
            found = {"fault": random.choice(("none", "client", "freelancer")), "exempt": random.random() < 0.3}
            return {"outcome": outcome, "amount": amount, "explanation": "as agreed", **found}
        case "leave_feedback":
            visibility, rating = random.choice(("public", "private")), random.choice(("positive", "negative"))
            return {"visibility": visibility, "rating": rating, "text": "thank you"}
        case "message" | "appeal" | "accept":
            return {"comment": "hello"}
        case "add_evidence":
            return {"title": "brief", "kind": "file", "sha256": "0" * 64, "address": "https://files.invalid/1"}
        case _:
            return comment


def _request(random: Random, order: Order, role: str, amount: int) -> dict[str, Any]:
    cancel, reasons = order.policy.requests.cancel, order.policy.reasons
    kind = random.choice(("cancel", "cancel", "cancel", "extension", "update", "partial_refund"))
    usual = sorted(code for code, reason in reasons.items() if role in reason.by)
    fields: dict[str, Any] = {"kind": kind, "reason": random.choice(usual or sorted(reasons))}
    fields["attestations"] = [*cancel.attestations, *cancel.no_agreement_attestations]
    if kind == "partial_refund" or cancel.amount_from:
        fields["amount"] = amount
    if kind == "extension":
        fields["extend_by"] = "8s"
    if kind == "cancel" and cancel.no_agreement and random.random() < 0.3:
        fields["no_agreement"] = True
    if random.random() < 0.3:
        fields["private_note"] = "for the operators"
    return fields


# As a signal; as an update, again and again until it is answered; as an update by somebody who then gives up.
How = Literal["signal", "update", "once"]
HOWS: tuple[How, ...] = ("signal", "signal", "update", "update", "once")


@dataclass(frozen=True)
class Move:
    """What happens next in a life: a command; without a name, the next clock is waited for."""

    name: str | None
    fields: Mapping[str, Any]
    how: How
    after: float  # seconds to think before it


def some_life(random: Random, opening: Opening, moves: int, longest_wait: timedelta) -> list[Move]:
    """A life planned ahead, as the rules alone would see it if nothing ever took time but waiting.

    Only clocks that run out within `longest_wait` are waited for. Some commands are sent twice.
    """
    engine, now, numbers = OrderEngine(opening), opening.terms.ordered_at, itertools.count(1)
    engine.commit(engine.opening())
    life: list[Move] = []
    while len(life) < moves:
        clock = next_clock(engine.order)
        think = random.choice((0.0, 0.0, random.random(), 2 * random.random()))
        said = [move for move in life if move.name]
        if clock is not None and clock.at - now <= longest_wait and random.random() < 0.3:
            now = max(now, clock.at)
            engine.carry_out(engine.fire(clock, now), all_is_paid)
            life.append(Move(None, {}, "signal", think))
        elif said and random.random() < 0.1:
            life.append(replace(random.choice(said), how=random.choice(HOWS), after=think))
        else:
            name, fields = something_to_say(random, engine.order, now)
            fields = {"command_id": f"{next(numbers)}", **fields}
            engine.carry_out(engine.decide(read_message(name, fields, "unnamed"), now), all_is_paid)
            life.append(Move(name, fields, random.choice(HOWS), think))
    return life
