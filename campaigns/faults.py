"""Worker, database and Temporal server are killed at random moments of random orders, and all of them come back.

Every order must end as the rules alone would have it end: the same record, the same money, the same notices, and an
answer to whatever was sent. One crash point is one order that was under way when something was killed.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any

from campaigns import BANK
from campaigns.driving import LONGEST_WAIT, close, drive, end
from campaigns.orders import Driven, SameAgain, persist
from campaigns.random_orders import Move, hurried, some_life, some_opening, some_policy, with_changes
from campaigns.receiving import Bank, Receiver, WebhookSink, listening
from campaigns.report import Report
from campaigns.speed import WHOLE, Speed
from campaigns.testbed import Testbed, running_testbed
from campaigns.worker import BANK_URL
from recourse.database.orders import read_balances, read_notices
from recourse.database.pool import connect as connect_database
from recourse.policies import load_policy
from recourse.resolution.model.policy import Policy
from recourse.runtime.names import workflow_id
from recourse.runtime.temporal_connection import connect
from recourse.starter.client import Recourse
from recourse.starter.recovering import Recovery

TASK_TIMEOUT = timedelta(seconds=1)  # the shortest that Temporal takes; 10 s by default
ALWAYS = {"order.reachable_after": "5s", "order.dormant_after": "20s"}
LONGER_THAN_AT_ONCE = 12.0  # seconds: a step then goes from the local activity to the one that waits
MINUTES = 150.0  # seconds
BANK_FAILS = 0.5
IN_LATER_RUNS = "crash points in later runs"
RECEIVER_FAILS = 0.2
LONGEST_WAIT_FOR_BANK = 60.0  # seconds


@dataclass
class Crash:
    """The campaign under way."""

    testbed: Testbed
    recourse: Recourse
    report: Report
    speed: Speed
    bank: Bank
    sink: WebhookSink
    receiver: Receiver
    bank_receiver: Receiver
    under_way: list[Driven] = field(default_factory=list)
    points: int = 0
    orders: int = 0
    held: bool = False

    @property
    def enough(self) -> bool:
        """Whether as many crash points were hit as wanted."""
        return self.points >= self.report.size

    async def keep_the_worker(self) -> None:
        """Start the worker again whenever it has ended, as whatever runs services does."""
        while True:
            if self.testbed.worker.pid is None and not self.held:
                await self.testbed.worker.start()
            await asyncio.sleep(0.3)

    def hit(self, what: str) -> None:
        """Take note of a blow that hits everything under way."""
        now = datetime.now(UTC)
        for driven in self.under_way:
            if driven.started:
                driven.hits.append(now)
                self.points += 1
        self.report.count(f"{what} killed")


async def faults(report: Report, *, speed: Speed = WHOLE, on_postgres: bool = False) -> None:
    """At least `report.size` crash points."""
    bank, sink = Bank(Random(report.seed), BANK_FAILS), WebhookSink(Random(report.seed), RECEIVER_FAILS)
    async with listening(bank.answer) as bank_address, listening(sink.answer) as receiver:
        environment = {BANK_URL: bank_address.url}
        if speed.notices:
            environment |= {"RECOURSE_WEBHOOK_URL": receiver.url, "RECOURSE_WEBHOOK_SECRET": "whsec_" + "A" * 32}
        queue = f"faults-{secrets.token_hex(4)}"
        async with running_testbed(queue, environment, on_postgres=on_postgres) as playing:
            pool = await connect_database(playing.dsn)
            recourse = SameAgain(await connect(target_host=playing.address), pool, task_queue=queue)
            crash = Crash(playing, recourse, report, speed, bank, sink, receiver, bank_address)
            try:
                async with _in_background(crash.keep_the_worker()):
                    await asyncio.gather(_blows(crash), *(_orders(crash) for _ in range(speed.at_once)))
            finally:
                pool.terminate()
    report.figures["crash points"] = crash.points
    report.figures["notices"] = len(sink.taken)
    report.figures["notices sent again"] = sum(sink.taken.values()) - len(sink.taken)
    report.figures["payments"] = len(bank.paid)
    report.figures["payments that failed after the effect"] = bank.failed_after_the_effect
    report.judge("the bank was never asked for two payments under one key", bank.contradictions)


@asynccontextmanager
async def _in_background(work: Awaitable[None]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()


async def _blows(crash: Crash) -> None:
    random, long_outage = Random(f"{crash.report.seed}-blows"), False
    while not crash.enough:
        await asyncio.sleep(random.uniform(0.3, 1.5))
        if crash.speed.minutes and crash.points > crash.report.size / 2 and not long_outage:
            long_outage = True
            await _database_away_for_minutes(crash)
        blow = random.choices(list(BLOWS), weights=list(BLOWS.values()))[0]
        await blow(crash, random)
        while not crash.under_way and not crash.enough:  # noqa: ASYNC110 - the next orders are on their way
            await asyncio.sleep(0.05)


async def _kill_the_worker(crash: Crash, random: Random) -> None:
    crash.held = True
    await crash.testbed.worker.kill()
    crash.hit("worker")
    await asyncio.sleep(random.choice((0, 0, 1)))
    crash.held = False


async def _kill_between_commit_and_report(crash: Crash, random: Random) -> None:
    if await crash.testbed.worker.die_after_its_next_commit(patience=5):
        crash.hit("worker between commit and report")


async def _kill_the_database(crash: Crash, random: Random) -> None:
    await crash.testbed.postgres.kill()
    crash.hit("database")
    await asyncio.sleep(random.choice((0, 0, 0.5, 0.5, 3, LONGER_THAN_AT_ONCE)))
    await crash.testbed.postgres.start()


async def _database_away_for_minutes(crash: Crash) -> None:
    await crash.testbed.postgres.kill()
    crash.hit("database, for minutes,")
    await asyncio.sleep(MINUTES)
    await crash.testbed.postgres.start()


async def _kill_temporal(crash: Crash, random: Random) -> None:
    await crash.testbed.temporal.kill()
    crash.hit("Temporal server")
    await asyncio.sleep(random.choice((0, 0.5, 3)))
    await crash.testbed.temporal.start()


async def _kill_everything(crash: Crash, random: Random) -> None:
    crash.held = True
    for part in (crash.testbed.worker, crash.testbed.temporal, crash.testbed.postgres):
        await part.kill()
    crash.hit("everything")
    await crash.testbed.postgres.start()
    await crash.testbed.temporal.start()
    crash.held = False


async def _receiver_away(crash: Crash, random: Random) -> None:
    await crash.receiver.go()
    crash.report.count("receiver away")
    await asyncio.sleep(random.uniform(0.5, 3))
    await crash.receiver.come()


async def _receiver_slow(crash: Crash, random: Random) -> None:
    crash.receiver.seconds = random.uniform(1, 6)
    crash.report.count("receiver slow")
    await asyncio.sleep(random.uniform(0.5, 3))
    crash.receiver.seconds = 0


async def _receiver_out_of_order(crash: Crash, random: Random) -> None:
    crash.sink.fails = 1
    crash.report.count("receiver out of order")
    await asyncio.sleep(random.uniform(0.5, 5))
    crash.sink.fails = RECEIVER_FAILS


async def _answer_while_every_worker_is_down(crash: Crash, random: Random) -> None:
    """An answer in time, given while nobody works, is in time, however long nobody works."""
    policy = hurried(load_policy("resolution_center"), timedelta(seconds=2))
    driven = _driven(crash, random, policy)
    await driven.start()
    await driven.send("request", {"actor": {"role": "client", "id": "c-1"}, "kind": "cancel", "approval": "ask"})
    crash.held = True
    await crash.testbed.worker.kill()
    crash.hit("worker")
    crash.points += 1
    order = await driven.order()
    request = order.open_request if order else None
    key = await driven.tell("accept", {"actor": {"role": "freelancer", "id": "f-1"}, "comment": "Fine."})
    in_time = bool(
        request and request.answer_due_at and (stamped := driven.sent[key].sent_at) and stamped < request.answer_due_at
    )
    if request and request.answer_due_at:
        await asyncio.sleep(max(0, (request.answer_due_at - datetime.now(UTC)).total_seconds() + random.random()))
    crash.held = False
    await driven.until(lambda order: order.closed)
    answer = await driven.answer(key)
    wrong = await driven.wrong()
    if in_time and (answer is None or not answer.applied):
        wrong.append(f"the answer was in time, and was answered {answer}")
    crash.report.count("answers in time while every worker was down", in_time)
    crash.report.judge(f"{driven.id}: an answer while every worker is down", wrong, _evidence(driven))


async def _kill_between_commit_and_report_in_a_later_run(crash: Crash, random: Random) -> None:
    """What a worker commits of an order that has gone on in a new run, and tells nobody, is what happened."""
    # Windows that end before an order counts as forgotten: otherwise no order starts with such a policy.
    driven = _driven(crash, random, hurried(load_policy("resolution_center"), timedelta(seconds=8)))
    client = {"role": "client", "id": "c-1"}
    await driven.start()
    while (await driven.hits_in_later_runs())[0] == 1:
        await driven.send("message", {"actor": client, "comment": "Anything new?"})
    dying = asyncio.create_task(crash.testbed.worker.die_after_its_next_commit(patience=10, of=driven.id))
    await asyncio.sleep(0)
    await driven.send("request", {"actor": client, "kind": "cancel", "approval": "ask"})
    if await dying:
        crash.hit("worker between commit and report in a later run")
        crash.points += 1
        crash.report.count(IN_LATER_RUNS)
    await close(driven)
    crash.report.judge(f"{driven.id}: forgotten in a later run", await end(driven), _evidence(driven))


async def _terminate_after_the_effect(crash: Crash, random: Random) -> None:
    """An order that loses its workflow, and its worker, when the bank has paid and not answered: what was decided is
    finished first, though its parties have other wishes now."""
    policy = hurried(load_policy("resolution_center"), timedelta(seconds=2))
    driven = _driven(crash, random, policy, BANK)
    client, freelancer = {"role": "client", "id": "c-1"}, {"role": "freelancer", "id": "f-1"}
    await driven.start()
    crash.bank_receiver.seconds = 3
    await driven.send("request", {"actor": client, "kind": "cancel", "approval": "ask"})
    await driven.tell("accept", {"actor": freelancer})
    async with asyncio.timeout(LONGEST_WAIT_FOR_BANK):
        while not any(crash.bank.total(driven.id).values()):  # noqa: ASYNC110 - the bank is another task
            await asyncio.sleep(0.02)
    crash.held = True
    await crash.testbed.worker.kill()
    crash.hit("worker between effect and answer")
    await crash.recourse.temporal.get_workflow_handle(workflow_id(driven.id)).terminate()
    crash.points += 1
    crash.bank_receiver.seconds = 0
    crash.held = False
    await Recovery(crash.recourse).revive(driven.id)
    await driven.tell("deliver", {"actor": freelancer})
    crash.report.count("orders terminated and revived between effect and answer")
    wrong = await end(driven)
    wrong += await persist(partial(_told_and_paid, crash, driven))
    crash.report.judge(f"{driven.id}: terminated after the effect", wrong, _evidence(driven))


Blow = Callable[[Crash, Random], Awaitable[None]]
BLOWS: dict[Blow, int] = {
    _kill_the_worker: 4,
    _kill_between_commit_and_report: 6,
    _kill_between_commit_and_report_in_a_later_run: 2,
    _terminate_after_the_effect: 2,
    _kill_the_database: 4,
    _kill_temporal: 4,
    _kill_everything: 2,
    _receiver_away: 1,
    _receiver_slow: 1,
    _receiver_out_of_order: 1,
    _answer_while_every_worker_is_down: 1,
}


def _driven(crash: Crash, random: Random, policy: Policy, provider: str = "ledger") -> Driven:
    crash.orders += 1
    always = with_changes(policy, ALWAYS)
    order_id, day = f"F-{crash.report.seed}-{crash.orders}", crash.speed.day
    opening = some_opening(random, always, order_id, day=day, provider=provider)
    return Driven(crash.recourse, opening, task_timeout=TASK_TIMEOUT, looks=True)


async def _orders(crash: Crash) -> None:
    speed = crash.speed
    while not crash.enough:
        random = Random(f"{crash.report.seed}-order-{crash.orders}")
        provider = BANK if random.random() < speed.with_bank else "ledger"
        driven = _driven(crash, random, some_policy(random, speed.day), provider)
        life = some_life(random, driven.opening, random.choice(speed.moves), LONGEST_WAIT)
        crash.under_way.append(driven)
        try:
            wrong = await drive(driven, life, by_clock_alone=random.random() < speed.by_clock_alone)
        except Exception as error:  # noqa: BLE001 - whatever it is, the order did not live through it
            order = await driven.order()
            wrong = [f"{type(error).__name__}: {error}; the order was {order.phase if order else 'not there'}"]
            wrong += [await driven.standing(), *await driven.redecided()]
        finally:
            crash.under_way.remove(driven)
        wrong += await persist(partial(_told_and_paid, crash, driven))
        runs, in_later = await driven.hits_in_later_runs()
        crash.report.count("orders")
        crash.report.count("orders that went on in a new run", runs > 1)
        crash.report.count(IN_LATER_RUNS, in_later)
        crash.report.judge(driven.id, wrong, _evidence(driven, life))


async def _told_and_paid(crash: Crash, driven: Driven) -> list[str]:
    """Whether everybody heard what they were to hear, in order, and the bank paid what the ledger says."""
    pool, wrong = crash.recourse.pool, []
    if driven.opening.provider == BANK:
        balances = await read_balances(pool, driven.id)
        paid = crash.bank.total(driven.id)
        price, fee = driven.opening.terms.price, driven.opening.terms.service_fee
        moved = {**{who: balances[who] for who in paid}, "client": balances["client"] + price + fee}
        if moved != paid:
            wrong.append(f"the bank paid {paid}, the ledger says {moved}")
    if crash.speed.notices:
        wrong += crash.sink.differences(driven.id, await read_notices(pool, driven.id))
    return wrong


def _evidence(driven: Driven, life: list[Move] | None = None) -> dict[str, Any]:
    return {
        "opening": driven.opening.model_dump(mode="json"),
        "life": [vars(move) for move in life or ()],
        "sent": [message.model_dump(mode="json", exclude={"command"}) for message in driven.sent.values()],
        "told": [[list(key), outcome.model_dump()] for key, outcome in driven.told],
    }
