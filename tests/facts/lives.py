"""Random lives of orders, led by the real rules: for tests that want to see many of them."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from recourse.policies import PRESETS, load_policy
from recourse.resolution.engine import Decided, OrderEngine
from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.order import Opening, Order, read_opening, write_opening
from recourse.resolution.model.outcome import Outcome, Refused
from recourse.resolution.model.payments import Leg, LegAnswer
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.reading import read_message
from recourse.resolution.model.record import Reader
from recourse.resolution.model.step import RecordEntry, Step
from recourse.resolution.model.terms import Histories, Terms
from recourse.resolution.rules.clocks import next_clock
from recourse.resolution.shown.looking_ahead import available_actions
from recourse.resolution.shown.turn import turn
from tests.outcomes import code

READERS: tuple[Reader, ...] = ("client", "freelancer", "operator")
# Ways in which marketplaces differ and that make lives differ.
CHANGES: tuple[dict[str, Any], ...] = (
    {},
    {},
    {"undo.by": ["client", "freelancer"], "undo.window": "24h"},
    {"undo.by": ["client"], "undo.window": "3d", "undo.consent": True},
    {"cases.appeal_window": "3d"},
    {"requests.cancel.operator_review": True},
    {"reviews.public_after_cancel": "always", "reviews.private_after_cancel": True},
    {"requests.cancel.without_approval.client": ["regret_window"], "order.regret_window": "2d"},
    {"scores.unpaid_silent": "excluded", "flags.repeat_canceler.count": 2},
    {"scores.calculator": "job_success", "reviews.private_after_cancel": True},
    {"cases.fallback": "continue", "requests.cancel.silence.freelancer_asked": "escalate"},
)


OVER_BEFORE = {"until": "not later than now"}


@dataclass(frozen=True)
class Sent:
    """One command that was sent, with the texts in it: `open` ones, and those for operators alone."""

    role: str
    name: str
    open: tuple[str, ...]
    private: tuple[str, ...]
    fields: Mapping[str, Any]
    outcome: Outcome

    def may_be_read_by(self, reader: Reader) -> tuple[str, ...]:
        """The texts that this reader may ever see, as the contract says it."""
        if reader == "operator":
            return (*self.open, *self.private)
        unseen = self.name in COMMANDS and COMMANDS[self.name].unseen
        confidential = unseen or code(self.outcome) or self.fields.get("visibility") == "private"
        # An absence that is over before it begins can be read; the rules refuse it.
        read = isinstance(self.outcome, Refused) and self.outcome.details.get("problems") == OVER_BEFORE
        if code(self.outcome) in ("malformed", "unknown_command") and not read:
            return ()
        return self.open if self.role == reader or not confidential else ()


@dataclass
class Life:
    """One order's life: everything that was written, and everything that was said."""

    opening: Opening
    engine: OrderEngine
    steps: list[Step] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)

    @property
    def order(self) -> Order:
        return self.engine.order

    def whole(self, number: int) -> dict[str, Any]:
        """The whole order after a step, as it is stored."""
        return {**self.steps[number].order, "opening": self.steps[0].opening}

    @property
    def entries(self) -> list[RecordEntry]:
        return [step.entry for step in self.steps if step.entry]


def policy_of(random: Random, **changes: Any) -> Policy:
    """A preset with something changed."""
    return load_policy(random.choice(PRESETS), {**random.choice(CHANGES), **changes})


def live(
    random: Random,
    policy: Policy | None = None,
    *,
    order_id: str = "o-1",
    client: str = "c-1",
    freelancer: str = "f-1",
    ordered_at: datetime = datetime(2025, 3, 3, 9, tzinfo=UTC),
    histories: Histories | None = None,
    moves: int = 10,
    close: bool = True,
    opening_salt: bool | None = None,
) -> Life:
    """Lead one order through a random life; with `close` until it is closed and a little beyond.

    `opening_salt`: whether its record begins with the whole opening; None: by chance.
    """
    terms = Terms(
        order_id=order_id,
        client=client,
        freelancer=freelancer,
        currency=random.choice(("USD", "JPY", "KWD")),
        price=random.choice((1, 4_999, 5_001, 10_000, 12_345)),
        service_fee=random.choice((0, 1, 550)),
        ordered_at=ordered_at,
        delivery_time=timedelta(days=random.randint(1, 9)),
        requirements=random.choice(("awaited", "received", "received")),
        history=histories or Histories(),
    )
    secret = f"{random.getrandbits(128):032x}"
    with_salt = secret < "8" if opening_salt is None else opening_salt
    opening = Opening(
        terms=terms,
        policy=policy or policy_of(random),
        record_salt=secret,
        opening_salt=secret[::-1] if with_salt else None,
    )
    # As a worker gets it.
    opening = read_opening(write_opening(opening))
    life = Life(opening, OrderEngine(opening))
    life.steps.append(life.engine.commit(life.engine.opening()))
    mover = _Mover(random, life, ordered_at)
    for _ in range(moves):
        mover.wait()
        mover.say()
    while close and not life.order.closed:
        mover.wait_for_clock()
    for _ in range(random.randint(0, 5) if close else 0):
        mover.wait(longest=timedelta(days=1))
        mover.say()
    return life


