"""The client for a backend that reaches Temporal and PostgreSQL itself: the same names as in `recourse`.

It needs the extra `temporal`, and `backend` for whatever is read from PostgreSQL.
"""

from recourse.extras import require

require("temporal")

from recourse.runtime.names import workflow_id
from recourse.runtime.settings import BadSettings, Settings
from recourse.starter.client import Recourse
from recourse.starter.groups import GroupHandle
from recourse.starter.handle import OrderHandle

__all__ = ["BadSettings", "GroupHandle", "OrderHandle", "Recourse", "Settings", "workflow_id"]
