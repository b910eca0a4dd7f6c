"""Scores are counted by calculators that a policy names and a marketplace can bring along."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recourse.policies import calculators, load_policy
from recourse.resolution.model.facts import Facts, facts
from recourse.resolution.model.order import Order, open_order
from recourse.resolution.model.policy import PolicyError
from recourse.resolution.model.terms import Histories, History
from recourse.resolution.shown import scores as counting
from recourse.resolution.shown.scores import (
    COMPLETION_RATE,
    JOB_SUCCESS,
    Calculator,
    Tally,
    histories,
    marks,
    percent,
    register,
    scores,
)
from recourse.resolution.shown.views import view
from tests.facts.lives import live
from tests.facts.stories import played
from tests.patience import PATIENCE

counts = st.integers(0, 10**6)


@given(counts, counts, counts)
def test_a_share_is_the_nearest_number_with_its_decimals_and_halves_go_up(good: int, bad: int, rest: int) -> None:
    for decimals in (1, 2):
        score = percent(Tally(good, bad, good + bad + rest), decimals)
        if good + bad + rest == 0:
            assert score is None
            continue
        assert score is not None
        units = round(score * 10**decimals)
        assert score == units / 10**decimals
        exact = max(good - bad, 0) * 100 * 10**decimals
        counted = good + bad + rest
        assert (2 * units - 1) * counted <= 2 * exact < (2 * units + 1) * counted


@settings(max_examples=60)
@given(st.integers(0, 2**32).map(Random))
def test_an_order_scores_the_same_whether_what_was_before_is_counted_or_told(random: Random) -> None:
    """The counts in an order's terms are the facts of the orders before it, in short."""
    policy = load_policy("upwork", {"scores.unpaid_silent": random.choice(("counted", "excluded"))})
    before = [
        fact for number in range(6) if (fact := facts(live(random, policy, order_id=f"o-{number}").order)) is not None
    ]
    now = datetime(2030, 1, 1, tzinfo=UTC)
    known = histories(before, "c-1", "f-1", policy, now)
    life = live(random, policy, order_id="o-9", ordered_at=now, histories=known)
    last = facts(life.order)
    counted = [*before, *([last] if last else [])]
    assert scores(life.order) == {"freelancer": {"job_success": JOB_SUCCESS.of(counted)}}
    assert 0 <= known.freelancer.bad <= len(before)


async def test_only_orders_that_keep_the_same_score_count_in_it() -> None:
    upwork = facts((await played("s24b-unpaid-exit-bad-private-feedback")).order)
    center = facts((await played("s06-very-late-exact-boundary")).order)
    assert upwork
    assert center
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for policy, expected in (
        ("upwork", History(bad=1)),
        ("resolution_center", History(canceled=1)),
        ("glimmer", History()),
    ):
        known = histories([upwork, center], "c-1", "f-1", load_policy(policy), now)
        assert known.freelancer.model_copy(update={"canceled_recently": 0}) == expected


async def test_what_counts_towards_the_mark_is_forgotten_after_the_policys_time() -> None:
    """[R60, R62]"""
    fact = facts((await played("s26b-third-careless-cancellation")).order)
    assert fact
    policy = load_policy("upwork")
    for after, known in ((timedelta(0), 1), (timedelta(days=60, seconds=-1), 1), (timedelta(days=60), 0)):
        at = fact.closed_at + after
        assert histories([fact], "c-1", "f-1", policy, at).client == History(canceled_recently=known)
    assert histories([fact], "c-1", "f-1", policy, fact.closed_at - timedelta(seconds=1)) == Histories()
    assert histories([fact], "c-2", "f-1", policy, fact.closed_at).client == History()


ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bring_along() -> Iterator[Any]:
    """Registers calculators for one test."""
    before = dict(counting._CALCULATORS)
    yield register
    counting._CALCULATORS.clear()
    counting._CALCULATORS.update(before)


def on_time(one: Facts) -> Tally:
    return Tally(good=one.completed and one.lateness == "on_time", counted=1)


