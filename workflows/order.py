"""The life of one order: it waits for what the parties do, and for what they fail to do in time."""

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
    from recourse.activities.contract import FIND_ANSWER, PAY, READ_OFFSETS, RECORD_STEP, Payment, StepRecorded
    from recourse.resolution.engine import Desk, Draft
    from recourse.resolution.inbox import Inbox
    from recourse.resolution.model.amounts import write_amount
    from recourse.resolution.model.fields import UNNAMED, whole_second
    from recourse.resolution.model.order import Opening, Order, read_state
    from recourse.resolution.model.outcome import Outcome, Refused
    from recourse.resolution.model.reading import Message, read_message
    from recourse.resolution.model.step import Answered, Step
    from recourse.resolution.model.zones import Offsets
    from recourse.resolution.rules.clocks import next_clock
    from recourse.resolution.shown.answering import unrecorded
    from recourse.resolution.shown.views import view
    from recourse.runtime.names import ORDER
    from recourse.runtime.search_attributes import SEARCH_ATTRIBUTES
    from recourse.workflows import page
    from recourse.workflows.carried import Carried
    from recourse.workflows.database_calls import ONE_TRY, soon
    from recourse.workflows.deliveries import Deliveries
    from recourse.workflows.handlers import takes_every_command
    from recourse.workflows.inbound import message_of
    from recourse.workflows.unknown import UnknownWorkflow

# What one run may hand to the next of undecided messages; Temporal takes 2 MiB with the order itself.
CARRIED_AT_MOST = 256 * 1024  # bytes
# The memo that says how many signals without an id the order has had before it was revived.
SIGNALS = "signals"


