"""Scores and marks: calculators over the facts of closed orders, replaceable by policy (rules, 8)."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from functools import partial
from math import isfinite

from recourse.resolution.model.facts import Facts, facts
from recourse.resolution.model.money import round_half_up
from recourse.resolution.model.order import Order
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.terms import Histories, History
from recourse.resolution.model.vocabulary import PARTIES, Party


@dataclass(frozen=True)
class Tally:
    """What has been counted so far: orders for the freelancer, against it, and all that count at all.

    A calculator may count anything else in whole numbers, such as minor units, as long as `good` and `bad` are part
    of `counted`.
    """

    good: int = 0
    bad: int = 0
    counted: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.good + other.good, self.bad + other.bad, self.counted + other.counted)

    def __sub__(self, other: "Tally") -> "Tally":
        return Tally(self.good - other.good, self.bad - other.bad, self.counted - other.counted)


def of_history(history: History) -> Tally:
    """The counts that an order was opened with, each closed order once."""
    good = history.good + history.completed
    return Tally(good=good, bad=history.bad, counted=good + history.bad + history.canceled)


def percent(tally: Tally, decimals: int = 2) -> float | None:
    """(good - bad) / counted, in percent with half a unit of the last decimal upwards; never below zero.

    None where nothing counts.
    """
    if not tally.counted:
        return None
    unit: int = 10**decimals
    scaled = max(Fraction(tally.good - tally.bad, tally.counted), Fraction(0)) * 100 * unit
    return round_half_up(scaled.numerator, scaled.denominator) / unit


_NOTHING_BEFORE = History()


@dataclass(frozen=True)
class Calculator:
    """One way to score a freelancer. A policy names it in `scores.calculator`.

    `counts` says what one closed order adds, `behind` what the history that an order was opened with adds, and
    `score` what the sum means. All three are pure: same facts, same score, no clock, nothing read from anywhere,
    since they also run inside workflows. `confidential` means that only operators see the score, because it would
    betray private feedback by moving; say False only where no private rating is counted.
    """

    name: str
    counts: Callable[[Facts], Tally]
    behind: Callable[[History], Tally] = of_history
    score: Callable[[Tally], float | None] = percent
    confidential: bool = True

    def of(self, closed: Iterable[Facts], history: History = _NOTHING_BEFORE) -> float | None:
        """The score of a freelancer with these closed orders, and `history` before them."""
        return self.score(sum((self.counted(one) for one in closed), start=self.behind(history)))

    def counted(self, one: Facts) -> Tally:
        """What one closed order adds. Raises ValueError where that is no tally of whole numbers."""
        tally = self.counts(one)
        numbers = (tally.good, tally.bad, tally.counted) if isinstance(tally, Tally) else ()
        # True counts as 1.
        whole = bool(numbers) and all(isinstance(number, int) and number >= 0 for number in numbers)
        if not whole or tally.good + tally.bad > tally.counted:
            raise ValueError(f"`counts` returned {tally!r}: give whole numbers, good and bad within counted")
        return tally


def _completion(one: Facts) -> Tally:
    return Tally(good=one.completed, counted=one.completed or not one.exempt)


def _success(one: Facts) -> Tally:
    bad = one.client_private == "negative"
    good = not bad and (one.completed or one.client_private == "positive")
    silent = not one.completed and not one.paid and one.client_private is None
    return Tally(good=good, bad=bad, counted=not (silent and one.unpaid_silent == "excluded"))


# completed / (completed + canceled and not exempt) [R40]
COMPLETION_RATE = Calculator(
    "completion_rate",
    counts=_completion,
    behind=lambda history: Tally(good=history.completed, counted=history.completed + history.canceled),
    confidential=False,
)
# (good - bad) / all, with one decimal [R67-R77, A15]
JOB_SUCCESS = Calculator("job_success", counts=_success, score=partial(percent, decimals=1))

_CALCULATORS: dict[str, Calculator] = {one.name: one for one in (COMPLETION_RATE, JOB_SUCCESS)}


def register(calculator: Calculator) -> None:
    """Make a calculator known by its name, in this process. Raises ValueError where the name is another's."""
    if calculator.name == "none" or _CALCULATORS.setdefault(calculator.name, calculator) is not calculator:
        raise ValueError(f"there is a score calculator {calculator.name!r} already: give this one another name")


def calculator_names() -> list[str]:
    """The calculators that this process knows, by name."""
    return sorted(_CALCULATORS)


def scores(order: Order, *, confidential: bool = True) -> dict[Party, dict[str, float | None]]:
    """Each party's scores by name, with this order's facts if it is closed.

    A calculator that this process does not know, of an order opened elsewhere, scores None and counts as confidential.
    """
    name = order.policy.scores.calculator
    calculator = _CALCULATORS.get(name)
    if name == "none" or (not confidential and (calculator is None or calculator.confidential)):
        return {}
    fact = facts(order)
    return {"freelancer": {name: _score(calculator, fact, order.terms.history.freelancer)}}


def _score(calculator: Calculator | None, fact: Facts | None, history: History) -> float | None:
    """A score; None where the calculator is missing, raises, or returns no number: no order may stop for it."""
    if calculator is None:
        return None
    try:
        score = calculator.of([fact] if fact else [], history)
    except Exception:  # noqa: BLE001 - whatever a foreign calculator does
        return None
    return score if isinstance(score, int | float) and isfinite(score) else None


def _sum(calculator: Calculator, closed: Iterable[Facts]) -> Tally:
    """What these orders add; one that the calculator cannot count adds nothing."""
    total = Tally()
    for one in closed:
        with suppress(Exception):
            total += calculator.counted(one)
    return total


def marks(order: Order) -> dict[Party, list[str]]:
    """The marks on each party's profile [R60, R62]."""
    fact, most = facts(order), order.policy.flags.repeat_canceler.count
    found: dict[Party, list[str]] = {}
    for party in PARTIES:
        recently = order.terms.history.of(party).canceled_recently + bool(fact and fact.counts_against(party))
        found[party] = ["repeat_canceler"] if 0 < most <= recently else []
    return found


def histories(
    closed: Iterable[Facts],
    client: str,
    freelancer: str,
    policy: Policy,
    at: datetime,
    total: Tally | None = None,
) -> Histories:
    """What the two have behind them at `at`, for an order that is opened under `policy`.

    `closed` holds the facts of their closed orders with anybody. An order counts in a score where its
    own policy keeps the same one. Where `total` says what that score has counted of all closed orders of the
    freelancer, `closed` need hold no more than those that closed after `at` and recent cancellations.
    """
    known = list(closed)
    calculator = _CALCULATORS.get(policy.scores.calculator)
    tally = Tally()
    if calculator:
        own = [one for one in known if one.freelancer == freelancer and one.calculator == calculator.name]
        if total is None:
            tally = _sum(calculator, (one for one in own if one.closed_at <= at))
        else:
            tally = total - _sum(calculator, (one for one in own if one.closed_at > at))
    within = policy.flags.repeat_canceler.within
    return Histories(
        client=History(canceled_recently=_recently(known, "client", client, at, within)),
        freelancer=History(
            completed=tally.good,
            bad=tally.bad,
            canceled=tally.counted - tally.good - tally.bad,
            canceled_recently=_recently(known, "freelancer", freelancer, at, within),
        ),
    )


def _recently(closed: Iterable[Facts], party: Party, who: str, at: datetime, within: timedelta) -> int:
    """How many cancellations count against somebody; one that is `within` old exactly no longer does."""
    return sum(
        one.party(party) == who and one.counts_against(party) and at - within < one.closed_at <= at for one in closed
    )
