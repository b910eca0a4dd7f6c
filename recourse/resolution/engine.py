"""One order's engine: it decides what waits, plans a step for each decision, and moves on once it is committed.

The Temporal workflow and the simulator both drive an order through this class; it is where they agree. Deciding and
planning change nothing. The order moves in `commit` (the step is written) and in `adopt` (the database has another).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from recourse.resolution.answers import FirstAnswer, Key, check_build
from recourse.resolution.booking import collected, ledger_lines, leg_rows
from recourse.resolution.inbox import counts_at
from recourse.resolution.limits import Sent, count, count_adopted, party_of
from recourse.resolution.model.events import Event
from recourse.resolution.model.facts import facts
from recourse.resolution.model.order import Opening, Order, open_order, read_state, write_opening, write_state
from recourse.resolution.model.outcome import Outcome, Refused
from recourse.resolution.model.payment_events import LegsFailed, PaymentFailed
from recourse.resolution.model.payments import Leg, LegAnswer, Sums
from recourse.resolution.model.reading import Message
from recourse.resolution.model.record import as_sent, beginning
from recourse.resolution.model.refusals import Refusal
from recourse.resolution.model.step import Adopted, Answer, Answered, Step
from recourse.resolution.model.vocabulary import Party
from recourse.resolution.model.zones import Offsets
from recourse.resolution.rules.clocks import Clock, is_over, next_clock, over_at
from recourse.resolution.rules.decide import decide, decide_clock
from recourse.resolution.rules.decision import Decision
from recourse.resolution.rules.former_paying import make_failed, make_paid, payment_due
from recourse.resolution.rules.importing import import_order
from recourse.resolution.rules.paying import make_payments, take_answers, waiting_legs
from recourse.resolution.shown.answering import add_entry, entry_content, imported_content, outcome_of, unrecorded
from recourse.resolution.shown.notices import notices
from recourse.resolution.shown.summary import summary

# What a payment provider says to a leg of an order; None: it fails.
Provider = Callable[[Order, Leg], LegAnswer | None]


def all_is_paid(order: Order, leg: Leg) -> LegAnswer:
    """A provider that pays."""
    return LegAnswer(status="done")


@dataclass(frozen=True)
class Decided:
    """What a message or a due clock does."""

    decision: Decision
    message: Message | None = None
    clock: Clock | None = None
    refusal: Refusal | None = None

    @property
    def retries(self) -> bool:
        """Whether it is the clock at which the payment provider is asked."""
        return self.clock is not None and self.clock.name == "settlement_retry"

    @property
    def former_payment(self) -> Sums | None:
        """What a build of data version 1 had the payment provider move before the step was written; None: nothing."""
        return None if self.refusal else payment_due(self.decision.order, retrying=self.retries)


@dataclass(frozen=True)
class Plan:
    """A step to be written, and the order as it is once that is done. Until then nothing of it is so.

    `message`: the message that the step answers, under the id that it is answered by.
    """

    step: Step
    order: Order
    message: Message | None = None
    events: tuple[Event, ...] = ()


class OrderEngine:
    """An order with its answers, so that a repeated command id gets the first answer. `steps`: so many are written.
    `sent`: what each party has sent lately."""

    def __init__(self, opening: Opening) -> None:
        self.order = open_order(opening)
        self.answers: dict[Key, FirstAnswer] = {}
        self.sent: dict[Party, Sent] = {}
        self.steps = 0

    @classmethod
    def of(cls, order: Order, steps: int) -> "OrderEngine":
        """An engine that goes on with `order`, of which so many steps are written."""
        engine = cls(order.opening)
        engine.order, engine.steps = order, steps
        return engine

    def opening(self, now: datetime | None = None, offsets: Offsets | None = None) -> Plan:
        """Step 0: the order exists, all of its money is in escrow, and its record has begun. One that began elsewhere
        comes here at `now`, with these offsets of the policy's time zone."""
        order = self.order
        if order.opening.opening_salt is not None:
            order = order.model_copy(update={"record_hash": beginning(order.opening)})
        lines = collected(order.price + order.service_fee)
        imported = import_order(order.opening, now or order.terms.ordered_at, offsets)
        if imported is None:
            return Plan(self._step(order, order.terms.ordered_at, ledger=lines), order)
        order, entry = add_entry(imported.order, imported.now, imported_content(imported))
        money = {"ledger": lines + ledger_lines(self.order, order), "payments": leg_rows(self.order, order)}
        step = self._step(order, imported.now, entry=entry, **money)
        return Plan(step, order, events=tuple(imported.events))

    def fence(self, now: datetime) -> Plan:
        """A step in which nothing happens. It is written only where the database has no step that this engine lacks,
        and keeps every attempt that was forgotten from writing a step in its place later."""
        return Plan(self._step(self.order, now), self.order)

    def due(self, now: datetime, before: Message | None = None) -> Clock | None:
        """The clock that is due, where it comes before this message; None: none does.

        A deadline at T is over at T.
        """
        clock = next_clock(self.order)
        if clock is None or clock.at > now:
            return None
        return None if before is not None and self._counted(before, now) < clock.at else clock

    def _counted(self, message: Message, now: datetime) -> datetime:
        return counts_at(message.sent_at, now, self.order.decided_at)

    def is_over(self, now: datetime) -> bool:
        """Whether the order answers no more."""
        return is_over(self.order, now)

    def over_at(self) -> datetime | None:
        """When a closed order stops answering, as far as that is known now."""
        return over_at(self.order)

    def first_answer(self, message: Message) -> Outcome | None:
        """The first answer, if this sender has sent the same command with the same fields under this id before."""
        first = self.answers.get(message.key)
        if first is None or self._is_other(message, first):
            return None
        if first.reported:
            return first.outcome.model_copy(update={"repeated": True})
        # Decided by an attempt that was forgotten before it could answer: this is still the first asking.
        self.answers[message.key] = first._replace(reported=True)
        return first.outcome

    def free(self, message: Message) -> Message:
        """The message under an id that its sender has not used for anything else; refused where its own was.

        Raises NeedsNewerBuild where only a newer build can say whether it was.
        """
        while (first := self.answers.get(message.key)) is not None and self._is_other(message, first):
            check_build(self.order, message, first.outcome)
            details = {"used_for": first.outcome.command, "entry": first.outcome.entry}
            message = message.without_its_id(Refusal(code="command_id_reused", details=details))
        return message

    def _is_other(self, message: Message, first: FirstAnswer) -> bool:
        return first.fingerprint not in (None, message.fingerprint)

    def limited(self, message: Message, now: datetime, *, adopted: bool = True) -> Message | Refused:
        """The message, refused where its party has sent too much lately, with what was `adopted` or without. The record
        says that once; then its answer leaves no entry."""
        sent = self.sent.get(party) if (party := party_of(message, self.order)) else None
        refusal = sent.too_many(self._counted(message, now), adopted=adopted) if sent else None
        if sent is None or refusal is None:
            return message
        if sent.told:
            order_id = self.order.terms.order_id
            return unrecorded(order_id, message.name, message.command_id, refusal.code, **refusal.details)
        return message.model_copy(update={"refusal": refusal})

    def decide(self, message: Message, now: datetime, offsets: Offsets | None = None) -> Decided:
        """What one message does that has no answer yet, with these offsets of the policy's time zone. The message may
        be answered under another id."""
        message = self.free(message)
        counted = self._counted(message, now)
        order = self.order.model_copy(update={"decided_at": counted})
        asked = message.asked
        outcome = asked if isinstance(asked, Refusal) else decide(order, asked, now, counted, offsets)
        if isinstance(outcome, Decision):
            return Decided(outcome, message=message)
        return Decided(Decision(order, now, counted), message=message, refusal=outcome)

    def fire(self, clock: Clock, now: datetime, offsets: Offsets | None = None) -> Decided:
        """What a due clock does, with these offsets of the policy's time zone."""
        decided_at = max(self.order.decided_at, clock.at)
        order = self.order.model_copy(update={"decided_at": decided_at})
        return Decided(decide_clock(order, clock, now, offsets), clock=clock)

    def asks(self, now: datetime) -> tuple[Leg, ...]:
        """The legs of payments of which the provider is to be asked now. They are written down already."""
        order = self.order
        due = order.retry_at is not None and order.retry_at <= now and not order.still
        return waiting_legs(order) if due else ()

    def plan(self, decided: Decided) -> Plan:
        """The step that a decision becomes. What it has paid is written with it, before the provider is asked."""
        decision = decided.decision.fork()
        if decided.refusal is None:
            make_payments(decision, retrying=decided.retries)
        return self._plan(decided, decision)

    def plan_answers(self, answers: Mapping[str, LegAnswer], now: datetime) -> Plan:
        """The step that the provider's answers become: to every leg that it was asked for, or it has failed.

        Only a round that changes something has an entry, and the first, which belongs to the decision, has none.
        """
        before = self.order
        decision, retry_at = Decision(before, now, now), before.retry_at
        take_answers(decision, answers)
        if before.retries and retry_at is not None:
            return self._plan(Decided(decision, clock=Clock(name="settlement_retry", at=retry_at)), decision)
        return Plan(self._changed(decision), decision.order, events=tuple(decision.events))

    def plan_formerly(self, decided: Decided, *, paid: bool) -> Plan:
        """The step as a build of data version 1 made it. `paid`: whether the payment went through."""
        decision, before, payment = decided.decision.fork(), self.order, decided.former_payment
        if payment is not None and (paid or not payment.total):
            make_paid(decision, payment, told=before.settlement == "held" or before.provider_failed)
        elif payment is not None:
            make_failed(decision, payment)
        return self._plan(decided, decision)

    def _plan(self, decided: Decided, decision: Decision) -> Plan:
        before, events = self.order, tuple(decision.events)
        if decided.clock is not None and events and all(isinstance(one, PaymentFailed | LegsFailed) for one in events):
            # A retry in vain is nothing that anybody is notified of; only the next try has a new instant.
            return Plan(self._step(decision.order, decision.now), decision.order, events=events)
        content = entry_content(decision, before, decided.message, decided.clock, decided.refusal)
        order, entry = add_entry(decision.order, decision.now, content)
        message, answer = decided.message, None
        if message is not None:
            outcome = outcome_of(decision, order, entry, message, decided.refusal)
            answer = Answer(sender=message.sender, command_id=message.command_id, outcome=outcome)
        decision.order = order
        return Plan(self._changed(decision, entry=entry, answer=answer), order, message, events)

    def _changed(self, decision: Decision, **parts: Any) -> Step:
        """The step of a decision in which something happened."""
        before, order = self.order, decision.order
        were, are = facts(before), facts(order)
        return self._step(
            order,
            decision.now,
            ledger=ledger_lines(before, order),
            payments=leg_rows(before, order),
            notices=notices(before, decision.events, order, decision.now, self.steps),
            facts=are if are != were else None,
            reopened=are is None and were is not None,
            **parts,
        )

    def commit(self, plan: Plan) -> Step:
        """A plan was written: it is so. The step that is so now."""
        if plan.step.number != self.steps:
            raise AssertionError(f"step {plan.step.number} was planned before step {self.steps - 1} was written")
        self.order, self.steps = plan.order, plan.step.number + 1
        if plan.message is not None and plan.step.answer is not None:
            self.answers[plan.message.key] = FirstAnswer(plan.step.answer.outcome, plan.message.fingerprint)
            if party := party_of(plan.message, plan.order):
                self.sent[party] = count(self.sent.get(party), plan.order.decided_at)
        return plan.step

    def apply(self, decided: Decided) -> Step:
        """Plan and commit at once, for a caller that keeps every step."""
        return self.commit(self.plan(decided))

    def carry_out(self, decided: Decided, provider: Provider) -> list[Step]:
        """Plan and commit at once, and what this provider says to the payment that is due then."""
        now = decided.decision.now
        steps = [] if decided.retries and self.asks(now) else [self.apply(decided)]
        if legs := self.asks(now):
            said = {leg.id: provider(self.order, leg) for leg in legs}
            answers = {leg: answer for leg, answer in said.items() if answer is not None}
            steps.append(self.commit(self.plan_answers(answers, now)))
        return steps

    def adopt(self, stored: Adopted) -> None:
        """The database has something else than what was planned: that is so, and its answers are reported to nobody."""
        self.order, self.steps = read_state(stored.order), stored.step + 1
        if stored.answers is None:
            self.answers.clear()
        for answer in stored.answers or ():
            self.learn(answer, reported=False)
        self.sent |= count_adopted(self.sent, stored, self.order)

    def learn(self, answer: Answered, *, reported: bool = True) -> None:
        """Take note of an answer that the database has."""
        self.answers[answer.sender, answer.command_id] = FirstAnswer(answer.outcome, answer.fingerprint, reported)

    def _step(self, order: Order, at: datetime, **parts: Any) -> Step:
        return Step(
            order_id=order.terms.order_id,
            number=self.steps,
            at=at,
            record_salt=order.opening.record_salt,
            opening=None if self.steps else _written(order.opening),
            order=write_state(order, without=frozenset({"opening"})),
            summary=summary(order),
            **parts,
        )


def _written(opening: Opening) -> dict[str, Any]:
    """The opening as it is stored: where the record begins with it, as it was sent."""
    return write_opening(opening) if opening.opening_salt is None else as_sent(opening)
