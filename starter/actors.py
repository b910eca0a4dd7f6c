"""Who gives a command, by the id that your marketplace knows them by."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from recourse.resolution.model.vocabulary import Role
from recourse.runtime.names import workflow_id

if TYPE_CHECKING:
    from recourse.runtime.keys import KeyRing


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


def actor_token(
    keys: "KeyRing",
    order_id: str,
    command: str,
    message: Mapping[str, Any],
    *,
    expires_at: datetime | None = None,
    stamps: bool = False,
) -> str:
    """The `actor_token` of one message to an order, for a program that sends the message and does not have the keys.

    `message`: all that is sent, with `actor` and `command_id`; no part of it may change afterwards. `stamps`: you
    vouch for its `sent_at`; otherwise it counts when Temporal gets it. Raises ValueError where it cannot be signed.
    """
    from recourse.runtime.actors import Actors  # needs more than a client over HTTP has

    return Actors(keys).sign(command, message, workflow_id=workflow_id(order_id), expires_at=expires_at, stamps=stamps)
