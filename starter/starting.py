"""Starting orders: an order starts once, however often its start is asked for."""

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.api.history.v1 import WorkflowExecutionStartedEventAttributes
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import TypedSearchAttributes, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.converter import WorkflowSerializationContext
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from recourse.database.access import DatabaseMissing
from recourse.database.facts import read_histories
from recourse.database.lists import Parties, misfit
from recourse.database.recovering import highest_unnamed
from recourse.errors import (
    BadOpening,
    DatabaseUnreachable,
    NoSuchOrder,
    NotOfTheGroup,
    OrderExists,
    TemporalUnreachable,
)
from recourse.resolution.model.fields import whole_second
from recourse.resolution.model.opening_state import OpeningState
from recourse.resolution.model.order import Opening, Order, read_opening, write_opening
from recourse.resolution.model.outcome import Outcome
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.terms import Histories, Terms
from recourse.resolution.rules.importing import contradictions, opened
from recourse.runtime.currencies import check_currency
from recourse.runtime.database_connection import explaining_database_errors
from recourse.runtime.names import FORMER, ORDER, SIGNALS, workflow_id
from recourse.runtime.search_attributes import SearchAttributesMissing, own_pairs
from recourse.starter.handle import OrderHandle, answer_to, ended_unwritten
from recourse.starter.reading import now
from recourse.starter.temporal_errors import (
    lacks_search_attributes,
    takes_nothing_now,
    unanswered_update,
    unless_not_found,
)
from recourse.verify_record import canonical
from recourse.workflows import page

_RUNS_OR_ENDED_BY_ITSELF = (WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.COMPLETED)
Message = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Started:
    """What came of a start. `fresh`: it has started now, not before. `outcome`: that of what was sent along."""

    fresh: bool
    outcome: Outcome | None = None


def fingerprint(terms: Terms) -> str:
    """How the same terms are recognized: their SHA-256, because the memo may hold nothing personal.

    `payment` and `destination` are left out: an account's number could be guessed from a hash.
    """
    shown = terms.model_copy(update={"payment": None, "destination": None})
    return hashlib.sha256(canonical(_lasting(shown)).encode()).hexdigest()


def found_by(order: Order) -> TypedSearchAttributes:
    """What an order is found by in Temporal: what its workflow keeps up to date, and the marketplace's own."""
    return TypedSearchAttributes([*page.search_attributes(order), *own_pairs(order.terms.search or {})])


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
        # With the start, so that the order needs no event of its own for them.
        "search_attributes": found_by(opened(opening, whole_second(now()))),
    }


def options_to_go_on(
    opening: Opening, task_queue: str, web_url: str, signals: int, former: str | None = None
) -> dict[str, Any]:
    """What a workflow starts with that goes on from the database. `signals`: so many the order has had before;
    `former`: the run in whose place it starts, which may have left something undecided."""
    options = start_options(opening, task_queue, web_url)
    options["memo"] |= {SIGNALS: signals} | ({FORMER: former} if former else {})
    options["id_reuse_policy"] = WorkflowIDReusePolicy.ALLOW_DUPLICATE
    return options


async def bring_back(
    pool: Any, temporal: Client, order: Order, task_queue: str, web_url: str, first: Message
) -> Outcome | None:
    """Send something to an order whose workflow has ended, which comes back to take it; the outcome.

    None: it is to be sent again. Another message at the same time reaches the same run.
    """
    with explaining_database_errors():
        signals = await highest_unnamed(pool, order.terms.order_id)
    options = options_to_go_on(order.opening, task_queue, web_url, signals)
    options["search_attributes"] = found_by(order)
    options["id_conflict_policy"] = WorkflowIDConflictPolicy.USE_EXISTING
    command, payload = first
    doing = f"order {order.terms.order_id} received `{command}`"
    try:
        return await begin(temporal, options, order.opening, first)
    except WorkflowUpdateRPCTimeoutOrCancelledError as error:
        raise unanswered_update(error, doing, payload) from error
    except WorkflowUpdateFailedError:
        return None
    except RPCError as error:
        if not takes_nothing_now(error):
            unless_not_found(error, doing, payload)
    return None


