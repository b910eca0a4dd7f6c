"""How much a party may send to one order."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

from pydantic import AwareDatetime

from recourse.resolution.model.order import Order
from recourse.resolution.model.reading import Message
from recourse.resolution.model.refusals import Refusal
from recourse.resolution.model.step import Adopted
from recourse.resolution.model.vocabulary import PARTIES, Frozen, Party

# No person sends as much; what is sent beyond would only fill the record and the other side's mailbox. Orders that run
# replay with this number: another one needs another patch in `workflows/order.py`.
PER_HOUR = 200
_HOUR = timedelta(hours=1)


class Sent(Frozen):
    """So many commands of a party were recorded in the hour that began at `since`; `adopted`: so many more that the
    order took over from the database."""

    since: AwareDatetime
    count: int
    adopted: int = 0

    def too_many(self, at: datetime, *, adopted: bool = True) -> Refusal | None:
        """Why nothing more counts at this instant; None: it may. `adopted`: what was taken over counts as well."""
        count = self.count + (self.adopted if adopted else 0)
        if count < PER_HOUR or at >= self.since + _HOUR:
            return None
        return Refusal(code="too_many_messages", details={"at_most": PER_HOUR, "available_at": self.since + _HOUR})

    @property
    def told(self) -> bool:
        """Whether the record says that it was too many."""
        return self.count + self.adopted > PER_HOUR


def count(sent: Sent | None, at: datetime) -> Sent:
    """The same with one more command, which counts at this instant."""
    sent = _in_the_hour(sent, at)
    return sent.model_copy(update={"count": sent.count + 1})


def count_adopted(sent: Mapping[Party, Sent], stored: Adopted, order: Order) -> dict[Party, Sent]:
    """What each party sent, with what the order took over from the database."""
    counted = Counter(answer.sender for answer in stored.answers or () if answer.outcome.entry is not None)
    result = dict(sent)
    for sender, number in (stored.counted or counted).items():
        if party := sender_of(sender, order):
            before = _in_the_hour(result.get(party), order.decided_at)
            result[party] = before.model_copy(update={"adopted": before.adopted + number})
    return result


def _in_the_hour(sent: Sent | None, at: datetime) -> Sent:
    return Sent(since=at, count=0) if sent is None or at >= sent.since + _HOUR else sent


def party_of(message: Message, order: Order) -> Party | None:
    """Which party of the order sent a message; None: somebody else."""
    return None if message.actor is None else sender_of(f"{message.actor.role}:{message.actor.id}", order)


def sender_of(sender: str, order: Order) -> Party | None:
    """Which party of the order a sender such as `client:c-1` is; None: somebody else."""
    return next((party for party in PARTIES if sender == f"{party}:{order.party(party)}"), None)
