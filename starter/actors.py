"""Who gives a command, by the id that your marketplace knows them by."""

from dataclasses import dataclass
from typing import ClassVar

from recourse.resolution.model.vocabulary import Role


@dataclass(frozen=True)
class _OfRole:
    id: str
    role: ClassVar[Role]


@dataclass(frozen=True)
class Client(_OfRole):
    """The client of an order."""

    role = "client"


@dataclass(frozen=True)
class Freelancer(_OfRole):
    """The freelancer of an order."""

    role = "freelancer"


@dataclass(frozen=True)
class Operator(_OfRole):
    """Somebody of the marketplace who decides cases."""

    role = "operator"


@dataclass(frozen=True)
class System(_OfRole):
    """A program of the marketplace."""

    role = "system"


AnyActor = Client | Freelancer | Operator | System
