"""For every key of a policy another value than `rich.toml` has, and what must be so for the key to matter."""

from pathlib import Path
from typing import Any

from recourse.policies.files import PolicyFile, read_file
from recourse.policies.keys import KEYS, Key, dotted, written
from recourse.policies.values import read_values
from recourse.resolution.model.policy import Policy

RICH = Path(__file__).parent / "rich.toml"
CANCEL = "requests.cancel"
OTHER: dict[str, Any] = {
    "name": "richer",
    "answers.pause": ["saturday", "sunday"],
    "answers.holidays": ["2027-12-25", "2027-12-26"],
    "answers.time_zone": "America/New_York",
    "requests.kinds": ["cancel", "extension", "update"],
    f"{CANCEL}.by": ["client"],
    f"{CANCEL}.phases": ["in_progress"],
    f"{CANCEL}.without_approval.client": ["very_late", "regret_window"],
    f"{CANCEL}.without_approval.freelancer": [],
    f"{CANCEL}.silence.client_asked": "accept",
    f"{CANCEL}.silence.freelancer_asked": "decline",
    f"{CANCEL}.on_decline": "escalate",
    f"{CANCEL}.crossing": "agree",
    f"{CANCEL}.compensation.in_progress": "10%",
    f"{CANCEL}.compensation.delivered": "20%",
    f"{CANCEL}.compensation.in_revision": "12.5%",
    f"{CANCEL}.amount_from": ["client"],
    f"{CANCEL}.reason_from": [],
    f"{CANCEL}.explanation_from": ["client", "freelancer"],
    f"{CANCEL}.attestations": ["discussed", "tried"],
    f"{CANCEL}.no_agreement_attestations": ["tried"],
    "requests.extension.silence.client_asked": "accept",
    "requests.update.silence.freelancer_asked": "decline",
    "requests.partial_refund.silence.client_asked": "decline",
    "requests.partial_refund.silence.freelancer_asked": "accept",
    "requests.partial_refund.at_most": "12.5%",
    "requests.partial_refund.by": ["client", "freelancer"],
    "requests.extra.silence.client_asked": "decline",
    "undo.by": ["client", "freelancer"],
    "cases.escalate_by": ["client", "freelancer"],
    "cases.reminders": ["2d"],
    "cases.fallback": "continue",
    "cases.operator_case_fallback": "for_who_spoke",
    "money.commission": "12.5%",
    "money.fee_back": "none",
    "money.late_refund_from": "freelancer",
    "money.chargeback_loss": "freelancer",
    "money.chargeback_lost_after": "90d",
    "scores.calculator": "job_success",
    "scores.unpaid_silent": "excluded",
    "reviews.public_after_cancel": "paid",
    "reasons": {"other": {"by": ["client"]}},
}
FIRST: dict[str, dict[str, Any]] = {"scores.unpaid_silent": {"scores.calculator": "job_success"}}


def policy_of(changes: dict[str, Any]) -> Policy:
    """The rich policy with these keys changed."""
    policy, wrong = read_values(changed_file(changes).document)
    assert not wrong, wrong
    return policy


def changed_file(changes: dict[str, Any]) -> PolicyFile:
    """The file of it."""
    return read_file(RICH).with_changes(changes)


def other_value(key: Key, value: Any) -> Any:
    """A value that the key does not have in the rich policy."""
    name = dotted(key)
    if name in OTHER:
        return OTHER[name]
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case _ if key[:3] == ("requests", "cancel", "silence_in"):
            return "accept"
        case _:
            return "100h"


def both(key: Key) -> tuple[Policy, Policy]:
    """Two policies in which the key matters, and which differ in it alone."""
    name = dotted(key)
    first = FIRST.get(name, {})
    old = policy_of(first)
    new = policy_of({**first, name: other_value(key, written(old)[key])})
    was, now = written(old), written(new)
    assert [one for one in KEYS if was[one] != now[one]] == [key]
    return old, new
