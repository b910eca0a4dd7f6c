"""What a closed order leaves behind: the facts from which scores, marks and a marketplace's analysis are counted."""

from pydantic import AwareDatetime

from recourse.resolution.model.lateness import lateness
from recourse.resolution.model.money import final_gross
from recourse.resolution.model.order import Order
from recourse.resolution.model.vocabulary import Party, Rating, View, Visibility, unless_default


class Facts(View):
    """One closed order (rules, 8). They stand until the order is reopened, ruled again, exempted or reviewed.

    `gross` is what the freelancer gets of `price` before commission, both in minor units of `currency`.
    `lateness` is that at `closed_at`; `delivered` tells whether anything ever was. `communicated` and `explained`
    are about the initiator of a cancellation, and false for a completed order. The ratings are those left so far;
    `client_private` is for operators only. `calculator` and the three after it are choices of the order's own policy
    that say how it counts; `repeat_count` 0 means that no mark is set. `debt` is what the freelancer owes of it. Codes
    are text, since a newer build may know more of them.
    """

    order_id: str
    policy: str
    client: str
    freelancer: str
    currency: str
    price: int
    ordered_at: AwareDatetime
    closed_at: AwareDatetime
    ending: str
    how: str | None
    initiator: str | None
    reason: str | None
    fault: str
    exempt: bool
    exempt_because: str | None
    gross: int
    lateness: str
    delivered: bool
    communicated: bool
    explained: bool
    client_public: str | None
    client_private: str | None
    freelancer_public: str | None
    calculator: str
    unpaid_silent: str
    repeat_count: int
    repeat_within_seconds: int
    debt: int = unless_default(0)

    @property
    def completed(self) -> bool:
        """Whether it ended as agreed."""
        return self.ending == "completed"

    @property
    def paid(self) -> bool:
        """Whether the freelancer got anything at all [R67-R71]."""
        return self.gross > 0

    def counts_against(self, party: Party) -> bool:
        """Whether it is a cancellation that counts towards the repeat mark of `party` [R60, R62].

        Mutual ones and those whose fault is the other's do not.
        """
        own = self.ending == "canceled" and self.initiator == party
        return own and self.how != "mutual" and self.fault in ("none", party)

    def party(self, party: Party) -> str:
        """The id of one party."""
        return self.client if party == "client" else self.freelancer


def facts(order: Order) -> Facts | None:
    """The facts of a closed order; an open one has none yet."""
    if not order.closed or order.closed_at is None:
        return None
    resolution, terms, policy = order.resolution, order.terms, order.policy
    return Facts(
        order_id=terms.order_id,
        policy=policy.name,
        client=terms.client,
        freelancer=terms.freelancer,
        currency=terms.currency,
        price=order.price,
        ordered_at=terms.ordered_at,
        closed_at=order.closed_at,
        ending="completed" if order.phase == "completed" else "canceled",
        how=resolution.how if resolution else None,
        initiator=resolution.initiator if resolution else None,
        reason=resolution.reason if resolution else None,
        fault=resolution.fault if resolution else "none",
        exempt=resolution is not None and resolution.exempt,
        exempt_because=resolution.exempt_because if resolution else None,
        gross=final_gross(order),
        lateness=lateness(order, order.closed_at),
        delivered=order.delivered_once,
        communicated=resolution is not None and resolution.communicated,
        explained=resolution is not None and resolution.explained,
        client_public=_rating(order, "client", "public"),
        client_private=_rating(order, "client", "private"),
        freelancer_public=_rating(order, "freelancer", "public"),
        calculator=policy.scores.calculator,
        unpaid_silent=policy.scores.unpaid_silent,
        repeat_count=policy.flags.repeat_canceler.count,
        repeat_within_seconds=int(policy.flags.repeat_canceler.within.total_seconds()),
        debt=order.debts.get("freelancer", 0),
    )


def _rating(order: Order, party: Party, visibility: Visibility) -> Rating | None:
    said = (one for one in order.feedback if one.by == party and one.visibility == visibility)
    return next((one.rating for one in said), None)
