"""The paths whose histories are kept: stories of the contract, and what no story tells."""

import asyncio
import secrets
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from recourse.activities.webhook import WebhookChannel
from recourse.database.orders import read_record
from recourse.database.steps import record_step
from recourse.local.temporal import LocalTemporal, find_program
from recourse.policies import load_policy
from recourse.resolution.engine import OrderEngine
from recourse.resolution.model.opening_state import OpeningState
from recourse.resolution.model.order import Opening
from recourse.runtime.actors import Actors
from recourse.runtime.encryption import Encryption
from recourse.runtime.keys import KeyRing
from recourse.runtime.names import workflow_id
from recourse.runtime.temporal_connection import connect
from recourse.starter.client import Recourse
from recourse.starter.simulate.order_clock import SKIPS
from recourse.starter.simulate.play import Play
from recourse.starter.simulate.story import Story, read_story
from recourse.starter.simulate.temporal import Stage, TemporalEngine, TooSlow, shift_of, stage
from recourse.worker import make_worker
from tests.activities.receivers import http_receiver
from tests.histories.kept import Kept
from tests.patience import PATIENCE
from tests.process.conftest import Marketplace
from tests.process.test_forgotten_attempts import committed_and_forgotten
from tests.process.test_messages import JSON, MISFITS, signal, update
from tests.secrets.conftest import NONE, OLD, ONLY_NEW, ONLY_OLD, RING, Keyed

GIVEN_UP_WITHIN = 20.0  # seconds, in which eight days of deliveries are skipped
TESTS = Path(__file__).resolve().parent.parent
# Chosen so that together they have every policy, every command applied and refused, every clock and every ending.
TOLD = (
    "s01-client-request-accepted",
    "s03a-silence-on-clients-request",
    "s06-very-late-exact-boundary",
    "s12b-canceled-order-is-closed",
    "s18d-undo-with-consent",
    "s21a-disputed-mediation-ruling",
    "s21c-mediated",
    "s22a-appeal",
    "s22d-appeal-left-unanswered",
    "s23a-upwork-client-ends-freelancer-silent",
    "s25-paid-exit",
    "s300-an-extra-agreed",
    "s317-away-and-back-early",
    "s322a-time-given",
    "s329-abandoned",
    "s344-an-operator-opens-a-case",
    "s335-a-chargeback-that-is-won",
    "s336b-lost-while-on-hold",
    "s339-charged-back-to-the-freelancer",
    "s340b-a-refund-on-its-way-is-lowered",
    "s341-bounds-of-a-chargeback",
    "s345a-a-hold",
    "s346-one-operator-works-on-a-case",
    "s347-notes",
    "f5-one-operator-and-an-appeal",
    "s348b-the-freelancer-owes-it",
    "s348c-a-payout-not-made-is-lowered",
    "s24d-unpaid-exit-excluded",
    "s28d-payment-provider-fails",
    "s40b-completing-over-ones-own-request",
    "s44-own-request-first",
    "s47a-fiverr-decline-opens-a-case",
    "s48a-operators-are-bounded",
    "s48b-fallback-full-refund",
    "s48c-fallback-continue",
    "s54a-who-may-not",
    "s54b-not-now",
    "s63-messages-and-evidence",
    "s64-stale-answer",
    "s69-provider-fails-after-the-undo-window",
    "s70-glimmer-through-the-phases",
    "s72-case-on-a-delivered-order",
    "s80e-settle-after-a-ruling",
    "s91a-regretted-in-time",
    "s98-appealed-and-going-on",
    "s104a-ordered-again-soon",
    "s107a-names-and-nul",
    "s111b-another-marketplace-declined-and-done",
    "s114-a-proposal-has-a-version",
    "s331-a-payout-that-can-never-be-paid",
    "s332-paid-by-hand",
    "s334-a-payout-comes-back",
)
FOR_LONG = timedelta(days=400)
CLIENT = {"role": "client", "id": "c-1"}
FREELANCER = {"role": "freelancer", "id": "f-1"}
SECRET = "whsec_" + "c2VjcmV0" * 5


@dataclass(frozen=True)
class Ground:
    """The real servers on which paths are walked; `short` is the address of one that wants histories to end soon."""

    staged: Stage
    short: str

    @asynccontextmanager
    async def marketplace(self, **options: Any) -> AsyncIterator[Marketplace]:
        """A marketplace with a worker of its own."""
        queue = f"path-{secrets.token_hex(4)}"
        async with make_worker(self.staged.client, self.staged.pool, task_queue=queue, **options):
            yield Marketplace(Recourse(self.staged.client, self.staged.pool, task_queue=queue), queue)

    def keyed(self) -> Keyed:
        """Callers and workers with keys."""
        return Keyed(self.staged.address, self.staged.pool)


