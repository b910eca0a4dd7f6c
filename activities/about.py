"""What a message needs in addition to its notice: the order's display, its parties, the step's other notices."""

from collections.abc import Sequence
from dataclasses import dataclass

from recourse.resolution.model.display import Display
from recourse.resolution.model.notice import Notice


@dataclass(frozen=True)
class About:
    """`client` and `freelancer` are the parties' ids; `also`: the notices that go out in the same message."""

    display: Display | None = None
    client: str = ""
    freelancer: str = ""
    also: Sequence[Notice] = ()

    def holder(self, role: str) -> str:
        """The id of the party in this role; empty for an operator, or if it is not known."""
        return {"client": self.client, "freelancer": self.freelancer}.get(role, "")


NOTHING = About()
