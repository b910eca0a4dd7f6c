"""What workers say to the database, kept so that those of a former version still find it as they need it.

`former/1.sql` has the statements and `former/1.json.gz` the calls and answers of one session of a worker: some orders
led to their ends, a step and a command that come twice, notices that are taken and one that is not. A later version of
the worker stands beside it as `2.sql` and `2.json.gz`; `python -m tests.database.former_worker` adds it.
"""

import asyncio
import gzip
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import asyncpg

from recourse.activities.extensions import NotDelivered
from recourse.activities.notifying import Notifying
from recourse.database.migrate import migrate, migrations
from recourse.database.orders import read_answer
from recourse.database.pool import connect
from recourse.database.steps import record_step
from recourse.local.postgres import postgres
from recourse.resolution.model.step import Step
from tests.facts.lives import Life, live

FOLDER = Path(__file__).parent / "former"
# Stands in the ids of the kept orders; whoever plays a session puts something of its own there.
MARK = "o-former"
_BETWEEN = "\n;\n"
LIVES = 3


@dataclass(frozen=True)
class Call:
    """One statement with its arguments, and the rows that came back. Arguments and rows are as JSON has them."""

    sql: str
    arguments: Sequence[Any]
    rows: Sequence[Any]


@dataclass(frozen=True)
class Session:
    """What a worker said to the database, one after the other."""

    name: str
    calls: Sequence[Call]

    @property
    def statements(self) -> list[str]:
        return sorted({call.sql for call in self.calls})

    @property
    def given(self) -> set[str]:
        """The places of a step that reach columns, such as `facts.gross`; what is inside the order is its own."""
        steps = [a for call in self.calls for a in call.arguments if isinstance(a, dict) and "summary" in a]
        return set().union(*({*step, *_within(step)} for step in steps))

    async def play(self, connection: Any, mark: str) -> None:
        """Say it again, for orders with `mark` in their ids. Raises AssertionError where the answers are others."""
        for call in self.calls:
            arguments = [_from_json(one) for one in json.loads(json.dumps(call.arguments).replace(MARK, mark))]
            rows = _as_json(await connection.fetch(call.sql, *arguments))
            assert rows == json.loads(json.dumps(call.rows).replace(MARK, mark)), call.sql


def former() -> list[Session]:
    """The kept sessions, the newest last."""
    return [_read(path.stem) for path in sorted(FOLDER.glob("*.sql"), key=lambda path: int(path.stem))]


async def listen(dsn: str) -> Session:
    """A session of today's worker on a database of its own."""
    pool = await connect(dsn)
    try:
        heard = _Heard(pool)
        await _work(heard)
        return Session("today", heard.calls)
    finally:
        await pool.close()


# The first files came together, before any worker; the last of them hands the tables over, which locks them all.
STARTED_WITH = 5


async def first_level(dsn: str, session: Session) -> int:
    """How many migrations there must be for every statement of a session; the empty database at `dsn` gets them."""
    server = await asyncpg.connect(dsn)
    try:
        for level in range(STARTED_WITH, len(migrations()) + 1):
            await migrate(dsn, migrations()[:level])
            try:
                for statement in session.statements:
                    await server.prepare(statement)
            except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
                continue
            return level
    finally:
        await server.close()
    raise AssertionError(f"a statement of former/{session.name}.sql works at no level of the database")


