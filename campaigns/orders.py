"""One order under way in a campaign: what was sent to it, what its senders were told, and whether all of it is true."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode

from campaigns.comparing import differences
from campaigns.histories import runs
from campaigns.redeciding import redecided
from campaigns.report import keep
from recourse.database.orders import read_answer, read_order
from recourse.database.pool import AWAY as DATABASE_AWAY
from recourse.errors import DatabaseUnreachable, Unanswered
from recourse.resolution.model.order import Opening, Order
from recourse.resolution.model.outcome import Outcome, Refused
from recourse.resolution.model.reading import Message, read_message
from recourse.runtime.names import ORDER, workflow_id
from recourse.starter.client import Recourse
from recourse.starter.starting import start_options

# What somebody meets who calls while a server is away; a backend calls again, with the same id.
AWAY: tuple[type[Exception], ...] = (
    *DATABASE_AWAY,
    DatabaseUnreachable,
    RPCError,
    Unanswered,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
_NOT_AWAY = (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.ALREADY_EXISTS)
ONE_CALL = 20.0  # seconds
GIVES_UP_AFTER = 2.0  # seconds
# Refusals that leave no answer: after an order has ended, and beyond the first that was too much.
UNRECORDED = ("order_closed", "too_many_messages")
Found = TypeVar("Found")


class SameAgain(Recourse):
    """A client whose messages keep the stamp of their first sending when they are sent again, so that it is known which
    one an order decided by."""

    def stamped(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The message that is sent."""
        message = super().stamped(fields)
        return {**message, "sent_at": fields.get("sent_at", message["sent_at"])}


