"""Durable order cancellation and dispute resolution for freelance marketplaces, on Temporal and PostgreSQL.

A backend starts orders and gives their commands through `Recourse`. `recourse.ports` has what an extension implements,
`recourse.webhooks` what a receiver of notices needs. Other modules may change with any version.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from recourse.errors import BadInput, RecourseError, Unreachable

if TYPE_CHECKING:
    from recourse.activities.settings import BadSettings, Settings
    from recourse.database.pool import DatabaseUnreachable
    from recourse.policies import load_policy
    from recourse.resolution.order import Histories, History, Order, Terms
    from recourse.resolution.policy import Policy, PolicyError
    from recourse.starter.answers import NoSuchOrder, OrderExists, OrderNotRunning, Outcome, Unanswered
    from recourse.starter.client import Recourse, workflow_id
    from recourse.workflows.connecting import TemporalUnreachable

__all__ = [
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
    "BadSettings": "activities.settings",
    "DatabaseUnreachable": "database.pool",
    "Histories": "resolution.order",
    "History": "resolution.order",
    "NoSuchOrder": "starter.answers",
    "Order": "resolution.order",
    "OrderExists": "starter.answers",
    "OrderNotRunning": "starter.answers",
    "Outcome": "starter.answers",
    "Policy": "resolution.policy",
    "PolicyError": "resolution.policy",
    "Recourse": "starter.client",
    "Settings": "activities.settings",
    "TemporalUnreachable": "workflows.connecting",
    "Terms": "resolution.order",
    "Unanswered": "starter.answers",
    "load_policy": "policies",
    "workflow_id": "starter.client",
}


if not TYPE_CHECKING:  # or a type checker would take any name for one that is there

    def __getattr__(name: str) -> Any:
        if name in _HOMES:
            return getattr(import_module(f"recourse.{_HOMES[name]}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
