"""The client over HTTP for programs without a loop: the same names as in `recourse`, and nothing to await."""

from recourse.sync.client import Recourse
from recourse.sync.handles import GroupHandle, OrderHandle

__all__ = ["GroupHandle", "OrderHandle", "Recourse"]
