"""Our worker in a process of yours, next to your own workers."""

from recourse.worker import orders_worker

__all__ = ["orders_worker"]
