"""Reading orders: where each stands, what can be done, what a command would lead to, what was recorded and told."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from recourse.database.access import PAGE
from recourse.database.changes import START, Change, Changes, Feed
from recourse.database.displays import read_display, read_displays, write_display
from recourse.database.erasing import Erased, erased_of
from recourse.database.lists import (
    ANY,
    ListedOrder,
    Member,
    Wanted,
    list_orders,
    read_group,
    read_orders,
    read_parties,
)
from recourse.database.orders import (
    begin_export,
    entry_of_offer,
    last_entries,
    read_export,
    read_notices,
    read_order,
    record_pages,
)
from recourse.errors import NoSuchGroup, NoSuchOrder
from recourse.resolution.model.display import Display
from recourse.resolution.model.notice import Notice
from recourse.resolution.model.order import Order
from recourse.resolution.model.reading import read_message
from recourse.resolution.model.record import ExportedEntry, Reader, exported_entry
from recourse.resolution.model.step import RecordEntry
from recourse.resolution.model.vocabulary import Party
from recourse.resolution.shown.groups import GroupView, group_view
from recourse.resolution.shown.looking_ahead import (
    Actions,
    Ahead,
    WouldBeRefused,
    available_actions,
    opens_later,
    preview,
)
from recourse.resolution.shown.views import OrderView, view
from recourse.runtime.database_connection import database, explaining_database_errors
from recourse.runtime.settings import Settings, read_settings
from recourse.runtime.signing import RecordSigner, export_signatures, read_signer, sign_export
from recourse.starter.messages import stamped

SOON_WRITTEN = 2.0  # seconds
# A worker fires a clock within seconds; one that restarts, or waits for a database, takes a little longer.
STUCK_AFTER = timedelta(minutes=5)
FOLLOWING = 60.0  # seconds until a follower asks again


def now() -> datetime:
    """The clock of this machine."""
    return datetime.now(UTC)


class StoredOrder:
    """One order, as PostgreSQL has it. All methods raise DatabaseUnreachable where the database does not answer."""

    def __init__(
        self, pool: Any, order_id: str, now: Callable[[], datetime], signer: RecordSigner | None = None
    ) -> None:
        self.pool = pool
        self.id = order_id
        self._now = now
        self._signer = signer

    async def state(self) -> Order:
        """The order as of its last step. Raises NoSuchOrder."""
        with explaining_database_errors():
            stored = await read_order(self.pool, self.id)
        if stored is None:
            raise NoSuchOrder(f"There is no order {self.id}.")
        return stored.order

    async def soon_written(self) -> bool:
        """Whether an order that has started can be read; a worker writes it within milliseconds, unless all of them
        are away."""
        try:
            async with asyncio.timeout(SOON_WRITTEN):
                with explaining_database_errors():
                    while await read_parties(self.pool, self.id) is None:  # noqa: ASYNC110 - it is in the database
                        await asyncio.sleep(0.02)
        except TimeoutError:
            return False
        return True

    async def show(self, reader: Reader) -> OrderView:
        """The order's page as one role sees it now. Raises NoSuchOrder."""
        shown = view(await self.state(), reader, self._now())
        return shown.model_copy(update={"display": await self.display()})

    async def display(self) -> Display | None:
        """What people call it; None where it has no name of its own."""
        with explaining_database_errors():
            return await read_display(self.pool, self.id)

    async def set_display(self, display: Display) -> None:
        """Replace what people call it. Raises NoSuchOrder."""
        with explaining_database_errors():
            if await read_parties(self.pool, self.id) is None:
                raise NoSuchOrder(f"There is no order {self.id}.")
            await write_display(self.pool, self.id, display)

    async def actions(self, role: Reader, operator: str | None = None) -> Actions:
        """What a role can do now, with bounds and until when, and what opens later. Raises NoSuchOrder.

        `operator` is the id of the operator who asks: the author of a ruling cannot decide its appeal.
        """
        order, now = await self.state(), self._now()
        if role == "operator":
            known = {"operator": operator} if operator else {}
            return Actions(actions=available_actions(order, role, now, **known), available_at={})
        return Actions(actions=available_actions(order, role, now), available_at=opens_later(order, role, now))

    async def preview(self, command: str, fields: Mapping[str, Any]) -> Ahead | WouldBeRefused:
        """What a command would lead to, without doing it. Raises NoSuchOrder."""
        now = self._now()
        message = read_message(command, stamped(fields, now), "preview")
        role = message.actor.role if message.actor else "client"
        reader: Reader = "client" if role == "system" else role
        return preview(await self.state(), message, now, reader)

    async def record(self, reader: Reader, *, signed: bool = True) -> dict[str, Any]:
        """The record as one role may read it; it verifies offline. Raises NoSuchOrder.

        `signed`: with the proofs that somebody else needs, and signatures if a signer is set.
        """
        with explaining_database_errors():
            exported = await read_export(self.pool, self.id, reader, self._now(), proofs=signed)
        if exported is None:
            raise NoSuchOrder(f"There is no order {self.id}.")
        return await sign_export(exported, self._signer if signed else None)

    async def record_text(self, reader: Reader) -> AsyncIterator[str]:
        """The same as JSON text, piece by piece, however long the record is. Raises NoSuchOrder before the first."""
        with explaining_database_errors():
            text = await begin_export(self.pool, self.id, reader, self._now())
            if text is None:
                raise NoSuchOrder(f"There is no order {self.id}.")
            yield text.beginning()
            async for entries in record_pages(self.pool, self.id):
                yield text.entries(entries)
        yield text.rest()
        sealed = (text.exported_at, text.seal)
        signer = self._signer
        yield text.end(
            await export_signatures(signer, text.order_id, text.count, text.head, sealed) if signer else None
        )

    async def entries(self, order: Order, reader: Reader, *, before: int | None, limit: int) -> list[ExportedEntry]:
        """The last so many entries of its record, or those before number `before`, as one role may read them."""
        with explaining_database_errors():
            entries = await last_entries(self.pool, self.id, before, limit)
        return [_as_read(order, entry, reader) for entry in entries]

    async def entry_of_offer(self, order: Order, reader: Reader, version: int) -> ExportedEntry | None:
        """The entry that put the offer of this version on the table, as one role may read it."""
        with explaining_database_errors():
            entry = await entry_of_offer(self.pool, self.id, version)
        return _as_read(order, entry, reader) if entry else None

    async def erased(self) -> list[Erased]:
        """What was erased of it, for operators; also where the whole order was."""
        with explaining_database_errors():
            return await erased_of(self.pool, self.id)

    async def notices(self, reader: Reader, *, after: str = "", limit: int | None = None) -> list[Notice]:
        """What one role was told, or a page of it behind the notice with the id `after`. Raises NoSuchOrder."""
        await self.state()
        with explaining_database_errors():
            return await read_notices(self.pool, self.id, reader, after=after, limit=limit)


