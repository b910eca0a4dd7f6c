"""Durable order cancellation and dispute resolution for freelance marketplaces, on Temporal and PostgreSQL.

A backend starts orders and gives their commands through `Recourse`. `recourse.ports` has what an extension implements,
`recourse.webhooks` what a receiver of notices needs, `recourse.testing` fixtures for tests. Other modules may change
with any version.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from recourse.errors import BadInput, RecourseError, Unreachable

if TYPE_CHECKING:
    from recourse.database.access import DatabaseUnreachable
    from recourse.policies import load_policy
    from recourse.resolution.model.order import Histories, History, Order, Terms
    from recourse.resolution.model.outcome import Applied, Outcome, Refused
    from recourse.resolution.model.policy import Policy, PolicyError
    from recourse.runtime.names import workflow_id
    from recourse.runtime.settings import BadSettings, Settings
    from recourse.runtime.temporal_connection import TemporalUnreachable
    from recourse.starter.answers import NoSuchOrder, OrderExists, OrderNotRunning, Unanswered
    from recourse.starter.client import Recourse

__all__ = [
    "Applied",
    "BadInput",
    "BadSettings",
    "DatabaseUnreachable",
    "Histories",
    "History",
    "NoSuchOrder",
    "Order",
    "OrderExists",
    "OrderNotRunning",
    "Outcome",
    "Policy",
    "PolicyError",
    "Recourse",
    "RecourseError",
    "Refused",
    "Settings",
    "TemporalUnreachable",
    "Terms",
    "Unanswered",
    "Unreachable",
    "load_policy",
    "workflow_id",
]

# Loaded when they are asked for, so that `import recourse` costs next to nothing.
_HOMES = {
    "Applied": "resolution.model.outcome",
    "BadSettings": "runtime.settings",
    "DatabaseUnreachable": "database.access",
    "Histories": "resolution.model.order",
    "History": "resolution.model.order",
    "NoSuchOrder": "starter.answers",
    "Order": "resolution.model.order",
    "OrderExists": "starter.answers",
    "OrderNotRunning": "starter.answers",
    "Outcome": "resolution.model.outcome",
    "Policy": "resolution.model.policy",
    "PolicyError": "resolution.model.policy",
    "Recourse": "starter.client",
    "Refused": "resolution.model.outcome",
    "Settings": "runtime.settings",
    "TemporalUnreachable": "runtime.temporal_connection",
    "Terms": "resolution.model.order",
    "Unanswered": "starter.answers",
    "load_policy": "policies",
    "workflow_id": "runtime.names",
}


if not TYPE_CHECKING:  # or a type checker would take any name for one that is there

    def __getattr__(name: str) -> Any:
        if name in _HOMES:
            return getattr(import_module(f"recourse.{_HOMES[name]}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
