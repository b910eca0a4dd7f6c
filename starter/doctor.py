"""Whether the database and Temporal agree, and what to do where they do not: what `recourse doctor` asks.

Temporal's lists may lag, so they only say which orders to look at. All of it goes by pages, so that it takes the same
memory for any number of orders.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.common import TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

from recourse.database.access import PAGE
from recourse.database.lists import ANY, orders_due, read_orders
from recourse.database.migrate import missing_migrations
from recourse.database.orders import read_export, read_order
from recourse.database.outbox import undelivered
from recourse.database.reconciling import last_reconciled
from recourse.database.recovering import known_orders, ledgers, orders_to_lead
from recourse.errors import NoSuchOrder
from recourse.resolution.model.data_version import NeedsNewerBuild
from recourse.resolution.model.order import Order
from recourse.resolution.model.record import verify
from recourse.runtime.database_connection import explaining_database_errors
from recourse.runtime.names import ORDER, PREFIX, workflow_id
from recourse.runtime.search_attributes import SEARCH_ATTRIBUTES
from recourse.starter.client import Recourse
from recourse.starter.reading import STUCK_AFTER, now
from recourse.starter.recovering import Recovery, State, counted
from recourse.starter.temporal_errors import explaining_temporal_errors, quoted, task_failure
from recourse.wording.english import as_words
from recourse.workflows import page

Kind = (
    State
    | Literal[
        "schema",
        "search_attributes",
        "no_worker",
        "newer_build",
        "tasks_fail",
        "stuck",
        "not_delivered",
        "books",
        "ledger",
        "record",
    ]
)


# They are compared every night, and some nights it takes longer.
RECONCILED_WITHIN = timedelta(hours=30)


@dataclass(frozen=True)
class Ailment:
    """Something that is wrong, and what to do: a command, or what to read. `order_id`: of this order only."""

    kind: Kind
    says: str
    do: str
    order_id: str | None = None


async def suspects(recourse: Recourse, *, each: bool = False, open_only: bool = False) -> AsyncIterator[str]:
    """The orders that may not stand as their database and Temporal should, by Temporal's list; with `each` all orders
    that anybody leads or should lead. `open_only`: of those that the database has, the open ones.

    Raises DatabaseUnreachable, TemporalUnreachable.
    """
    with explaining_database_errors(), explaining_temporal_errors():
        async for order_ids in orders_to_lead(recourse.pool, open_only=open_only):
            listed = {} if each else await _listed(recourse, order_ids)
            orders = {} if each else await read_orders(recourse.pool, order_ids)
            for order_id in order_ids:
                if order_id not in listed or order_id not in orders or not _shows(listed[order_id], orders[order_id]):
                    yield order_id
        async for order_id in _without_order(recourse):
            yield order_id


async def _listed(recourse: Recourse, order_ids: Sequence[str]) -> dict[str, TypedSearchAttributes]:
    """Those of these orders whose workflow runs, with what they are found by."""
    names = ", ".join(f"'{workflow_id(order_id)}'" for order_id in order_ids)
    query = f"WorkflowType = '{ORDER}' AND ExecutionStatus = 'Running' AND WorkflowId IN ({names})"
    found = recourse.temporal.list_workflows(query, page_size=PAGE)
    return {flow.id.removeprefix(PREFIX): flow.typed_search_attributes async for flow in found}


async def count_orphaned(recourse: Recourse) -> int:
    """How many open orders no workflow leads. Raises DatabaseUnreachable, TemporalUnreachable."""
    count = 0
    with explaining_database_errors(), explaining_temporal_errors():
        async for order_ids in orders_to_lead(recourse.pool, open_only=True):
            listed = await _listed(recourse, order_ids)
            for order_id in order_ids:
                with suppress(NeedsNewerBuild):  # the newer build counts it
                    count += order_id not in listed and await recourse.order(order_id).is_orphaned()
    return count


def _shows(listed: TypedSearchAttributes, order: Order) -> bool:
    meant = page.search_attributes(order)
    return all(listed.get(key) == meant.get(key) for key in SEARCH_ATTRIBUTES)


async def _without_order(recourse: Recourse) -> AsyncIterator[str]:
    """Orders that have a workflow which began, and that the database does not have."""
    waiting = dict[str, None]()
    # One that waits to begin has not been written yet, and one that failed was never an order. On another task queue
    # there may be orders of another database.
    query = (
        f"WorkflowType = '{ORDER}' AND TaskQueue = {quoted(recourse.task_queue)} AND ExecutionStatus != 'Failed' "
        f"AND ExecutionTime < '{now().isoformat().replace('+00:00', 'Z')}'"
    )
    async for flow in recourse.temporal.list_workflows(query, page_size=PAGE):
        if flow.id.startswith(PREFIX):
            waiting[flow.id.removeprefix(PREFIX)] = None
        if len(waiting) == PAGE:
            for order_id in await _unknown(recourse, waiting):
                yield order_id
            waiting.clear()
    for order_id in await _unknown(recourse, waiting):
        yield order_id


async def _unknown(recourse: Recourse, order_ids: Sequence[str] | dict[str, None]) -> list[str]:
    known = await known_orders(recourse.pool, list(order_ids))
    return [order_id for order_id in order_ids if order_id not in known]


class Doctor:
    """Looks for what is wrong. `checked` counts the orders that were looked at, one by one or in the ledger."""

    def __init__(self, recourse: Recourse) -> None:
        self._recourse = recourse
        self._recovery = Recovery(recourse)
        self.checked = 0

    async def everything(self, *, full: bool = False) -> AsyncIterator[Ailment]:
        """All that is wrong. `full`: every order is compared with its history and every record verified, which takes
        some hundredths of a second each. Raises DatabaseUnreachable, TemporalUnreachable."""
        with explaining_database_errors(), explaining_temporal_errors():
            async for ailment in self._basics():
                yield ailment
                if ailment.kind == "schema":
                    return
            async for order_id in suspects(self._recourse, each=full):
                async for ailment in self._state(order_id):
                    yield ailment
            async for ailment in self._tasks_fail():
                yield ailment
            async for ailment in self._stuck():
                yield ailment
            async for ailment in self._not_delivered():
                yield ailment
            async for ailment in self._books():
                yield ailment
            async for ailment in self._ledgers(records=full):
                yield ailment

    async def one(self, order_id: str) -> AsyncIterator[Ailment]:
        """All that is wrong with one order. Raises NoSuchOrder."""
        with explaining_database_errors(), explaining_temporal_errors():
            async for ailment in self._state(order_id, known=False):
                yield ailment
            async for ailment in self._tasks_fail(order_id):
                yield ailment
            async for ailment in self._not_delivered(order_id):
                yield ailment
            async for ailment in self._ledgers(order_id, records=True):
                yield ailment

    async def _basics(self) -> AsyncIterator[Ailment]:
        recourse = self._recourse
        missing = await missing_migrations(recourse.pool)
        if missing:
            yield Ailment("schema", f"the database lacks {', '.join(missing)}", "recourse migrate")
        known = await recourse.temporal.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=recourse.temporal.namespace), retry=True
        )
        lacking = [key.name for key in SEARCH_ATTRIBUTES if key.name not in known.custom_attributes]
        if lacking:
            why = f"the namespace {recourse.temporal.namespace} lacks the search attributes {', '.join(lacking)}"
            yield Ailment("search_attributes", why, "recourse worker")
        queue = await recourse.temporal.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=recourse.temporal.namespace, task_queue=TaskQueue(name=recourse.task_queue)
            ),
            retry=True,
        )
        if not queue.pollers:
            why = f"no worker has polled the task queue {recourse.task_queue} for minutes"
            yield Ailment("no_worker", why, "recourse worker")

    async def _state(self, order_id: str, *, known: bool = True) -> AsyncIterator[Ailment]:
        self.checked += 1
        try:
            found = await self._recovery.examine(order_id)
        except NeedsNewerBuild as error:
            yield Ailment("newer_build", str(error).rstrip("."), "docs/runbooks/tasks-fail.md", order_id)
            return
        except NoSuchOrder:
            if known:  # it was there a moment ago
                return
            raise
        if found.state in ("well", "over"):
            return
        yield Ailment(found.state, found.says, found.command or "docs/runbooks/tasks-fail.md", order_id)

    async def _tasks_fail(self, order_id: str | None = None) -> AsyncIterator[Ailment]:
        query = f"WorkflowType = '{ORDER}' AND ExecutionStatus = 'Running' AND TemporalReportedProblems IS NOT NULL"
        query += f" AND WorkflowId = '{workflow_id(order_id)}'" if order_id else ""
        try:
            async for flow in self._recourse.temporal.list_workflows(query, page_size=PAGE):
                failing = flow.id.removeprefix(PREFIX)
                failure = await task_failure(self._recourse.temporal, failing)
                why = failure.message.rstrip(".") if failure else "the worker's log says why"
                says = f"its workflow task fails repeatedly: {why}"
                yield Ailment("tasks_fail", says, "docs/runbooks/tasks-fail.md", failing)
        except RPCError as error:
            if error.status is not RPCStatusCode.INVALID_ARGUMENT:  # an older server does not know that
                raise

    async def _stuck(self) -> AsyncIterator[Ailment]:
        after = None
        while True:
            due = now() - STUCK_AFTER
            rows = await orders_due(self._recourse.pool, "next_clock_at", due, ANY, after=after, limit=PAGE)
            for row in rows:
                clock = as_words(row.next_clock)
                says = f"{clock} was due at {row.next_clock_at:%Y-%m-%d %H:%M} UTC and has not been decided"
                yield Ailment("stuck", says, "docs/runbooks/orders-stuck.md", row.order_id)
            if len(rows) < PAGE:
                return
            after = rows[-1].next_clock_at or due, rows[-1].order_id

    async def _not_delivered(self, order_id: str | None = None) -> AsyncIterator[Ailment]:
        after, told = None, ""
        while True:
            rows = await undelivered(self._recourse.pool, order_id=order_id, after=after, limit=PAGE)
            for row in rows:
                # Of an order's notices one waits for another; what is being sent is on its way.
                if row.order_id != told and not row.sending:
                    told = row.order_id
                    says = f"{row.name} was not delivered by {row.channel}: {row.last_error or 'no answer'}"
                    yield Ailment("not_delivered", says, f"recourse outbox retry {told}", told)
            if len(rows) < PAGE:
                return
            after = rows[-1].place

    async def _books(self) -> AsyncIterator[Ailment]:
        for last in await last_reconciled(self._recourse.pool):
            if last.differences:
                says = f"{counted(last.differences, 'difference')} to the books of {last.provider}"
                yield Ailment("books", says, f"recourse money reconcile --provider {last.provider}")
            if now() - last.ran_at > RECONCILED_WITHIN:
                says = f"the books of {last.provider} were not compared since {last.ran_at:%Y-%m-%d %H:%M} UTC"
                yield Ailment("books", says, "docs/runbooks/books-differ.md")

    async def _ledgers(self, order_id: str | None = None, *, records: bool) -> AsyncIterator[Ailment]:
        async for rows in ledgers(self._recourse.pool, order_id):
            for row in rows:
                self.checked += not order_id
                wrong = _unbalanced(row)
                if wrong:
                    yield Ailment("ledger", wrong, f"recourse record export {row['order_id']}", row["order_id"])
                broken = await self._broken(row["order_id"]) if records else None
                if broken:
                    says = f"its record does not verify: {broken}"
                    yield Ailment("record", says, f"recourse record export {row['order_id']}", row["order_id"])

    async def _broken(self, order_id: str) -> str | None:
        wrong: list[str] = []
        for _ in range(2):  # between the two reads the order may have gone on
            try:
                stored = await read_order(self._recourse.pool, order_id)
                exported = await read_export(self._recourse.pool, order_id, "operator", now())
            except NeedsNewerBuild:  # which is a finding of its own
                return None
            wrong = verify(exported) if stored else []
            if stored and exported and exported["head"] != (stored.order.record_hash or exported["head"]):
                wrong.append("it does not end with the hash that the order says")
            if not wrong:
                return None
        return wrong[0]


def _unbalanced(row: dict[str, Any]) -> str | None:
    """What is wrong with an order's ledger: its accounts add up to nothing, and say what the order says."""
    moved = row["moved"]
    left = row["paid"] - sum(moved.values())
    meant = {"contested": 0, **moved, "client": moved["client"] - row["paid"], "escrow": left}
    for account, amount in meant.items():
        found = int(row["sums"].get(account, 0))
        if found != amount:
            return f"its ledger has {found} for {account}, the order has {amount} (in minor units)"
    return None