async def start(
    order: OrderHandle,
    terms: Terms,
    policy: Policy,
    *,
    provider: str,
    task_queue: str,
    web_url: str,
    first: Message | None,
    start_delay: timedelta | None,
    state: OpeningState | None = None,
    check: Callable[[str, Terms], Awaitable[None]],
) -> Started:
    """Start an order, unless it has started with the same terms. `first` is sent with the start; without its outcome
    it is still to be sent. `check` asks whether the money is there; of an order that began elsewhere, some may have
    gone where it belongs. Raises BadOpening."""
    # Both at once, so that a start waits for the database once.
    started, history = await asyncio.gather(
        _has_started(order, terms, policy, provider, state), _history(order, terms, policy)
    )
    if started:
        await _runs(order)
        return Started(fresh=False)
    check_currency(terms.currency)
    await _check_group(order.pool, terms)
    terms = terms.model_copy(update={"history": history})
    opening = Opening(
        terms=terms,
        policy=policy,
        record_salt=secrets.token_hex(16),
        opening_salt=secrets.token_hex(16),
        provider=provider,
        **({"state": state} if state else {}),
    )
    if wrong := contradictions(opening, now()):
        raise BadOpening(terms.order_id, wrong)
    if state is None:
        await check(provider, terms)
    doing = f"order {terms.order_id} has started"
    try:
        options = start_options(opening, task_queue, web_url)
        return Started(True, await begin(order.temporal, options, opening, first, start_delay))
    except WorkflowAlreadyStartedError:
        await _same_start(order, opening)
    except WorkflowUpdateRPCTimeoutOrCancelledError as error:
        raise unanswered_update(error, doing, first[1] if first else {}) from error
    except WorkflowUpdateFailedError:
        pass
    except RPCError as error:
        if not takes_nothing_now(error):
            unless_not_found(error, doing)
            raise
    return Started(fresh=False)


async def begin(
    temporal: Client,
    options: dict[str, Any],
    opening: Opening,
    first: Message | None = None,
    start_delay: timedelta | None = None,
) -> Outcome | None:
    """Start the workflow with these `start_options` and what is sent along; the outcome of that."""
    try:
        return await _begin_with(temporal, options, opening, first, start_delay)
    except RPCError as error:
        if not lacks_search_attributes(error):
            raise
        if opening.terms.search and options["id_reuse_policy"] is WorkflowIDReusePolicy.REJECT_DUPLICATE:
            raise SearchAttributesMissing(
                f"Temporal: {error.message.rstrip('.')}. Start a worker with RECOURSE_SEARCH_ATTRIBUTES, which creates "
                "the search attributes, and then the order."
            ) from error
        # The first worker makes them; the order is found by them as soon as a worker has it.
        del options["search_attributes"]
        return await _begin_with(temporal, options, opening, first, start_delay)


async def _begin_with(
    temporal: Client,
    options: Mapping[str, Any],
    opening: Opening,
    first: Message | None,
    start_delay: timedelta | None,
) -> Outcome | None:
    if first is None:
        await temporal.start_workflow(ORDER, write_opening(opening), start_delay=start_delay, **options)
        return None
    starting: WithStartWorkflowOperation[Any, str] = WithStartWorkflowOperation(
        ORDER, write_opening(opening), **options
    )
    answer: dict[str, Any] = await temporal.execute_update_with_start_workflow(
        *first, start_workflow_operation=starting, result_type=dict
    )
    return answer_to(*first, answer)


async def _has_started(
    order: OrderHandle, terms: Terms, policy: Policy, provider: str, state: OpeningState | None
) -> bool:
    """Whether the database knows the order; Temporal forgets closed ones. Raises OrderExists."""
    try:
        known = await order.state()
    except (NoSuchOrder, DatabaseUnreachable, DatabaseMissing):
        # An order can start while the database is away; what it then knows stops a second one of its id.
        return False
    _is_same(known.opening, known.imported, terms, policy, provider, state)
    return True