async def test_a_marketplace_can_bring_its_own_calculator(bring_along: Any) -> None:
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(from recourse\.ports import Calculator.*?)```", page, re.DOTALL)
    assert example
    made: dict[str, Any] = {}
    exec(example[1], made)
    bring_along(made["ON_TIME"])
    order = (await played("s12a-completed-order-is-closed")).order
    changed = load_policy("resolution_center", {"scores.calculator": "on_time"})
    order = order.model_copy(update={"opening": order.opening.model_copy(update={"policy": changed})})
    assert scores(order) == {"freelancer": {"on_time": 100.0}}
    assert view(order, "client", order.decided_at).scores == {"freelancer": {"on_time": 100.0}}


async def test_a_calculator_is_confidential_unless_it_says_otherwise(bring_along: Any) -> None:
    bring_along(Calculator("on_time", counts=on_time))
    order = (await played("s12a-completed-order-is-closed")).order
    changed = load_policy("resolution_center", {"scores.calculator": "on_time"})
    order = order.model_copy(update={"opening": order.opening.model_copy(update={"policy": changed})})
    assert view(order, "operator", order.decided_at).scores == {"freelancer": {"on_time": 100.0}}
    assert view(order, "freelancer", order.decided_at).scores == {}


@pytest.mark.parametrize("counts", [lambda facts: 1 / 0, lambda facts: Tally(good=-1), lambda facts: None])
async def test_one_that_fails_on_a_real_order_shows_no_score_and_counts_nothing(bring_along: Any, counts: Any) -> None:
    bring_along(Calculator("on_time", counts=counts, confidential=False))
    order = (await played("s12a-completed-order-is-closed")).order
    changed = load_policy("resolution_center", {"scores.calculator": "on_time"})
    order = order.model_copy(update={"opening": order.opening.model_copy(update={"policy": changed})})
    assert view(order, "client", order.decided_at).scores == {"freelancer": {"on_time": None}}
    fact = facts(order)
    assert fact
    assert histories([fact], "c-1", "f-1", changed, fact.closed_at).freelancer == History()


def test_one_that_hangs_is_refused_when_it_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(calculators, "PATIENCE", 0.05)
    try:
        with pytest.raises(ValueError, match=r"it did not score two orders within 0\.05 seconds"):
            calculators._try(Calculator("slow", counts=lambda one: Tally(counted=over.wait())))
    finally:
        over.set()


def test_two_calculators_cannot_share_a_name(bring_along: Any) -> None:
    bring_along(COMPLETION_RATE)
    for name in ("completion_rate", "none"):
        with pytest.raises(ValueError, match=f"there is a score calculator '{name}' already"):
            bring_along(Calculator(name, counts=on_time))


def test_a_policy_whose_calculator_is_not_installed_is_refused_by_name() -> None:
    expected = r"there is no calculator 'stars'; known here: completion_rate, job_success and none"
    with pytest.raises(PolicyError, match=expected):
        load_policy("upwork", {"scores.calculator": "stars"})


def test_an_order_whose_calculator_is_missing_goes_on_without_a_score() -> None:
    order = live(Random(3), moves=0, close=False).order
    document = order.opening.model_dump(mode="json")
    document["policy"]["scores"]["calculator"] = "stars"
    opening = type(order.opening).model_validate(document)
    life = live(Random(3), opening.policy)
    assert scores(life.order) == {"freelancer": {"stars": None}}
    assert view(life.order, "client", life.order.decided_at).scores == {}
    assert marks(open_order(opening)) == {"client": [], "freelancer": []}


def test_the_order_that_keeps_no_score_has_none() -> None:
    order: Order = live(Random(3), load_policy("glimmer")).order
    assert scores(order) == {}


def test_an_installed_package_brings_its_calculator_along(tmp_path: Path) -> None:
    done = with_package(tmp_path, "my_shop:ON_TIME")
    assert (done.returncode, done.stdout) == (0, "on_time\n"), done.stderr


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("my_shop:NOTHING", "has no attribute 'NOTHING'"),
        ("no_such_shop:ON_TIME", "No module named 'no_such_shop'"),
        ("my_shop:Tally", "not a recourse.ports.Calculator"),
        ("my_shop:RAISES", "float division by zero"),
        ("my_shop:NONSENSE", "`counts` returned 'good': give whole numbers, good and bad within counted"),
        ("my_shop:TOO_MUCH", "Tally(good=2, bad=0, counted=1): give whole numbers"),
        ("my_shop:NO_NUMBER", "`score` returned 'high': give a number, or None"),
        ("my_shop:TAKEN", "there is a score calculator 'job_success' already"),
    ],
)
def test_a_calculator_that_cannot_be_used_is_named(tmp_path: Path, value: str, why: str) -> None:
    done = with_package(tmp_path, value)
    assert done.returncode == 1
    assert f"The score calculator on_time = {value} of an installed package cannot be used" in done.stderr
    assert why in done.stderr


def with_package(folder: Path, value: str) -> Any:
    """Read a policy where a package is installed that offers `value`."""
    (folder / "my_shop.py").write_text(
        "from recourse.resolution.shown.scores import Calculator, Tally\n"
        "ON_TIME = Calculator('on_time', counts=lambda facts: Tally(good=facts.completed, counted=1))\n"
        "TAKEN = Calculator('job_success', counts=ON_TIME.counts)\n"
        "RAISES = Calculator('on_time', counts=lambda facts: Tally(good=1.0 / 0.0))\n"
        "NONSENSE = Calculator('on_time', counts=lambda facts: 'good')\n"
        "TOO_MUCH = Calculator('on_time', counts=lambda facts: Tally(good=2, counted=1))\n"
        "NO_NUMBER = Calculator('on_time', counts=ON_TIME.counts, score=lambda tally: 'high')\n",
        encoding="utf-8",
    )
    about = folder / "my_shop-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-shop\nVersion: 1\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(f"[recourse.calculators]\non_time = {value}\n", encoding="utf-8")
    program = (
        f"import sys; sys.path.insert(0, {str(folder)!r})\n"
        "from recourse.policies import load_policy\n"
        "print(load_policy('upwork', {'scores.calculator': 'on_time'}).scores.calculator)"
    )
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
