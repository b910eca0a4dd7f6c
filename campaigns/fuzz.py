"""Bad messages and bad starts, by the thousands, against a live worker: every one is refused and recorded.

What the database then has of each order must be what the rules alone make of the messages that the server took: an
entry for each, none twice, none lost. Healthy orders live beside them, and end as the rules alone would end them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from statistics import quantiles
from typing import Any

from campaigns.bad_starts import bad_starts
from campaigns.driving import drive
from campaigns.histories import lived
from campaigns.malformed import Malformed, plain, some_malformed, written
from campaigns.orders import Driven
from campaigns.random_orders import hurried, some_life, some_opening, some_policy, with_changes
from campaigns.report import Report
from campaigns.sending import TurnedAway, as_read, send_signal, send_update
from recourse.policies import load_policy
from recourse.resolution.engine import OrderEngine
from recourse.resolution.limits import PER_HOUR
from recourse.resolution.model.fields import UNNAMED
from recourse.resolution.model.outcome import read_outcome
from recourse.resolution.model.reading import Message
from recourse.resolution.model.refusals import Refusal
from recourse.runtime.names import workflow_id
from recourse.starter.client import Recourse
from recourse.workflows.inbound import command_id_of

PER_ORDER = 100  # messages
BURST = 12  # messages of one order that are on their way together
UPDATES = 6  # at a time; a server has at most 10 under way in one order
AT_ONCE = 8  # orders
STARTS = 20  # one bad start for so many messages
HEALTHY = 3  # orders that live beside them at any time
DAY = timedelta(seconds=0.5)
LONGEST_WAIT = timedelta(seconds=3)
MOVES = range(3, 7)
HEALTHY_WITHIN = 10.0  # seconds until a healthy order has answered
FLOODING = 32  # signals on their way together
FLOOD_EVENTS, FLOOD_BYTES = 25_000, 16 * 2**20  # of one run, however much is sent
REACHABLE = {"order.reachable_after": "1s", "order.dormant_after": "5s"}


@dataclass
class Target:
    """An order, the messages that it was sent, and what its senders were told."""

    recourse: Recourse
    driven: Driven
    random: Random
    report: Report
    signals: int = 0
    ids: list[str] = field(default_factory=lambda: ["first"])
    wrong: list[tuple[Malformed, str]] = field(default_factory=list)
    taken: list[tuple[Malformed, Message]] = field(default_factory=list)


async def fuzz(recourse: Recourse, report: Report) -> None:
    """`report.size` bad messages, a bad start for every twenty of them, and floods; healthy orders beside all that."""
    orders = -(-report.size // PER_ORDER)
    places = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with places:
            await _fuzz_one(recourse, report, number, min(PER_ORDER, report.size - number * PER_ORDER))

    async with _healthy_orders(recourse, report):
        with report.timed("messages"):
            await asyncio.gather(*(one(number) for number in range(orders)))
        with report.timed("starts"):
            await bad_starts(recourse, report, report.size // STARTS)
        with report.timed("flood"):
            await _flood(recourse, report, report.size // 2)


async def _fuzz_one(recourse: Recourse, report: Report, number: int, size: int) -> None:
    random = Random(f"{report.seed}-fuzz-{number}")
    opening = some_opening(random, some_policy(random), f"Z-{report.seed}-{number}")
    target = Target(recourse, Driven(recourse, opening), random, report)
    await target.driven.start()
    order = OrderEngine(opening).order
    waiting = [some_malformed(random, order, place, target.ids) for place in range(size)]
    while waiting:
        length = random.randint(1, BURST)
        burst, waiting = waiting[:length], waiting[length:]
        await _burst(target, burst)
    await _judge(target)


async def _burst(target: Target, burst: list[Malformed]) -> None:
    """Some messages at once, the signals among them in their order; afterwards all of them are decided."""
    asking: list[asyncio.Task[None]] = []
    keys: set[tuple[str, str]] = set()
    for malformed in burst:
        key = (await as_read(target.recourse.temporal, target.driven.id, malformed, malformed.update_id)).key
        if key in keys:
            # Which of two that come together is the first, nobody can say.
            await _all_decided(target, asking)
            keys.clear()
        keys.add(key)
        if malformed.how == "update" and sum(not task.done() for task in asking) < UPDATES:
            asking.append(asyncio.create_task(_ask(target, malformed)))
        else:
            await _tell(target, malformed)
    await _all_decided(target, asking)


async def _all_decided(target: Target, asking: list[asyncio.Task[None]]) -> None:
    await asyncio.gather(*asking)
    command_id = f"last-{len(target.taken)}"
    last = {"actor": {"role": "operator", "id": "op-1"}, "command_id": command_id}
    await _ask(target, Malformed("last", "withdraw", (plain(written(last)),), "update", command_id, None))


async def _tell(target: Target, malformed: Malformed) -> None:
    message = await as_read(target.recourse.temporal, target.driven.id, malformed, f"{UNNAMED}{target.signals + 1}")
    try:
        await send_signal(target.recourse.temporal, target.driven.id, malformed)
    except TurnedAway:
        target.report.count("turned away by the server")
        return
    target.signals += 1
    _take(target, malformed, message)


async def _ask(target: Target, malformed: Malformed) -> None:
    message = await as_read(target.recourse.temporal, target.driven.id, malformed, command_id_of(malformed.update_id))
    try:
        answer = await send_update(target.recourse.temporal, target.driven.id, malformed)
    except TurnedAway:
        target.report.count("turned away by the server")
        return
    except Exception as error:  # noqa: BLE001 - whatever it is, the sender got no answer
        target.wrong.append((malformed, f"no answer: {type(error).__name__}: {error}"))
        answer = None
    recorded = _take(target, malformed, message)
    if answer is not None:
        target.driven.told.append((recorded.key, read_outcome(answer)))


def _take(target: Target, malformed: Malformed, message: Message) -> Message:
    """Take note of a message that the server took; as it is recorded."""
    first = target.driven.sent.get(message.key)
    reused = first is not None and first.fingerprint != message.fingerprint
    recorded = message.without_its_id(Refusal(code="command_id_reused")) if reused else message
    target.report.count(f"as {malformed.how}s")
    kinds = target.report.figures.setdefault("kinds", {})
    kinds[malformed.kind] = kinds.get(malformed.kind, 0) + 1
    target.report.count("bytes", malformed.size)
    target.taken.append((malformed, recorded))
    # As it was sent: whoever decides it anew finds out by itself that its id was used.
    target.driven.sent.setdefault(recorded.key, message)
    return recorded


async def _judge(target: Target) -> None:
    """One verdict for the order, and one for each message that the server took."""
    driven, report = target.driven, target.report
    answers = {
        (row["sender"], row["command_id"]): row["outcome"]
        for row in await target.recourse.pool.fetch(
            "SELECT sender, command_id, outcome FROM answers WHERE order_id = $1", driven.id
        )
    }
    found = await lived(target.recourse.temporal, workflow_id(driven.id))
    report.most("most events of a run", found.events)
    report.most("most bytes of a run", found.size)
    wrong = found.wedged_or_failed + await driven.wrong()
    wrong += [f"an answer to {key}, which nobody sent" for key in answers.keys() - driven.sent.keys()]
    report.judge(f"order {driven.id}", wrong, [_shown(malformed) for malformed, _ in target.taken] if wrong else None)
    unanswered = {id(malformed): why for malformed, why in target.wrong}
    for malformed, message in target.taken:
        problems = [unanswered[id(malformed)]] if id(malformed) in unanswered else []
        answer = answers.get(message.key)
        if answer is None:
            problems.append(f"nothing is recorded of {message.key}")
        elif driven.sent[message.key].unnamed == message.unnamed:
            report.count(f"{answer['status']} {answer.get('code', '')}".strip())
            if malformed.codes and answer.get("code") not in malformed.codes:
                problems.append(f"answered {answer['status']} {answer.get('code')}, not {sorted(malformed.codes)}")
        else:
            report.count("repeated ids")
        report.judge(f"{driven.id}: {malformed.kind} as {malformed.how}", problems, _shown(malformed))


def _shown(malformed: Malformed) -> dict[str, Any]:
    return {
        "name": malformed.name,
        "how": malformed.how,
        "update_id": malformed.update_id,
        "payloads": [
            {"metadata": {key: value[:200].decode("latin-1") for key, value in payload.metadata.items()}}
            | {"data": payload.data[:2_000].decode("latin-1"), "bytes": len(payload.data)}
            for payload in malformed.payloads[:3]
        ],
    }


@asynccontextmanager
async def _healthy_orders(recourse: Recourse, report: Report) -> AsyncIterator[None]:
    """Orders that live as ever, one after the other, as long as the block runs."""
    over = asyncio.Event()
    seconds: list[float] = []

    async def live(place: int) -> None:
        number = 0
        while not over.is_set():
            number += 1
            random = Random(f"{report.seed}-healthy-{place}-{number}")
            policy = with_changes(hurried(some_policy(random), DAY), REACHABLE)
            driven = Driven(recourse, some_opening(random, policy, f"H-{report.seed}-{place}-{number}", day=DAY))
            life = some_life(random, driven.opening, random.choice(MOVES), LONGEST_WAIT)
            wrong = await drive(driven, life, by_clock_alone=False)
            wrong += (await lived(recourse.temporal, workflow_id(driven.id))).wedged_or_failed
            seconds.extend(driven.seconds)
            report.judge(f"healthy order {driven.id}", wrong)
            report.count("healthy orders")

    living = [asyncio.create_task(live(place)) for place in range(HEALTHY)]
    try:
        yield
    finally:
        over.set()
        await asyncio.gather(*living)
    if seconds:
        cut = quantiles(seconds, n=100) if len(seconds) > 1 else seconds * 99
        shown = {"updates": len(seconds), "p50": cut[49], "p99": cut[98], "most": max(seconds)}
        report.figures["seconds until a healthy order answered"] = {name: round(one, 3) for name, one in shown.items()}
        late = [f"an answer after {one:.1f} s" for one in seconds if one > HEALTHY_WITHIN]
        report.judge(f"healthy orders answer within {HEALTHY_WITHIN:g} s", late)


async def _flood(recourse: Recourse, report: Report, size: int) -> None:
    """So many messages on one order at once, from one who may send them: as many as a party may send are recorded, and
    no history without bound."""
    opening = some_opening(Random(f"{report.seed}-flood"), load_policy("resolution_center"), f"L-{report.seed}")
    driven = Driven(recourse, opening)
    await driven.start()
    # More updates than ten at a time are held up by the server itself.
    telling, asking = asyncio.Semaphore(FLOODING), asyncio.Semaphore(UPDATES)

    async def one(number: int) -> None:
        client = {"role": "client", "id": "c-1"}
        said = {"actor": client, "command_id": f"f-{number}", "comment": f"{number} " + "x" * 200}
        if number % 50:
            async with telling:
                await driven.tell("message", said)
        else:
            async with asking:
                await driven.send("message", said)

    await asyncio.gather(*(one(number) for number in range(size)))
    lost = await _all_answered(driven, patience=60 + size / 50)
    found = await lived(recourse.temporal, workflow_id(driven.id))
    told = {
        "messages": size,
        "runs": found.runs,
        "most events of a run": found.events,
        "most bytes of a run": found.size,
    }
    report.figures["flood"] = told
    wrong = found.wedged_or_failed + ([f"{lost} messages were lost"] if lost else []) + await driven.wrong()
    if found.events > FLOOD_EVENTS or found.size > FLOOD_BYTES:
        wrong.append(f"a run of {found.events} events and {found.size} bytes")
    report.judge(f"a flood of {size} messages", wrong)


async def _all_answered(driven: Driven, patience: float) -> int:
    """Wait until everything that was sent is answered; how many were not in all that time."""
    count = "SELECT count(*) FROM answers WHERE order_id = $1"
    # The first that is too much is recorded, too.
    left = expected = min(len(driven.sent), PER_HOUR + 1)
    with suppress(TimeoutError):
        async with asyncio.timeout(patience):
            while left:
                await asyncio.sleep(0.2)
                left = expected - await driven.recourse.pool.fetchval(count, driven.id)
    return left
