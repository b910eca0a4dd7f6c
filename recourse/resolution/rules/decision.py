"""A decision in the making: events that happen one after the other, and the order as each of them leaves it."""

from copy import copy
from datetime import datetime, timedelta

from recourse.resolution.model.events import AutoCompleteStarted, AutoCompleteStopped, Event
from recourse.resolution.model.order import Order
from recourse.resolution.model.zones import Offsets
from recourse.resolution.rules.evolve import evolve

WITHDRAWAL_GRACE = timedelta(hours=1)


class Decision:
    """What one command or one fired clock does. `now` is the moment of processing;
    `counted` is the moment by which it is judged in time. `offsets` are those of the policy's time zone; None: as the
    installed zone data has them."""

    def __init__(self, order: Order, now: datetime, counted: datetime, offsets: Offsets | None = None) -> None:
        self.before = order
        self.order = order
        self.now = now
        self.counted = counted
        self.offsets = offsets
        self.events: list[Event] = []
        self.withdrawn = False

    @property
    def time(self) -> datetime:
        """When the clocks that start now begin to run: an order that stands still starts them later (`go_on`)."""
        return self.order.time(self.now)

    def fork(self) -> "Decision":
        """The same decision once more; what happens to one does not happen to the other."""
        twin = copy(self)
        twin.events = [*self.events]
        return twin

    def happen(self, event: Event) -> None:
        """Let `event` be so."""
        self.order = evolve(self.order, event, self.now)
        self.events.append(event)

    def settle_auto_complete(self) -> None:
        """Stop or continue the auto-complete clock, as what is open now asks for [A16].

        It is frozen while the order is canceled, while the first cancel request since the delivery is open, and while
        a case is, but for one that a party could take back which has taken back another since the delivery. What its
        opener withdrew counts as run, with an hour left at least.
        """
        clock = self.order.auto_complete
        if clock is None or self.order.phase == "completed":
            return
        request, case = self.order.open_request, self.order.open_case
        stopped = (
            self.order.phase == "canceled"
            or (case is not None and not set(clock.took_back) & set(case.whose))
            or (request is not None and request.number == clock.stopper)
        )
        if stopped and clock.completes_at is not None:
            left = max(clock.completes_at - min(self.counted, self.time), timedelta(0))
            self.happen(AutoCompleteStopped(left=left))
        elif not stopped and clock.left is not None:
            completes_at = self.time + clock.left
            if self.withdrawn and clock.would_complete_at is not None:
                completes_at = max(clock.would_complete_at, self.time + WITHDRAWAL_GRACE)
            self.happen(AutoCompleteStarted(completes_at=completes_at))