class _Mover:
    def __init__(self, random: Random, life: Life, now: datetime) -> None:
        self.random, self.life, self.now = random, life, now
        self.numbers = itertools.count(1)

    def wait(self, longest: timedelta = timedelta(days=4)) -> None:
        length = self.random.choice((timedelta(0), timedelta(hours=1), timedelta(days=1), longest))
        until = self.now + self.random.random() * length
        while (clock := next_clock(self.life.order)) is not None and clock.at <= until:
            self.wait_for_clock()
        self.now = until.replace(microsecond=0)

    def wait_for_clock(self) -> None:
        clock = next_clock(self.life.order)
        assert clock is not None, "an order that nothing ends"
        self.now = max(self.now, clock.at)
        self._finish(self.life.engine.fire(clock, self.now))

    def say(self) -> None:
        order, random = self.life.order, self.random
        whose = turn(order).who
        roles = [role for role in READERS if role == whose] or READERS
        role = random.choice(roles if random.random() < 0.6 else READERS)
        name = random.choice(sorted(COMMANDS))
        if random.random() < 0.75:
            able = [
                one for one in available_actions(order, role, self.now) if one != "complete" or random.random() < 0.3
            ]
            name = random.choice(able) if able else name
        elif random.random() < 0.1:
            name = "no_such_command"
        if name == "order_again":
            self._send("system", "system-1", name, {})
            return
        if name == "payment_event":
            self._send("system", "provider", name, self._reported())
            return
        ids = {"client": order.terms.client, "freelancer": order.terms.freelancer, "operator": random.choice("ABC")}
        self._send(role, ids[role] if random.random() < 0.95 else "stranger", name, self._fields(name, role))

    def _text(self, kind: str) -> str:
        return f'{kind}-{self.life.opening.terms.order_id}-{next(self.numbers)}-\u00e9\u4e16 "<b>[red]\\'

    def _fields(self, name: str, role: str) -> dict[str, Any]:
        random, order = self.random, self.life.order
        amount = random.choice((0, order.released, order.price // 3, order.price, order.price + 1))
        comment = {"comment": self._text("said")} if random.random() < 0.8 else {}
        match name:
            case "request":
                return self._request(amount, role) | comment
            case "counter" | "settle":
                return {"amount": amount, **comment}
            case "propose":
                return {"amount": amount, "explanation": self._text("said")}
            case "rule":
                outcome = random.choice(("cancel", "cancel", "continue", "let_them_decide"))
                found = {"fault": random.choice(("none", "client", "freelancer")), "exempt": random.random() < 0.3}
                return {"outcome": outcome, "amount": amount, "explanation": self._text("said"), **found}
            case "leave_feedback":
                return {
                    "visibility": random.choice(("public", "private")),
                    "rating": random.choice(("positive", "negative")),
                    "text": self._text("said"),
                }
            case "message" | "appeal" | "accept":
                return {"comment": self._text("said")}
            case "add_evidence":
                return {"title": self._text("said"), "kind": "file", "sha256": "0" * 64, "address": "https://x.example"}
            case _:
                return comment

    def _reported(self) -> dict[str, Any]:
        if self.life.order.open_chargeback:
            return {"event": "chargeback_closed", "outcome": self.random.choice(("won", "lost"))}
        price = self.life.order.price
        return {"event": "chargeback_opened", "amount": self.random.choice((1, price // 3 + 1, price, 2 * price))}

    def _request(self, amount: int, role: str) -> dict[str, Any]:
        random, policy = self.random, self.life.order.policy
        cancel, reasons = policy.requests.cancel, policy.reasons
        kind = random.choice(("cancel", "cancel", "cancel", "extension", "update", "partial_refund", "nonsense"))
        usual = sorted(code for code, reason in reasons.items() if role in reason.by)
        fields: dict[str, Any] = {"kind": kind, "reason": random.choice(usual or sorted(reasons))}
        fields["attestations"] = [*cancel.attestations, *cancel.no_agreement_attestations]
        if kind == "partial_refund" or cancel.amount_from:
            fields["amount"] = amount
        if kind == "extension":
            fields["extend_by"] = "48h"
        if random.random() < 0.5:
            fields["private_note"] = self._text("note")
        return fields

    def _send(self, role: str, who: str, name: str, fields: dict[str, Any]) -> None:
        engine = self.life.engine
        payload = {"actor": {"role": role, "id": who}, "command_id": f"id-{next(self.numbers)}", **fields}
        message = read_message(name, payload, f"unnamed-{next(self.numbers)}")
        if engine.is_over(self.now):
            return
        self._finish(engine.decide(message, self.now))
        texts = {
            key: value for key, value in fields.items() if isinstance(value, str) and value[:5] in ("said-", "note-")
        }
        self.life.sent.append(
            Sent(
                role=role if who != "stranger" else "nobody",
                name=name,
                open=tuple(text for key, text in texts.items() if key != "private_note"),
                private=tuple(text for key, text in texts.items() if key == "private_note"),
                fields=fields,
                outcome=engine.answers[message.key].outcome,
            )
        )

    def _finish(self, decided: Decided) -> None:
        self.life.steps += self.life.engine.carry_out(decided, self._provider)

    def _provider(self, order: Order, leg: Leg) -> LegAnswer | None:
        return LegAnswer(status="done") if self.random.random() < 0.95 else None
