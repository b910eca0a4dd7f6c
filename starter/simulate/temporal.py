"""The engine that plays a story on a real worker, a real Temporal server and a real PostgreSQL.

Each order has its own clock, which the server lets skip forward. It runs on in real time between the steps, so a
story is played as if its commands came within the second; a machine too slow for that is noticed (`TooSlow`).
"""

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import Client
from temporalio.testing import TimeSkipper, TimeSkippingConfig
from temporalio.testing._timeskipping import FastForwardConfig  # the SDK does not export it yet

from recourse.activities.providers import CannotPay
from recourse.database.address import Address
from recourse.database.migrate import migrate
from recourse.database.orders import read_answer, read_balances, read_notices, read_order, read_record
from recourse.database.payments import PaymentLeg
from recourse.database.pool import connect
from recourse.errors import BadInput
from recourse.local.postgres import postgres
from recourse.local.progress import say
from recourse.local.temporal import temporal_server
from recourse.resolution.model.notice import Notice
from recourse.resolution.model.order import Order
from recourse.resolution.model.outcome import Outcome
from recourse.resolution.model.payments import LegName
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.step import RecordEntry
from recourse.resolution.model.zones import read_zone
from recourse.runtime.database_connection import database_address
from recourse.runtime.search_attributes import register_search_attributes
from recourse.runtime.settings import read_settings
from recourse.runtime.temporal_connection import connect as connect_temporal
from recourse.starter.client import Recourse
from recourse.starter.simulate.engine import CANNOT
from recourse.starter.simulate.order_clock import ROOM, SKIPS, OrderClock
from recourse.starter.simulate.outages import AWAY_UNTIL, STAYS_UNTIL, OrderWithOutages
from recourse.starter.simulate.story import ALL_WORKS, Says, Story
from recourse.worker import make_worker

QUEUE = "stories"
OUTAGE_QUEUE = "stories-with-outages"
PATIENCE = 600.0  # seconds until a step counts as stuck
PLAYED = "-[0-9a-f]{8}-[0-9]+$"  # how the ids of orders end that stories made


class OthersOrders(BadInput):
    """The database that was named is in use; the text says so."""


class TooSlow(Exception):
    """The machine took a second or more over something that the story does at one instant."""


class StoryProvider:
    """A payment provider that says to each order's legs what its story lets it say.

    What failed was not paid, then or later. The database, whose clock would tell, does not skip time.
    """

    late = 0.0

    def __init__(self) -> None:
        self.says: dict[str, dict[LegName, Says]] = {}

    async def find(self, leg: PaymentLeg) -> None:
        """No answer of a story is ever lost."""

    async def pay(self, leg: PaymentLeg) -> None:
        """Take note of nothing; fail, or never pay, where the story wants it."""
        match self.says.get(leg.order_id, ALL_WORKS)[leg.name]:
            case "fails":
                raise ConnectionError("the payment provider does not answer")
            case "cannot":
                raise CannotPay(CANNOT)
            case "works":
                return