@asynccontextmanager
async def ground() -> AsyncIterator[Ground]:
    """Everything that the paths need; it ends with this block."""
    async with AsyncExitStack() as stack:
        staged = await stack.enter_async_context(stage())
        folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        settings = {"limit.historyCount.suggestContinueAsNew": "50"}
        server = LocalTemporal(await find_program(), Path(folder), settings=settings)
        stack.push_async_callback(server.stop)
        await server.start()
        yield Ground(staged, server.address)


async def told(on: Ground, story: Story) -> list[Kept]:
    """A story, and on until its order answers no more or nothing happens any more."""
    for tries_left in reversed(range(8)):
        shift = shift_of(story, datetime.now(UTC))
        engine = TemporalEngine(on.staged, story, shift)
        try:
            await engine.start()
            await Play(story, engine, shift=shift).run()
            await engine.move_to(story.steps[-1].at + shift + FOR_LONG)
        except TooSlow:
            if not tries_left:
                raise
            continue
        order = await engine.order()
        return [await history(on.staged.client.get_workflow_handle(workflow_id(order.terms.order_id)))]
    raise AssertionError("unreachable")


async def misfits(on: Ground) -> list[Kept]:
    """Everything that cannot be read, as signals and as updates."""
    async with on.marketplace() as market:
        order_id = await market.order()
        for number, payloads in enumerate(MISFITS.values()):
            await signal(market.client, order_id, "request", payloads)
            await update(market.client, order_id, "no_such_thing", payloads, f"u-{number}")
        return [await history(market.handle(order_id))]


async def begun_by_a_command(on: Ground) -> list[Kept]:
    """An order whose start brings its first command."""
    async with on.marketplace() as market:
        terms = market.terms()
        first = ("request", {"actor": CLIENT, "kind": "cancel", "command_id": "first"})
        await market.recourse.start_and_send(terms, load_policy("resolution_center"), *first)
        await market.by("freelancer", terms.order_id, "accept", command_id="second")
        await market.by("freelancer", terms.order_id, "accept", command_id="second")
        return [await history(market.handle(terms.order_id))]


async def forgotten_attempts(on: Ground) -> list[Kept]:
    """Steps that the database has and the workflow never heard of."""
    async with on.marketplace() as market:
        order_id = await market.order()
        await market.by("client", order_id, "message", comment="Hello")
        ask = {"actor": CLIENT, "command_id": "ask", "kind": "cancel"}
        await committed_and_forgotten(market, order_id, ("request", ask))
        await market.by("client", order_id, "request", kind="cancel")
        await market.by("freelancer", order_id, "accept")
        return [await history(market.handle(order_id))]


async def database_away(on: Ground) -> list[Kept]:
    """A step that the database takes so late that it goes to the regular activity."""
    async with on.marketplace() as market:
        order_id = await market.order()
        await market.by("client", order_id, "message", comment="Hello")
        async with on.staged.pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT * FROM order_states WHERE order_id = $1 FOR UPDATE", order_id)
            asking = asyncio.create_task(market.by("client", order_id, "request", kind="cancel"))
            async for event in market.handle(order_id).fetch_history_events(wait_new_event=True):
                if event.HasField("activity_task_scheduled_event_attributes"):
                    break
        await asking
        await market.by("freelancer", order_id, "accept")
        return [await history(market.handle(order_id))]


async def notices_told(on: Ground) -> list[Kept]:
    """Notices that their receiver takes at once, and at the second time, and with more coming meanwhile."""
    async with http_receiver() as web:
        hooks = WebhookChannel(web.url, [SECRET])
        async with on.marketplace(channels=[hooks]) as market:
            order_id = await market.order()
            await market.by("client", order_id, "message", comment="one")
            await web.has(1)
            web.will(500, 500)
            await market.by("client", order_id, "message", comment="two")
            await web.has(3)
            await market.by("client", order_id, "message", comment="three")
            await web.has(5)
            web.will(*[500] * 1000)
            await market.by("client", order_id, "message", comment="four")
            await web.has(7)
            with suppress(TimeoutError):
                async with asyncio.timeout(GIVEN_UP_WITHIN):
                    skipper = TimeSkipper(market.client, config=TimeSkippingConfig(max_session_skip_count=SKIPS))
                    await skipper.fast_forward(market.handle(order_id), timedelta(days=8))
            found = [await history(market.handle(order_id))]
        await hooks.close()
        return found


