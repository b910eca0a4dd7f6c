"""Keys that make no sense together: each is found under its rule, at the key to be mended."""

from collections.abc import Iterator
from typing import Any

import pytest

from recourse.policies.files import read_file
from recourse.policies.findings import Remark
from recourse.policies.key_errors import MOST_ATTESTATIONS, key_errors
from recourse.policies.key_warnings import key_warnings
from recourse.policies.keys import dotted
from recourse.policies.values import read_values
from recourse.resolution.model.commands import MakeRequest

Changes = dict[str, Any]


def remarks(base: str, changes: Changes) -> Iterator[Remark]:
    policy, wrong = read_values(read_file(base).with_changes(changes).document)
    assert not wrong, wrong
    yield from key_errors(policy)
    yield from key_warnings(policy)


def worth_saying(base: str, changes: Changes) -> set[tuple[str, str, str]]:
    said = [remark for remark in remarks(base, changes) if not remark.if_written or dotted(remark.keys[0]) in changes]
    return {(remark.severity, remark.rule, dotted(remark.keys[0])) for remark in said}


def found(base: str, changes: Changes) -> set[tuple[str, str, str]]:
    """What is new against the base by itself."""
    return worth_saying(base, changes) - worth_saying(base, {})


CANCEL = "requests.cancel"
REASONS = {"x": {"by": ["client"]}}
ERRORS: list[tuple[str, Changes, str, str]] = [
    ("glimmer", {f"{CANCEL}.reminder": "49h"}, "reminder-too-late", f"{CANCEL}.reminder"),
    ("glimmer", {f"{CANCEL}.reminder": "48h"}, "reminder-too-late", f"{CANCEL}.reminder"),
    ("glimmer", {f"{CANCEL}.window.client_asked": "23h"}, "reminder-too-late", f"{CANCEL}.reminder"),
    ("resolution_center", {"requests.extension.reminder": "3d"}, "reminder-too-late", "requests.extension.reminder"),
    ("resolution_center", {"requests.update.reminder": "48h"}, "reminder-too-late", "requests.update.reminder"),
    (
        "resolution_center",
        {"requests.partial_refund.window.freelancer_asked": "5h"},
        "reminder-too-late",
        "requests.partial_refund.reminder",
    ),
    ("glimmer", {"undo.by": []}, "undo-by-nobody", "undo.window"),
    ("glimmer", {"scores.calculator": "stars"}, "unknown-calculator", "scores.calculator"),
    ("glimmer", {"undo.window": "0h"}, "undo-without-time", "undo.by"),
    (
        "resolution_center",
        {"order.late_grace": "never"},
        "right-never-comes",
        f"{CANCEL}.without_approval.client",
    ),
    (
        "glimmer",
        {f"{CANCEL}.without_approval.client": ["regret_window"]},
        "right-never-comes",
        f"{CANCEL}.without_approval.client",
    ),
    ("upwork", {"order.regret_window": "30m"}, "regret-of-nobody", "order.regret_window"),
    ("upwork", {f"{CANCEL}.by": []}, "nobody-may-cancel", f"{CANCEL}.by"),
    ("upwork", {f"{CANCEL}.phases": []}, "nobody-may-cancel", f"{CANCEL}.phases"),
    ("upwork", {"reasons": REASONS}, "no-reason-to-give", f"{CANCEL}.reason_from"),
    ("upwork", {"reasons.nobodys.by": [], f"{CANCEL}.reason_from": []}, "reason-of-nobody", "reasons.nobodys.by"),
    (
        "glimmer",
        {"reasons.too_slow": {"by": ["client"], "fault": "freelancer"}},
        "reason-blames-the-other",
        "reasons.too_slow.fault",
    ),
    (
        "glimmer",
        {"reasons.shared": {"by": ["client", "freelancer"], "fault": "client"}},
        "reason-blames-the-other",
        "reasons.shared.fault",
    ),
    (
        "glimmer",
        {f"{CANCEL}.no_agreement_attestations": []},
        "way-around-attestations",
        f"{CANCEL}.no_agreement_attestations",
    ),
    (
        "upwork",
        {f"{CANCEL}.attestations": [f"statement {number}" for number in range(51)]},
        "too-many-attestations",
        f"{CANCEL}.attestations",
    ),
    (
        "resolution_center",
        {f"{CANCEL}.pay_named_part_at_once": True},
        "no-part-is-named",
        f"{CANCEL}.pay_named_part_at_once",
    ),
    (
        "resolution_center",
        {"requests.partial_refund.at_most": "0%"},
        "refund-of-nothing",
        "requests.partial_refund.at_most",
    ),
    (
        "resolution_center",
        {"requests.partial_refund.by": []},
        "refund-by-nobody",
        "requests.partial_refund.by",
    ),
    ("upwork", {"cases.proposal_window": "15d"}, "proposal-outlasts-case", "cases.proposal_window"),
    ("upwork", {"cases.reminders": ["3d", "14d"]}, "reminder-too-late", "cases.reminders"),
    ("upwork", {"cases.reminders": ["7d", "3d"]}, "reminders-out-of-order", "cases.reminders"),
    ("upwork", {"cases.reminders": ["3d", "3d"]}, "reminders-out-of-order", "cases.reminders"),
    ("upwork", {"flags.repeat_canceler.within": "0h"}, "mark-never-set", "flags.repeat_canceler.within"),
    ("upwork", {"name": "a\tb"}, "unreadable-name", "name"),
    ("upwork", {f"{CANCEL}.attestations": [" "]}, "unreadable-name", f"{CANCEL}.attestations"),
]
WARNINGS: list[tuple[str, Changes, str, str]] = [
    ("upwork", {"undo.consent": True}, "no-effect", "undo.consent"),
    ("upwork", {"cases.escalate_by": [], "cases.dialogue_required": True}, "no-effect", "cases.dialogue_required"),
    ("glimmer", {"answers.time_zone": "Europe/Berlin"}, "no-effect", "answers.time_zone"),
    ("glimmer", {"requests.extension.reminder": "12h"}, "no-effect", "requests.extension.reminder"),
    (
        "glimmer",
        {f"{CANCEL}.no_agreement": False, f"{CANCEL}.no_agreement_attestations": ["x"]},
        "no-effect",
        f"{CANCEL}.no_agreement_attestations",
    ),
    ("glimmer", {f"{CANCEL}.explanation_from": ["freelancer"]}, "no-effect", f"{CANCEL}.explanation_from"),
    (
        "resolution_center",
        {f"{CANCEL}.phases": ["in_progress"]},
        "right-outside-phases",
        f"{CANCEL}.without_approval.client",
    ),
    (
        "resolution_center",
        {f"{CANCEL}.without_approval.freelancer": ["full_return"]},
        "full-return-always",
        f"{CANCEL}.without_approval.freelancer",
    ),
    ("glimmer", {f"{CANCEL}.max_counters": 0}, "no-counter-offers", f"{CANCEL}.max_counters"),
    (
        "resolution_center",
        {"requests.partial_refund.max_counters": 0},
        "no-counter-offers",
        "requests.partial_refund.max_counters",
    ),
    ("glimmer", {"requests.kinds": ["update"]}, "no-cancellations", "requests.kinds"),
    (
        "resolution_center",
        {f"{CANCEL}.window.client_asked": "2h", f"{CANCEL}.reminder": "1h"},
        "short-window",
        f"{CANCEL}.window.client_asked",
    ),
    ("upwork", {f"{CANCEL}.cooldown": "91d"}, "cooldown-outlasts-order", f"{CANCEL}.cooldown"),
    (
        "upwork",
        {f"{CANCEL}.cooldown": "91d", "order.dormant_after": "never"},
        "cooldown-outlasts-order",
        f"{CANCEL}.cooldown",
    ),
    ("upwork", {"order.auto_complete": "never"}, "never-completes", "order.auto_complete"),
    ("upwork", {"order.reachable_after": "0h"}, "no-time-for-feedback", "order.reachable_after"),
    ("resolution_center", {"order.reachable_after": "13d"}, "exemption-unheard", "order.reachable_after"),
    ("glimmer", {"notices.follow_up": "23h"}, "follow-up-before-undo", "notices.follow_up"),
    ("glimmer", {"money.commission": "100%"}, "all-commission", "money.commission"),
    ("upwork", {"cases.proposal_window": "14d"}, "proposal-outlasts-case", "cases.proposal_window"),
    ("upwork", {"undo.by": ["client", "client"], "undo.window": "1h"}, "said-twice", "undo.by"),
    ("upwork", {"keeping.texts": "13d"}, "kept-while-reachable", "keeping.texts"),
    ("upwork", {"keeping.orders": "59d"}, "cancellations-forgotten", "keeping.orders"),
    ("upwork", {"keeping.orders": "100d", "keeping.addresses": "100d"}, "no-effect", "keeping.addresses"),
]