class StoryOrders(Recourse):
    """The typed client, but the stamps that a story gives its commands are sent as they are."""

    def stamped(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The message that is sent."""
        return super().stamped(fields) | {key: fields[key] for key in ("sent_at",) if key in fields}


@dataclass
class Stage:
    """The real parts on which many stories are played at once."""

    client: Client
    pool: Any
    dsn: str
    address: str
    ui_url: str | None = None
    queue: str = QUEUE
    provider: StoryProvider = field(default_factory=StoryProvider)
    name: str = field(default_factory=lambda: secrets.token_hex(4))
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def order_id(self, story: Story) -> str:
        """An id that no other play of any story has."""
        return f"{story.id.lower()}-{self.name}-{next(self.numbers)}"


@asynccontextmanager
async def stage(*, keep: bool = False, on_my_servers: bool = False) -> AsyncIterator[Stage]:
    """PostgreSQL, a Temporal server with time skipping, and workers; all of it ends with this block.

    `keep`: somebody looks around in them, so there is a Temporal UI, and all have their usual ports where these are
    free. `on_my_servers`: the servers that DATABASE_URL and TEMPORAL_ADDRESS name, which stay; raises OthersOrders.
    """
    async with _servers_of_the_shell() if on_my_servers else _own_servers(keep=keep) as (dsn, client, ui_url):
        address = client.service_client.config.target_host
        await migrate(dsn)
        pool = await connect(dsn)
        try:
            made = Stage(client, pool, dsn, address, ui_url)
            providers = {"story": made.provider}
            async with (
                make_worker(client, pool, task_queue=QUEUE, providers=providers),
                make_worker(client, pool, task_queue=OUTAGE_QUEUE, providers=providers, workflows=[OrderWithOutages]),
            ):
                yield made
        finally:
            await pool.close()


@asynccontextmanager
async def _own_servers(*, keep: bool) -> AsyncIterator[tuple[str, Client, str | None]]:
    async with postgres(usual=keep) as dsn, temporal_server(ui=keep, usual=keep) as (address, ui_url):
        yield dsn, await connect_temporal(target_host=address), ui_url


@asynccontextmanager
async def _servers_of_the_shell() -> AsyncIterator[tuple[str, Client, str | None]]:
    dsn = database_address(read_settings())
    await _holds_stories_only(dsn)
    client = await connect_temporal()
    say(f"PostgreSQL: the server at {Address.read(dsn).place}, as DATABASE_URL says")
    say(f"Temporal: the server at {client.service_client.config.target_host}, as TEMPORAL_ADDRESS says")
    await register_search_attributes(client)
    yield dsn, client, None


async def _holds_stories_only(dsn: str) -> None:
    pool = await connect(dsn)
    try:
        if await pool.fetchval("SELECT to_regclass('orders') IS NULL"):
            return
        found = await pool.fetchval("SELECT order_id FROM orders WHERE order_id !~ $1 LIMIT 1", PLAYED)
    finally:
        await pool.close()
    if found is not None:
        raise OthersOrders(
            f"The database at {Address.read(dsn).place} holds orders that no story made, such as {found}: the stories "
            "would leave orders, money and scores among them. Name an empty database, or leave out --on-my-servers."
        )


def shift_of(story: Story, now: datetime) -> timedelta:
    """How many whole weeks after its own dates a story is played: its instants must lie ahead, and the clocks of its
    time zone may not change otherwise than in the story."""
    zone = read_zone(story.policy.answers.time_zone)
    first, last = story.terms.ordered_at, story.steps[-1].at + timedelta(days=60)
    days = [first + timedelta(days=day) for day in range((last - first).days + 1)]
    weeks = max(0, (now + timedelta(hours=1) - first) // timedelta(weeks=1) + 1)
    for more in range(520):
        shift = timedelta(weeks=weeks + more)
        if all((day + shift).astimezone(zone).utcoffset() == day.astimezone(zone).utcoffset() for day in days):
            return shift
    raise TooSlow(f"no week within ten years has the clock changes of {zone.key} that this story needs")


def _reports_after_the_end(story: Story) -> bool:
    """Whether the payment provider reports something after so long a silence that the order may be over."""
    silence = story.policy.order.reachable_after
    return any(
        step.get("do") == "payment_event" and step.at - before.at >= silence
        for before, step in itertools.pairwise(story.steps)
    )


class TemporalEngine:
    """One order on the stage."""

    def __init__(self, staged: Stage, story: Story, shift: timedelta) -> None:
        self._stage = staged
        self._story = story
        self._shift = shift
        self._now = story.terms.ordered_at + shift
        terms = story.terms.model_copy(
            update={"order_id": staged.order_id(story), "ordered_at": story.terms.ordered_at + shift}
        )
        self._terms = terms
        self._orders = StoryOrders(staged.client, staged.pool, task_queue=QUEUE, now=lambda: self._now)
        self._clock = OrderClock(staged.client, staged.pool, terms.order_id, patience=PATIENCE)
        self._waiting: list[tuple[str, Any]] = []
        self._down = False
        self._stays = _reports_after_the_end(story)
        self._outages = self._stays or any(step.get("worker") for step in story.steps)

    @property
    def order_id(self) -> str:
        """The id under which the order runs."""
        return self._terms.order_id

    def _policy(self) -> Policy:
        """The story's policy, its holidays as many weeks later as the story is played."""
        policy = self._story.policy
        holidays = tuple(day + self._shift for day in policy.answers.holidays)
        answers = policy.answers.model_copy(update={"holidays": holidays})
        return policy.model_copy(update={"answers": answers}) if holidays else policy

    async def start(self) -> None:
        """Start the order as if the clock read the story's first instant."""
        starting = TimeSkippingConfig(
            fast_forward_config=FastForwardConfig(self._terms.order_id, self._now - datetime.now(UTC)),
            max_session_skip_count=SKIPS,
        )
        delay = self._now - datetime.now(UTC)
        client = TimeSkipper(self._stage.client, config=starting).client
        opener = Recourse(client, self._stage.pool, task_queue=OUTAGE_QUEUE if self._outages else QUEUE)
        await opener.start(self._terms, self._policy(), provider=self._story.provider, start_delay=delay)
        await self._clock.wait_until(self._written)
        if self._stays:
            last = self._story.steps[-1].at + self._shift + timedelta(hours=1)
            await self._clock.handle.signal(STAYS_UNTIL, last.isoformat())

    async def _written(self) -> bool:
        return await read_order(self._stage.pool, self._terms.order_id) is not None

    async def move_to(self, at: datetime) -> None:
        """Fire every clock up to `at`, one after the other, then stand at `at`."""
        back = self._back_at()
        if self._down and (back is None or at < back):
            self._now = at
            return
        while not self._down and (fired := await self._clock.fire_next(at)) is not None:
            self._now = max(self._now, fired)
            await self._punctual(fired)
        await self._clock.skip_to(at - ROOM if self._down else at)
        self._now = at

    async def _punctual(self, at: datetime) -> None:
        entries = await self.record()
        if entries and entries[-1].at > at:
            raise TooSlow(f"decided at {entries[-1].at:%H:%M:%S} what was due at {at:%H:%M:%S}")

    async def send(self, pairs: Sequence[tuple[str, Any]]) -> list[Outcome] | None:
        """Send all at once, as updates through the typed client."""
        if self._down:
            for command, payload in pairs:
                await self._orders.order(self._terms.order_id).signal(command, payload)
                self._waiting.append((command, payload))
            return None
        sent = (self._orders.order(self._terms.order_id).send(command, payload) for command, payload in pairs)
        outcomes = await asyncio.gather(*sent)
        for outcome in outcomes:
            if outcome.at and not outcome.repeated and outcome.at > self._now:
                raise TooSlow(f"decided at {outcome.at:%H:%M:%S} what was sent at {self._now:%H:%M:%S}")
        return outcomes

    async def worker(self, up: bool) -> list[Outcome]:
        """Away until the story's own instant of coming back, or back."""
        self._down = not up
        if not up:
            back = self._back_at()
            if back is not None:
                await self._clock.handle.signal(AWAY_UNTIL, back.isoformat())
            return []
        await self._clock.wait_until(self._clock.past(self._now))
        outcomes = [await self._told(command, payload) for command, payload in self._waiting]
        self._waiting.clear()
        return outcomes

    async def _told(self, command: str, payload: Any) -> Outcome:
        """The answer to what was sent while the worker was away; it was a signal, so the database has it under its id,
        which a story uses once then."""
        sender = f"{payload['actor']['role']}:{payload['actor']['id']}"
        answers: list[Outcome] = []

        async def answered() -> bool:
            answer = await read_answer(self._stage.pool, self._terms.order_id, sender, payload["command_id"])
            answers.extend([answer] if answer else [])
            return bool(answers)

        await self._clock.wait_until(answered)
        return answers[0]

    def _back_at(self) -> datetime | None:
        backs = (step.at + self._shift for step in self._story.steps if step.get("worker") == "up")
        return next((at for at in backs if at >= self._now), None)

    async def provider(self, says: Mapping[LegName, Says]) -> None:
        """What the payment provider says to these legs of this order from now on."""
        known = self._stage.provider.says
        known[self._terms.order_id] = {**known.get(self._terms.order_id, ALL_WORKS), **says}

    async def order(self) -> Order:
        """The order as the database has it."""
        stored = await read_order(self._stage.pool, self._terms.order_id)
        if stored is None:
            raise TooSlow("the order was not written")
        return stored.order

    async def record(self) -> list[RecordEntry]:
        """All entries of its record, from the database."""
        return await read_record(self._stage.pool, self._terms.order_id)

    async def notices(self) -> list[Notice]:
        """All notices so far, from the database."""
        return await read_notices(self._stage.pool, self._terms.order_id)

    async def ledger(self) -> dict[str, int]:
        """The balance of each account, from the database."""
        return await read_balances(self._stage.pool, self._terms.order_id)