class _Heard:
    """A pool that keeps what it is asked."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool
        self.calls: list[Call] = []

    async def fetch(self, sql: str, *arguments: Any) -> list[Any]:
        rows: list[Any] = await self.pool.fetch(sql, *arguments)
        self.calls.append(Call(sql, [_to_json(one) for one in arguments], _as_json(rows)))
        return rows

    async def fetchrow(self, sql: str, *arguments: Any) -> Any:
        rows = await self.fetch(sql, *arguments)
        return rows[0] if rows else None

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        row = await self.fetchrow(sql, *arguments)
        return row[0] if row else None

    async def execute(self, sql: str, *arguments: Any) -> None:
        await self.fetch(sql, *arguments)


class _Channel:
    """Reaches everybody, but refuses its first notice; meanwhile somebody else tries to send it too."""

    name = "webhook"
    whole_steps = False

    def __init__(self, pool: _Heard, order_id: str) -> None:
        self.other = Notifying(pool, [self])
        self.order_id = order_id
        self.refused = False

    def receivers(self, contacts: Any) -> dict[Any, str]:
        return dict.fromkeys(("client", "freelancer", "operator"), "everybody")

    async def send(self, notice: Any, receiver: str, about: Any) -> None:
        if not self.refused:
            self.refused = True
            await self.other.deliver(self.order_id, within=timedelta(minutes=2))
            raise NotDelivered("it was refused", answer="no")

    async def close(self) -> None:
        pass


async def _work(pool: _Heard) -> None:
    for life in lives():
        for step in life.steps:
            assert await record_step(pool, step) is None
        order_id = life.opening.terms.order_id
        assert await record_step(pool, life.steps[1]) is not None
        answer = next(step.answer for step in life.steps if step.answer)
        assert await read_answer(pool, order_id, answer.sender, answer.command_id) == answer.outcome
        notifying = Notifying(pool, [_Channel(pool, order_id)])
        assert (await notifying.deliver(order_id, within=timedelta(minutes=2))).failures
        assert not (await notifying.deliver(order_id, within=timedelta(minutes=2))).failures


def lives() -> list[Life]:
    """Orders that between them have a part of every kind: notices, money, facts, and facts that are taken back."""
    found = (live(Random(seed), order_id=f"{MARK}-{seed}") for seed in itertools.count(30))
    reopened = (life for life in found if any(step.reopened for step in life.steps))
    return [*itertools.islice(found, LIVES), next(reopened)]


def _within(step: dict[str, Any]) -> set[str]:
    parts = {name: step[name] for name in ("summary", "entry", "answer", "facts")}
    lists = {name: one for name in ("ledger", "notices") for one in step[name]}
    return {f"{name}.{key}" for name, part in {**parts, **lists}.items() for key in part or ()}


def _to_json(argument: Any) -> Any:
    if isinstance(argument, Step):
        return argument.model_dump(mode="json")
    return {"seconds": argument.total_seconds()} if isinstance(argument, timedelta) else argument


def _from_json(argument: Any) -> Any:
    if isinstance(argument, dict) and argument.keys() == {"seconds"}:
        return timedelta(seconds=argument["seconds"])
    return argument


def _as_json(rows: Sequence[Any]) -> list[Any]:
    """Rows without what is measured: how long a notice waited is another number each time."""
    return [
        json.loads(json.dumps([None if isinstance(one, float) else one for one in row.values()], default=str))
        for row in rows
    ]


def _read(name: str) -> Session:
    statements = (FOLDER / f"{name}.sql").read_text(encoding="utf-8").split(_BETWEEN)
    calls = json.loads(gzip.decompress((FOLDER / f"{name}.json.gz").read_bytes()))
    return Session(name, [Call(statements[number], arguments, rows) for number, arguments, rows in calls])


def keep(session: Session) -> str:
    """Keep a session beside the former ones, unless it is as the newest; says what was done."""
    known = former()
    if known and (known[-1].statements, known[-1].given) == (session.statements, session.given):
        return f"as before: {FOLDER.name}/{known[-1].name}.sql"
    name, statements = str(len(known) + 1), session.statements
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.sql").write_text(_BETWEEN.join(statements), encoding="utf-8")
    calls = [[statements.index(call.sql), call.arguments, call.rows] for call in session.calls]
    (FOLDER / f"{name}.json.gz").write_bytes(gzip.compress(json.dumps(calls).encode(), mtime=0))
    return f"kept: {FOLDER.name}/{name}.sql"


async def _main() -> None:
    async with postgres() as dsn:
        await migrate(dsn)
        print(keep(await listen(dsn)))  # noqa: T201 - a command's output


if __name__ == "__main__":
    asyncio.run(_main())
