"""The typed client for other backends: start an order, send it commands, read where it stands."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Self

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from recourse.database.access import DatabaseUnreachable, NoDatabase
from recourse.database.facts import read_histories
from recourse.database.orders import Stored, read_answered, read_order, write_contacts
from recourse.database.steps import StepOutOfOrder
from recourse.policies.calculators import register_installed_calculators
from recourse.resolution.model.data_version import NeedsNewerBuild
from recourse.resolution.model.fields import UNNAMED
from recourse.resolution.model.order import Histories, Opening, Terms, open_order, write_opening
from recourse.resolution.model.outcome import Outcome, Refused, read_outcome
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.reading import read_message
from recourse.resolution.model.record import canonical
from recourse.resolution.model.vocabulary import Party
from recourse.resolution.rules.clocks import is_over
from recourse.resolution.shown.answering import unrecorded
from recourse.runtime.actors import TOKEN
from recourse.runtime.addresses import UnusableAddress, read_address
from recourse.runtime.currencies import check_currency
from recourse.runtime.database_connection import database, explaining_database_errors
from recourse.runtime.names import ORDER, workflow_id
from recourse.runtime.settings import Settings, read_settings
from recourse.runtime.temporal_connection import TemporalUnreachable
from recourse.runtime.temporal_connection import connect as connect_temporal
from recourse.starter.answers import (
    NoSuchOrder,
    OrderExists,
    OrderNotRunning,
    Unanswered,
    database_is_behind,
    ended_unwritten,
    not_running,
    stamped,
    unsendable,
)
from recourse.starter.reading import Orders, now
from recourse.starter.temporal_errors import (
    lacks_search_attributes,
    takes_nothing_now,
    task_failure,
    unanswered,
    unanswered_update,
    unless_not_found,
)
from recourse.workflows import page

__all__ = [
    "NoSuchOrder",
    "OrderExists",
    "OrderNotRunning",
    "Orders",
    "Outcome",
    "Recourse",
    "Unanswered",
    "workflow_id",
]

TASK_QUEUE = "recourse"
PATIENCE = timedelta(seconds=60)
# An update that a closing run turns away is taken by the next run, if there is one.
TRIES = 3
AGAIN_AFTER = 0.1  # seconds
LOOKS_FOR = 3.0  # seconds
_RUNS_OR_ENDED_BY_ITSELF = (WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.COMPLETED)


def fingerprint(terms: Terms) -> str:
    """By what the same terms are known again: their SHA-256, for the memo may hold nothing personal."""
    return hashlib.sha256(canonical(_lasting(terms)).encode()).hexdigest()


def start_options(opening: Opening, task_queue: str, web_url: str = "") -> dict[str, Any]:
    """What the workflow of an order starts with, in addition to its opening; `web_url` is where the pages are."""
    terms, policy = opening.terms, opening.policy
    return {
        "id": workflow_id(terms.order_id),
        "task_queue": task_queue,
        "id_reuse_policy": WorkflowIDReusePolicy.REJECT_DUPLICATE,
        # So that no command reaches an order before it is known to be the one that is meant.
        "id_conflict_policy": WorkflowIDConflictPolicy.FAIL,
        "static_summary": page.summary(terms, policy.name),
        "static_details": page.details(terms, policy.name, web_url),
        "memo": {"terms": fingerprint(terms)},
        # With the start, so that the order need not tell them in an event of its own.
        "search_attributes": page.search_attributes(open_order(opening)),
    }


class Recourse(Orders):
    """Orders, for a backend: to read, and to start and lead.

    `temporal` and `pool` are connections to the servers on which the orders run; without a `pool` it starts orders and
    sends commands, and whatever reads finds the database away. `now` is the clock by which commands are stamped on
    arrival; `web_url` is where the pages are, for a link in the Temporal UI.
    """

    def __init__(
        self,
        temporal: Client,
        pool: Any = None,
        *,
        task_queue: str = TASK_QUEUE,
        now: Callable[[], datetime] = now,
        web_url: str = "",
    ) -> None:
        super().__init__(NoDatabase() if pool is None else pool, now=now)
        register_installed_calculators()
        self.temporal = temporal
        self.task_queue = task_queue
        self.web_url = web_url

    @classmethod
    @asynccontextmanager
    async def connect(cls, settings: Settings | None = None) -> AsyncIterator[Self]:
        """Orders, on the servers that the environment names, for as long as the block runs.

        DATABASE_URL names the database, the standard TEMPORAL_* variables lead to Temporal, RECOURSE_TASK_QUEUE is the
        workers' task queue (`recourse`), RECOURSE_WEB_URL the address of the pages. Raises BadSettings,
        DatabaseUnreachable, TemporalUnreachable.
        """
        chosen = settings or read_settings()
        async with database(chosen) as pool:
            yield cls(await connect_temporal(), pool, task_queue=chosen.task_queue, web_url=chosen.web_url)

    async def start(
        self,
        terms: Terms,
        policy: Policy,
        *,
        provider: str = "ledger",
        emails: Mapping[Party, str] | None = None,
        first: tuple[str, Mapping[str, Any]] | None = None,
        start_delay: timedelta | None = None,
    ) -> Outcome | None:
        """Start an order; starting it again with the same terms changes nothing but its `emails`.

        Terms that are given without a `history` get it from the database: what the two have behind them there. Where it
        is away the order starts all the same, with nothing behind them.
        `provider` executes its settlements. `emails`: where the parties hear of it, kept in the database only.
        `first`: a command and its fields, sent with the start in one go (with `emails`, once these are kept); its
        outcome is returned.
        `start_delay`: how long the order waits before it begins; it cannot go together with `first`.
        Raises OrderExists where the id belongs to an order with other terms, OrderNotRunning where it has started and
        lost its workflow, BadInput for an address that is none (UnusableAddress) and a currency that no new order may
        have (UnusableCurrency), Unanswered where nobody knows whether it has started.
        """
        for role, email in (emails or {}).items():
            try:
                read_address(email)
            except UnusableAddress as error:
                raise UnusableAddress(f"the {role}'s address is {error}") from error
        if not emails:
            return await self._start(terms, policy, provider, first, start_delay)
        # Only when it is known that the id is this order's may its addresses be kept, and only then is anything told.
        await self._start(terms, policy, provider, None, start_delay)
        with explaining_database_errors():
            await write_contacts(self.pool, terms.order_id, {str(role): email for role, email in emails.items()})
        return await self.send(terms.order_id, *first) if first else None

    async def _start(
        self,
        terms: Terms,
        policy: Policy,
        provider: str,
        first: tuple[str, Mapping[str, Any]] | None,
        start_delay: timedelta | None,
    ) -> Outcome | None:
        # Both at once, so that a start waits for the database once.
        started, history = await asyncio.gather(self._has_started(terms), self._history(terms, policy))
        terms = terms.model_copy(update={"history": history})
        opening = Opening(terms=terms, policy=policy, record_salt=secrets.token_hex(16), provider=provider)
        doing = f"order {terms.order_id} has started"
        payload = self.stamped(first[1]) if first else {}
        sent = (first[0], payload) if first and not unsendable(payload) else None
        if started:
            await self._is_led(terms.order_id)
        else:
            check_currency(terms.currency)
            try:
                outcome = await self.begin(
                    start_options(opening, self.task_queue, self.web_url), opening, sent, start_delay
                )
                if outcome is not None or first is None:
                    return outcome
            except WorkflowAlreadyStartedError:
                await self._same_terms(terms)
            except WorkflowUpdateRPCTimeoutOrCancelledError as error:
                raise unanswered_update(error, doing, payload) from error
            except WorkflowUpdateFailedError:
                pass
            except RPCError as error:
                if not takes_nothing_now(error):
                    unless_not_found(error, doing)
                    raise
        # Under the id that it may have been sent with already.
        return await self.send(terms.order_id, first[0], payload) if first else None

    async def begin(
        self,
        options: dict[str, Any],
        opening: Opening,
        sent: tuple[str, dict[str, Any]] | None = None,
        start_delay: timedelta | None = None,
    ) -> Outcome | None:
        """Start the workflow with these `start_options` and what is sent along; the outcome of that."""
        try:
            return await self._begin_with(options, opening, sent, start_delay)
        except RPCError as error:
            if not lacks_search_attributes(error):
                raise
            # The first worker makes them; the order is found by them as soon as one leads it.
            del options["search_attributes"]
            return await self._begin_with(options, opening, sent, start_delay)

    async def _begin_with(
        self,
        options: Mapping[str, Any],
        opening: Opening,
        sent: tuple[str, dict[str, Any]] | None,
        start_delay: timedelta | None,
    ) -> Outcome | None:
        if sent is None:
            await self.temporal.start_workflow(ORDER, write_opening(opening), start_delay=start_delay, **options)
            return None
        starting: WithStartWorkflowOperation[Any, str] = WithStartWorkflowOperation(
            ORDER, write_opening(opening), **options
        )
        answer: dict[str, Any] = await self.temporal.execute_update_with_start_workflow(
            *sent, start_workflow_operation=starting, result_type=dict
        )
        return read_outcome(answer)

    async def _has_started(self, terms: Terms) -> bool:
        """Whether the database knows the order; Temporal forgets closed ones. Raises OrderExists."""
        try:
            known = (await self.order(terms.order_id)).terms
        except (NoSuchOrder, DatabaseUnreachable):
            # An order can start while the database is away; what it then knows stops a second one of its id.
            return False
        if _lasting(known) != _lasting(terms):
            raise _exists(terms)
        return True

    async def _history(self, terms: Terms, policy: Policy) -> Histories:
        """What the two have behind them, as the caller says or else the database."""
        if "history" in terms.model_fields_set:
            return terms.history
        try:
            with explaining_database_errors():
                return await read_histories(self.pool, terms.client, terms.freelancer, policy, terms.ordered_at)
        except DatabaseUnreachable:
            return terms.history

    async def _same_terms(self, terms: Terms) -> None:
        try:
            described = await self._handle(terms.order_id).describe()
            known = await described.memo_value("terms", None)
        except RPCError as error:
            unless_not_found(error, f"order {terms.order_id} has started")
            raise
        if known is not None and known != fingerprint(terms):
            raise _exists(terms)
        if described.status not in _RUNS_OR_ENDED_BY_ITSELF:
            raise ended_unwritten(terms.order_id)

    async def _is_led(self, order_id: str) -> None:
        """Return unless an order that the database has needs a workflow and has none. Raises OrderNotRunning."""
        try:
            with explaining_database_errors():
                await self._has_ended(order_id, await read_order(self.pool, order_id))
        except TemporalUnreachable:
            # It has started, whatever Temporal would say.
            return

    async def send(
        self, order_id: str, command: str, fields: Mapping[str, Any], *, patience: timedelta = PATIENCE
    ) -> Outcome:
        """Send a command and wait for its outcome, which comes after its step is written.

        `fields` holds `actor` and whatever the command takes; without a `command_id` one is made. The same command with
        the same id gets the first answer, something else with that id is refused `command_id_reused`. Raises
        NoSuchOrder, OrderNotRunning; Unanswered where no answer came within `patience`, since no worker runs or a
        server does not answer.
        """
        payload = self.stamped(fields)
        problem = unsendable(payload)
        if problem:
            return unrecorded(order_id, command, payload["command_id"], "malformed", problems={"payload": problem})
        try:
            async with asyncio.timeout(patience.total_seconds()):
                return await self._ask(order_id, command, payload)
        except TimeoutError as error:
            why = await self._why_silent(order_id) or (
                f"no answer within {patience.total_seconds():g} s; check that a worker runs"
            )
            raise unanswered(f"order {order_id} received `{command}`", why, payload) from error

    async def _why_silent(self, order_id: str) -> str | None:
        """What an order waits for, where that can be told; None: nobody knows."""
        try:
            async with asyncio.timeout(LOOKS_FOR):
                described = await self._handle(order_id).describe()
                failure = await task_failure(self.temporal, order_id)
        except (RPCError, TimeoutError):
            return None
        if failure is not None and failure.application_failure_info.type == NeedsNewerBuild.__name__:
            return failure.message.rstrip(".")
        failures = [pending.last_failure for pending in described.raw_description.pending_activities]
        if any(failure.application_failure_info.type == StepOutOfOrder.__name__ for failure in failures):
            return f"the database was set back: `recourse order repair {order_id}` restores it"
        return None

    async def _ask(self, order_id: str, command: str, payload: Mapping[str, Any]) -> Outcome:
        doing, tries = f"order {order_id} received `{command}`", 0
        while tries < TRIES:
            try:
                # Each call is an update of its own, so that the order itself answers a repeated id as repeated.
                answer: dict[str, Any] = await self._handle(order_id).execute_update(command, payload, result_type=dict)
            except WorkflowUpdateRPCTimeoutOrCancelledError as error:
                raise unanswered_update(error, doing, payload) from error
            except RPCError as error:
                if takes_nothing_now(error):
                    await asyncio.sleep(AGAIN_AFTER)
                    continue
                unless_not_found(error, doing, payload)
            except WorkflowUpdateFailedError:
                pass  # its workflow ended first; the database knows whether it was decided before
            else:
                return read_outcome(answer)
            over = await self._where_it_ended(order_id, command, payload)
            if over is not None:
                return over
            tries += 1
        raise unanswered(doing, "the order was restarting", payload)

    async def tell(self, order_id: str, command: str, fields: Mapping[str, Any]) -> Refused | None:
        """Send a command without waiting: it is kept also while every worker is down.

        None: it is on its way. Refused: it was not sent, since the order answers no more, or the message is too large
        or no JSON. Raises NoSuchOrder, OrderNotRunning, Unanswered.
        """
        payload = self.stamped(fields)
        problem = unsendable(payload)
        if problem:
            return unrecorded(order_id, command, payload["command_id"], "malformed", problems={"payload": problem})
        doing = f"order {order_id} received `{command}`"
        try:
            await self._handle(order_id).signal(command, payload)
        except RPCError as error:
            unless_not_found(error, doing, payload)
            if await self._where_it_ended(order_id, command, payload) is None:
                raise unanswered(doing, "the order was restarting", payload) from error
            return unrecorded(order_id, command, payload["command_id"], "order_closed")
        return None

    def stamped(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The message that is sent."""
        return stamped(fields, self._now())

    async def _where_it_ended(self, order_id: str, command: str, payload: Mapping[str, Any]) -> Outcome | None:
        """The answer of an order that Temporal says is not there; None where it runs after all."""
        message = read_message(command, {key: value for key, value in payload.items() if key != TOKEN}, UNNAMED)
        with explaining_database_errors():
            stored = await read_order(self.pool, order_id)
            first = await read_answered(self.pool, order_id, *message.key)
        if first is not None and first.fingerprint in (None, message.fingerprint):
            return first.outcome.model_copy(update={"repeated": True})
        if not await self._has_ended(order_id, stored):
            return None
        return unrecorded(order_id, command, message.command_id, "order_closed")

    async def is_orphaned(self, order_id: str) -> bool:
        """Whether an order of the database needs a workflow and none leads it."""
        with explaining_database_errors():
            stored = await read_order(self.pool, order_id)
        try:
            await self._has_ended(order_id, stored)
        except OrderNotRunning:
            return True
        return False

    async def _has_ended(self, order_id: str, stored: Stored | None) -> bool:
        """Whether an order answers no more; False where its workflow runs. Raises NoSuchOrder, OrderNotRunning."""
        status = await self._status(order_id)
        if status is WorkflowExecutionStatus.RUNNING:
            return False
        if stored is None:
            if status in (None, WorkflowExecutionStatus.FAILED):
                raise NoSuchOrder(f"There is no order {order_id}.")
            raise ended_unwritten(order_id)
        # By its own clock, which may be ahead of ours.
        by_itself = status is WorkflowExecutionStatus.COMPLETED
        if is_over(stored.order, self._now()) or (by_itself and stored.order.closed):
            return True
        raise database_is_behind(order_id) if by_itself else not_running(order_id, stored.order.phase)

    async def _status(self, order_id: str) -> WorkflowExecutionStatus | None:
        """How the workflow of an order stands; None: Temporal has none."""
        try:
            return (await self._handle(order_id).describe()).status
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                unless_not_found(error, f"order {order_id} was looked at")
                return None
            raise TemporalUnreachable(f"Temporal does not answer: {error.message}") from error

    def _handle(self, order_id: str) -> WorkflowHandle[Any, Any]:
        return self.temporal.get_workflow_handle(workflow_id(order_id))


def _lasting(terms: Terms) -> dict[str, Any]:
    """What of the terms must be the same when an order is started again, also by another build with more keys."""
    return terms.model_dump(mode="json", exclude={"ordered_at", "history"}, exclude_defaults=True)


def _exists(terms: Terms) -> OrderExists:
    return OrderExists(f"Order {terms.order_id} exists with other terms; an order id can never be reused.")
