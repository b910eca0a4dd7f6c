"""Whether what the database holds of an order is what the rules alone make of the same commands.

The pure engine is led through the order's record: the same commands and clocks, in the same order, at the same
instants. What it then has must be what the database has, to the last byte: record, money, notices, answers, state.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any

from recourse.database.orders import read_order, read_record
from recourse.resolution.engine import Decided, OrderEngine, Plan
from recourse.resolution.model.entry import AppliedEntry, ClockFired, RefusedEntry
from recourse.resolution.model.opening_state import Imported
from recourse.resolution.model.order import Opening, read_state, write_state
from recourse.resolution.model.outcome import Refused
from recourse.resolution.model.payment_events import LegPaid, LegsFailed
from recourse.resolution.model.payments import ACCOUNTS, Leg, LegAnswer
from recourse.resolution.model.reading import Message
from recourse.resolution.model.step import RecordEntry, Step
from recourse.resolution.shown.answering import IMPORTED

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
    instants = {row["step"]: row["at"] for row in await connection.fetch(_INSTANTS, order_id)}
    notices = await _rows(connection, _NOTICES, order_id)
    answers = await _rows(connection, _ANSWERS, order_id)
    record = await read_record(connection, order_id)
    again = _Again(
        *_begun(stored.order.opening, record),
        sent,
        {(row["sender"], row["command_id"]): row["step"] for row in answers},
        sorted({row["step"] for row in (*ledger, *notices)}),
        Paid(instants, ledger, {leg.id: leg for leg in stored.order.legs}),
    )
    for entry in record:
        try:
            redone = again.redo(entry)
        except Unexplained as why:
            return [f"entry {entry.number}: {why}"]
        if redone != entry:
            return list(_unlike(f"entry {entry.number}", redone, entry))
    wrong = [
        # As a step writes it: with what it needs.
        *_unlike("the state", read_state(write_state(again.engine.order)), stored.order),
        *_unlike_rows("ledger line", _ledger(again.steps), ledger),
        *_unlike_rows("notice", _notices(again.steps), notices),
        *_unlike_rows("answer", _answers(again.steps), answers),
    ]
    if stored.step < again.engine.steps - 1:
        wrong.append(f"the order is at step {stored.step}, and has written {again.engine.steps - 1}")
    return wrong[:_SHOWN]


def _begun(opening: Opening, record: Sequence[RecordEntry]) -> tuple[OrderEngine, Plan]:
    """How an order began: here, or elsewhere, as its first entry says."""
    first = record[0].parsed if record else None
    imported = first.events[0] if isinstance(first, AppliedEntry) and first.command == IMPORTED else None
    if isinstance(imported, Imported):
        opening = opening.model_copy(update={"state": imported.state})
    engine = OrderEngine(opening)
    return engine, engine.opening(record[0].at if imported else None)


@dataclass(frozen=True)
class Paid:
    """What was paid: the instants of the ledger's steps, its lines, and each leg as it is now."""

    instants: Mapping[int, datetime]
    ledger: Sequence[Mapping[str, Any]]
    legs: Mapping[str, Leg]

    def by_account(self, step: int) -> dict[str, int]:
        """What one step moved, by account."""
        return {row["account"]: row["amount"] for row in self.ledger if row["step"] == step}


