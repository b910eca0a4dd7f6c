"""Scores and marks: calculators over the facts of closed orders, replaceable by policy (rules, 8)."""

from collections.abc import Callable
from fractions import Fraction

from resolution.money import final_gross, round_half_up
from resolution.order import History, Order
from resolution.words import PARTIES, Frozen, Party


class Facts(Frozen):
    """What one closed order says about its freelancer. None of it is told to the parties as such."""

    completed: bool
    exempt: bool
    paid: bool
    private: str | None


def facts(order: Order) -> Facts | None:
    """The facts of a closed order; an open one has none yet."""
    if not order.closed:
        return None
    private = next((one.rating for one in order.feedback if one.visibility == "private" and one.by == "client"), None)
    resolution = order.resolution
    return Facts(
        completed=order.phase == "completed",
        exempt=resolution is not None and resolution.exempt,
        paid=final_gross(order) > 0,
        private=private,
    )


def percent(share: Fraction, decimals: int) -> float:
    """A share in percent, half a unit of the last decimal upwards."""
    unit: int = 10**decimals
    scaled = share * 100 * unit
    return round_half_up(scaled.numerator, scaled.denominator) / unit


def completion_rate(history: History, fact: Facts | None, order: Order) -> float | None:
    """completed / (completed + canceled and not exempt), in percent with two decimals [R40]."""
    completed, canceled = history.completed, history.canceled
    if fact:
        completed += fact.completed
        canceled += not fact.completed and not fact.exempt
    counted = completed + canceled
    return percent(Fraction(completed, counted), 2) if counted else None


def job_success(history: History, fact: Facts | None, order: Order) -> float | None:
    """(good - bad) / all, in percent with one decimal; never below zero [R67-R77, A15]."""
    good, bad = history.good + history.completed, history.bad
    counted = good + bad + history.canceled
    if fact:
        is_bad = fact.private == "negative"
        is_good = not is_bad and (fact.completed or fact.private == "positive")
        silent = not fact.completed and not fact.paid and fact.private is None
        left_out = silent and order.policy.scores.unpaid_silent == "excluded"
        good, bad, counted = good + is_good, bad + is_bad, counted + (not left_out)
    return percent(max(Fraction(good - bad, counted), Fraction(0)), 1) if counted else None


Calculator = Callable[[History, Facts | None, Order], float | None]
CALCULATORS: dict[str, Calculator] = {"completion_rate": completion_rate, "job_success": job_success}
# What only operators see, since it would betray private feedback by moving.
CONFIDENTIAL = frozenset({"job_success"})


def scores(order: Order, *, confidential: bool = True) -> dict[str, dict[str, float | None]]:
    """Each party's scores by name, with this order's facts if it is closed."""
    name = order.policy.scores.calculator
    if name == "none" or (name in CONFIDENTIAL and not confidential):
        return {}
    return {"freelancer": {name: CALCULATORS[name](order.terms.history.freelancer, facts(order), order)}}


def marks(order: Order) -> dict[str, list[str]]:
    """The marks on each party's profile [R60, R62]."""
    return {party: ["repeat_canceler"] if _repeats(order, party) else [] for party in PARTIES}


def _repeats(order: Order, party: Party) -> bool:
    most = order.policy.flags.repeat_canceler.count
    resolution = order.resolution
    counts = (
        resolution is not None
        and resolution.initiator == party
        and resolution.how != "mutual"
        and resolution.fault in ("none", party)
    )
    return 0 < most <= order.terms.history.of(party).canceled_recently + counts
