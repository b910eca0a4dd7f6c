"""One order's desk: what waits is decided in its order, and each decision becomes one step to be written.

The Temporal workflow and the simulator both drive an order through this class; it is where they agree.
"""

from datetime import datetime
from typing import Any

from recourse.resolution.inbox import counts_at
from recourse.resolution.model.events import Event, PaymentFailed
from recourse.resolution.model.facts import facts
from recourse.resolution.model.order import Opening, Order, Sums, open_order, read_state
from recourse.resolution.model.outcome import Outcome
from recourse.resolution.model.reading import Message
from recourse.resolution.model.record import hidden_counts, make_entry
from recourse.resolution.model.refusals import Refusal
from recourse.resolution.model.step import Adopted, Answer, Answered, LedgerLine, Step
from recourse.resolution.model.zones import Offsets
from recourse.resolution.rules.clocks import Clock, is_over, next_clock
from recourse.resolution.rules.decide import decide, decide_clock
from recourse.resolution.rules.decision import Decision
from recourse.resolution.rules.paying import make_failed, make_paid, payment_due
from recourse.resolution.shown.answering import entry_content, outcome_of
from recourse.resolution.shown.notices import notices
from recourse.resolution.shown.summary import summary


class Draft:
    """A decision on its way to becoming a step: first its payment is made, if it has one, then it is finished."""

    def __init__(
        self,
        decision: Decision,
        *,
        message: Message | None = None,
        clock: Clock | None = None,
        refusal: Refusal | None = None,
    ) -> None:
        self.decision = decision
        self.message = message
        self.clock = clock
        self.refusal = refusal

    @property
    def payment(self) -> Sums | None:
        """What the payment provider must move before this is written; None where nothing is to be moved now."""
        if self.refusal:
            return None
        retrying = self.clock is not None and self.clock.name == "settlement_retry"
        return payment_due(self.decision.order, retrying=retrying)

    @property
    def payment_key(self) -> str:
        """The idempotency key of the payment: the same for every attempt."""
        order = self.decision.order
        return f"{order.terms.order_id}.payment.{order.payments + 1}"