@dataclass(eq=False)
class Ticket:
    """A message in the inbox, and its outcome once it has one.

    `looked_up`: the key under which the database was asked for a first answer, and how often the answers had been left
    to it by then. `signal`: the number of a signal among those of this run.
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

    Handlers only put messages into the inbox. One loop decides them, and everything that falls due, in their order;
    each decision is one step that is written before it is answered. Effects happen nowhere else.
    """

    def __init__(self) -> None:
        # With signal-with-start a handler runs before `run`, so everything it touches is made here.
        self.inbox: Inbox[Ticket] = Inbox()
        self.signals = self.apart = 0
        self.kept_apart: datetime | None = None
        # A run that was revived numbers its signals on from those of the run before it.
        if workflow.info().continued_run_id is None:
            self.signals = signals_of(workflow.memo_value(SIGNALS, 0))
        self.desk: Desk | None = None
        # What anybody is shown: the desk is ahead of it while a step is being written.
        self.written: Order | None = None
        self.deliveries: Deliveries | None = None
        self.recent: list[str] = []
        self.continued = self.over = False
        # How often the answers so far have been left to the database: where a message comes from before the last time,
        # its first answer is looked up there.
        self.forgotten = 0
        self.offsets: Offsets | None = None
        self.cancel_requested_at: datetime | None = None

    @workflow.run
    async def run(self, start: Opening | Carried) -> str:
        """Lead the order through its life, from its opening or from where a former run of it stopped; returns how it
        ended."""
        if isinstance(start, Carried):
            desk = self.take_over(start)
        else:
            desk = self.desk = Desk(start)
            self.written = desk.order
            self.deliveries = Deliveries(desk.order.terms.order_id)
            await self.write(desk.opening_step())
        while self.inbox or not await self.is_over():
            await self.wait_for_somebody_or_time()
            await self.decide_what_waits()
            await self.go_on_in_a_new_run_if_long()
        await self.see_everybody_off()
        resolution = desk.order.resolution
        return f"{desk.order.phase}: {resolution.how}" if resolution else desk.order.phase

    async def wait_for_somebody_or_time(self) -> None:
        """Until a message comes or the next absolute deadline is there."""
        clock = next_clock(self.at_desk.order)
        deadline = clock.at if clock else self.at_desk.over_at()
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
            self.keep_this_task_apart()

    async def read_offsets(self) -> None:
        """Have the offsets of the policy's time zone in the history, where a decision may go by them."""
        answers = self.at_desk.order.policy.answers
        if answers.pause and answers.time_zone != "UTC":
            title = f"the clocks of {answers.time_zone}"
            self.offsets = await soon(READ_OFFSETS, [answers.time_zone, self.now], Offsets, title)

    async def decide_what_waits(self) -> None:
        """Decide the messages and the due clocks one by one, in the order of their instants."""
        desk = self.at_desk
        while not self.goes_on_in_a_new_run():
            if self.inbox or desk.due(self.now):
                await self.read_offsets()
            waiting = self.inbox.take(self.now, desk.order.decided_at)
            clock = desk.due(self.now, waiting.item.message if waiting else None)
            if clock is not None:
                await self.carry_out(desk.fire(clock, self.now, self.offsets))
            elif waiting is None:
                return
            else:
                await self.answer_to(waiting.item)
            if waiting is not None and waiting.item.outcome is None:
                # Not decided yet, and while time passed something else may have come that counts earlier.
                self.inbox.put_back(waiting)

    async def answer_to(self, ticket: Ticket) -> None:
        """Decide one message, unless it was decided before; where that took time or failed, it has no outcome yet."""
        desk = self.at_desk
        if self.forgotten and ticket.looked_up != (ticket.message.key, self.forgotten):
            await self.look_up(ticket)
            return
        ticket.outcome = desk.repeated(ticket.message)
        if ticket.outcome is not None:
            return
        free = desk.free(ticket.message)
        if free is not ticket.message:
            ticket.message = free
            return
        if desk.is_over(self.now):
            ticket.outcome = self.closed(ticket.message) if await self.is_over() else None
        elif await self.carry_out(desk.take(ticket.message, self.now, self.offsets)):
            ticket.outcome = desk.answers[ticket.message.key]

    def closed(self, message: Message) -> Refused:
        """The answer to a message that comes after the order has ended for good."""
        return unrecorded(self.at_desk.order.terms.order_id, message.name, message.command_id, "order_closed")

    async def look_up(self, ticket: Ticket) -> None:
        """Fetch the first answer to the same id from the database, so that no run grows with the whole life of its
        order."""
        desk, key, forgotten = self.at_desk, ticket.message.key, self.forgotten
        answer: Answered | None = await soon(
            FIND_ANSWER,
            [desk.order.terms.order_id, *key],
            Answered,
            "was this answered before?",
        )
        ticket.looked_up = (key, forgotten)
        if answer is None:
            return
        if answer.step is not None and answer.step >= desk.steps:
            # An attempt that was forgotten gave it: the order goes on from that step before anybody hears of it.
            await self.knows_everything()
            desk.take_up(answer)
        elif key not in desk.answers:
            desk.know(answer)

    async def carry_out(self, draft: Draft) -> bool:
        """Make a decision's payment, if it has one, and write the step.

        False where the database had another step already, committed by an attempt that was forgotten: the order then
        goes on from there, and what was being decided is decided anew.
        """
        payment = self.payment_of(draft)
        if payment is None:
            return await self.write(self.at_desk.finish(draft), draft)
        # What is paid cannot be taken back, so nobody may have decided anything else.
        if not await self.knows_everything():
            return False
        return await self.write(self.at_desk.finish(draft, paid=await self.pay(payment)), draft)

    async def is_over(self) -> bool:
        """Whether the order answers no more, for certain."""
        self.over = self.over or (self.at_desk.is_over(self.now) and await self.knows_everything())
        return self.over

    async def knows_everything(self) -> bool:
        """Whether no attempt that was forgotten has committed anything of which this one knows nothing.

        Where one has, the order goes on from that.
        """
        return await self.write(self.at_desk.standstill(self.now), title="nothing else was decided")

    def payment_of(self, draft: Draft) -> Payment | None:
        """What the payment provider is to move; None: nothing. The built-in ledger moves money with the step itself."""
        order = draft.decision.order
        sums = draft.payment
        if sums is None or not sums.total or order.opening.provider == "ledger":
            return None
        return Payment(
            idempotency_key=draft.payment_key,
            order_id=order.terms.order_id,
            provider=order.opening.provider,
            currency=order.terms.currency,
            client=sums.client,
            freelancer=sums.freelancer,
            platform=sums.platform,
        )

    async def pay(self, payment: Payment) -> bool:
        """Ask the payment provider, once."""
        total = payment.client + payment.freelancer + payment.platform
        try:
            await workflow.execute_activity(
                PAY,
                payment,
                start_to_close_timeout=ONE_TRY,
                retry_policy=RetryPolicy(maximum_attempts=1),
                summary=f"pay {write_amount(total, payment.currency)} out of escrow",
            )
        except ActivityError:
            # The order stays canceled or completed; a clock tries again, with the same idempotency key.
            return False
        return True

    async def write(self, step: Step, draft: Draft | None = None, title: str | None = None) -> bool:
        """Write one step in one transaction, however long the database is away, then tell whoever is to be told.

        False where the database had another step of that number, from which the order now goes on.
        """
        recorded = await soon(RECORD_STEP, [step], StepRecorded, title or page.step_title(step))
        if recorded.adopted is not None:
            self.at_desk.adopt(recorded.adopted, draft)
            if recorded.adopted.answers is None:
                self.forgotten += 1
        elif title is None:
            self.recent = [*self.recent, page.event(step)][-page.EVENTS_KEPT :]
        self.show()
        if recorded.to_deliver and self.deliveries:
            self.deliveries.deliver(self.at_desk.steps - 1)
        return recorded.adopted is None

    def show(self) -> None:
        """Keep what orders are found by in Temporal as it is now."""
        order = self.written = self.at_desk.order
        fresh, shown = page.search_attributes(order), workflow.info().typed_search_attributes
        changed: list[SearchAttributeUpdate[Any]] = [
            pair.key.value_set(pair.value) for pair in fresh if shown.get(pair.key) != pair.value
        ]
        gone = [key for key in SEARCH_ATTRIBUTES if shown.get(key) is not None and fresh.get(key) is None]
        changed += [key.value_unset() for key in gone]
        if changed:
            workflow.upsert_search_attributes(changed)

    def case_file(self) -> str:
        """The order's page in the Temporal UI as it is now."""
        if self.written is None:
            return ""
        # Temporal keeps the title of a run for that run only.
        return page.current_details(
            self.written,
            self.now,
            self.recent,
            title=self.continued,
            cancel_requested_at=self.cancel_requested_at,
        )

    def take_over(self, carried: Carried) -> Desk:
        """Go on from where a former run stopped."""
        self.continued = True
        self.forgotten = 1
        self.keep_this_task_apart()
        desk = self.desk = Desk.of(read_state(carried.order), carried.steps)
        self.deliveries = Deliveries(desk.order.terms.order_id, upto=carried.to_deliver, told_upto=carried.delivered_to)
        self.recent = carried.recent
        self.show()
        # What came to this run already comes after what the former one left, also in the numbers of the signals.
        came, self.inbox = list(self.inbox), Inbox()
        for message in carried.messages:
            self.put(Ticket(Message.again(message)))
        for ticket in came:
            if ticket.signal is not None:
                ticket.message = ticket.message.called(f"{UNNAMED}{carried.signals + ticket.signal}")
            self.put(ticket)
        self.signals += carried.signals
        return desk

    def goes_on_in_a_new_run(self) -> bool:
        """Whether the history is long, nobody waits for an answer of this run, and what is undecided can be carried."""
        return (
            not self.over
            and workflow.info().is_continue_as_new_suggested()
            and workflow.all_handlers_finished()
            and sum(ticket.size for ticket in self.inbox) <= CARRIED_AT_MOST
        )

    async def go_on_in_a_new_run_if_long(self) -> None:
        """Start the history anew where it has grown long, so that nobody's flood can grow it without bound."""
        if not workflow.info().is_continue_as_new_suggested():
            return
        await workflow.wait_condition(lambda: bool(self.inbox) or workflow.all_handlers_finished())
        if self.inbox:
            self.keep_this_task_apart()
        if not self.goes_on_in_a_new_run() or self.deliveries is None:
            return
        # A delivery that is on its way goes on by itself; the new run asks for what it does not get done.
        workflow.continue_as_new(
            Carried(
                order=self.at_desk.order.model_dump(mode="json"),
                steps=self.at_desk.steps,
                signals=self.signals,
                to_deliver=self.deliveries.upto,
                delivered_to=self.deliveries.told_upto,
                recent=self.recent,
                messages=[ticket.message.kept() for ticket in self.inbox],
            )
        )

    async def see_everybody_off(self) -> None:
        """Answer what still comes in and let deliveries end, so that nobody waits for an answer that never comes."""
        while not self.everybody_is_off():
            await self.decide_what_waits()
            await workflow.wait_condition(lambda: bool(self.inbox) or self.everybody_is_off())
            if self.inbox:
                self.keep_this_task_apart()

    def everybody_is_off(self) -> bool:
        """Whether nothing waits, and nobody for anything."""
        told = self.deliveries is None or self.deliveries.done
        return told and not self.inbox and workflow.all_handlers_finished()

    def keep_this_task_apart(self) -> None:
        """Have the workflow task in which something came be the one in which it comes when it is replayed.

        While the database answers late, a worker keeps a task alive by further ones without a command. The SDK joins
        such tasks when it replays them, and `now` would be when the last of them began. A canceled timer is a command;
        where there is none, this gives one that says nothing.
        """
        if self.kept_apart == workflow.now():
            return
        self.kept_apart = workflow.now()
        self.apart += 1
        workflow.deprecate_patch(f"task {self.apart}")

    def receive(self, name: str, arguments: Sequence[Any], update_id: str | None = None) -> Ticket:
        """Put one message, whatever it holds, into the inbox.

        One without an id goes by its update's, or by its number among the signals, whose order never changes. (That
        of updates may, while none of them is in the history yet.)
        """
        number: int | None = None
        if update_id is None:
            self.signals = number = self.signals + 1
        ticket = Ticket(message_of(name, arguments, update_id or f"{UNNAMED}{number}"), signal=number)
        self.put(ticket)
        return ticket

    def put(self, ticket: Ticket) -> None:
        """Put a message into the inbox, as coming now."""
        stamp = ticket.message.sent_at
        if stamp is not None and stamp > self.now:
            # It counts as of its arrival.
            self.keep_this_task_apart()
        self.inbox.put(ticket, stamp, self.now)

    def refuse_cancellation(self, reason: str) -> None:
        """Somebody asked Temporal to cancel the workflow: that is recorded as no command, and the order goes on."""
        self.cancel_requested_at = self.now
        fields = {"reason": reason} if reason else {}
        self.put(Ticket(read_message(page.CANCEL_BUTTON, fields, f"{UNNAMED}{workflow.info().run_id}")))

    async def answer(self, name: str, arguments: Sequence[Any], update_id: str | None) -> Outcome:
        """Put one message into the inbox and wait until its step is written."""
        ticket = self.receive(name, arguments, update_id)
        await workflow.wait_condition(lambda: ticket.outcome is not None)
        if ticket.outcome is None:
            raise AssertionError("a message without an outcome")
        return ticket.outcome

    @workflow.signal(dynamic=True)
    def unknown_signal(self, name: str, args: Sequence[RawValue]) -> None:
        """A name that is no command; the interceptor has it recorded as refused."""
        self.receive(name, args)

    @workflow.update(dynamic=True)
    async def unknown_update(self, name: str, args: Sequence[RawValue]) -> Outcome:
        """A name that is no command; the interceptor has it recorded as refused."""
        return await self.answer(name, args, None)

    @workflow.query(name="page", description="The order as an operator sees it, with instants and amounts.")
    def order_page(self) -> dict[str, Any]:
        """The operator's view, also while the database is away. Closed orders are read from PostgreSQL."""
        return view(self.written, "operator", self.now) if self.written else {"phase": "opening"}

    @property
    def now(self) -> datetime:
        """The moment of processing, to the second."""
        return whole_second(workflow.now())

    @property
    def at_desk(self) -> Desk:
        """The desk, which `run` sets up first."""
        if self.desk is None:
            raise ApplicationError("the order has not been opened")
        return self.desk


def signals_of(kept: Any) -> int:
    """The number that a memo keeps under `SIGNALS`; 0 for anything else, since any starter may write a memo."""
    return kept if isinstance(kept, int) else 0


WORKFLOWS = [OrderWorkflow, UnknownWorkflow]
