"""Comparing a payment provider's books with ours: every difference is found, and nothing else is."""

import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from recourse.activities import reconciling
from recourse.activities.reconciling import USUALLY, Comparison, Difference
from recourse.database import reconciling as database
from recourse.ports import Movement

NOW = datetime(2027, 3, 4, 12, tzinfo=UTC)
_numbers = itertools.count(1)


@dataclass
class Leg:
    """A leg in both books. A key here: its turn, status, and age in days. What is there: the turn (None: the provider
    does not know the key), status, amount, currency and reference."""

    name: str
    here: list[tuple[int, str, float]]
    there: list[tuple[int | None, str, int, str, str]]
    kinds: list[str] = field(default_factory=list)
    by_hand: bool = False
    booked: str | None = None
    age: float = 1


def paid(turn: int | None = 1, amount: int = 100, currency: str = "USD", reference: str = "a") -> Any:
    return turn, "paid", amount, currency, reference


def back(turn: int | None = 1, reference: str = "a") -> Any:
    return turn, "returned", 100, "USD", reference


FAILED = (1, "failed", 100, "USD", "a")
AGREE: list[Callable[[], Leg]] = [
    lambda: Leg("refund", [(1, "done", 1)], [paid()]),
    lambda: Leg("refund", [(1, "done", 1)], [paid(None)]),
    lambda: Leg("refund", [(1, "done", 1)], [paid(), paid()]),
    lambda: Leg("refund", [(1, "done", 1)], [FAILED, paid(reference="b")]),
    lambda: Leg("payout", [(1, "waiting", 1)], []),
    lambda: Leg("payout", [(1, "waiting", 1)], [FAILED]),
    lambda: Leg("payout", [(1, "blocked", 1)], [FAILED]),
    lambda: Leg("payout", [(1, "returned", 1)], [back()]),
    lambda: Leg("payout", [(1, "returned", 1)], [paid(), back()]),
    lambda: Leg("refund", [(1, "void", 2), (2, "done", 1)], [back(), paid(2, reference="b")]),
    lambda: Leg("refund", [(1, "void", 2), (2, "done", 1)], [paid(2)]),
    lambda: Leg("refund", [(1, "void", 2)], []),
    lambda: Leg("refund", [(1, "done", 1)], [], by_hand=True),
    lambda: Leg("refund", [(1, "done", 1)], [back()], by_hand=True),
    lambda: Leg("fee", [(1, "done", 1)], []),
    lambda: Leg("refund", [(1, "done", 40)], []),
    lambda: Leg("refund", [(1, "done", 0.001)], []),
    lambda: Leg("refund", [(1, "waiting", 1)], [paid()], age=0.001),
    lambda: Leg("refund", [(1, "done", 29.9)], [paid()], age=32),
    lambda: Leg("refund", [], [FAILED]),
    lambda: Leg("refund", [], [paid()], age=0.001),
    lambda: Leg("refund", [], [paid()], age=32),
]
DIFFER: list[Callable[[], Leg]] = [
    lambda: Leg("refund", [], [paid()], ["not_here"]),
    lambda: Leg("refund", [], [paid(None)], ["not_here"]),
    lambda: Leg("refund", [], [back()], ["not_here"]),
    lambda: Leg("refund", [(1, "waiting", 1)], [paid()], ["waiting_here"]),
    lambda: Leg("refund", [(1, "waiting", 50)], [paid(None)], ["waiting_here"]),
    lambda: Leg("refund", [(1, "waiting", 1)], [back()], ["waiting_here"]),
    lambda: Leg("refund", [(1, "void", 2), (2, "waiting", 1)], [paid()], ["waiting_here"]),
    lambda: Leg("payout", [(1, "blocked", 1)], [paid()], ["stuck_here"]),
    lambda: Leg("payout", [(1, "returned", 1)], [paid()], ["stuck_here"]),
    lambda: Leg("payout", [(1, "void", 2)], [paid()], ["void_here"]),
    lambda: Leg("payout", [(1, "done", 1)], [paid()], ["not_booked"], booked="waiting"),
    lambda: Leg("payout", [(1, "done", 1)], [], ["not_there"]),
    lambda: Leg("refund", [(1, "done", 1)], [], ["not_there"]),
    lambda: Leg("payout", [(1, "done", 1)], [FAILED], ["not_there"]),
    lambda: Leg("refund", [(1, "done", 1)], [back()], ["returned_there"]),
    lambda: Leg("refund", [(1, "done", 50)], [back()], ["returned_there"]),
    lambda: Leg("refund", [(1, "done", 1)], [paid(), back()], ["returned_there"]),
    lambda: Leg("refund", [(1, "void", 2), (2, "done", 1)], [back(), back(2, "b")], ["returned_there"]),
    lambda: Leg("refund", [(1, "done", 1)], [paid(amount=99)], ["amount"]),
    lambda: Leg("refund", [(1, "done", 1)], [paid(currency="EUR")], ["amount"]),
    lambda: Leg("refund", [(1, "done", 1)], [paid(currency="ZZZ")], ["amount"]),
    lambda: Leg("refund", [(1, "waiting", 1)], [paid(amount=99)], ["amount", "waiting_here"]),
    lambda: Leg("payout", [(1, "done", 1)], [paid(), paid(reference="b")], ["twice"]),
    lambda: Leg("payout", [(1, "void", 2), (2, "done", 1)], [paid(), paid(2, reference="b")], ["twice"]),
    lambda: Leg("payout", [(1, "void", 2), (2, "done", 1)], [paid()], ["twice"]),
    lambda: Leg("payout", [(1, "done", 1)], [paid()], ["twice"], by_hand=True),
]


