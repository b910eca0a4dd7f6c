"""An order starts with what the two have behind them, as the database knows it."""

from random import Random
from typing import Any

import pytest

from recourse.database.facts import read_histories
from recourse.database.pool import connect
from recourse.database.steps import record_step
from recourse.policies import load_policy
from recourse.resolution.model.terms import Histories, History, Terms
from recourse.starter.client import Recourse
from tests.facts.lives import live
from tests.process.conftest import Marketplace

POLICY = load_policy("resolution_center")
HELLO = ("message", {"actor": {"role": "client", "id": "c-1"}, "comment": "Hello."})


@pytest.fixture
async def before(pool: Any) -> None:
    """Orders of the two that are over."""
    for seed in range(6):
        for step in live(Random(seed), POLICY, order_id=f"o-{seed}").steps:
            await record_step(pool, step)


async def started(recourse: Recourse, terms: Terms) -> None:
    outcome = await recourse.start_and_send(terms, POLICY, *HELLO)
    assert outcome.applied


async def test_a_start_without_a_history_gets_it_from_the_database(
    marketplace: Marketplace, pool: Any, before: None
) -> None:
    terms = marketplace.terms()
    await started(marketplace.recourse, terms)
    known = await read_histories(pool, "c-1", "f-1", POLICY, terms.ordered_at)
    assert (await marketplace.recourse.order(terms.order_id).state()).terms.history == known
    assert known != Histories()
    # The same start again changes nothing.
    await marketplace.recourse.start(terms, POLICY)
    assert (await marketplace.recourse.order(terms.order_id).state()).terms.history == known


async def test_a_history_that_is_given_stands(marketplace: Marketplace, before: None) -> None:
    given = Histories(freelancer=History(completed=1_000))
    for history in (given, Histories()):
        terms = marketplace.terms(history=history)
        await started(marketplace.recourse, terms)
        assert (await marketplace.recourse.order(terms.order_id).state()).terms.history == history


async def test_while_the_database_is_away_an_order_starts_with_nothing_behind_it(
    marketplace: Marketplace, dsn: str, before: None
) -> None:
    away = await connect(dsn, most=1)
    await away.close()
    terms = marketplace.terms()
    await started(Recourse(marketplace.client, away, task_queue=marketplace.queue), terms)
    assert (await marketplace.recourse.order(terms.order_id).state()).terms.history == Histories()