@pytest.mark.parametrize(("base", "changes", "rule", "key"), ERRORS, ids=[f"{case[2]} {case[3]}" for case in ERRORS])
def test_what_makes_no_sense_is_an_error(base: str, changes: Changes, rule: str, key: str) -> None:
    assert ("error", rule, key) in found(base, changes)


@pytest.mark.parametrize(
    ("base", "changes", "rule", "key"), WARNINGS, ids=[f"{case[2]} {case[3]}" for case in WARNINGS]
)
def test_what_is_probably_not_meant_is_a_warning(base: str, changes: Changes, rule: str, key: str) -> None:
    assert ("warning", rule, key) in found(base, changes)


@pytest.mark.parametrize(
    ("base", "changes"),
    [
        ("resolution_center", {f"{CANCEL}.window.freelancer_asked": "3d", f"{CANCEL}.reminder": "47h"}),
        # A reminder may fall on the shorter deadline, where it is never sent, if the longer window has room for it.
        ("resolution_center", {f"{CANCEL}.window.freelancer_asked": "3d", f"{CANCEL}.reminder": "48h"}),
        ("glimmer", {f"{CANCEL}.reminder": "never", f"{CANCEL}.window.client_asked": "1h"}),
        ("upwork", {"undo.by": ["client"], "undo.window": "1h"}),
        ("upwork", {"order.regret_window": "1h", f"{CANCEL}.without_approval.client": ["regret_window"]}),
        ("upwork", {"cases.proposal_window": "13d"}),
        ("upwork", {"reasons": {"x": {"by": ["freelancer"], "fault": "freelancer"}}}),
        ("upwork", {f"{CANCEL}.attestations": [f"statement {number}" for number in range(50)]}),
        ("upwork", {"flags.repeat_canceler.count": 0, "flags.repeat_canceler.within": "60d"}),
    ],
)
def test_what_makes_sense_is_left_alone(base: str, changes: Changes) -> None:
    assert not {rule for severity, rule, _ in found(base, changes) if severity == "error"}


def test_a_request_can_tick_as_many_statements_as_the_lint_allows() -> None:
    (most,) = [constraint.max_length for constraint in MakeRequest.model_fields["attestations"].metadata]
    assert most == MOST_ATTESTATIONS
