"""Clocks that stand still: of a delivery, of a party that is away, of a whole order (rules, 3, 13 to 15)."""

from typing import Literal

from pydantic import AwareDatetime, Field

from recourse.resolution.model.durations import Duration
from recourse.resolution.model.vocabulary import Frozen, Party, unless_default


class AutoComplete(Frozen):
    """The clock of a delivered order: either it runs until `completes_at`, or it is frozen with `left`.

    `would_complete_at` is where it stood when it was frozen; `stopper` is the number of the first cancel request
    since the delivery, the only request that freezes it [A16]. A case that one of `took_back` could take back does not
    freeze it either: each of them has taken one back since the delivery.
    """

    completes_at: AwareDatetime | None = None
    left: Duration | None = None
    would_complete_at: AwareDatetime | None = None
    stopper: int | None = None
    took_back: tuple[Party, ...] = ()


class Away(Frozen):
    """A party's absence: its own answer windows stand still from then on until then."""

    since: AwareDatetime
    until: AwareDatetime


class Hold(Frozen):
    """An operator's hold: from when it counts, and when it ends by itself."""

    since: AwareDatetime
    until: AwareDatetime


class Standstill(Frozen):
    """The order stands still since then, for each cause that is there. Its clocks have what they had left then, and a
    clock that starts meanwhile starts at `since`, so all of them move by the same length when the last cause ends."""

    since: AwareDatetime
    hold: Hold | None = unless_default(None)
    chargeback: bool = unless_default(False)

    @property
    def caused(self) -> bool:
        """Whether any cause is left."""
        return self.hold is not None or self.chargeback


class OrderHeld(Frozen):
    event: Literal["order_held"] = "order_held"
    since: AwareDatetime = Field(description="When its clocks stopped, if nothing else had stopped them before.")
    until: AwareDatetime = Field(description="When the hold ends by itself.")


class HoldLifted(Frozen):
    event: Literal["hold_lifted"] = "hold_lifted"
    by: Literal["operator", "system"] = Field(description="Who lifted it; `system`: its time was over.")


class ClocksMoved(Frozen):
    """The order stands still no more; its clocks go on with the time that they had left."""

    event: Literal["clocks_moved"] = "clocks_moved"
    length: Duration = Field(description="How long it stood still; its deadlines move by so much.")