class Desk:
    """An order with its answers, so that a repeated command id gets the first answer."""

    def __init__(self, opening: Opening) -> None:
        self.order = open_order(opening)
        self.answers: dict[tuple[str, str], Outcome] = {}
        # Of what was answered; without one, whatever comes counts as the same.
        self.fingerprints: dict[tuple[str, str], str | None] = {}
        self.untold: set[tuple[str, str]] = set()
        self.steps = 0

    @classmethod
    def of(cls, order: Order, steps: int) -> "Desk":
        """A desk that goes on with `order`, of which so many steps are written."""
        desk = cls(order.opening)
        desk.order, desk.steps = order, steps
        return desk

    def adopt(self, stored: Adopted, draft: Draft | None = None) -> None:
        """Go on from what the database has, instead of from `draft`."""
        if draft is not None and draft.message is not None:
            self.answers.pop(draft.message.key, None)
        self.order = read_state(stored.order)
        self.steps = stored.step + 1
        if stored.answers is None:
            self.answers.clear()
            self.fingerprints.clear()
            self.untold.clear()
        for answer in stored.answers or ():
            self.take_up(answer)

    def take_up(self, answer: Answered) -> None:
        """Take note of an answer that an attempt which was forgotten has committed and given to nobody."""
        self.know(answer)
        self.untold.add((answer.sender, answer.command_id))

    def know(self, answer: Answered) -> None:
        """Take note of an answer that was given before."""
        self.answers[answer.sender, answer.command_id] = answer.outcome
        self.fingerprints[answer.sender, answer.command_id] = answer.fingerprint

    def opening_step(self) -> Step:
        """Step 0: the order exists, all of its money is in escrow."""
        order = self.order
        paid = order.terms.price + order.terms.service_fee
        lines = (LedgerLine(account="client", amount=-paid), LedgerLine(account="escrow", amount=paid))
        return self._step(order, order.terms.ordered_at, ledger=lines)

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

    def repeated(self, message: Message) -> Outcome | None:
        """The first answer, if this sender has sent the same command with the same fields under this id before."""
        first = self.answers.get(message.key)
        if first is None or self._is_other(message):
            return None
        if message.key in self.untold:
            # Decided by an attempt that was forgotten before it could answer: this is still the first asking.
            self.untold.remove(message.key)
            return first
        return first.model_copy(update={"repeated": True})

    def free(self, message: Message) -> Message:
        """The message under an id that its sender has not used for anything else; refused where its own was."""
        while message.key in self.answers and self._is_other(message):
            first = self.answers[message.key]
            details = {"used_for": first.command, "entry": first.entry}
            message = message.without_its_id(Refusal(code="command_id_reused", details=details))
        return message

    def _is_other(self, message: Message) -> bool:
        return self.fingerprints.get(message.key) not in (None, message.fingerprint)

    def is_over(self, now: datetime) -> bool:
        """Whether the order answers no more."""
        return is_over(self.order, now)

    def over_at(self) -> datetime | None:
        """When a closed order stops answering, as far as that is known now."""
        closed_at = self.order.closed_at
        return None if closed_at is None else closed_at + self.order.policy.order.reachable_after

    def take(self, message: Message, now: datetime, offsets: Offsets | None = None) -> Draft:
        """Decide one message that has no answer yet, with these offsets of the policy's time zone. The draft's message
        may go by another id."""
        message = self.free(message)
        counted = self._counted(message, now)
        order = self.order.model_copy(update={"decided_at": counted})
        refusal = message.refusal
        if refusal is None:
            outcome = decide(order, message.command, now, counted, offsets)
            if isinstance(outcome, Decision):
                return Draft(outcome, message=message)
            refusal = outcome
        return Draft(Decision(order, now, counted), message=message, refusal=refusal)

    def fire(self, clock: Clock, now: datetime, offsets: Offsets | None = None) -> Draft:
        """Let a due clock do what it does, with these offsets of the policy's time zone."""
        decided_at = max(self.order.decided_at, clock.at)
        order = self.order.model_copy(update={"decided_at": decided_at})
        return Draft(decide_clock(order, clock, now, offsets), clock=clock)

    def finish(self, draft: Draft, paid: bool = True) -> Step:
        """Make the decision so; `paid` tells whether its payment went through."""
        decision = draft.decision
        before = self.order
        payment = draft.payment
        if payment is not None:
            # Where nothing is left to be moved, no provider is asked.
            paid = paid or not payment.total
            if paid:
                make_paid(decision, payment, told=before.settlement == "held" or before.provider_failed)
            else:
                make_failed(decision, payment)
        retried_in_vain = payment is not None and not paid and draft.clock is not None and not _news(decision)
        if retried_in_vain:
            # Nothing happened that anybody is told; only the next try has a new instant.
            self.order = decision.order
            return self._step(self.order, decision.now)
        return self._written(draft, before, payment if paid else None)

    def standstill(self, now: datetime) -> Step:
        """A step in which nothing happens. It is written only where the database has nothing that this desk does not
        know of, and keeps any attempt that was forgotten from writing anything in its place later."""
        return self._step(self.order, now)

    def _written(self, draft: Draft, before: Order, moved: Sums | None) -> Step:
        decision, message = draft.decision, draft.message
        content = entry_content(decision, before, message, draft.clock, draft.refusal)
        order = decision.order
        entry = make_entry(order, decision.now, content)
        hidden = hidden_counts(order, content)
        order = order.model_copy(
            update={"record_length": entry.number, "record_hash": entry.hash, "hidden_from": hidden}
        )
        told = notices(before, decision.events, order, decision.now, self.steps)
        answer = None
        if message is not None:
            outcome = outcome_of(decision, order, entry, message, draft.refusal)
            self.answers[message.key] = outcome
            self.fingerprints[message.key] = message.fingerprint
            answer = Answer(sender=message.sender, command_id=message.command_id, outcome=outcome)
        self.order = order
        lines: tuple[LedgerLine, ...] = ()
        if moved is not None and moved.total:
            lines = (
                LedgerLine(account="escrow", amount=-moved.total),
                LedgerLine(account="client", amount=moved.client),
                LedgerLine(account="freelancer", amount=moved.freelancer),
                LedgerLine(account="platform", amount=moved.platform),
            )
        kept = tuple(line for line in lines if line.amount)
        were, are = facts(before), facts(order)
        return self._step(
            order,
            decision.now,
            entry=entry,
            answer=answer,
            ledger=kept,
            notices=told,
            facts=are if are != were else None,
            reopened=are is None and were is not None,
        )

    def _step(self, order: Order, at: datetime, **parts: Any) -> Step:
        number = self.steps
        self.steps += 1
        return Step(
            order_id=order.terms.order_id,
            number=number,
            at=at,
            order=order.model_dump(mode="json"),
            summary=summary(order),
            **parts,
        )


def _news(decision: Decision) -> list[Event]:
    return [event for event in decision.events if not isinstance(event, PaymentFailed)]
