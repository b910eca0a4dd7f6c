"""How to ask the database: through connections, or without any. It needs no driver."""

from collections.abc import AsyncIterator
from typing import Any, NoReturn, Protocol

from recourse.errors import BadInput

PAGE = 100  # orders


class Database(Protocol):
    """What can be asked: a pool of connections, or one connection."""

    async def fetch(self, query: str, *args: Any) -> Any:
        """All rows."""

    async def fetchrow(self, query: str, *args: Any) -> Any:
        """The first row, or None."""

    async def fetchval(self, query: str, *args: Any) -> Any:
        """The first value of the first row, or None."""


class DatabaseMissing(BadInput):
    """A client that was made without a database was asked for what only a database has."""

    def __init__(self) -> None:
        super().__init__(
            "This client was made without a database, which holds what it is asked for. Make it with "
            "`Recourse.connect()`, or give it a pool: `Recourse(client, pool)`."
        )


class NoDatabase:
    """In place of connections, for a client that only starts orders and sends commands: asking it is an error."""

    def __getattr__(self, name: str) -> Any:
        return self._refuse

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise DatabaseMissing


async def in_pages(pool: Database, query: str, *arguments: Any) -> AsyncIterator[list[Any]]:
    """The rows of a query, a page of orders at a time, so that memory is bounded.

    The query takes the order id after which a page begins as $1, the most rows of it as $2, then `arguments`. It has
    the column `order_id` and is ordered by it.
    """
    after = ""
    while True:
        rows = await pool.fetch(query, after, PAGE, *arguments)
        if rows:
            yield rows
        if len(rows) < PAGE:
            return
        after = rows[-1]["order_id"]