def _is_same(
    known: Opening, imported: str | None, terms: Terms, policy: Policy, provider: str, state: OpeningState | None
) -> None:
    """Return where an order has started as it would now. Raises OrderExists."""
    if _lasting(known.terms) != _lasting(terms):
        raise _exists(terms, "terms")
    if _written(known.policy) != _written(policy):
        raise _exists(terms, f"rules ({known.policy.name})")
    if known.provider != provider:
        raise _exists(terms, f"payments ({known.provider})")
    if imported != (state.digest if state else None):
        raise _exists(terms, "state")
    if state and known.terms.ordered_at != terms.ordered_at:
        raise _exists(terms, "terms")


async def _history(order: OrderHandle, terms: Terms, policy: Policy) -> Histories:
    """What the two have behind them, as the caller says or else the database."""
    if "history" in terms.model_fields_set:
        return terms.history
    try:
        with explaining_database_errors():
            return await read_histories(order.pool, terms.client, terms.freelancer, policy, terms.ordered_at)
    except (DatabaseUnreachable, DatabaseMissing):
        return terms.history


async def _check_group(pool: Any, terms: Terms) -> None:
    """Return unless the group that the terms name is not for them. Raises NotOfTheGroup.

    An order can start while the database is away; it then shows in no view of a group of others.
    """
    if terms.group is None:
        return
    parties = Parties(terms.client, terms.freelancer)
    try:
        with explaining_database_errors():
            other = await misfit(pool, terms.group, terms.order_id, parties, terms.part)
    except (DatabaseUnreachable, DatabaseMissing):
        return
    if other is not None and other.parties != parties:
        raise NotOfTheGroup(f"Group {terms.group} belongs to other parties; give this order another group.")
    if other is not None:
        raise NotOfTheGroup(f"Group {terms.group} has order {other.order_id} as part {terms.part}; take another part.")


async def _same_start(order: OrderHandle, opening: Opening) -> None:
    """Return where the workflow of this id has started as it would now. The database does not know it yet.

    What counts is the start itself: a memo is whatever its writer says. Raises OrderExists, OrderNotRunning.
    """
    terms = opening.terms
    try:
        described = await order.workflow.describe()
        first = await anext(order.workflow.fetch_history_events(page_size=1))
    except RPCError as error:
        unless_not_found(error, f"order {terms.order_id} has started")
        raise
    known = await _started_with(order, first.workflow_execution_started_event_attributes)
    if isinstance(known, Opening):
        imported = known.state.digest if known.state else None
        _is_same(known, imported, terms, opening.policy, opening.provider, opening.state)
    elif known is None:
        raise _exists(terms, "content, which cannot be read here")
    if described.status not in _RUNS_OR_ENDED_BY_ITSELF:
        raise ended_unwritten(terms.order_id)


async def _started_with(order: OrderHandle, started: WorkflowExecutionStartedEventAttributes) -> Opening | str | None:
    """What a workflow started with; a text: it goes on from a former run; None: nothing that can be read here."""
    if started.continued_execution_run_id:
        return "a former run"
    context = WorkflowSerializationContext(order.temporal.namespace, workflow_id(order.id))
    try:
        [value] = await order.temporal.data_converter.with_context(context).decode(started.input.payloads)
        return read_opening(value)
    # Whatever somebody else put there.
    except Exception:  # noqa: BLE001
        return None


async def _runs(order: OrderHandle) -> None:
    """Return unless an order that the database has needs a workflow and has none. Raises OrderNotRunning."""
    try:
        await order.has_ended()
    except TemporalUnreachable:
        # It has started, whatever Temporal would say.
        return


def _lasting(terms: Terms) -> dict[str, Any]:
    """What of the terms must be the same when an order is started again, also by another build with more keys."""
    return terms.model_dump(mode="json", exclude={"ordered_at", "history"}, exclude_defaults=True)


def _written(policy: Policy) -> dict[str, Any]:
    """What of a policy must be the same, also for another build with more keys."""
    return policy.model_dump(mode="json", exclude_defaults=True)


def _exists(terms: Terms, other: str) -> OrderExists:
    return OrderExists(f"Order {terms.order_id} exists with other {other}; an order id can never be reused.")