async def keys_missing(on: Ground) -> list[Kept]:
    """Encrypted messages of which some cannot be opened, and plain ones that are refused."""
    keyed = on.keyed()
    old, new, plain = [await keyed.marketplace(keys) for keys in (ONLY_OLD, ONLY_NEW, NONE)]
    async with keyed.working(ONLY_OLD, refuse_plain=True):
        order_id = await old.order()
        await new.recourse.order(order_id).signal("request", {"actor": CLIENT, "command_id": "early", "kind": "cancel"})
        await recorded(old, order_id, 1)
        await plain.recourse.order(order_id).signal("message", {"actor": CLIENT, "comment": "plain"})
        await recorded(old, order_id, 2)
        sealed = Encryption(KeyRing({"old": OLD})).seal(Payload(metadata=JSON, data=b"{}"))
        sealed.data = sealed.data[:-1] + bytes([sealed.data[-1] ^ 1])
        for name in ("message", "no_such_thing"):
            with suppress(Exception):
                await update(old.client, order_id, name, [sealed], name)
        await old.by("client", order_id, "message", comment="Hello")
        return [await history(old.handle(order_id))]


async def actors_unproven(on: Ground) -> list[Kept]:
    """Commands without a token, and with one that is for something else."""
    keyed, actors = on.keyed(), Actors(RING)
    market = await keyed.marketplace(NONE)
    async with keyed.working(NONE, actors=actors):
        order_id = await (await keyed.signing(actors)).order()

        def token(name: str, sent: dict[str, Any]) -> dict[str, str]:
            if name in ("no_token", "bad_token"):
                return {"actor_token": "x"} if name == "bad_token" else {}
            bounds: dict[str, dict[str, Any]] = {
                "not_now": {"expires_at": datetime(2025, 1, 1, tzinfo=UTC)},
                "not_this": {"workflow_id": "order-of-others"},
                "unstamped": {"workflow_id": workflow_id(order_id)},
                "good": {"workflow_id": workflow_id(order_id), "stamps": True},
            }
            return {"actor_token": actors.sign("message", sent, **bounds[name])}

        for number, name in enumerate(("no_token", "bad_token", "not_now", "not_this", "unstamped", "good"), 1):
            for way in ("send", "signal"):
                sent = {"actor": CLIENT, "command_id": f"c-{name}-{way}", "comment": "Hello"}
                sent["sent_at"] = datetime.now(UTC).isoformat()
                order = market.recourse.order(order_id)
                await getattr(order, way)("message", {**sent, **token(name, sent)})
            await recorded(market, order_id, 2 * number)
        return [await history(market.handle(order_id))]


async def long_life(on: Ground) -> list[Kept]:
    """An order that goes on in new runs, among them what it has undecided, and what was answered in former ones."""
    client, queue = await connect(target_host=on.short), f"long-{secrets.token_hex(4)}"
    async with http_receiver() as web:
        hooks = WebhookChannel(web.url, [SECRET])
        async with make_worker(client, on.staged.pool, task_queue=queue, channels=[hooks]):
            market = Marketplace(Recourse(client, on.staged.pool, task_queue=queue), queue)
            order_id = await market.order()
            await market.by("client", order_id, "request", kind="cancel", command_id="ask")
            for number in range(30):
                await market.by("client", order_id, "message", comment=f"{number}", command_id=f"m{number}")
            await market.by("client", order_id, "message", comment="0", command_id="m0")
            await market.by("freelancer", order_id, "accept")
            found = await histories(client, market.handle(order_id))
        await hooks.close()
        return found


async def flood(on: Ground) -> list[Kept]:
    """More signals at once than one run is for."""
    client, queue = await connect(target_host=on.short), f"long-{secrets.token_hex(4)}"
    async with make_worker(client, on.staged.pool, task_queue=queue):
        market = Marketplace(Recourse(client, on.staged.pool, task_queue=queue), queue)
        order_id = await market.order()
        handle = market.handle(order_id)
        async with asyncio.TaskGroup() as sending:
            for number in range(120):
                sending.create_task(handle.signal("message", {"actor": CLIENT, "comment": f"{number}"}))
        await recorded(market, order_id, 120)
        return await histories(client, handle)


async def bad_starts(on: Ground) -> list[Kept]:
    """Starts that are none: the id of another order, nothing that can be read, an unknown type."""
    async with on.marketplace() as market:
        terms = market.terms()
        opening = Opening(terms=terms, policy=load_policy("resolution_center"), record_salt="0123456789abcdef")
        await record_step(on.staged.pool, OrderEngine(opening).opening().step)
        dearer = opening.model_copy(update={"terms": terms.model_copy(update={"price": 20_000})})
        found: list[Kept] = []
        for kind, start in (("Order", dearer), ("Order", {"terms": 17}), ("Ordre", opening)):
            handle: WorkflowHandle[Any, Any] = await market.client.start_workflow(
                kind, start, id=f"order-{terms.order_id}-{len(found)}", task_queue=market.queue
            )
            with suppress(WorkflowFailureError):
                await handle.result()
            found.append(await history(handle))
        return found