class _Again:
    """One order, led by the rules alone through what its record says.

    Steps in which nothing happened that anybody is told leave no entry, so the number of each step is taken from what
    it left: `answered` has that of each answered message, `leaving` all that left a ledger line or a notice. What the
    payment provider said when it was asked first leaves no entry either: it is taken from what was `paid`.
    """

    def __init__(
        self,
        engine: OrderEngine,
        first: Plan,
        sent: Sent,
        answered: Mapping[tuple[str, str], int],
        leaving: Sequence[int],
        paid: Paid,
    ) -> None:
        self.engine, self._sent, self._answered, self._leaving, self._paid = engine, sent, answered, leaving, paid
        self.steps = [engine.commit(first)]

    def redo(self, entry: RecordEntry) -> RecordEntry | None:
        """What the rules make of the command or clock of `entry`. Raises Unexplained."""
        said = entry.parsed
        after = self.engine.steps
        if after == 1 and (came := self.steps[0].entry) and entry.number == came.number:
            return came
        if isinstance(said, ClockFired) and said.command == "settlement_retry":
            return self._retried(said, entry.at)
        if isinstance(said, ClockFired):
            decided = self._clock(said, entry.at)
            number = next((step for step in self._leaving if step >= after), after)
        else:
            decided = self._command(said, entry.at)
            number = self._answered.get(decided.message.key if decided.message else ("", ""), after)
        self.engine.steps = number
        step = self.engine.apply(decided)
        if not (step.answer or step.ledger or step.notices):
            self.engine.steps = after + 1
        self.steps.append(step)
        self._asked_first(entry.at)
        return step.entry

    def _asked_first(self, at: datetime) -> None:
        """What the provider said to a payment that was just made, where it was asked."""
        engine, known = self.engine, self._paid.legs
        legs = engine.asks(at)
        if not any(known[leg.id].attempts > leg.attempts for leg in legs if leg.id in known):
            return
        step = next((one for one in self._leaving if one >= engine.steps), engine.steps)
        left, answers = self._paid.by_account(step), dict[str, LegAnswer]()
        # Those that it was asked for before came late, if at all: what is left of the ledger's line is theirs.
        for leg in sorted(legs, key=lambda leg: leg.attempts):
            now = known[leg.id]
            if leg.amount <= left.get(ACCOUNTS[leg.name], 0) and (leg.attempts or now.attempts == 1):
                left[ACCOUNTS[leg.name]] -= leg.amount
                answers[leg.id] = LegAnswer(status="done", reference=now.reference)
        engine.steps = step if answers else engine.steps
        self.steps.append(engine.commit(engine.plan_answers(answers, self._paid.instants[step] if answers else at)))

    def _retried(self, said: ClockFired, at: datetime) -> RecordEntry | None:
        """A later round, of which the entry says what came of it; those in vain are in no entry."""
        engine, order = self.engine, self.engine.order
        paid = [event.leg for event in said.events if isinstance(event, LegPaid)]
        failed = next((event for event in said.events if isinstance(event, LegsFailed)), None)
        tries = int((failed.retry_at - at) / timedelta(minutes=1)).bit_length() - 1 if failed else 1
        legs = tuple(
            leg.model_copy(update={"attempts": self._paid.legs[leg.id].attempts - 1}) if leg.id in paid else leg
            for leg in order.legs
        )
        engine.order = order.model_copy(update={"legs": legs, "retry_at": said.due_at, "retries": tries})
        engine.steps = next((step for step in self._leaving if step >= engine.steps), engine.steps)
        answers = {leg: LegAnswer(status="done", reference=self._paid.legs[leg].reference) for leg in paid}
        step = engine.commit(engine.plan_answers(answers, at))
        self.steps.append(step)
        return step.entry

    def _clock(self, said: ClockFired, at: datetime) -> Decided:
        name, due_at = said.command, said.due_at
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
        if said.counted_at is not None:
            # When a message came in, only the record says.
            message = message.model_copy(update={"sent_at": said.counted_at})
        if self.engine.first_answer(message):
            raise Unexplained(f"{name} was decided twice for {key}")
        first = self.engine.due(at, message)
        if first is not None:
            raise Unexplained(f"{name} was decided before {first.name}, which came first, at {first.at}")
        limited = self.engine.limited(message, at)
        if isinstance(limited, Refused):
            raise Unexplained(f"{name} was recorded for {key}, who had sent too much")
        return self.engine.decide(limited, at)


_INSTANTS = "SELECT DISTINCT step, at FROM ledger_entries WHERE order_id = $1"
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
