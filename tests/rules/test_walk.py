"""Every state that an order can reach in so many moves, under every marketplace: nothing untrue, nothing stuck.

`python -m tests.rules.walk 7` goes deeper and prints what it found; so does RECOURSE_SIZE for this test.
"""

import os
from collections.abc import Callable

import pytest

from recourse.policies import PRESETS
from recourse.resolution.model.order import open_order
from tests.rules.choices import ROLES, choices
from tests.rules.given import Given, opening
from tests.rules.invariants import check_order, check_that_silence_locks_nothing
from tests.rules.marketplaces import VARIANTS
from tests.rules.truth import applies, check_actions, check_preview
from tests.rules.walk import State, actor_of, key, moves, walk

SIZE = int(os.environ.get("RECOURSE_SIZE", "1"))
CASES = [(name, requirements) for name in VARIANTS for requirements in ("received", "awaited")]
# What costs much is checked in every state near the start, and in one of so many farther on.
NEAR, ONE_OF = 1, 400 // SIZE


@pytest.mark.parametrize(("name", "requirements"), CASES)
def test_every_state_within_reach_is_sound(
    name: str, requirements: str, record_property: Callable[[str, object], None]
) -> None:
    policy, changes = VARIANTS[name]
    start = open_order(opening(policy, changes, requirements=requirements))
    depth = 4 + SIZE - (requirements == "awaited")

    states = walk(start, depth)
    record_property("states", len(states))

    for number, state in enumerate(states.values()):
        try:
            check_order(state.order, state.now)
            check_that_silence_locks_nothing(state.order)
            _check_reached(state)
            if state.depth <= NEAR or number % ONE_OF == 0:
                _check_what_is_said(state)
        except AssertionError as error:
            error.add_note("\n".join(state.path()))
            raise


def _check_reached(state: State) -> None:
    if state.came_from is None or state.by is None:
        return
    before, after, move = state.came_from.order, state.order, state.by
    if before.closed and not after.closed:
        assert move.name in ("undo", "accept", "rule")
    if before.settlement == "settled":
        assert after.settlement == "settled"
        assert after.moved == before.moved or after.late_cases or after.chargebacks
    assert after.released >= before.released
    assert after.refunded >= before.refunded
    assert after.delivered_once >= before.delivered_once
    assert after.undo_used >= before.undo_used
    assert after.appeal_used >= before.appeal_used
    assert after.offers >= before.offers
    assert after.requests >= before.requests


def _check_what_is_said(state: State) -> None:
    order, now = state.order, state.now
    given = Given(order.policy, requirements=order.terms.requirements)
    given.engine.order, given.now = order, now
    for role in ROLES:
        check_actions(order, role, now)
    for move in state.next:
        if move.role is not None:
            actor = {"role": move.role, "id": actor_of(order, move.role)}
            twin = given.fork()
            message = twin.message(actor, move.name, dict(move.fields))
            check = check_preview(twin, message)
            check(twin.take(message))


@pytest.mark.parametrize("name", VARIANTS)
def test_states_that_count_as_the_same_have_the_same_future(name: str) -> None:
    policy, changes = VARIANTS[name]
    states = walk(open_order(opening(policy, changes)), 3 + SIZE)
    compared = 0
    for state in states.values():
        for _, after, now in moves(state.order, state.now) if state.next else ():
            first = states[key(after, now)]
            if first.next and (first.order, first.now) != (after, now) and len(state.path()) % 3 == 0:
                compared += 1
                assert {move: key(then, at) for move, then, at in moves(after, now)} == first.next, first.path()
    assert compared


@pytest.mark.parametrize("name", PRESETS)
def test_the_few_moves_of_the_walk_leave_out_no_command(name: str) -> None:
    states = walk(open_order(opening(name)), 4)
    words = {"message", "add_evidence", "leave_feedback"}
    for state in list(states.values())[::20]:
        if not state.next:
            continue
        order, now = state.order, state.now
        for role in ROLES:
            walked = {move.name for move in state.next if move.role == role}
            who = {"role": role, "id": "operator-9" if role == "operator" else order.party(role)}
            possible = {
                command
                for command in ("accept", "decline", "withdraw", "escalate", "undo", "appeal", "complete", "rule")
                if any(applies(order, command, who, fields, now) for fields in choices(order, command, role))
            }
            assert possible <= walked | words, state.path()
