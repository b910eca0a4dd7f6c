"""A change as a CloudEvent 1.0, and the subject that it has on NATS."""

import json
from typing import Any
from urllib.parse import quote

from recourse.database.changes import Change

TYPE = "recourse.order.changed"
SOURCE = "/recourse"
MEDIA_TYPE = "application/cloudevents+json"


def subject_of(prefix: str, order_id: str) -> str:
    """`PREFIX.ORDER_ID.changed`. The id is written as in URLs, and its dots as `%2E`."""
    return f"{prefix}.{quote(order_id, safe='').replace('.', '%2E')}.changed"


def cloud_event(change: Change) -> dict[str, Any]:
    """The event in JSON values; `data` is the change as `GET /changes` shows it."""
    data = change.model_dump(mode="json")
    # The standard has no event with an empty time.
    time = {} if data["at"] is None else {"time": data["at"]}
    return {
        "specversion": "1.0",
        "id": data["id"],
        "source": SOURCE,
        "type": TYPE,
        "subject": change.order_id,
        **time,
        "datacontenttype": "application/json",
        "data": data,
    }


def as_bytes(change: Change) -> bytes:
    """The event as it is sent."""
    return json.dumps(cloud_event(change), ensure_ascii=False, separators=(",", ":")).encode()
