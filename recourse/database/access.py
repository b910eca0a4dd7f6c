"""How to ask the database: through connections, or without any. It needs no driver."""

from typing import Any, NoReturn, Protocol

from recourse.errors import BadInput


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
