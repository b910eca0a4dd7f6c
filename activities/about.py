"""What goes with a notice that is sent: what people call the order, its parties, and what else its step tells."""

from collections.abc import Sequence
from dataclasses import dataclass

from recourse.resolution.model.display import Display
from recourse.resolution.model.notice import Notice


@dataclass(frozen=True)
class About:
    """`client` and `freelancer` are the parties' ids; `also`: what goes out in the same message."""

    display: Display | None = None
    client: str = ""
    freelancer: str = ""
    also: Sequence[Notice] = ()

    def holder(self, role: str) -> str:
        """The id of a party; empty for others, and where it is not known."""
        return {"client": self.client, "freelancer": self.freelancer}.get(role, "")


NOTHING = About()
