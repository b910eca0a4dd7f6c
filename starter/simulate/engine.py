"""What both engines offer to a story, and the one that is the rules alone with a simulated clock."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from recourse.resolution.engine import Decided, OrderEngine
from recourse.resolution.inbox import Inbox
from recourse.resolution.model.fields import UNNAMED
from recourse.resolution.model.notice import Notice
from recourse.resolution.model.order import Opening, Order
from recourse.resolution.model.outcome import Outcome, Refused
from recourse.resolution.model.payments import LegAnswer, LegName
from recourse.resolution.model.reading import Message, read_message
from recourse.resolution.model.record import Reader, export
from recourse.resolution.model.step import LEDGER, RecordEntry, Step
from recourse.resolution.rules.clocks import next_clock
from recourse.resolution.shown.answering import unrecorded
from recourse.starter.simulate.story import ALL_WORKS, Says

SALT = "the record salt of a story"
CANNOT = "The provider of this story can never pay it."


def answer_of(says: Says) -> LegAnswer | None:
    """What the provider says, as the rules take it; None: it fails."""
    match says:
        case "works":
            return LegAnswer(status="done")
        case "cannot":
            return LegAnswer(status="blocked", reason=CANNOT)
        case "fails":
            return None


class NotExpressible(Exception):
    """This engine cannot play this story; the text says why."""


class Engine(Protocol):
    """One order on one engine. Instants are those of the story."""

    async def move_to(self, at: datetime) -> None:
        """Let time pass until `at`; everything due by then happens."""

    async def send(self, pairs: Sequence[tuple[str, Any]]) -> list[Outcome] | None:
        """Send `(command, payload)` pairs at once; None while the worker is down: they wait."""

    async def worker(self, up: bool) -> list[Outcome]:
        """Take the worker down, or up: then the outcomes of what waited, in the order in which it was sent."""

    async def provider(self, says: Mapping[LegName, Says]) -> None:
        """What the payment provider says to these legs from now on."""

    async def order(self) -> Order:
        """The order as it is now."""

    async def record(self) -> list[RecordEntry]:
        """All entries of its record."""

    async def notices(self) -> list[Notice]:
        """All notices so far."""

    async def ledger(self) -> dict[str, int]:
        """The balance of each account."""


class PureEngine:
    """The rules alone: an engine, and a clock that is set from outside."""

    def __init__(self, opening: Opening) -> None:
        self.rules = OrderEngine(opening)
        self.now = opening.terms.ordered_at
        self.up = True
        self.provider_says = dict(ALL_WORKS)
        self.inbox: Inbox[Message] = Inbox()
        self.arrived = 0
        self._answers: dict[int, Outcome] = {}
        self.steps: list[Step] = [self.rules.commit(self.rules.opening())]

    async def move_to(self, at: datetime) -> None:
        while self.up:
            clock = next_clock(self.rules.order)
            if clock is None or clock.at > at:
                break
            self.now = max(self.now, clock.at)
            self._finish(self.rules.fire(clock, self.now))
        self.now = max(self.now, at)

    async def send(self, pairs: Sequence[tuple[str, Any]]) -> list[Outcome] | None:
        messages = []
        for command, payload in pairs:
            self.arrived += 1
            messages.append(read_message(command, payload, f"{UNNAMED}{self.arrived}"))
        for message in messages:
            self.inbox.put(message, message.sent_at, self.now)
        if not self.up:
            return None
        self._work()
        return [self._answers.pop(id(message)) for message in messages]

    async def worker(self, up: bool) -> list[Outcome]:
        self.up = up
        if not up:
            return []
        waited = list(self.inbox)
        self._work()
        return [self._answers.pop(id(message)) for message in waited]

    async def provider(self, says: Mapping[LegName, Says]) -> None:
        self.provider_says |= says

    async def order(self) -> Order:
        return self.rules.order

    async def record(self) -> list[RecordEntry]:
        return [step.entry for step in self.steps if step.entry]

    async def notices(self) -> list[Notice]:
        return [notice for step in self.steps for notice in step.notices]

    async def ledger(self) -> dict[str, int]:
        balances: dict[str, int] = dict.fromkeys(LEDGER, 0)
        for step in self.steps:
            for line in step.ledger:
                balances[line.account] += line.amount
        return balances

    def _work(self) -> None:
        while (waiting := self.inbox.take(self.now, self.rules.order.decided_at)) is not None:
            message = waiting.item
            while (clock := self.rules.due(self.now, message)) is not None:
                self._finish(self.rules.fire(clock, self.now))
            self._answers[id(message)] = self._decide(message)
        while (clock := self.rules.due(self.now)) is not None:
            self._finish(self.rules.fire(clock, self.now))

    def _decide(self, message: Message) -> Outcome:
        first = self.rules.first_answer(message)
        if first is not None:
            return first
        if self.rules.is_over(self.now) and not message.brings_back:
            return unrecorded(self.rules.order.terms.order_id, message.name, message.command_id, "order_closed")
        limited = self.rules.limited(message, self.now)
        if isinstance(limited, Refused):
            return limited
        step = self._finish(self.rules.decide(limited, self.now))[0]
        if step.answer is None:
            raise AssertionError("a message without an answer")
        return step.answer.outcome

    def _finish(self, decided: Decided) -> list[Step]:
        steps = self.rules.carry_out(decided, lambda _, leg: answer_of(self.provider_says[leg.name]))
        self.steps += steps
        return steps


def exported(order: Order, entries: Sequence[RecordEntry], reader: Reader) -> dict[str, Any]:
    """The order's record for one reader."""
    return export(order.opening, entries, reader, at=order.decided_at)
