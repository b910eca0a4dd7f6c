"""The state graph of a policy, and what it shows to be wrong."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from recourse.policies import PRESETS
from recourse.policies.files import read_file
from recourse.policies.graph_checks import graph_remarks, settlements
from recourse.policies.keys import dotted
from recourse.policies.state_graph import StateGraph, explore
from recourse.policies.values import read_values
from recourse.resolution.model.money import held
from recourse.resolution.model.policy import Policy
from recourse.resolution.rules.decide import attempt

CANCEL = "requests.cancel"
Changes = dict[str, Any]


def policy_of(base: str, changes: Changes) -> Policy:
    policy, wrong = read_values(read_file(base).with_changes(changes).document)
    assert not wrong, wrong
    return policy


def found(base: str, changes: Changes) -> set[tuple[str, str]]:
    return {(remark.rule, dotted(remark.keys[0])) for remark in graph_remarks(explore(policy_of(base, changes)))}


FOUND: list[tuple[str, Changes, str, str]] = [
    ("glimmer", {"order.dormant_after": "never"}, "one-partys-exits", "order.dormant_after"),
    (
        "glimmer",
        {"order.dormant_after": "never", "order.auto_complete": "never", f"{CANCEL}.phases": ["in_progress"]},
        "one-partys-exits",
        "order.auto_complete",
    ),
    (
        "resolution_center",
        {"order.dormant_after": "never", f"{CANCEL}.max_requests": 3, f"{CANCEL}.without_approval.client": []},
        "one-partys-exits",
        "order.dormant_after",
    ),
    ("glimmer", {f"{CANCEL}.window.client_asked": "0h"}, "timer-over-at-once", f"{CANCEL}.window.client_asked"),
    ("glimmer", {f"{CANCEL}.reminder": "0h"}, "timer-over-at-once", f"{CANCEL}.reminder"),
    (
        "resolution_center",
        {"requests.partial_refund.window.freelancer_asked": "0h"},
        "timer-over-at-once",
        "requests.partial_refund.window.freelancer_asked",
    ),
    ("glimmer", {"undo.consent": True, "undo.consent_window": "0h"}, "timer-over-at-once", "undo.consent_window"),
    ("glimmer", {"order.auto_complete": "0h"}, "timer-over-at-once", "order.auto_complete"),
    ("glimmer", {"cases.proposal_window": "0h"}, "timer-over-at-once", "cases.proposal_window"),
    ("glimmer", {"cases.rule_within": "0h", "cases.reminders": []}, "timer-over-at-once", "cases.rule_within"),
    ("glimmer", {"cases.reminders": ["0h"]}, "timer-over-at-once", "cases.reminders"),
    ("glimmer", {"notices.follow_up": "0h"}, "timer-over-at-once", "notices.follow_up"),
    ("resolution_center", {"order.dormant_after": "48h"}, "timer-over-at-once", "order.dormant_after"),
    (
        # Asked on a Friday, two days last until Tuesday.
        "resolution_center",
        {
            "order.dormant_after": "4d",
            "answers.pause": ["saturday", "sunday"],
            f"{CANCEL}.silence_in.waiting_requirements.client_asked": "lapse",
        },
        "timer-over-at-once",
        "order.dormant_after",
    ),
    (
        "resolution_center",
        {
            "order.dormant_after": "never",
            "order.late_grace": "never",
            f"{CANCEL}.without_approval.client": [],
            f"{CANCEL}.silence.freelancer_asked": "lapse",
        },
        "money-can-lock",
        "order.dormant_after",
    ),
    ("fiverr_guide", {}, "silence-taken-back", f"{CANCEL}.silence.freelancer_asked"),
    ("upwork", {}, "silence-unearned", f"{CANCEL}.silence.client_asked"),
    (
        "glimmer",
        {f"{CANCEL}.silence_in.delivered.freelancer_asked": "accept"},
        "silence-taken-back",
        f"{CANCEL}.silence_in.delivered.freelancer_asked",
    ),
    (
        "resolution_center",
        {"requests.partial_refund.silence.freelancer_asked": "accept"},
        "silence-taken-back",
        "requests.partial_refund.silence.freelancer_asked",
    ),
    (
        "resolution_center",
        {
            f"{CANCEL}.phases": ["in_progress"],
            f"{CANCEL}.silence_in.waiting_requirements.client_asked": "lapse",
        },
        "no-effect",
        f"{CANCEL}.silence_in.waiting_requirements.client_asked",
    ),
    (
        "resolution_center",
        {
            "cases.escalate_by": [],
            f"{CANCEL}.silence_in.delivered.freelancer_asked": "accept",
            f"{CANCEL}.silence_in.in_revision.freelancer_asked": "accept",
        },
        "no-operator",
        "cases.escalate_by",
    ),
    ("upwork", {"order.dormant_after": "8d", "order.auto_complete": "9d"}, "dormant-first", "order.dormant_after"),
]


@pytest.mark.parametrize(("base", "changes", "rule", "key"), FOUND, ids=[f"{case[2]} {case[3]}" for case in FOUND])
def test_what_goes_wrong_on_the_way_is_found(base: str, changes: Changes, rule: str, key: str) -> None:
    assert (rule, key) in found(base, changes)


@pytest.mark.parametrize(
    ("base", "changes", "rule"),
    [
        ("resolution_center", {"order.dormant_after": "never"}, "one-partys-exits"),
        ("resolution_center", {"order.dormant_after": "49h"}, "timer-over-at-once"),
        (
            "resolution_center",
            {
                "order.dormant_after": "97h",
                "answers.pause": ["saturday", "sunday"],
                f"{CANCEL}.silence_in.waiting_requirements.client_asked": "lapse",
            },
            "timer-over-at-once",
        ),
        # The settlement waits, by intent, for an undo that was asked for in time.
        ("glimmer", {"undo.consent": True, "undo.window": "1h"}, "timer-over-at-once"),
        ("resolution_center", {"order.dormant_after": "never"}, "money-can-lock"),
        ("resolution_center", {"order.dormant_after": "10d", "order.auto_complete": "9d"}, "dormant-first"),
        ("glimmer", {"cases.escalate_by": []}, "no-operator"),
    ],
)
def test_what_goes_well_is_left_alone(base: str, changes: Changes, rule: str) -> None:
    assert rule not in {rule for rule, _ in found(base, changes)}


def presets() -> list[StateGraph]:
    return [explore(policy_of(name, {})) for name in PRESETS]


def test_every_way_through_a_preset_ends_with_all_money_settled_once() -> None:
    for graph in presets():
        ended = [state for state in graph.states if state.final]
        assert {state.order.phase for state in ended} == {"completed", "canceled"}
        for state in ended:
            assert (state.order.settlement, state.settlements, held(state.order)) == ("settled", 1, 0)


def test_every_order_of_a_preset_is_closed_in_the_end_though_nobody_does_anything() -> None:
    for graph in presets():
        by_time = {move.source: move.target for move in graph.moves if move.by == "time"}
        for number in range(len(graph.states)):
            for _ in range(20):
                number = by_time.get(number, number)
            assert graph.states[number].final


@pytest.mark.parametrize("count", [0, 2])
def test_a_closed_order_with_no_or_two_settlements_is_told_with_the_path_to_it(count: int) -> None:
    graph = explore(policy_of("resolution_center", {}))
    number = next(position for position, state in enumerate(graph.states) if state.final)
    states = list(graph.states)
    states[number] = replace(states[number], settlements=count)
    (remark,) = settlements(replace(graph, states=tuple(states)))
    assert remark.severity == "error"
    assert f"with {'no settlement' if count == 0 else '2 settlements'}, by this path: ordered, client" in remark.reason


def test_a_combination_on_which_the_rules_themselves_fail_is_an_error_and_not_a_crash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failing(order: Any, command: Any, now: Any) -> Any:
        if command.name == "undo" and order.closed:
            raise ValueError("cannot be\nso")
        return attempt(order, command, now)

    monkeypatch.setattr("recourse.policies.state_graph.attempt", failing)
    remarks = list(graph_remarks(explore(policy_of("glimmer", {}))))
    (remark,) = [remark for remark in remarks if remark.severity == "error"]
    assert remark.rule == "rules-fail"
    assert "client request, freelancer accept, undo (cannot be)" in remark.reason


def test_limits_of_any_size_are_played_to_their_end() -> None:
    most = explore(policy_of("resolution_center", {f"{CANCEL}.max_requests": 1_000_000}))
    used_up = [state for state in most.states if len(state.order.counted_requests) == 2 and not state.order.closed]
    assert used_up
    assert len(most.states) < 500


def test_a_right_that_comes_by_waiting_is_waited_for() -> None:
    graph = explore(policy_of("resolution_center", {"order.late_grace": "5d"}))
    forced = [move for move in graph.moves if move.after.resolution and move.after.resolution.how == "forced_late"]
    assert min(move.at for move in forced) - graph.states[0].order.terms.ordered_at >= timedelta(days=10)
