"""Durable order cancellation and dispute resolution for freelance marketplaces, on Temporal and PostgreSQL.

A backend starts orders and gives their commands through `Recourse`, which calls the HTTP API. `recourse.sync` has the
same without `await`, and `recourse.temporal` the same for a backend that reaches Temporal and PostgreSQL itself.
`recourse.ports` has what an extension implements, `recourse.webhooks` what a receiver of notices needs,
`recourse.embedding` the worker for a process of your own, `recourse.testing` fixtures for tests. Other modules may
change with any version.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from recourse.errors import (
    BadInput,
    BadOpening,
    CallFailed,
    DatabaseUnreachable,
    NoSuchGroup,
    NoSuchOrder,
    NotOfTheGroup,
    OrderExists,
    OrderNotRunning,
    PaymentMissing,
    ProviderUnreachable,
    RecourseError,
    ServerUnreachable,
    TemporalUnreachable,
    Unanswered,
    UnknownCursor,
    Unreachable,
)

if TYPE_CHECKING:
    from recourse.database.changes import Change
    from recourse.extras import MissingExtra
    from recourse.http.client import Recourse
    from recourse.http.handles import GroupHandle, OrderHandle
    from recourse.policies import load_policy
    from recourse.resolution.model.data_version import NeedsNewerBuild
    from recourse.resolution.model.display import Display
    from recourse.resolution.model.opening_state import OpeningState
    from recourse.resolution.model.order import Order
    from recourse.resolution.model.outcome import Applied, Outcome, Refused
    from recourse.resolution.model.policy import Policy, PolicyError
    from recourse.resolution.model.refusals import RefusalCode
    from recourse.resolution.model.terms import Histories, History, Terms
    from recourse.starter.actors import Client, Freelancer, Operator, System

__all__ = [
    "Applied",
    "BadInput",
    "BadOpening",
    "CallFailed",
    "Change",
    "Client",
    "DatabaseUnreachable",
    "Display",
    "Freelancer",
    "GroupHandle",
    "Histories",
    "History",
    "MissingExtra",
    "NeedsNewerBuild",
    "NoSuchGroup",
    "NoSuchOrder",
    "NotOfTheGroup",
    "OpeningState",
    "Operator",
    "Order",
    "OrderExists",
    "OrderHandle",
    "OrderNotRunning",
    "Outcome",
    "PaymentMissing",
    "Policy",
    "PolicyError",
    "ProviderUnreachable",
    "Recourse",
    "RecourseError",
    "RefusalCode",
    "Refused",
    "ServerUnreachable",
    "System",
    "TemporalUnreachable",
    "Terms",
    "Unanswered",
    "UnknownCursor",
    "Unreachable",
    "load_policy",
]

# Loaded when they are asked for, so that `import recourse` costs next to nothing.
_HOMES = {
    "database.changes": ("Change",),
    "extras": ("MissingExtra",),
    "policies": ("load_policy",),
    "resolution.model.data_version": ("NeedsNewerBuild",),
    "resolution.model.display": ("Display",),
    "resolution.model.opening_state": ("OpeningState",),
    "resolution.model.order": ("Order",),
    "resolution.model.terms": ("Histories", "History", "Terms"),
    "resolution.model.outcome": ("Applied", "Outcome", "Refused"),
    "resolution.model.policy": ("Policy", "PolicyError"),
    "resolution.model.refusals": ("RefusalCode",),
    "http.client": ("Recourse",),
    "http.handles": ("GroupHandle", "OrderHandle"),
    "starter.actors": ("Client", "Freelancer", "Operator", "System"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


if not TYPE_CHECKING:  # or a type checker would take any name for one that is there

    def __getattr__(name: str) -> Any:
        if name in _HOME_OF:
            return getattr(import_module(f"recourse.{_HOME_OF[name]}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
