"""The life of one order: it waits for what the parties do, and for what they fail to do in time."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from pydantic_core import to_json
from temporalio import workflow
from temporalio.common import RawValue, RetryPolicy, SearchAttributeUpdate
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from recourse.activities.contract import (
        FIND_ANSWER,
        PAY,
        READ_OFFSETS,
        RECORD_STEP,
        FormerPayment,
        LegToPay,
        StepRecorded,
    )
    from recourse.resolution.engine import Decided, OrderEngine, Plan
    from recourse.resolution.inbox import Inbox
    from recourse.resolution.model.amounts import write_amount
    from recourse.resolution.model.data_version import DATA_VERSION, FIRST, NeedsNewerBuild
    from recourse.resolution.model.fields import UNNAMED, whole_second
    from recourse.resolution.model.order import Opening, read_state, write_state
    from recourse.resolution.model.outcome import Outcome, Refused
    from recourse.resolution.model.payments import Leg, LegAnswer
    from recourse.resolution.model.reading import Message, read_message
    from recourse.resolution.model.step import Answered
    from recourse.resolution.model.zones import Offsets
    from recourse.resolution.rules.clocks import next_clock
    from recourse.resolution.shown.answering import unrecorded
    from recourse.resolution.shown.views import OrderView, view
    from recourse.runtime.names import ORDER, SIGNALS
    from recourse.runtime.search_attributes import SEARCH_ATTRIBUTES
    from recourse.workflows import page
    from recourse.workflows.carried import Carried
    from recourse.workflows.database_calls import ONE_TRY, ask_database
    from recourse.workflows.deliveries import Deliveries
    from recourse.workflows.handlers import takes_every_command
    from recourse.workflows.inbound import message_of
    from recourse.workflows.proving import ask
    from recourse.workflows.reconciliation import Reconciliation
    from recourse.workflows.unknown import UnknownWorkflow

# What one run may hand to the next of undecided messages; Temporal takes 2 MiB with the order itself.
CARRIED_AT_MOST = 256 * 1024  # bytes
# A payment that fails is tried again by the order's own clock.
ONCE = RetryPolicy(maximum_attempts=1)


@dataclass(eq=False)
class Pending:
    """A message in the inbox, and its outcome once it has one.

    `looked_up`: the key under which the database was asked for a first answer, and how often the answers had been left
    to it by then. `signal`: the number of a signal among those of this run, unless it is sent again.
    """

    message: Message
    outcome: Outcome | None = None
    looked_up: tuple[tuple[str, str], int] | None = None
    signal: int | None = None

    @cached_property
    def size(self) -> int:
        """How many bytes it takes to hand it to a new run."""
        return len(to_json(self.message.kept()))


@workflow.defn(name=ORDER)
@takes_every_command
class OrderWorkflow:
    """One order, from its opening until it answers no more.

    `workflows/inbound.py` puts every message into the inbox; `workflows/handlers.py` declares the signals and updates.
    One loop decides the messages, and everything that falls due, in their order. Each decision is planned, then
    committed as one step, and then acted on: answered, shown and notified. Nothing else changes the order.
    """

    def __init__(self) -> None:
        # With signal-with-start a handler runs before `run`, so everything it touches is made here.
        self.inbox: Inbox[Pending] = Inbox()
        # A run that was revived numbers its signals on from those of the run before it.
        self.signals_before = signals_of(workflow.memo_value(SIGNALS, 0))
        self.signals = 0 if workflow.info().continued_run_id else self.signals_before
        self.started: OrderEngine | None = None
        self.deliveries: Deliveries | None = None
        self.recent: list[str] = []
        self.carried: Carried | None = None
        self.over = False
        # How often the answers so far have been left to the database: where a message comes from before the last time,
        # its first answer is looked up there.
        self.answers_left = 0
        self.offsets: Offsets | None = None
        self.cancel_requested_at: datetime | None = None
        self.boundary_at: datetime | None = None
        # So many messages have come of which it is being looked up since when they are there.
        self.arriving = 0

    @workflow.run
    async def run(self, start: Opening | Carried) -> str:
        """Run the order from its opening, or from where a former run of it stopped; returns how it ended."""
        if isinstance(start, Carried):
            engine = self.resume(start)
        else:
            engine = self.started = OrderEngine(start)
            self.deliveries = Deliveries(engine.order.terms.order_id)
            if start.state:
                await self.read_offsets()
            await self.commit(engine.opening(self.now, self.offsets))
        while not self.over:
            while self.inbox or not await self.is_over():
                await self.wait_for_message_or_deadline()
                await self.decide_pending()
                await self.continue_as_new_if_long()
            await self.drain()
        resolution = engine.order.resolution
        return f"{engine.order.phase}: {resolution.how}" if resolution else engine.order.phase

    async def wait_for_message_or_deadline(self) -> None:
        """Until a message comes or the next absolute deadline is there."""
        clock = next_clock(self.engine.order)
        deadline = clock.at if clock else self.engine.over_at()
        if self.inbox or (deadline is not None and deadline <= self.now):
            return
        # Nothing is due at an open order without clocks, such as one whose policy turned all of them off.
        left = None if deadline is None else deadline - workflow.now()
        # The loop decides by the absolute deadline, whatever woke it.
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: bool(self.inbox), timeout=left, timeout_summary=page.timer(clock) if left else None
            )
        if deadline is None or deadline <= workflow.now():
            self.mark_task_boundary()

    async def read_offsets(self) -> None:
        """Have the offsets of the policy's time zone in the history, where a decision may go by them."""
        order = self.engine.order
        answers = order.policy.answers
        if answers.pauses and answers.time_zone != "UTC":
            title = f"the clocks of {answers.time_zone}"
            # What was left when the order stopped is counted by the offsets of then.
            since = order.time(self.now)
            self.offsets = await ask_database(READ_OFFSETS, [answers.time_zone, since], Offsets, title)

    async def decide_pending(self) -> None:
        """Decide the messages and the due clocks one by one, in the order of their instants."""
        engine = self.engine
        while not self.should_continue_as_new():
            if self.inbox or engine.due(self.now):
                await self.read_offsets()
            if self.arriving:
                await workflow.wait_condition(lambda: not self.arriving)
                continue
            first = self.inbox.take(self.now, engine.order.decided_at)
            clock = engine.due(self.now, first.item.message if first else None)
            if clock is not None:
                await self.carry_out(engine.fire(clock, self.now, self.offsets))
                await self.pay_first_time()
            elif first is None:
                return
            else:
                await self.decide_message(first.item)
            if first is not None and first.item.outcome is None:
                # Not decided yet, and while time passed something else may have come that counts earlier.
                self.inbox.put_back(first)

    async def decide_message(self, pending: Pending) -> None:
        """Decide one message, unless it was decided before; where that took time or failed, it has no outcome yet."""
        engine = self.engine
        if self.answers_left and pending.looked_up != (pending.message.key, self.answers_left):
            await self.look_up_answer(pending)
            return
        pending.outcome = engine.first_answer(pending.message)
        if pending.outcome is not None:
            return
        free = engine.free(pending.message)
        if free is not pending.message:
            pending.message = free
        elif engine.is_over(self.now) and not pending.message.brings_back:
            pending.outcome = self.closed(pending.message) if await self.is_over() else None
        elif isinstance(limited := self.limited(pending.message), Refused):
            pending.outcome = limited
        elif await self.carry_out(engine.decide(limited, self.now, self.offsets)):
            outcome = engine.answers[limited.key].outcome
            # What the payment provider reports may keep an order that was over.
            self.over = False
            # Its sender hears of it once the provider was asked, so that what it reads then is what came of it.
            await self.pay_first_time()
            pending.outcome = outcome

    def limited(self, message: Message) -> Message | Refused:
        """The message, refused where its party has sent too much; orders that took it once take it in a replay."""
        for adopted, name in ((False, "limits"), (True, "limits of what was adopted")):
            limited = self.engine.limited(message, self.now, adopted=adopted)
            if limited is not message:
                return limited if workflow.patched(name) else message
        return message

    def closed(self, message: Message) -> Refused:
        """The answer to a message that comes after the order has ended for good."""
        return unrecorded(self.engine.order.terms.order_id, message.name, message.command_id, "order_closed")

    async def look_up_answer(self, pending: Pending) -> None:
        """Fetch the first answer to the same id from the database, so that no run grows with the whole life of its
        order."""
        engine, key, looked_up = self.engine, pending.message.key, self.answers_left
        answer: Answered | None = await ask_database(
            FIND_ANSWER,
            [engine.order.terms.order_id, *key],
            Answered,
            "was this answered before?",
        )
        pending.looked_up = (key, looked_up)
        if answer is None:
            return
        if answer.step is not None and answer.step >= engine.steps:
            # An attempt that was forgotten gave it: the order goes on from that step before it reports the answer.
            await self.fence()
            engine.learn(answer, reported=False)
        elif key not in engine.answers:
            engine.learn(answer)

    async def carry_out(self, decided: Decided) -> bool:
        """Commit the step of a decision, or, where the clock of retries is due, that of what the provider says.

        False where the database had another step already, committed by an attempt that was forgotten: the order then
        goes on from there, and what was being decided is decided anew.
        """
        former = self.former_payment_of(decided)
        if former is not None:
            if not await self.fence():
                return False
            return await self.commit(self.engine.plan_formerly(decided, paid=await self.pay_formerly(former)))
        if decided.retries and self.engine.asks(self.now):
            # What is paid cannot be taken back, so no forgotten attempt may have decided anything else.
            return await self.fence() and await self.ask_provider()
        return await self.commit(self.engine.plan(decided))

    async def pay_first_time(self) -> None:
        """Ask the provider for a payment that the last step has written down."""
        if not self.engine.order.retries and self.engine.asks(self.now):
            await self.ask_provider()

    async def ask_provider(self) -> bool:
        """Ask the provider, once, for every leg that waits, in their order, and commit what it says."""
        legs = self.engine.asks(self.now)
        said = await asyncio.gather(*(self.pay(leg) for leg in legs))
        answers = {leg.id: answer for leg, answer in zip(legs, said, strict=True) if answer is not None}
        return await self.commit(self.engine.plan_answers(answers, self.now))

    async def is_over(self) -> bool:
        """Whether the order answers no more, for certain."""
        self.over = self.over or (self.engine.is_over(self.now) and await self.fence())
        return self.over

    async def fence(self) -> bool:
        """Whether this order knows every step that was committed, also by attempts that were forgotten.

        Where it did not, it goes on from what the database has.
        """
        return await self.commit(self.engine.fence(self.now), title="fence: nothing else was decided")

    def former_payment_of(self, decided: Decided) -> FormerPayment | None:
        """What a build of data version 1 asked the provider for; None: nothing, or it is not asked like that."""
        order = decided.decision.order
        if order.opening.made_for > FIRST or order.opening.provider == "ledger":
            return None
        sums = decided.former_payment
        # An id for each payment: an order that began to pay as it did formerly goes on as it is done now.
        if sums is None or not sums.total or workflow.patched(f"payments are written first, {self.engine.steps}"):
            return None
        return FormerPayment(
            idempotency_key=f"{order.terms.order_id}.payment.{order.payments + 1}",
            order_id=order.terms.order_id,
            provider=order.opening.provider,
            currency=order.terms.currency,
            client=sums.client,
            freelancer=sums.freelancer,
            platform=sums.platform,
        )

    async def pay(self, leg: Leg) -> LegAnswer | None:
        """Ask the payment provider for one leg; None: it has failed."""
        order_id, currency = self.engine.order.terms.order_id, self.engine.order.terms.currency
        try:
            answer: LegAnswer = await workflow.execute_activity(
                PAY,
                LegToPay(order_id=order_id, leg=leg.id),
                result_type=LegAnswer,
                start_to_close_timeout=ONE_TRY,
                retry_policy=ONCE,
                summary=f"pay {write_amount(leg.amount, currency)} out of escrow ({leg.id})",
            )
        except ActivityError:
            # The order stays as it is; a clock tries again, with the same idempotency key.
            return None
        return answer

    async def pay_formerly(self, payment: FormerPayment) -> bool:
        """Ask as builds of data version 1 did; no worker pays it."""
        total = payment.client + payment.freelancer + payment.platform
        try:
            await ask(
                PAY,
                args=[payment],
                start_to_close_timeout=ONE_TRY,
                retry_policy=ONCE,
                summary=f"pay {write_amount(total, payment.currency)} out of escrow",
            )
        except ActivityError:
            return False
        return True

    async def commit(self, plan: Plan, title: str | None = None) -> bool:
        """Write a plan's step in one transaction, however long the database is away; then the order moves.

        False where the database had another step of that number, from which the order now goes on.
        """
        recorded = await ask_database(RECORD_STEP, [plan.step], StepRecorded, title or page.step_title(plan.step))
        if recorded.adopted is not None:
            self.engine.adopt(recorded.adopted)
            if recorded.adopted.answers is None:
                self.answers_left += 1
        else:
            self.check_build(recorded, plan)
            self.engine.commit(plan)
            if title is None:
                self.recent = [*self.recent, page.event(plan.step)][-page.EVENTS_KEPT :]
        self.publish_search_attributes()
        if recorded.to_deliver and self.deliveries:
            self.deliveries.deliver(self.engine.steps - 1)
        return recorded.adopted is None

    def check_build(self, recorded: StepRecorded, plan: Plan) -> None:
        """Return where this build may go on from a step that is written. In a replay, a newer one may have decided it.
        Raises NeedsNewerBuild."""
        outcome = plan.step.answer.outcome if plan.step.answer else None
        # A newer build did what a command says that is not known here.
        unknown = isinstance(outcome, Refused) and outcome.code == "unknown_command"
        needs = max(recorded.needs, recorded.data_version) if unknown else recorded.needs
        if needs > DATA_VERSION:
            raise NeedsNewerBuild(f"Order {plan.step.order_id}", needs)

    def publish_search_attributes(self) -> None:
        """Keep what orders are found by in Temporal as it is now."""
        fresh, shown = page.search_attributes(self.engine.order), workflow.info().typed_search_attributes
        changed: list[SearchAttributeUpdate[Any]] = [
            pair.key.value_set(pair.value) for pair in fresh if shown.get(pair.key) != pair.value
        ]
        gone = [key for key in SEARCH_ATTRIBUTES if shown.get(key) is not None and fresh.get(key) is None]
        changed += [key.value_unset() for key in gone]
        if changed:
            workflow.upsert_search_attributes(changed)

    def current_details(self) -> str:
        """The order's page in the Temporal UI as it is now."""
        if self.started is None:
            return ""
        return page.current_details(
            self.started.order,
            self.now,
            self.recent,
            # Temporal keeps the title of a run for that run only.
            title=workflow.info().continued_run_id is not None,
            cancel_requested_at=self.cancel_requested_at,
        )

    def resume(self, carried: Carried) -> OrderEngine:
        """Go on from where a former run stopped."""
        self.answers_left, self.carried = 1, carried
        self.mark_task_boundary()
        engine = self.started = OrderEngine.of(read_state(carried.order), carried.steps)
        engine.sent = dict(carried.sent)
        self.deliveries = Deliveries(
            engine.order.terms.order_id, to_deliver=carried.to_deliver, delivered_to=carried.delivered_to
        )
        self.recent = carried.recent
        self.publish_search_attributes()
        # What came to this run already comes after what the former one left, also in the numbers of the signals.
        came, self.inbox = list(self.inbox), Inbox()
        for message in carried.messages:
            self.put(Pending(Message.again(message)))
        for pending in came:
            if pending.signal is not None:
                pending.message = pending.message.called(f"{UNNAMED}{carried.signals + pending.signal}")
            self.put(pending)
        self.signals += carried.signals
        return engine

    def should_continue_as_new(self) -> bool:
        """Whether the history is long, nobody waits for an answer of this run, and what is undecided can be carried."""
        return (
            not self.over
            and workflow.info().is_continue_as_new_suggested()
            and workflow.all_handlers_finished()
            and sum(pending.size for pending in self.inbox) <= CARRIED_AT_MOST
        )

    async def continue_as_new_if_long(self) -> None:
        """Start the history anew where it has grown long, so that nobody's flood can grow it without bound."""
        if not workflow.info().is_continue_as_new_suggested():
            return
        await workflow.wait_condition(lambda: bool(self.inbox) or workflow.all_handlers_finished())
        if self.inbox:
            self.mark_task_boundary()
        if not self.should_continue_as_new() or self.deliveries is None:
            return
        # A delivery that is on its way goes on by itself; the new run asks for what it does not get done.
        workflow.continue_as_new(
            Carried(
                **(self.carried.model_extra or {} if self.carried else {}),
                order=write_state(self.engine.order),
                steps=self.engine.steps,
                signals=self.signals,
                to_deliver=self.deliveries.to_deliver,
                delivered_to=self.deliveries.delivered_to,
                recent=self.recent,
                sent=self.engine.sent,
                messages=[pending.message.kept() for pending in self.inbox],
            )
        )

    async def drain(self) -> None:
        """Answer what still comes in and let deliveries end, so that nobody waits for an answer that never comes."""
        while not self.drained():
            await self.decide_pending()
            await workflow.wait_condition(lambda: bool(self.inbox) or self.drained())
            if self.inbox:
                self.mark_task_boundary()

    def drained(self) -> bool:
        """Whether nothing waits, and nobody for anything."""
        delivered = self.deliveries is None or self.deliveries.done
        return delivered and not self.inbox and workflow.all_handlers_finished()

    def mark_task_boundary(self) -> None:
        """Have the workflow task in which something came be the one in which it comes when it is replayed.

        While the database answers late, a worker keeps a task alive by further ones without a command. The SDK joins
        such tasks when it replays them, and `now` would be when the last of them began. A canceled timer is a command;
        where there is none, this gives one that changes nothing: it removes a memo that is not there.
        """
        if self.boundary_at == workflow.now():
            return
        self.boundary_at = workflow.now()
        workflow.upsert_memo({"task boundary": None})

    def receive(
        self, name: str, arguments: Sequence[Any], update_id: str | None = None, number: int | None = None
    ) -> Pending:
        """Put one message, whatever it holds, into the inbox.

        One without an id goes by its update's, or by its number among the signals, whose order never changes. (That
        of updates may, while none of them is in the history yet.) A signal that is sent again keeps its `number`, so
        that it is known where its former run has decided it after all.
        """
        signal: int | None = None
        if update_id is None:
            self.signals += 1
            if number is None or not 0 < number <= self.signals_before:
                signal = number = self.signals
        pending = Pending(message_of(name, arguments, update_id or f"{UNNAMED}{number}"), signal=signal)
        self.put(pending)
        return pending

    def put(self, pending: Pending) -> None:
        """Put a message into the inbox, as coming now."""
        stamp = pending.message.sent_at
        if stamp is not None and stamp > self.now:
            # It counts as of its arrival.
            self.mark_task_boundary()
        self.inbox.put(pending, stamp, self.now)

    def refuse_cancellation(self, reason: str) -> None:
        """Somebody asked Temporal to cancel the workflow: that is recorded as no command, and the order goes on."""
        self.cancel_requested_at = self.now
        fields = {"reason": reason} if reason else {}
        self.put(Pending(read_message(page.CANCEL_BUTTON, fields, f"{UNNAMED}{workflow.info().run_id}")))

    async def answer(self, name: str, arguments: Sequence[Any], update_id: str | None) -> Outcome:
        """Put one message into the inbox and wait until its step is committed."""
        pending = self.receive(name, arguments, update_id)
        await workflow.wait_condition(lambda: pending.outcome is not None)
        if pending.outcome is None:
            raise AssertionError("a message without an outcome")
        return pending.outcome

    @workflow.signal(dynamic=True)
    def unknown_signal(self, name: str, args: Sequence[RawValue]) -> None:
        """A name that is no command; the interceptor has it recorded as refused."""
        self.receive(name, args)

    @workflow.update(dynamic=True)
    async def unknown_update(self, name: str, args: Sequence[RawValue]) -> Outcome:
        """A name that is no command; the interceptor has it recorded as refused."""
        return await self.answer(name, args, None)

    @workflow.query(name="page", description="The order as an operator sees it, with instants and amounts.")
    def order_page(self) -> OrderView | None:
        """The operator's view, also while the database is away; None before the order is written. Closed orders are
        read from PostgreSQL."""
        return view(self.started.order, "operator", self.now) if self.started else None

    @property
    def now(self) -> datetime:
        """The moment of processing, to the second."""
        return whole_second(workflow.now())

    @property
    def engine(self) -> OrderEngine:
        """The order's engine, which `run` starts first."""
        if self.started is None:
            raise ApplicationError("the order has not been opened")
        return self.started


def signals_of(kept: Any) -> int:
    """The number that a memo keeps under `SIGNALS`; 0 for anything else, since any starter may write a memo."""
    return kept if isinstance(kept, int) else 0


WORKFLOWS = [OrderWorkflow, Reconciliation, UnknownWorkflow]
