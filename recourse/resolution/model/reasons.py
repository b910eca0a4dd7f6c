"""The reason codes of a policy, and those that a policy has which names none."""

from typing import Literal

from pydantic import Field

from recourse.resolution.model.vocabulary import PARTIES, Frozen, Party


class Reason(Frozen):
    """A reason code: who may give it, and whose fault it admits. A claim against the other side carries none."""

    by: tuple[Party, ...] = Field(description="The parties that may give this reason [R44, R45].")
    fault: Literal["client", "freelancer", "none"] = Field(
        default="none", description="The party whose fault it admits; a claim against the other side admits none."
    )


REASONS: dict[str, Reason] = {
    "no_longer_needed": Reason(by=("client",)),
    "ordered_by_mistake": Reason(by=("client",), fault="client"),
    "late_delivery": Reason(by=("client",)),
    "not_as_agreed": Reason(by=("client",)),
    "freelancer_unresponsive": Reason(by=("client",)),
    "cannot_deliver": Reason(by=("freelancer",), fault="freelancer"),
    "client_asked": Reason(by=("freelancer",)),
    "client_unresponsive": Reason(by=("freelancer",)),
    "unforeseen": Reason(by=PARTIES),
    "other": Reason(by=PARTIES),
}
