"""Given an order, when somebody acts or time passes, then this happened: the language of these tests."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from recourse.policies.files import read_file
from recourse.policies.values import read_values
from recourse.resolution.engine import Decided, OrderEngine, Plan
from recourse.resolution.inbox import Inbox
from recourse.resolution.model.durations import parse_duration
from recourse.resolution.model.events import Event
from recourse.resolution.model.notice import Notice
from recourse.resolution.model.order import Opening, Order
from recourse.resolution.model.outcome import Outcome, Refused
from recourse.resolution.model.payments import Leg, LegAnswer
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.reading import Message, read_message
from recourse.resolution.model.record import Reader
from recourse.resolution.model.step import RecordEntry, Step
from recourse.resolution.model.terms import Terms
from recourse.resolution.rules.clocks import next_clock
from recourse.resolution.shown.views import view
from tests.outcomes import code

MONDAY = datetime(2025, 3, 3, 9, tzinfo=UTC)
SALT = "the salt of these tests"
ATTESTED = ["discussed", "tried_to_resolve", "agreed_compensation"]


def any_policy(name: str, changes: Mapping[str, Any] | None = None) -> Policy:
    """A preset with changed keys, also one that a lint would not let through: the rules must stand it."""
    file = read_file(name)
    policy, wrong = read_values((file.with_changes(changes) if changes else file).document)
    assert not wrong
    return policy


def opening(
    policy: str | Policy = "resolution_center", changes: Mapping[str, Any] | None = None, **terms: Any
) -> Opening:
    """An order of 100.00 and a fee of 5.50, placed on a Monday at nine, due in five days."""
    chosen = any_policy(policy, changes) if isinstance(policy, str) else policy
    provider = terms.pop("provider", "ledger")
    usual = {"price": 10_000, "service_fee": 550, "ordered_at": MONDAY, "delivery_time": "5d"}
    read = Terms.model_validate({"order_id": "o-1", "client": "c-1", "freelancer": "f-1", **usual, **terms})
    return Opening(terms=read, policy=chosen, record_salt=SALT, provider=provider)


class Done(NamedTuple):
    """What was decided, and the plan that it became."""

    decided: Decided
    plan: Plan


@dataclass(frozen=True)
class Then:
    """What came of one command, or of time passing: the steps that it left."""

    steps: tuple[Step, ...]
    done: tuple[Done, ...] = ()
    answer: Outcome | None = None

    @property
    def refused(self) -> str | None:
        """The code of the refusal; None: it was applied."""
        return code(self.answer)

    @property
    def details(self) -> Any:
        """What the refusal says besides its code."""
        return self.answer.details if isinstance(self.answer, Refused) else {}

    @property
    def happened(self) -> list[Event]:
        """The events, as they happened."""
        return [event for one in self.done for event in one.plan.events]

    @property
    def events(self) -> list[str]:
        """The events by name."""
        return [event.event for event in self.happened]

    @property
    def fired(self) -> list[str]:
        """The clocks that fired, in order."""
        return [step.entry.content["command"] for step in self.steps if step.entry]

    @property
    def notices(self) -> list[Notice]:
        """Everything that anybody was told."""
        return [notice for step in self.steps for notice in step.notices]

    @property
    def told(self) -> dict[str, list[str]]:
        """The names of the notices by receiver; who was told nothing is left out."""
        told: dict[str, list[str]] = {}
        for notice in self.notices:
            told.setdefault(notice.to, []).append(notice.name)
        return told


class Given:
    """An order, brought where a test needs it by commands and by time passing."""

    def __init__(
        self, policy: str | Policy = "resolution_center", changes: Mapping[str, Any] | None = None, **terms: Any
    ) -> None:
        self.engine = OrderEngine(opening(policy, changes, **terms))
        self.now = self.engine.order.terms.ordered_at
        self.steps: list[Step] = [self.engine.commit(self.engine.opening())]
        self.provider_works = True
        self.never_paid: set[str] = set()
        self.attempts: list[tuple[str, int]] = []
        self.arrived = 0

    def client(self, command: str, **fields: Any) -> Then:
        """The client gives a command now."""
        return self.says({"role": "client", "id": self.order.terms.client}, command, fields)

    def freelancer(self, command: str, **fields: Any) -> Then:
        """The freelancer gives a command now."""
        return self.says({"role": "freelancer", "id": self.order.terms.freelancer}, command, fields)

    def operator(self, command: str, *, name: str = "operator-1", **fields: Any) -> Then:
        """An operator gives a command now."""
        return self.says({"role": "operator", "id": name}, command, fields)

    def by(self, role: str, command: str, **fields: Any) -> Then:
        """Somebody in this role gives a command now."""
        party = self.order.terms.client if role == "client" else self.order.terms.freelancer
        return self.says(
            {"role": role, "id": party if role in ("client", "freelancer") else f"{role}-1"}, command, fields
        )

    def message(self, actor: Any, command: str, fields: Mapping[str, Any]) -> Message:
        """A message as it comes in; one without an id of its own is numbered."""
        self.arrived += 1
        return read_message(
            command, {"actor": actor, "command_id": f"id-{self.arrived}", **fields}, f"unnamed-{self.arrived}"
        )

    def says(self, actor: Any, command: str, fields: Mapping[str, Any]) -> Then:
        """Anybody gives any command now; what is due comes first."""
        return self.take(self.message(actor, command, fields))

    def take(self, *messages: Message) -> Then:
        """Let the order decide messages, and whatever else is due, in their order; answers the last that was sent."""
        before, done = len(self.steps), list[Done]()
        answer: Outcome | None = None
        inbox: Inbox[Message] = Inbox()
        for message in messages:
            inbox.put(message, message.sent_at, self.now)
        while (waiting := inbox.take(self.now, self.order.decided_at)) is not None:
            message = waiting.item
            done += self._fire_due(message)
            first = self.engine.first_answer(message)
            if first is None:
                limited = self.engine.limited(message, self.now)
                if isinstance(limited, Refused):
                    first = limited
                else:
                    one = self._finish(self.engine.decide(limited, self.now))
                    done.append(one)
                    assert one.plan.step.answer is not None
                    first = one.plan.step.answer.outcome
            answer = first if message is messages[-1] else answer
        done += self._fire_due()
        return Then(tuple(self.steps[before:]), tuple(done), answer)

    def fork(self) -> "Given":
        """The same order once more; what happens to one does not happen to the other."""
        twin = copy(self)
        twin.engine = copy(self.engine)
        twin.engine.answers, twin.engine.sent = dict(self.engine.answers), dict(self.engine.sent)
        twin.steps, twin.attempts = list(self.steps), list(self.attempts)
        return twin

    def after(self, length: str) -> Then:
        """Let so much time pass; what falls due happens at its instant."""
        return self.until(self.now + parse_duration(length))

    def until(self, instant: datetime) -> Then:
        """Let time pass until then; what falls due happens at its instant."""
        before, done = len(self.steps), []
        while (clock := next_clock(self.order)) is not None and clock.at <= instant:
            self.now = max(self.now, clock.at)
            done.append(self._finish(self.engine.fire(clock, self.now)))
        self.now = max(self.now, instant)
        return Then(tuple(self.steps[before:]), tuple(done))

    def _fire_due(self, before: Message | None = None) -> list[Done]:
        fired = []
        while (clock := self.engine.due(self.now, before)) is not None:
            fired.append(self._finish(self.engine.fire(clock, self.now)))
        return fired

    def _finish(self, decided: Decided) -> Done:
        now = decided.decision.now
        if decided.retries and self.engine.asks(now):
            return Done(decided, self._ask(now))
        plan = self.engine.plan(decided)
        self.steps.append(self.engine.commit(plan))
        if self.engine.asks(now):
            self._ask(now)
        return Done(decided, plan)

    def _ask(self, now: datetime) -> Plan:
        legs = self.engine.asks(now)
        self.attempts += [(leg.key_in(self.order.terms.order_id), leg.amount) for leg in legs]
        said = {leg.id: self.provider(leg) for leg in legs}
        plan = self.engine.plan_answers({leg: answer for leg, answer in said.items() if answer}, now)
        self.steps.append(self.engine.commit(plan))
        return plan

    def provider(self, leg: Leg) -> LegAnswer | None:
        """What the payment provider says to a leg."""
        if leg.name in self.never_paid:
            return LegAnswer(status="blocked", reason="no such account")
        return LegAnswer(status="done", reference=f"ref-{leg.id}") if self.provider_works else None

    @property
    def order(self) -> Order:
        """The order as it is now."""
        return self.engine.order

    @property
    def record(self) -> list[RecordEntry]:
        """Every entry so far."""
        return [step.entry for step in self.steps if step.entry]

    @property
    def money(self) -> tuple[int, int, int, int]:
        """What the client, the freelancer and the platform got so far, and what is held."""
        money = self.view("operator")["money"]
        return money["client"], money["freelancer"], money["platform"], money["held"]

    @property
    def request(self) -> dict[str, Any]:
        """The latest request as an operator sees it; empty where there was none."""
        return self.view("operator")["request"] or {}

    @property
    def case(self) -> dict[str, Any]:
        """The latest case as an operator sees it; empty where there was none."""
        return self.view("operator")["case"] or {}

    @property
    def resolution(self) -> dict[str, Any]:
        """How the order was canceled; empty where it was not."""
        return self.view("operator")["resolution"] or {}

    def view(self, reader: Reader) -> dict[str, Any]:
        """The order's page for one role now, in plain values."""
        return view(self.order, reader, self.now).model_dump()


def completed(changes: Mapping[str, Any] | None = None, **terms: Any) -> Given:
    """An order that was delivered and completed."""
    given = Given(changes=changes, **terms)
    given.freelancer("deliver")
    given.client("complete")
    return given


def reported(given: Given, event: str, **fields: Any) -> Given:
    """The given order after its payment provider has reported this."""
    assert given.by("system", "payment_event", event=event, **fields).refused is None
    return given


def hours(count: float) -> timedelta:
    """So many hours."""
    return timedelta(hours=count)
