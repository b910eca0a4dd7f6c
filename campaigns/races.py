"""Two conflicting commands at the same instant, and a command at the instant of a deadline: exactly one wins.

Conflicts are not listed by hand: two commands conflict where the rules apply exactly one of them, whichever is first.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from campaigns.orders import Driven
from campaigns.random_orders import some_opening, some_policy, something_to_say
from campaigns.report import Report
from recourse.database.orders import read_record
from recourse.resolution.engine import OrderEngine
from recourse.resolution.model.commands import AnyCommand
from recourse.resolution.model.entry import ClockFired
from recourse.resolution.model.order import Opening, Order
from recourse.resolution.model.reading import read_message
from recourse.resolution.rules.clocks import REMINDERS, Clock, clocks, next_clock
from recourse.resolution.rules.decide import decide, decide_clock
from recourse.resolution.rules.decision import Decision
from recourse.resolution.rules.paying import pay_all
from recourse.starter.client import Recourse

Said = tuple[str, dict[str, Any]]
AT_ONCE = 12
LONGEST_WALK = 8
TRIED_SAYINGS = 12
# A window of two days is over after two seconds.
HURRIED_DAY = timedelta(seconds=1)
NEAR = 0.06  # seconds around a deadline
ENOUGH_TIME = timedelta(seconds=1)
TRIES = 60  # orders, most of which are led to where nothing races with a deadline
CHOICE = 4


@dataclass(frozen=True)
class Conflict:
    """A state of an order, told by what leads there, and the two commands that then come at once; or one, against
    the clock that runs out first."""

    opening: Opening
    walk: tuple[Said, ...]
    rivals: tuple[Said, ...]

    @property
    def name(self) -> str:
        """Who meets whom, such as `client accept / freelancer withdraw`."""
        return " / ".join(sorted(f"{fields['actor']['role']} {name}" for name, fields in self.rivals))


async def races(recourse: Recourse, report: Report) -> None:
    """`report.size` pairs of commands, and as many commands against a deadline."""
    places = asyncio.Semaphore(AT_ONCE)
    found = _different_ones(Random(f"{report.seed}-pairs"), report.size, report.seed)

    async def pair(number: int, conflict: Conflict) -> None:
        async with places:
            await _pair(recourse, conflict, report, number)

    async def deadline(number: int) -> None:
        async with places:
            await _deadline(recourse, Random(f"{report.seed}-deadline-{number}"), report, number)

    await asyncio.gather(*(pair(number, conflict) for number, conflict in enumerate(found)))
    await asyncio.gather(*(deadline(number) for number in range(report.size)))


def _different_ones(random: Random, size: int, seed: int) -> list[Conflict]:
    """So many conflicts, as different as they can be found."""
    found: list[Conflict] = []
    seen: Counter[str] = Counter()
    for number in range(size):
        fresh = [_conflict(random, f"race-{seed}-{number}") for _ in range(CHOICE)]
        best = min(fresh, key=lambda conflict: seen[conflict.name])
        seen[best.name] += 1
        found.append(best)
    return found


def _conflict(random: Random, order_id: str) -> Conflict:
    while True:
        opening = some_opening(random, some_policy(random), order_id)
        walk, order = _walk(random, opening)
        now = opening.terms.ordered_at
        sayings = [something_to_say(random, order, now) for _ in range(TRIED_SAYINGS)]
        for one in sayings:
            for other in sayings:
                if one is not other and _exclude_each_other(order, now, one, other):
                    return Conflict(opening, walk, (one, other))
        if random.random() < 0.2 and _after(order, now, sayings[0]) is not None:
            same = {"command_id": "the same id"}
            twice = (sayings[0][0], {**sayings[0][1], **same})
            return Conflict(opening, walk, (twice, twice))


def _walk(random: Random, opening: Opening) -> tuple[tuple[Said, ...], Order]:
    order, walk = OrderEngine(opening).order, []
    for _ in range(random.randint(0, LONGEST_WALK)):
        said = something_to_say(random, order, opening.terms.ordered_at)
        after = _after(order, opening.terms.ordered_at, said)
        if after is not None:
            walk.append(said)
            order = after
    return tuple(walk), order


def _after(order: Order, now: datetime, said: Said) -> Order | None:
    name, fields = said
    command: AnyCommand | None = read_message(name, fields, "tried").command
    decided = decide(order, command, now) if command is not None else None
    return pay_all(decided) if isinstance(decided, Decision) else None


def _exclude_each_other(order: Order, now: datetime, one: Said, other: Said) -> bool:
    after_one, after_other = _after(order, now, one), _after(order, now, other)
    if after_one is None or after_other is None:
        return False
    return _after(after_one, now, other) is None and _after(after_other, now, one) is None


async def _pair(recourse: Recourse, conflict: Conflict, report: Report, number: int) -> None:
    driven = Driven(recourse, conflict.opening)
    await driven.start()
    for name, fields in conflict.walk:
        await driven.send(name, fields)
    outcomes = await asyncio.gather(*(driven.send(name, fields) for name, fields in conflict.rivals))
    wrong = await driven.wrong()
    won = [outcome.applied and not outcome.repeated for outcome in outcomes]
    if sum(won) != 1:
        wrong.append(f"{sum(won)} of two won: {[outcome.model_dump() for outcome in outcomes]}")
    if len({outcome.entry for outcome in outcomes}) != 2 and not any(one.repeated for one in outcomes):
        wrong.append("the two did not get answers of their own")
    report.count("pairs")
    report.count("pairs of different kinds", conflict.name not in report.figures.setdefault("kinds", {}))
    report.figures["kinds"][conflict.name] = report.figures["kinds"].get(conflict.name, 0) + 1
    report.count(f"won by the {'first' if won[0] else 'second'} sent")
    report.judge(f"pair {number}: {conflict.name}", wrong, _evidence(driven))


async def _deadline(recourse: Recourse, random: Random, report: Report, number: int) -> None:
    for attempt in range(TRIES):
        opening = some_opening(
            random, some_policy(random, HURRIED_DAY), f"deadline-{report.seed}-{number}-{attempt}", day=HURRIED_DAY
        )
        walk, _ = _walk(random, opening)
        driven = Driven(recourse, opening)
        await driven.start()
        for name, fields in walk:
            await driven.send(name, fields)
        order = await driven.order()
        met = next(_rivals_of_the_clock(random, order), None) if order else None
        if met is None:
            continue
        clock, (name, fields) = met
        await _wait_for(clock, random.uniform(-NEAR, NEAR))
        outcome = await driven.send(name, fields)
        await driven.until(_without(clock))
        wrong = await driven.wrong()
        said = [entry.parsed for entry in await read_record(recourse.pool, driven.id)]
        clocks = [(one.command, one.due_at) for one in said if isinstance(one, ClockFired)]
        fired = [one for one in clocks if one == (clock.name, clock.at)]
        if outcome.applied + len(fired) != 1:
            wrong.append(f"{name} was answered {outcome.model_dump()}, and {clock.name} fired {len(fired)} times")
        report.count("deadlines")
        report.count(f"won by the {'command' if outcome.applied else 'clock'}")
        report.judge(f"deadline {number}: {name} / {clock.name}", wrong, _evidence(driven))
        return
    report.judge(f"deadline {number}", ["no command that its deadline excludes was found in time"])


def _rivals_of_the_clock(random: Random, order: Order) -> Iterator[tuple[Clock, Said]]:
    """Commands that would be applied before the next clock and refused after it, and that would stop it."""
    clock, now = next_clock(order), datetime.now(UTC)
    if clock is None or clock.name in REMINDERS or clock.name == "dormancy" or clock.at - now < ENOUGH_TIME:
        return
    after = pay_all(decide_clock(order, clock, clock.at))
    for _ in range(TRIED_SAYINGS):
        said = something_to_say(random, order, now)
        stopped = _after(order, now, said)
        if stopped is not None and clock not in clocks(stopped) and _after(after, clock.at, said) is None:
            yield clock, said


def _without(clock: Clock) -> Callable[[Order], bool]:
    return lambda order: clock not in clocks(order)


async def _wait_for(clock: Clock, offset: float) -> None:
    await asyncio.sleep((clock.at - datetime.now(UTC)).total_seconds() + offset)


def _evidence(driven: Driven) -> dict[str, Any]:
    return {
        "opening": driven.opening.model_dump(mode="json"),
        "sent": [message.model_dump(mode="json", exclude={"command"}) for message in driven.sent.values()],
        "told": [outcome.model_dump() for _, outcome in driven.told],
    }
