"""How to ask the database: through connections, or without any. It needs no driver."""

from typing import Any, NoReturn, Protocol

from recourse.errors import DatabaseUnreachable


class Database(Protocol):
    """What can be asked: a pool of connections, or one connection."""

    async def fetch(self, query: str, *args: Any) -> Any:
        """All rows."""

    async def fetchrow(self, query: str, *args: Any) -> Any:
        """The first row, or None."""

    async def fetchval(self, query: str, *args: Any) -> Any:
        """The first value of the first row, or None."""


class NoDatabase:
    """In place of connections, for a client that only signals: whatever asks it finds the database away."""

    def __getattr__(self, name: str) -> Any:
        return self._refuse

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise DatabaseUnreachable(
            "This client was made without a database, which holds what it is asked for. Make it with connections, or "
            "by `Recourse.connect()`."
        )
