"""The life of one order: it waits for what the parties do, and for what they fail to do in time."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue, RetryPolicy, SearchAttributeUpdate
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.shapes import DELIVER_NOTICES, FIND_ANSWER, PAY, RECORD_STEP, Carried, Payment, StepRecorded
    from resolution.amounts import write_amount
    from resolution.clocks import next_clock
    from resolution.commands import Message
    from resolution.fields import UNNAMED, whole_second
    from resolution.order import Opening, read_state
    from resolution.process import Desk, Draft
    from resolution.refusals import SENTENCES
    from resolution.step import Step
    from resolution.views import view
    from workflows import page
    from workflows.messages import ORDER, message_of, takes_every_command

# A step is written by a local activity, which costs no task of its own. When the database does not answer for this
# long, the same step goes to a regular activity, which waits for as long as it takes.
AT_ONCE = timedelta(seconds=10)
ONE_TRY = timedelta(seconds=30)
NOTICES_FOR = timedelta(days=7)


@dataclass(eq=False)
class Ticket:
    """A message in the inbox, and its outcome once it has one."""

    message: Message
    outcome: dict[str, Any] | None = None
    looked_up: bool = False


@workflow.defn(name=ORDER)
@takes_every_command
class OrderWorkflow:
    """One order, from its opening until it answers no more.

    Handlers only put messages into the inbox. One loop decides them, and everything that falls due, in their order;
    each decision is one step that is written before it is answered. Effects happen nowhere else.
    """

    def __init__(self) -> None:
        # With signal-with-start a handler runs before `run`, so everything it touches is made here.
        self.inbox: list[Ticket] = []
        self.signals = 0
        self.desk: Desk | None = None
        self.delivering: asyncio.Task[None] | None = None
        self.delivered_to = self.to_deliver = -1
        self.shown: dict[str, Any] = {}
        self.continued = False

    @workflow.run
    async def run(self, start: Opening | Carried) -> str:
        """Lead the order through its life, from its opening or from where a former run of it stopped; returns how it
        ended."""
        if isinstance(start, Carried):
            desk = self.take_over(start)
        else:
            desk = self.desk = Desk(start)
            await self.write(desk.opening_step())
        while self.inbox or not desk.is_over(self.now) or not await self.knows_everything():
            await self.wait_for_somebody_or_time()
            await self.decide_what_waits()
            if workflow.info().is_continue_as_new_suggested():
                await self.go_on_in_a_new_run()
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
        try:
            await workflow.wait_condition(
                lambda: bool(self.inbox), timeout=left, timeout_summary=page.timer(clock) if left else None
            )
        except TimeoutError:
            # The loop decides by the absolute deadline, whatever woke it.
            return

    async def decide_what_waits(self) -> None:
        """Decide the messages and the due clocks one by one, in the order of their instants."""
        desk = self.at_desk
        while (thing := desk.next_thing([ticket.message for ticket in self.inbox], self.now)) is not None:
            if not isinstance(thing, int):
                await self.carry_out(desk.fire(thing, self.now))
                continue
            ticket = self.inbox[thing]
            if self.continued and not ticket.looked_up:
                await self.look_up(ticket)
                continue  # time has passed meanwhile: something else may come first now
            first = desk.repeated(ticket.message)
            if first is not None:
                ticket.outcome = first
            elif desk.is_over(self.now):
                ticket.outcome = _over() if await self.knows_everything() else None
            elif await self.carry_out(desk.take(ticket.message, self.now)):
                ticket.outcome = desk.answers[ticket.message.key]
            if ticket.outcome is not None:
                self.inbox.remove(ticket)

    async def look_up(self, ticket: Ticket) -> None:
        """Fetch what an earlier run answered to the same id; it is in the database only, so that no run grows with the
        whole life of its order."""
        first: dict[str, Any] | None = await workflow.execute_activity(
            FIND_ANSWER,
            args=[self.at_desk.order.terms.order_id, *ticket.message.key],
            start_to_close_timeout=ONE_TRY,
            summary="was this answered before?",
        )
        ticket.looked_up = True
        if first is not None:
            self.at_desk.answers.setdefault(ticket.message.key, first)

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
        title = title or page.step_title(step)
        try:
            recorded = await workflow.execute_local_activity(
                RECORD_STEP,
                step,
                result_type=StepRecorded,
                schedule_to_close_timeout=AT_ONCE,
                start_to_close_timeout=AT_ONCE / 2,
                retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=100)),
                summary=title,
            )
        except ActivityError as error:
            if isinstance(error.cause, ApplicationError) and error.cause.non_retryable:
                raise
            recorded = await workflow.execute_activity(
                RECORD_STEP,
                step,
                result_type=StepRecorded,
                start_to_close_timeout=ONE_TRY,
                retry_policy=RetryPolicy(maximum_interval=timedelta(seconds=30)),
                summary=title,
            )
        if recorded.adopted is not None:
            self.at_desk.adopt(recorded.adopted, draft)
        self.show()
        if recorded.to_deliver:
            self.to_deliver = self.at_desk.steps - 1
            self.start_delivering()
        return recorded.adopted is None

    def start_delivering(self) -> None:
        """See to it that everything that is to be told is being told."""
        if self.delivering is None or self.delivering.done():
            self.delivering = asyncio.create_task(self.deliver())

    async def deliver(self) -> None:
        """Deliver the notices of all steps so far; their failure never fails an order.

        What a receiver does not take is tried again for days. Notices that come meanwhile get a try of their own at
        once: somebody else may be waiting for them.
        """
        while self.delivered_to < self.to_deliver:
            upto = self.to_deliver
            if not await self.try_to_deliver(upto, once=True):
                trying = asyncio.create_task(self.try_to_deliver(upto))
                await workflow.wait_condition(lambda: trying.done() or self.to_deliver > upto)  # noqa: B023
                if not trying.done():
                    trying.cancel()
                    continue
            self.delivered_to = upto

    async def try_to_deliver(self, upto: int, *, once: bool = False) -> bool:
        """Whether everybody took what waits up to a step."""
        try:
            await workflow.execute_activity(
                DELIVER_NOTICES,
                args=[self.at_desk.order.terms.order_id, upto],
                start_to_close_timeout=timedelta(minutes=2),
                schedule_to_close_timeout=NOTICES_FOR,
                retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=10), maximum_attempts=1 if once else 0),
                summary=f"tell the parties, up to step {upto}",
            )
        except ActivityError as error:
            if not once:
                workflow.logger.warning("notices up to step %s were not delivered: %s", upto, error.cause)
            return False
        return True

    def show(self) -> None:
        """Keep the order's page in the Temporal UI as it is now."""
        order = self.at_desk.order
        workflow.set_current_details(page.current_details(order, self.now))
        fresh = {pair.key.name: pair for pair in page.search_attributes(order)}
        changed: list[SearchAttributeUpdate[Any]] = [
            pair.key.value_set(pair.value) for name, pair in fresh.items() if self.shown.get(name) != pair.value
        ]
        gone = [key for key in page.SEARCH_ATTRIBUTES if key.name in self.shown and key.name not in fresh]
        changed += [key.value_unset() for key in gone]
        if changed:
            workflow.upsert_search_attributes(changed)
            self.shown = {name: pair.value for name, pair in fresh.items()}

    def take_over(self, carried: Carried) -> Desk:
        """Go on from where a former run stopped."""
        self.continued = True
        desk = self.desk = Desk.of(read_state(carried.order), carried.steps)
        # Signals may have come in already: they were numbered from zero.
        self.signals += carried.signals
        self.to_deliver, self.delivered_to = carried.to_deliver, carried.delivered_to
        if self.delivered_to < self.to_deliver:
            self.start_delivering()
        return desk

    async def go_on_in_a_new_run(self) -> None:
        """Start the history anew where it has grown long, so that nobody's flood can grow it without bound."""
        await workflow.wait_condition(lambda: workflow.all_handlers_finished() or bool(self.inbox))
        if self.inbox:
            return
        if self.delivering and not self.delivering.done():
            self.delivering.cancel()
        desk = self.at_desk
        carried = Carried(
            order=desk.order.model_dump(mode="json"),
            steps=desk.steps,
            signals=self.signals,
            to_deliver=self.to_deliver,
            delivered_to=self.delivered_to,
        )
        workflow.continue_as_new(carried)

    async def see_everybody_off(self) -> None:
        """Answer what still comes in and let deliveries end, so that nobody waits for an answer that never comes."""
        while self.inbox or not workflow.all_handlers_finished() or (self.delivering and not self.delivering.done()):
            await self.decide_what_waits()
            await workflow.wait_condition(
                lambda: (
                    bool(self.inbox)
                    or (workflow.all_handlers_finished() and (self.delivering is None or self.delivering.done()))
                )
            )

    def receive(self, name: str, arguments: Sequence[Any], update_id: str | None = None) -> Ticket:
        """Put one message, whatever it holds, into the inbox.

        One without an id goes by its update's, or by its number among the signals, whose order never changes. (That
        of updates may, while none of them is in the history yet.)
        """
        if update_id is None:
            self.signals += 1
        unnamed = update_id or f"{UNNAMED}{self.signals}"
        ticket = Ticket(message_of(name, arguments, unnamed))
        self.inbox.append(ticket)
        return ticket

    async def answer(self, name: str, arguments: Sequence[Any], update_id: str | None) -> dict[str, Any]:
        """Put one message into the inbox and wait until its step is written."""
        ticket = self.receive(name, arguments, update_id)
        await workflow.wait_condition(lambda: ticket.outcome is not None)
        return ticket.outcome or {}

    @workflow.signal(dynamic=True)
    def unknown_signal(self, name: str, args: Sequence[RawValue]) -> None:
        """A name that is no command; the interceptor has it recorded as refused."""
        self.receive(name, args)

    @workflow.update(dynamic=True)
    async def unknown_update(self, name: str, args: Sequence[RawValue]) -> dict[str, Any]:
        """A name that is no command; the interceptor has it recorded as refused."""
        return await self.answer(name, args, None)

    @workflow.query(name="page", description="The order as an operator sees it, with instants and amounts.")
    def order_page(self) -> dict[str, Any]:
        """The operator's view, also while the database is away. Closed orders are read from PostgreSQL."""
        return view(self.at_desk.order, "operator", self.now) if self.desk else {"phase": "opening"}

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


def _over() -> dict[str, Any]:
    return {"status": "refused", "code": "order_closed", "message": SENTENCES["order_closed"], "details": {}}


@workflow.defn(dynamic=True)
class UnknownWorkflow:
    """Fails what no worker knows at once, instead of letting it wait for ever."""

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> None:
        """Say which name came and which is meant."""
        name = workflow.info().workflow_type
        raise ApplicationError(f"There is no workflow type {name!r}; orders are of type {ORDER!r}.", non_retryable=True)


WORKFLOWS = [OrderWorkflow, UnknownWorkflow]
