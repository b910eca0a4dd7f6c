"""A database that is away, or that there is none at all."""

from typing import Any, NoReturn

from recourse.errors import Unreachable


class DatabaseUnreachable(Unreachable):
    """The database is away; the text names its address, without the password, and what to do.

    `plain` is what of that anybody may read: no address, no name.
    """

    def __init__(self, text: str, plain: str = "") -> None:
        super().__init__(text)
        self.plain = plain


class NoDatabase:
    """In place of connections, for a client that only signals: whatever asks it finds the database away."""

    def __getattr__(self, name: str) -> Any:
        return self._refuse

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise DatabaseUnreachable(
            "This client was made without a database, which holds what it is asked for. Make it with connections, or "
            "by `Recourse.connect()`."
        )