async def days_that_do_not_count(on: Ground) -> list[Kept]:
    """A policy that leaves out weekdays of a time zone."""
    async with on.marketplace() as market:
        order_id = await market.order(
            changes={"answers.pause": ["saturday", "sunday"], "answers.time_zone": "Asia/Beirut"}
        )
        await market.by("client", order_id, "request", kind="cancel", command_id="ask")
        await market.by("freelancer", order_id, "decline", command_id="no")
        return [await history(market.handle(order_id))]


async def came_from_elsewhere(on: Ground) -> list[Kept]:
    """An order that began elsewhere, with a request that is answered here; some days do not count."""
    async with on.marketplace() as market:
        changes = {"answers.pause": ["saturday", "sunday"], "answers.time_zone": "Asia/Beirut"}
        terms = market.terms(ordered_at=datetime.now(UTC) - timedelta(days=9))
        asked_at = terms.ordered_at + timedelta(days=8)
        request = {"kind": "cancel", "by": "client", "opened_at": asked_at, "comment": "We stopped."}
        request["answer_due_at"] = asked_at + timedelta(days=6)
        said = {"phase": "delivered", "since": asked_at, "due_at": asked_at, "refunded": 1_000, "request": request}
        policy, state = load_policy("resolution_center", changes), OpeningState.model_validate(said)
        await market.recourse.start(terms, policy, state=state)
        await market.by("freelancer", terms.order_id, "decline", command_id="no")
        return [await history(market.handle(terms.order_id))]


async def request_cancellation(on: Ground) -> list[Kept]:
    """Somebody presses Request Cancellation in the Temporal UI."""
    async with on.marketplace() as market:
        order_id = await market.order()
        await market.handle(order_id).cancel()
        await recorded(market, order_id, 1)
        await market.by("client", order_id, "request", kind="cancel", command_id="ask")
        return [await history(market.handle(order_id))]


async def recorded(market: Marketplace, order_id: str, entries: int) -> None:
    """Wait until the record is that long."""
    async with asyncio.timeout(PATIENCE):
        while len(await read_record(market.recourse.pool, order_id)) < entries:  # noqa: ASYNC110 - in the database
            await asyncio.sleep(0.02)


async def history(handle: WorkflowHandle[Any, Any]) -> Kept:
    """The last run of an order as it is kept."""
    return Kept.of(await handle.fetch_history())


async def histories(client: Client, handle: WorkflowHandle[Any, Any]) -> list[Kept]:
    """All runs of an order as they are kept, the first one first."""
    found: list[Kept] = []
    run_id: str | None = (await handle.describe()).run_id
    while run_id:
        run = await client.get_workflow_handle(handle.id, run_id=run_id).fetch_history()
        found.insert(0, Kept.of(run))
        run_id = run.events[0].workflow_execution_started_event_attributes.continued_execution_run_id
    return found


def _of_story(name: str) -> Callable[[Ground], Awaitable[list[Kept]]]:
    return lambda on: told(on, read_story(next(TESTS.glob(f"scenarios*/{name}.yaml"))))


PATHS: dict[str, Callable[[Ground], Awaitable[list[Kept]]]] = {
    **{name: _of_story(name) for name in TOLD},
    "actors-unproven": actors_unproven,
    "bad-starts": bad_starts,
    "begun-by-a-command": begun_by_a_command,
    "came-from-elsewhere": came_from_elsewhere,
    "database-away": database_away,
    "days-that-do-not-count": days_that_do_not_count,
    "flood": flood,
    "forgotten-attempts": forgotten_attempts,
    "keys-missing": keys_missing,
    "long-life": long_life,
    "misfits": misfits,
    "notices-told": notices_told,
    "request-cancellation": request_cancellation,
}

# Elsewhere what comes in the same instant is decided in an order that is the machine's: that is replayed, not compared.
STEADY = (*TOLD, "bad-starts", "begun-by-a-command")


async def walk(names: Sequence[str], at_once: int = 4) -> dict[str, list[Kept]]:
    """Walk some paths on servers of their own; the runs of each path's order."""
    places = asyncio.Semaphore(at_once)
    async with ground() as on:

        async def one(name: str) -> list[Kept]:
            async with places:
                return await PATHS[name](on)

        return dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))
