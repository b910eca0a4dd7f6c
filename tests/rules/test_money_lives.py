"""Every cent is somewhere at every step of random lives, whatever a payment provider answers and a bank takes back.

RECOURSE_SIZE multiplies the steps: 250 makes a million of them.
"""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.order import Order, open_order
from recourse.resolution.model.payments import LegAnswer
from recourse.resolution.model.record import Reader
from recourse.resolution.rules.clocks import next_clock
from recourse.resolution.rules.decide import decide, decide_clock
from recourse.resolution.rules.decision import Decision
from recourse.resolution.rules.paying import make_payments, take_answers, waiting_legs
from tests.rules.choices import ROLES, choices, commands_of
from tests.rules.given import opening
from tests.rules.invariants import check_money
from tests.rules.marketplaces import VARIANTS

SIZE = int(os.environ.get("RECOURSE_SIZE", "1"))
STEPS, SEEDS = 1_000 * SIZE, range(4)
MOVES, TRIES = 60, 8
# They move no money.
SELDOM = {
    *("message", "add_evidence", "note", "note_to_staff", "leave_feedback", "order_again", "away", "back"),
    *("take_case", "release_case"),
}


@pytest.mark.parametrize("seed", SEEDS)
def test_every_cent_is_somewhere_at_every_step(seed: int) -> None:
    random = Random(seed)
    steps = 0
    while steps < STEPS:
        provider = random.choice(("ledger", "bank", "bank"))
        lived: list[str] = [f"seed {seed}, provider {provider}"]
        for order, what in _life(random, provider):
            lived.append(what)
            try:
                check_money(order)
            except AssertionError as error:
                error.add_note("\n".join(lived))
                raise
        steps += len(lived) - 1


def _life(random: Random, provider: str) -> Iterator[tuple[Order, str]]:
    policy, changes = VARIANTS[random.choice(sorted(VARIANTS))]
    begun = opening(policy, changes, requirements=random.choice(("awaited", "received")))
    order, now = open_order(begun.model_copy(update={"provider": provider})), begun.terms.ordered_at
    for _ in range(MOVES):
        if random.random() < 0.25:
            now += timedelta(hours=random.choice((0, 1, 12, 48, 400)))
            clock = next_clock(order)
            now = max(now, clock.at) if clock and random.random() < 0.7 else now
            while (clock := next_clock(order)) is not None and clock.at <= now:
                decision = decide_clock(order, clock, now)
                for order in _paid(random, decision, retrying=clock.name == "settlement_retry"):
                    yield order, f"{now} {clock.name}"
            continue
        role = random.choice(ROLES)
        name = "payment_event" if random.random() < 0.05 else random.choice(commands_of(role))
        if random.random() > (0.1 if name in SELDOM else 0.5 if name in ("complete", "rule") else 1):
            continue
        tried = _applied(random, order, role, name, now)
        if tried is not None:
            decision, fields = tried
            for order in _paid(random, decision):
                yield order, f"{now} {role} {name} {fields}"


def _applied(
    random: Random, order: Order, role: Reader, name: str, now: datetime
) -> tuple[Decision, dict[str, Any]] | None:
    possible = list(choices(order, name, role))
    actor = {"role": role, "id": f"operator-{random.randint(1, 2)}" if role == "operator" else order.party(role)}
    if name == "payment_event":
        actor = {"role": "system", "id": "provider"}
    for fields in random.sample(possible, min(TRIES, len(possible))):
        decided = decide(order, COMMANDS[name].model_validate({"actor": actor, **fields}), now)
        if isinstance(decided, Decision):
            return decided, fields
    return None


def _paid(random: Random, decision: Decision, *, retrying: bool = False) -> Iterator[Order]:
    """The order after a decision, and after each round of the provider, which pays, refuses or does not answer."""
    make_payments(decision, retrying=retrying)
    order, now = decision.order, decision.now
    yield order
    while order.retry_at is not None and order.retry_at <= now and not order.still and (legs := waiting_legs(order)):
        said = {leg.id: random.choice(("done", "done", "done", "blocked", None)) for leg in legs}
        answers = {
            leg: LegAnswer.model_validate({"status": status}) for leg, status in said.items() if status is not None
        }
        round_of = Decision(order, now, now)
        take_answers(round_of, answers)
        order = round_of.order
        yield order
