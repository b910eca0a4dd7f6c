"""How much a party may send to one order."""

from datetime import datetime, timedelta

from pydantic import AwareDatetime

from recourse.resolution.model.order import Order
from recourse.resolution.model.reading import Message
from recourse.resolution.model.refusals import Refusal
from recourse.resolution.model.vocabulary import PARTIES, Frozen, Party

# No person sends as much; what is sent beyond would only fill the record and the other side's mailbox. Orders that run
# replay with this number: another one needs another patch in `workflows/order.py`.
PER_HOUR = 200
_HOUR = timedelta(hours=1)


class Sent(Frozen):
    """So many commands of a party were recorded in the hour that began at `since`."""

    since: AwareDatetime
    count: int

    def too_many(self, at: datetime) -> Refusal | None:
        """Why nothing more counts at this instant; None: it may."""
        if self.count < PER_HOUR or at >= self.since + _HOUR:
            return None
        return Refusal(code="too_many_messages", details={"at_most": PER_HOUR, "available_at": self.since + _HOUR})

    @property
    def told(self) -> bool:
        """Whether the record says that it was too many."""
        return self.count > PER_HOUR


def count(sent: Sent | None, at: datetime) -> Sent:
    """The same with one more command, which counts at this instant."""
    if sent is None or at >= sent.since + _HOUR:
        return Sent(since=at, count=1)
    return Sent(since=sent.since, count=sent.count + 1)


def party_of(message: Message, order: Order) -> Party | None:
    """Which party of the order sent a message; None: somebody else."""
    actor = message.actor
    if actor is None or actor.role not in PARTIES or actor.id != order.party(actor.role):
        return None
    return actor.role
