"""What one run of an order hands to the next."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from recourse.resolution.limits import Sent
from recourse.resolution.model.vocabulary import Party


class Carried(BaseModel):
    """What one run of a long order hands to the next; `messages` are those that it has not decided, `recent` the last
    events in words, `sent` what each party has sent lately. The answers stay in the database. What a newer build handed
    on besides is handed on again."""

    model_config = ConfigDict(frozen=True, extra="allow")

    order: dict[str, Any]
    steps: int
    signals: int
    to_deliver: int
    delivered_to: int
    messages: list[dict[str, Any]] = []
    recent: list[str] = []
    sent: dict[Party, Sent] = {}
