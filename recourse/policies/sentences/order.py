"""The order's own clocks, in sentences."""

from datetime import timedelta

from recourse.policies.sentences.sentence import Sentence
from recourse.resolution.model.policy import Policy
from recourse.wording.english import span


def _auto_complete(policy: Policy) -> str:
    after = policy.order.auto_complete
    if after is None:
        return "A delivered order never completes by itself: only the client completes it."
    return f"A delivered order completes by itself after {span(after)}, and the freelancer is paid."


def _revisions(policy: Policy) -> str:
    most = policy.order.max_revisions
    return f"The client may ask for {most or 'any number of'} revision{'' if most == 1 else 's'} of one order."


def _late(policy: Policy) -> str:
    grace = policy.order.late_grace
    very = "it never becomes very late" if grace is None else f"{span(grace)} after it, it is very late"
    return f"An order of which nothing was delivered is late from its due date; {very}."


def _dormant(policy: Policy) -> str:
    after = policy.order.dormant_after
    if after is None:
        return "An open order that nobody moves is left alone, however long that lasts."
    return (
        f"An open order with nothing to answer that nobody moves for {span(after)} becomes a case: an operator looks "
        "at it. That counts from its due date at the earliest, and one side that only writes does not move it."
    )


def _abandoned(policy: Policy) -> str:
    after = policy.order.abandoned_after
    if after is None:
        return "An order of which nothing is delivered is not canceled by time alone."
    return (
        f"An order of which nothing was delivered is canceled {span(after)} after its due date, once no request and no "
        "case is open; the fault is the freelancer's."
    )


def _holds(policy: Policy) -> str:
    most = policy.order.hold_at_most
    if not most:
        return "Operators cannot hold an order."
    return (
        f"Operators can hold an order for {span(most)} in all: no time runs out, no money moves, and then it goes on "
        "with the time that was left."
    )


def _reachable(policy: Policy) -> str:
    after = policy.order.reachable_after
    how_long = f"for {span(after)}" if after else "no longer than its last clock runs"
    return f"After it has closed, an order still takes feedback and late messages {how_long}."


def _regret(policy: Policy) -> str:
    window = policy.order.regret_window
    if window == timedelta(0):
        return "There is no time in which an order may simply be regretted."
    return f"An order counts as regretted when it is canceled within {span(window)} of ordering and before a delivery."


def _no_regret(policy: Policy) -> str | None:
    alone = policy.requests.cancel.without_approval
    named = "regret_window" in (*alone.client, *alone.freelancer)
    return None if named else "requests.cancel.without_approval does not name `regret_window`"


ORDER = (
    Sentence("order.auto_complete", _auto_complete),
    Sentence("order.max_revisions", _revisions),
    Sentence("order.late_grace", _late),
    Sentence("order.dormant_after", _dormant),
    Sentence("order.abandoned_after", _abandoned),
    Sentence("order.hold_at_most", _holds),
    Sentence("order.reachable_after", _reachable),
)
REGRET = Sentence("order.regret_window", _regret, _no_regret)
