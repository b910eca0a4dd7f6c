"""Whether what the database holds of an order is what the rules alone make of the same commands.

The pure engine is led through the order's record: the same commands and clocks, in the same order, at the same
instants. What it then has must be what the database has, to the last byte: record, money, notices, answers, state.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Any

from recourse.database.orders import read_order, read_record
from recourse.resolution.engine import Decided, OrderEngine
from recourse.resolution.model.entry import AppliedEntry, ClockFired, RefusedEntry
from recourse.resolution.model.reading import Message
from recourse.resolution.model.step import RecordEntry, Step

Sent = Mapping[tuple[str, str], Message]
_SHOWN = 5  # differences of one order


class Unexplained(Exception):
    """An entry that the rules cannot have led to; the text says why."""


async def differences(pool: Any, order_id: str, sent: Sent) -> list[str]:
    """What the database has of an order and the rules alone would not; `sent` is every message by sender and id."""
    # One snapshot: the order may go on meanwhile.
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        return await _differences(connection, order_id, sent)


async def _differences(connection: Any, order_id: str, sent: Sent) -> list[str]:
    stored = await read_order(connection, order_id)
    if stored is None:
        return ["the order is not in the database"]
    ledger = await _rows(connection, _LEDGER, order_id)
    notices = await _rows(connection, _NOTICES, order_id)
    answers = await _rows(connection, _ANSWERS, order_id)
    again = _Again(
        OrderEngine(stored.order.opening),
        sent,
        {(row["sender"], row["command_id"]): row["step"] for row in answers},
        sorted({row["step"] for row in (*ledger, *notices)}),
    )
    for entry in await read_record(connection, order_id):
        try:
            redone = again.redo(entry)
        except Unexplained as why:
            return [f"entry {entry.number}: {why}"]
        if redone != entry:
            return list(_unlike(f"entry {entry.number}", redone, entry))
    wrong = [
        *_unlike("the state", again.engine.order, stored.order),
        *_unlike_rows("ledger line", _ledger(again.steps), ledger),
        *_unlike_rows("notice", _notices(again.steps), notices),
        *_unlike_rows("answer", _answers(again.steps), answers),
    ]
    if stored.step < again.engine.steps - 1:
        wrong.append(f"the order is at step {stored.step}, and has written {again.engine.steps - 1}")
    return wrong[:_SHOWN]


class _Again:
    """One order, led by the rules alone through what its record says.

    Steps in which nothing happened that anybody is told leave no entry, so the number of each step is taken from what
    it left: `answered` has that of each answered message, `leaving` all that left a ledger line or a notice.
    """

    def __init__(
        self, engine: OrderEngine, sent: Sent, answered: Mapping[tuple[str, str], int], leaving: Sequence[int]
    ) -> None:
        self.engine, self._sent, self._answered, self._leaving = engine, sent, answered, leaving
        self.steps = [engine.commit(engine.opening())]

    def redo(self, entry: RecordEntry) -> RecordEntry | None:
        """What the rules make of the command or clock of `entry`. Raises Unexplained."""
        said = entry.parsed
        failed = not isinstance(said, RefusedEntry) and any(event.event == "payment_failed" for event in said.events)
        after = self.engine.steps
        if isinstance(said, ClockFired):
            decided = self._clock(said, entry.at)
            number = next((step for step in self._leaving if step >= after), after)
        else:
            decided = self._command(said, entry.at)
            number = self._answered.get(decided.message.key if decided.message else ("", ""), after)
        self.engine.steps = number
        step = self.engine.apply(decided, paid=not failed)
        if not (step.answer or step.ledger or step.notices):
            self.engine.steps = after + 1
        self.steps.append(step)
        return step.entry

    def _clock(self, said: ClockFired, at: datetime) -> Decided:
        name, due_at = said.command, said.due_at
        if name == "settlement_retry" and self.engine.order.retry_at is not None:
            # One that failed again is in no entry, only when it is tried next.
            self.engine.order = self.engine.order.model_copy(update={"retry_at": due_at})
        clock = self.engine.due(at)
        if clock is None:
            raise Unexplained(f"{name} fired, but no clock is due")
        if (clock.name, clock.at) != (name, due_at):
            raise Unexplained(f"{name} of {due_at} fired, not {clock.name} of {clock.at}")
        return self.engine.fire(clock, at)

    def _command(self, said: AppliedEntry | RefusedEntry, at: datetime) -> Decided:
        name, actor = said.command, said.actor
        key = (f"{actor.role}:{actor.id}" if actor else "unknown:", said.command_id)
        message = self._sent.get(key)
        if message is None:
            raise Unexplained(f"nobody sent {name} as {key}")
        if self.engine.first_answer(message):
            raise Unexplained(f"{name} was decided twice for {key}")
        first = self.engine.due(at, message)
        if first is not None:
            raise Unexplained(f"{name} was decided before {first.name}, which came first, at {first.at}")
        return self.engine.decide(message, at)


_LEDGER = "SELECT step, line, account, amount FROM ledger_entries WHERE order_id = $1 ORDER BY step, line"
_NOTICES = (
    'SELECT id, step, line, receiver AS "to", name, at, body FROM notices WHERE order_id = $1 ORDER BY step, line'
)
_ANSWERS = "SELECT step, sender, command_id, outcome FROM answers WHERE order_id = $1 ORDER BY step"


Row = dict[str, Any]


async def _rows(connection: Any, query: str, order_id: str) -> list[Row]:
    return [dict(row) for row in await connection.fetch(query, order_id)]


def _ledger(steps: Sequence[Step]) -> list[Row]:
    return [
        {"step": step.number, "line": number, **line.model_dump()}
        for step in steps
        for number, line in enumerate(step.ledger, start=1)
    ]


def _notices(steps: Sequence[Step]) -> list[Row]:
    return [
        {"step": step.number, "line": number, **dict(notice), "body": notice.body.model_dump(mode="json")}
        for step in steps
        for number, notice in enumerate(step.notices, start=1)
    ]


def _answers(steps: Sequence[Step]) -> list[Row]:
    return [{"step": step.number, **step.answer.model_dump(mode="json")} for step in steps if step.answer is not None]


def _unlike(what: str, rules: Any, database: Any) -> Iterator[str]:
    if rules != database:
        yield f"{what}: by the rules {rules!r}, in the database {database!r}"


def _unlike_rows(what: str, rules: Sequence[Any], database: Sequence[Any]) -> Iterator[str]:
    for number, (ours, theirs) in enumerate(zip_longest(rules, database), start=1):
        yield from _unlike(f"{what} {number}", ours, theirs)