def _as_read(order: Order, entry: RecordEntry, reader: Reader) -> ExportedEntry:
    return ExportedEntry.model_validate(exported_entry(order.opening, entry, reader))


class StoredGroup:
    """The orders of a group, as PostgreSQL has them. All methods raise DatabaseUnreachable where that is away."""

    def __init__(self, pool: Any, group: str, now: Callable[[], datetime]) -> None:
        self.pool = pool
        self.id = group
        self._now = now

    async def members(self, party: Party | None = None, party_id: str = "") -> list[Member]:
        """Its orders by their parts, or those of one party's. Raises NoSuchGroup where there is none."""
        with explaining_database_errors():
            # No database can hold this letter.
            found = [] if "\x00" in self.id else await read_group(self.pool, self.id, party, party_id)
        if not found:
            raise NoSuchGroup(f"There is no group {self.id}.")
        return found

    async def show(self, reader: Reader, members: Sequence[Member] | None = None) -> GroupView:
        """The group as one role sees it now; `members`: with these of its orders. Raises NoSuchGroup."""
        members = members or await self.members()
        ids, views = [member.order_id for member in members], []
        for first in range(0, len(ids), PAGE):
            page = ids[first : first + PAGE]
            with explaining_database_errors():
                orders, displays = await read_orders(self.pool, page), await read_displays(self.pool, page)
            views += [
                view(orders[order_id], reader, self._now()).model_copy(update={"display": displays.get(order_id)})
                for order_id in page
                if order_id in orders
            ]
        return group_view(self.id, members[0].parties, views)


class Orders:
    """Orders as PostgreSQL has them; to read them needs no Temporal, and works for closed ones as well.

    `pool` leads to the database that other backends read from too; `now` is the clock by which pages are shown;
    `signer` signs exported records. All methods raise DatabaseUnreachable where the database does not answer.
    """

    def __init__(self, pool: Any, *, now: Callable[[], datetime] = now, signer: RecordSigner | None = None) -> None:
        self.pool = pool
        self.signer = signer
        self._now = now
        self._feed = Feed(pool)

    @classmethod
    @asynccontextmanager
    async def connect(cls, settings: Settings | None = None) -> AsyncIterator[Self]:
        """Orders to read, from the database that DATABASE_URL names, for as long as the block runs.

        RECOURSE_RECORD_SIGNER names the signer. Raises BadSettings, BadSigner, DatabaseUnreachable.
        """
        chosen = settings or read_settings()
        signer = read_signer(chosen.record_signer)
        async with database(chosen) as pool:
            yield cls(pool, signer=signer)

    def order(self, order_id: str) -> StoredOrder:
        """The order of this id, to read. Nothing is read yet."""
        return StoredOrder(self.pool, order_id, self._now, self.signer)

    def group(self, group: str) -> StoredGroup:
        """The group of this id, to read. Nothing is read yet."""
        return StoredGroup(self.pool, group, self._now)

    async def list(self, wanted: Wanted = ANY, *, after: str = "", limit: int = 50) -> list[ListedOrder]:
        """A page of orders by id, behind `after`: where each stands and what comes next."""
        with explaining_database_errors():
            return await list_orders(self.pool, wanted, after=after, limit=limit)

    async def changes(self, after: str = START, *, follow: bool = True) -> AsyncGenerator[Change, None]:
        """Every step of every order behind a cursor, in their order, and then those to come.

        Keep the `cursor` of the last change in the transaction that keeps what you made of it, and go on from there:
        so you miss none and take none twice. `after`: a cursor, `start`, or `now` for what is yet to come.
        `follow=False`: only what is there. Raises UnknownCursor.
        """
        while True:
            page = await self.changes_page(after, wait=FOLLOWING if follow else 0)
            for change in page.changes:
                yield change
            after = page.next
            if not (follow or page.changes):
                return

    async def changes_page(self, after: str = START, *, limit: int = 500, wait: float = 0) -> Changes:
        """The changes behind a cursor, `start` or `now`; where there are none, wait for some for so many seconds.

        Raises UnknownCursor.
        """
        with explaining_database_errors():
            return await self._feed.page(after, limit=limit, wait=wait)
