"""Whether what the database holds of an order is what the rules alone make of the same commands.

The pure engine is led through the order's record: the same commands and clocks, in the same order, at the same
instants. What it then has must be what the database has, to the last byte: record, money, notices, answers, state.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Any

from database.orders import read_order, read_record
from resolution.clocks import Clock, next_clock
from resolution.commands import Message
from resolution.process import Desk, Draft
from resolution.step import RecordEntry, Step

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
    entries = await read_record(connection, order_id)
    again = _Again(Desk(stored.order.opening), sent, in_vain=stored.step - len(entries))
    for entry in entries:
        try:
            redone = again.redo(entry)
        except Unexplained as why:
            return [f"entry {entry.number}: {why}"]
        if redone != entry:
            return list(_unlike(f"entry {entry.number}", redone, entry))
    steps = again.steps
    wrong = [
        *_unlike("the state", again.desk.order, stored.order),
        *_unlike("the number of steps", len(steps) - 1, stored.step),
        *_unlike_rows("ledger line", _ledger(steps), await _rows(connection, _LEDGER, order_id)),
        *_unlike_rows("notice", _notices(steps), await _rows(connection, _NOTICES, order_id)),
        *_unlike_rows("answer", _answers(steps), await _rows(connection, _ANSWERS, order_id)),
    ]
    return wrong[:_SHOWN]


class _Again:
    """One order, led by the rules alone through what its record says. `in_vain`: so many payments failed again, each
    of which left a step and nothing in the record."""

    def __init__(self, desk: Desk, sent: Sent, in_vain: int) -> None:
        self.desk, self._sent, self._in_vain = desk, sent, in_vain
        self.steps = [desk.opening_step()]

    def redo(self, entry: RecordEntry) -> RecordEntry | None:
        """What the rules make of the command or clock of `entry`. Raises Unexplained."""
        draft = self._clock(entry) if "due_at" in entry.content else self._command(entry)
        failed = any(event["event"] == "payment_failed" for event in entry.content.get("events", ()))
        self.steps.append(self.desk.finish(draft, paid=not failed))
        return self.steps[-1].entry

    def _clock(self, entry: RecordEntry) -> Draft:
        name, due_at = entry.content["command"], datetime.fromisoformat(entry.content["due_at"])
        if name == "settlement_retry":
            self._retry_in_vain(due_at)
        clock = self.desk.next_thing([], entry.at)
        if clock is None or isinstance(clock, int):
            raise Unexplained(f"{name} fired, but no clock is due")
        if (clock.name, clock.at) != (name, due_at):
            raise Unexplained(f"{name} of {due_at} fired, not {clock.name} of {clock.at}")
        return self.desk.fire(clock, entry.at)

    def _command(self, entry: RecordEntry) -> Draft:
        name, actor = entry.content["command"], entry.content["actor"]
        key = (f"{actor['role']}:{actor['id']}" if actor else "unknown:", entry.content["command_id"])
        message = self._sent.get(key)
        if message is None:
            raise Unexplained(f"nobody sent {name} as {key}")
        if self.desk.repeated(message):
            raise Unexplained(f"{name} was decided twice for {key}")
        first = self.desk.next_thing([message], entry.at)
        if isinstance(first, Clock):
            raise Unexplained(f"{name} was decided before {first.name}, which came first, at {first.at}")
        return self.desk.take(message, entry.at)

    def _retry_in_vain(self, due_at: datetime) -> None:
        clock = next_clock(self.desk.order)
        while self._in_vain and clock is not None and clock.name == "settlement_retry" and clock.at != due_at:
            self.steps.append(self.desk.finish(self.desk.fire(clock, clock.at), paid=False))
            self._in_vain -= 1
            if not self._in_vain:
                # When it was tried in vain is not told, only when it is tried next.
                self.desk.order = self.desk.order.model_copy(update={"retry_at": due_at})
            clock = next_clock(self.desk.order)


_LEDGER = "SELECT step, line, account, amount FROM ledger_entries WHERE order_id = $1 ORDER BY step, line"
_NOTICES = "SELECT id, step, line, receiver, name, at, body FROM notices WHERE order_id = $1 ORDER BY step, line"
_ANSWERS = "SELECT step, sender, command_id, outcome FROM answers WHERE order_id = $1 ORDER BY step"


async def _rows(connection: Any, query: str, order_id: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await connection.fetch(query, order_id)]


def _ledger(steps: Sequence[Step]) -> list[tuple[Any, ...]]:
    return [
        (step.number, number, line.account, line.amount)
        for step in steps
        for number, line in enumerate(step.ledger, start=1)
    ]


def _notices(steps: Sequence[Step]) -> list[tuple[Any, ...]]:
    return [
        (notice.id, step.number, number, notice.to, notice.name, notice.at, notice.body)
        for step in steps
        for number, notice in enumerate(step.notices, start=1)
    ]


def _answers(steps: Sequence[Step]) -> list[tuple[Any, ...]]:
    return [
        (step.number, step.answer.sender, step.answer.command_id, step.answer.outcome)
        for step in steps
        if step.answer is not None
    ]


def _unlike(what: str, rules: Any, database: Any) -> Iterator[str]:
    if rules != database:
        yield f"{what}: by the rules {rules!r}, in the database {database!r}"


def _unlike_rows(what: str, rules: Sequence[Any], database: Sequence[Any]) -> Iterator[str]:
    for number, (ours, theirs) in enumerate(zip_longest(rules, database), start=1):
        yield from _unlike(f"{what} {number}", ours, theirs)
