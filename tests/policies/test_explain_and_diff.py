"""A policy in plain sentences, complete; and what changes from one to another, in words."""

import pytest
from syrupy.assertion import SnapshotAssertion

from recourse.policies import PRESETS, load_policy
from recourse.policies.comparing import Comparison, changed_keys, compare, in_words
from recourse.policies.explain import explained
from recourse.policies.keys import KEYS, Key, dotted, written
from recourse.policies.linting import lint
from recourse.policies.sentences import SENTENCES
from recourse.resolution.model.policy import Policy
from tests.policies.other_values import both, changed_file, policy_of

NAMES = [dotted(key) for key in KEYS]


def sentences(policy: Policy) -> dict[str, str]:
    return {name: sentence for _, said in explained(policy) for name, sentence in said}


def test_every_key_has_one_sentence() -> None:
    assert set(SENTENCES) == set(KEYS)


def test_the_policy_in_which_every_key_is_told_is_one_that_the_lint_allows() -> None:
    assert not [finding for finding in lint(changed_file({}))[1] if finding.severity == "error"]
    assert set(sentences(policy_of({}))) == set(NAMES) - {"scores.unpaid_silent"}


@pytest.mark.parametrize("key", KEYS, ids=NAMES)
def test_each_key_that_changes_changes_what_is_told(key: Key) -> None:
    old, new = both(key)
    assert sentences(old)[dotted(key)] != sentences(new).get(dotted(key))


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_reads_as_it_did(name: str, snapshot: SnapshotAssertion) -> None:
    told = [(title, [sentence for _, sentence in said]) for title, said in explained(load_policy(name))]
    assert "\n\n".join("\n- ".join((title, *said)) for title, said in told) == snapshot


def test_what_has_no_effect_is_not_told() -> None:
    told = sentences(load_policy("glimmer"))
    assert "undo.window" in told
    assert "undo.consent_window" not in told
    assert not [name for name in told if name.startswith("requests.extension")]


@pytest.mark.parametrize("key", KEYS, ids=NAMES)
def test_each_key_that_changes_is_compared_in_its_own_words(key: Key) -> None:
    old, new = both(key)
    (change,) = changed_keys(old, new)
    assert change.key == dotted(key)
    assert (change.before, change.after) == (written(old)[key], written(new)[key])
    assert change.said == SENTENCES[key].say(old)
    assert change.says == SENTENCES[key].say(new) != change.said
    told = list(in_words(Comparison((change,), (), ())))
    assert f"  Before: {change.said}" in told
    assert f"  Now:    {change.says}" in told


def test_two_policies_that_say_the_same_differ_in_nothing() -> None:
    comparison = compare(load_policy("upwork"), load_policy("upwork"))
    assert (comparison.changes, comparison.gone, comparison.new) == ((), (), ())
    assert list(in_words(comparison)) == ["Nothing changes: the two say the same."]


ACCEPTED, ESCALATED = "the request counts as accepted", "an operator decides the request"


def told(base: str, changes: dict[str, object]) -> list[str]:
    return list(in_words(compare(load_policy(base), load_policy(base, changes))))


def test_another_meaning_of_silence_is_told_with_what_follows() -> None:
    lines = told("glimmer", {"requests.cancel.silence.freelancer_asked": "accept"})
    assert f"  So:     If the freelancer does not answer, {ACCEPTED}; before, {ESCALATED}." in lines
    assert "  Cancellation: the freelancer must answer: 48h of silence → Case: an operator mediates" in lines
    assert "  Cancellation: the freelancer must answer: 48h of silence → Canceled, the money is held" in lines
    assert lines.index("What orders can no longer do:") < lines.index("What orders can do now:")


def test_a_meaning_of_its_own_that_a_phase_gets_is_compared_with_the_general_one() -> None:
    lines = told("fiverr_guide", {"requests.cancel.silence_in.delivered.freelancer_asked": "escalate"})
    while_delivered = "If the freelancer does not answer while the order is delivered"
    assert f"  So:     {while_delivered}, {ESCALATED}; before, {ACCEPTED}." in lines
    lines = told("fiverr_guide", {"requests.cancel.silence_in.delivered.freelancer_asked": "accept"})
    assert f"  So:     {while_delivered}, the same happens as before." in lines


def test_longer_and_shorter_times_are_told_by_how_much() -> None:
    lines = told("glimmer", {"requests.cancel.window.client_asked": "3d", "requests.cancel.reminder": "23h"})
    assert "  So:     24 hours longer." in lines
    assert "  So:     1 hour shorter." in lines


def test_what_a_list_gains_and_loses_is_told() -> None:
    assert "  So:     Added: freelancer." in told("glimmer", {"requests.cancel.by": ["client", "freelancer"]})
    assert "  So:     Removed: extension." in told("upwork", {"requests.kinds": ["cancel"]})


def test_a_change_that_has_no_effect_is_told_as_such() -> None:
    lines = told("upwork", {"undo.consent": True})
    assert "  So:     It has no effect, because no undo is offered (undo.by, undo.window)." in lines


def test_of_a_request_that_is_no_longer_offered_only_the_way_to_it_is_told_as_gone() -> None:
    gone = compare(load_policy("upwork"), load_policy("upwork", {"requests.kinds": ["cancel"]})).gone
    assert [way for way in gone if "More time" in way] == [
        "While the order is open: freelancer asks for more time (in progress, in revision) → "
        "More time: the client must answer"
    ]