class Books:
    """A provider's list. `asynchronous`: it lists as an asynchronous iterator."""

    def __init__(self, movements: Sequence[Movement], *, asynchronous: bool = False) -> None:
        self._movements = movements
        self.movements = self._slowly if asynchronous else self._all

    def _all(self, since: datetime) -> Iterator[Movement]:
        return (one for one in self._movements if one.at >= since)

    async def _slowly(self, since: datetime) -> AsyncIterator[Movement]:
        for one in self._all(since):
            yield one


async def write(pool: Any, provider: str, legs: Sequence[Leg]) -> tuple[list[Movement], list[tuple[str, str]]]:
    """Write both books: the provider's movements, and what is to be found, by order and leg."""
    movements, found, orders, rows = list[Movement](), list[tuple[str, str]](), [], []
    used = set[tuple[str, int, str]]()
    for number, leg in enumerate(legs):
        order_id = f"{provider}-{number // 3}"
        # Legs of one payment, as far as their names differ.
        payment = next(one for one in (1, 2, 3) if (order_id, one, leg.name) not in used)
        used.add((order_id, payment, leg.name))
        name = f"{payment}.{leg.name}"
        booked: dict[str, Any] = {}
        for turn, status, age in leg.here:
            at = NOW - timedelta(days=age)
            key = f"{order_id}.payment.{name}{f'.{turn}' if turn > 1 else ''}"
            rows.append((key, order_id, payment, leg.name, turn, 100, "USD", provider, status, at))
            # As a state keeps it: without what is usual.
            booked = {"payment": payment, "name": leg.name, "amount": 100, "status": leg.booked or status}
            booked |= {"key": turn, "by_hand": leg.by_hand}
            usual = {"status": "done", "key": 1, "by_hand": False}
            booked = {word: value for word, value in booked.items() if usual.get(word) != value}
        orders.append((order_id, booked if leg.here else None))
        for of, status, amount, currency, reference in leg.there:
            known = of is not None
            movements.append(
                Movement(
                    key=f"{order_id}.payment.{name}{f'.{of}' if of and of > 1 else ''}" if known else None,
                    order_id=order_id if leg.here or known else None,
                    leg=name if leg.here or known else None,
                    amount=amount,
                    currency=currency,
                    status=status,
                    reference=f"{order_id}.{name}.{reference}",
                    at=NOW - timedelta(days=leg.age),
                )
            )
        found += [(f"{order_id}.{name}" if leg.here else "unknown", kind) for kind in leg.kinds]
    states = {
        order_id: [leg for _, leg in booked if leg]
        for order_id, booked in itertools.groupby(orders, lambda one: one[0])
    }
    await pool.executemany(
        "INSERT INTO order_states VALUES ($1, 0, 'salt', $2)",
        [(order_id, {"legs": booked}) for order_id, booked in states.items()],
    )
    await pool.executemany(
        "INSERT INTO payments "
        "(key, order_id, number, leg, turn, amount, currency, provider, status, answered_at, asked_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)",
        rows,
    )
    return movements, found


async def compare(pool: Any, provider: str, books: Any) -> list[Difference]:
    comparison = Comparison(pool, provider, books, NOW - USUALLY, NOW)
    return [difference async for difference in comparison.differences()]


def named(differences: Sequence[Difference]) -> list[tuple[str, str]]:
    return sorted(
        ("unknown" if one.kind == "not_here" else f"{one.order_id}.{one.leg}", one.kind) for one in differences
    )


@pytest.mark.parametrize("seed", range(12))
async def test_all_that_differs_is_found_and_nothing_else(
    pool: Any, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(seed)
    monkeypatch.setattr(database, "PAGE", random.choice([1, 3, 500]))
    monkeypatch.setattr(reconciling, "CHUNK", random.choice([1, 4, 500]))
    for asynchronous in (False, True):
        provider = f"bank-{next(_numbers)}"
        legs = [random.choice(random.choice([AGREE, DIFFER]))() for _ in range(random.randrange(60))]
        movements, found = await write(pool, provider, legs)
        random.shuffle(movements)
        # Of another provider, whose books nobody compares.
        await write(pool, f"{provider}-other", [Leg("refund", [(1, "done", 1)], [])])
        differences = await compare(pool, provider, Books(movements, asynchronous=asynchronous))
        assert named(differences) == sorted(found)
        assert all(one.do and "{" not in one.do for one in differences)


@pytest.mark.parametrize("make", [*AGREE, *DIFFER])
async def test_each_way_to_differ_is_told_from_the_others(pool: Any, make: Callable[[], Leg]) -> None:
    leg = make()
    movements, found = await write(pool, "bank", [leg])
    differences = await compare(pool, "bank", Books(movements))
    assert named(differences) == sorted(found), leg