@dataclass
class Driven:
    """One order, everything that was said in it, and how many seconds each update took.

    With `looks`, whoever was answered looks at the order's page in Temporal, which must show what was answered.
    """

    recourse: Recourse
    opening: Opening
    task_timeout: timedelta | None = None
    looks: bool = False
    sent: dict[tuple[str, str], Message] = field(default_factory=dict)
    started: bool = False
    taken_at: dict[tuple[str, str], datetime] = field(default_factory=dict)
    told: list[tuple[tuple[str, str], Outcome]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    hits: list[datetime] = field(default_factory=list)
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @property
    def id(self) -> str:
        """The order's id."""
        return self.opening.terms.order_id

    async def start(self) -> None:
        """Start its workflow and wait until it is in the database."""
        await persist(self._start)
        await self.until(lambda order: True)
        self.started = True

    async def _start(self) -> None:
        await self.recourse.temporal.start_workflow(
            ORDER,
            self.opening,
            task_timeout=self.task_timeout,
            **start_options(self.opening, self.recourse.task_queue),
        )

    def _payload(self, name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        stamped = datetime.now(UTC).isoformat(timespec="seconds")
        payload = {"command_id": f"{name}-{next(self.numbers)}", "sent_at": stamped, **fields}
        message = read_message(name, payload, "unnamed")
        self.sent.setdefault(message.key, message)
        return payload

    async def send(self, name: str, fields: Mapping[str, Any]) -> Outcome:
        """Send a command as an update, as often as it takes, and take note of what is answered."""
        payload = self._payload(name, fields)
        asked = time.monotonic()
        outcome = await persist(lambda: self.recourse.order(self.id).send(name, payload))
        self.seconds.append(time.monotonic() - asked)
        self.told.append((read_message(name, payload, "unnamed").key, outcome))
        if self.looks:
            await self._look(outcome)
        return outcome

    async def _look(self, outcome: Outcome) -> None:
        handle = self.recourse.temporal.get_workflow_handle(workflow_id(self.id))
        shown = (await persist(lambda: handle.query("page"))).get("record_length")
        answered = outcome.entry
        if answered is not None and (shown is None or shown < answered):
            self.unseen.append(f"entry {answered} was answered, and the order in Temporal is at {shown}")

    async def send_once(self, name: str, fields: Mapping[str, Any]) -> None:
        """Send a command as an update and give up where the answer does not come: nobody calls again."""
        payload = self._payload(name, fields)
        with suppress(*AWAY):
            async with asyncio.timeout(GIVES_UP_AFTER):
                outcome = await self.recourse.order(self.id).send(name, payload)
            self.told.append((read_message(name, payload, "unnamed").key, outcome))

    async def tell(self, name: str, fields: Mapping[str, Any]) -> tuple[str, str]:
        """Send a command as a signal, as often as it takes; returns by what its answer is known."""
        before = set(self.sent)
        payload = self._payload(name, fields)
        refused = await persist(lambda: self.recourse.order(self.id).signal(name, payload))
        key = read_message(name, payload, "unnamed").key
        self.taken_at.setdefault(key, datetime.now(UTC))
        if refused and key not in before:
            self.sent.pop(key, None)
        return key

    async def answer(self, key: tuple[str, str]) -> Outcome | None:
        """The answer that the database has to a message."""
        return await persist(lambda: read_answer(self.recourse.pool, self.id, *key))

    async def order(self) -> Order | None:
        """The order as the database has it."""
        stored = await persist(lambda: read_order(self.recourse.pool, self.id))
        return stored.order if stored else None

    async def until(self, so: Callable[[Order], bool], patience: float = 300.0) -> Order:
        """Wait until the order is `so`; returns it. Raises TimeoutError."""
        async with asyncio.timeout(patience):
            while (order := await self.order()) is None or not so(order):  # noqa: ASYNC110 - it is in the database
                await asyncio.sleep(0.05)
        return order

    async def ended(self, patience: float = 300.0) -> str:
        """Wait until its workflow has ended; returns how. Raises TimeoutError, and what failed it."""
        handle = self.recourse.temporal.get_workflow_handle(workflow_id(self.id))
        async with asyncio.timeout(patience):
            return str(await persist(handle.result))

    async def standing(self) -> str:
        """What its workflow was at, for who looks why it did not go on."""
        handle = self.recourse.temporal.get_workflow_handle(workflow_id(self.id))
        described = (await persist(handle.describe)).raw_description
        events = [event async for event in handle.fetch_history_events()]
        last = [f"{event.event_id} {EventType.Name(event.event_type)}" for event in events[-12:]]
        failed = [str(event.workflow_task_failed_event_attributes.failure)[:2000] for event in events[-12:]]
        task, activities = described.pending_workflow_task, list(described.pending_activities)
        return f"at {last}, task {task}, activities {activities}, failures {list(filter(None, failed))}"

    async def redecided(self) -> list[str]:
        """What a replay of its histories decides otherwise than it did."""
        client, wrong = self.recourse.temporal, []
        for run in await persist(lambda: runs(client, workflow_id(self.id))):
            history = await persist(client.get_workflow_handle(workflow_id(self.id), run_id=run.id).fetch_history)
            found = await persist(lambda: redecided(client, self.recourse.pool, self.id, history))  # noqa: B023 - awaited at once
            if found:
                wrong += [f"{found[0]} (its history: {keep(f'{self.id}-{run.id}.json', history.to_json())})"]
        return wrong

    async def hits_in_later_runs(self) -> tuple[int, int]:
        """How many runs it had, and how many hits came in other runs than the first."""
        found = await persist(lambda: runs(self.recourse.temporal, workflow_id(self.id)))
        return len(found), sum(any(run.began < at for run in found[1:]) for at in self.hits)

    async def wrong(self) -> list[str]:
        """What is not as the rules alone would have it, and what somebody was told that is not so."""
        wrong = [*self.unseen, *await differences(self.recourse.pool, self.id, self.sent)]
        for key, outcome in self.told:
            kept = await self.answer(key)
            said = outcome.model_copy(update={"repeated": False})
            unrecorded = isinstance(outcome, Refused) and outcome.code in UNRECORDED
            if kept is None and not unrecorded:
                wrong.append(f"{key} was answered {outcome}, and the database has no answer")
            elif kept is not None and kept != said:
                wrong.append(f"{key} was answered {said}, and the database has {kept}")
        return wrong


async def persist(call: Callable[[], Awaitable[Found]]) -> Found:
    """Call until it is answered: while a server is away, again and again."""
    while True:
        try:
            async with asyncio.timeout(ONE_CALL):
                return await call()
        except AWAY as error:
            if isinstance(error, RPCError) and error.status in _NOT_AWAY:
                raise
        await asyncio.sleep(0.1)
