"""What one order costs in things that can be counted: exact, on any machine, however busy."""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from bench.receiver import SECRET, receiver
from bench.temporal_contestants import TemporalDriver, connected, worker_of
from recourse.activities.webhook import WebhookChannel
from recourse.database.pool import connect
from recourse.runtime.names import workflow_id

# What Temporal Cloud charges as an action, by the event that it leaves. Local activities are charged once for each
# workflow task that ran any; retries of activities come on top and do not occur here.
ACTIONS = (
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
    EventType.EVENT_TYPE_TIMER_STARTED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
)
# Tables whose rows are never replaced: which transactions wrote them can be seen afterwards.
WRITTEN = ("record_entries", "answers", "ledger_entries", "notices", "facts", "deliveries")


@dataclass(frozen=True)
class Counts:
    """One order of the story. `statements` are those of the worker; `commits` those that wrote anything."""

    tasks: int
    events: int
    actions: int
    statements: int
    commits: int
    webhooks: int
    bytes: int


async def count(name: str, address: str, dsn: str) -> Counts:
    """Play the story once on a contestant, with nothing else under way, and count."""
    queue = f"count-{secrets.token_hex(4)}"
    client = await connected(address)
    async with AsyncExitStack() as stack:
        taker = await stack.enter_async_context(receiver())
        channels: Sequence[WebhookChannel] = [WebhookChannel(taker.url, [SECRET])] if name.endswith("-tells") else []
        for channel in channels:
            stack.push_async_callback(channel.close)
        pool, statements = await stack.enter_async_context(_listening(dsn))
        await stack.enter_async_context(worker_of(name, client, pool, channels, queue))
        order_id = f"count-{secrets.token_hex(4)}"
        driver, handle = TemporalDriver(name, client, queue), client.get_workflow_handle(workflow_id(order_id))
        await driver.start(order_id)
        for command in ("request", "accept"):
            await driver.waits(order_id)
            await driver.command(order_id, command)
        await driver.ended(order_id)
        worked = len(statements)
        events = [event async for event in handle.fetch_history_events()]
        described = await handle.describe()
        return Counts(
            tasks=sum(event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED for event in events),
            events=len(events),
            actions=actions(events),
            statements=worked,
            commits=await _commits(pool, order_id),
            webhooks=taker.taken,
            bytes=described.raw_description.workflow_execution_info.history_size_bytes,
        )


def actions(events: Sequence[HistoryEvent]) -> int:
    """Temporal Cloud's billable actions of a history."""
    plain = sum(event.event_type in ACTIONS for event in events)
    local = {
        event.marker_recorded_event_attributes.workflow_task_completed_event_id
        for event in events
        if event.marker_recorded_event_attributes.marker_name == "core_local_activity"
    }
    return plain + len(local)


@asynccontextmanager
async def _listening(dsn: str) -> AsyncIterator[tuple[Any, list[str]]]:
    pool = await connect(dsn, most=1)
    heard: list[str] = []
    # With one connection, its logger hears every statement of the worker.
    async with pool.acquire() as connection:
        connection.add_query_logger(lambda query: heard.append(query.query))
    try:
        heard.clear()
        yield pool, heard
    finally:
        await pool.close()


async def _commits(pool: Any, order_id: str) -> int:
    notices = "SELECT xmin::text AS it FROM deliveries WHERE notice_id IN (SELECT id FROM notices WHERE order_id = $1)"
    parts = [
        notices if table == "deliveries" else f"SELECT xmin::text AS it FROM {table} WHERE order_id = $1"  # noqa: S608
        for table in WRITTEN
    ]
    query = f"SELECT count(DISTINCT it) FROM ({' UNION ALL '.join(parts)}) AS all_of_them"  # noqa: S608
    found: int = await pool.fetchval(query, order_id)
    return found


def table(found: dict[str, Counts]) -> list[str]:
    """The counts of several contestants, side by side, as Markdown."""
    names = list(asdict(next(iter(found.values()))))
    lines = [f"| one order | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    return lines + [
        f"| {who} | {' | '.join(str(n) for n in asdict(counts).values())} |" for who, counts in found.items()
    ]
