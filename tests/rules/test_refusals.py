"""Every refusal code: what provokes it, and which of several is given."""

from collections.abc import Callable
from typing import Any

import pytest

from recourse.resolution.limits import PER_HOUR
from recourse.resolution.model.reading import unproven_message
from recourse.resolution.model.refusals import CODES, SENTENCES, RefusalCode
from tests.outcomes import refused
from tests.rules.given import ATTESTED, Given, Then
from tests.rules.test_cases import declined, in_mediation
from tests.rules.test_ruling import CANCEL, ruled
from tests.rules.test_working import in_phase

CLIENT = {"role": "client", "id": "c-1"}
GLIMMER: dict[str, Any] = {"kind": "cancel", "reason": "other", "amount": 3_000, "attestations": ATTESTED}


def glimmer(**changes: Any) -> Given:
    given = Given("glimmer", changes)
    given.client("request", **GLIMMER)
    return given


def canceled() -> Given:
    given = glimmer()
    given.freelancer("accept")
    return given


def waited(given: Given, length: str) -> Given:
    given.after(length)
    return given


def taken() -> Given:
    given = in_mediation()
    given.operator("take_case")
    return given


def away() -> Given:
    given = Given(changes={"answers.away_at_most": "24h"})
    given.client("away", until="2025-04-01T09:00:00Z")
    return given


def on_hold() -> Given:
    given = Given()
    given.operator("hold", explanation="A card may be stolen.")
    return given


def charged_back() -> Given:
    given = Given()
    given.by("system", "payment_event", event="chargeback_opened", amount=1_000, reference="dp_1")
    return given


def won_back() -> Given:
    given = charged_back()
    given.by("system", "payment_event", event="chargeback_closed", outcome="won")
    return given


def counters_used_up() -> Given:
    given = glimmer(**{"requests.cancel.max_counters": 1})
    given.freelancer("counter", amount=9_000)
    return given


def undone_and_canceled() -> Given:
    given = canceled()
    given.client("undo")
    given.client("request", **GLIMMER)
    given.freelancer("accept")
    return given


def appealed() -> Given:
    given = ruled()
    given.client("appeal", comment="You left out page four.")
    return given


def a_silent_dispute() -> Given:
    given = Given("upwork")
    given.client("request", kind="cancel", comment="We stop.", amount=0)
    given.freelancer("decline")
    return given


def reused() -> Then:
    given = Given()
    given.client("message", comment="One.", command_id="once")
    return given.client("message", comment="Two.", command_id="once")


def talked(count: int) -> Given:
    given = Given()
    for _ in range(count):
        given.client("message", comment="And another thing.")
    return given


PROVOKED: dict[str, Callable[[], Then]] = {
    "too_many_messages": lambda: talked(PER_HOUR).client("message"),
    "malformed": lambda: Given().client("message"),
    "command_id_reused": reused,
    "actor_unproven": lambda: Given().take(unproven_message("complete", {"actor": CLIENT}, "no token", "unnamed-1")),
    "unknown_command": lambda: Given().client("sing"),
    "not_a_party": lambda: Given().says({"role": "client", "id": "stranger"}, "request", {"kind": "cancel"}),
    "role_not_allowed": lambda: Given().freelancer("complete"),
    "conflict_of_interest": lambda: in_mediation().operator("rule", name="c-1", **CANCEL),
    "expired": lambda: waited(glimmer(), "48h").freelancer("accept"),
    "order_closed": lambda: canceled().freelancer("deliver"),
    "wrong_phase": lambda: Given().client("complete"),
    "kind_not_offered": lambda: Given("glimmer").client("request", kind="update"),
    "request_open": lambda: glimmer().client("request", **GLIMMER),
    "case_open": lambda: in_mediation().client("request", kind="cancel"),
    "no_open_request": lambda: Given().client("accept"),
    "no_open_case": lambda: Given().client("settle", amount=0),
    "case_taken": lambda: taken().operator("take_case", name="operator-2"),
    "case_not_yours": lambda: taken().operator("release_case", name="operator-2"),
    "not_yours_to_answer": lambda: glimmer().client("accept"),
    "not_yours_to_withdraw": lambda: glimmer().freelancer("withdraw"),
    "approval_needed": lambda: Given().client("request", kind="cancel", approval="skip"),
    "reason_required": lambda: Given("glimmer").client("request", **GLIMMER | {"reason": None}),
    "unknown_reason": lambda: Given().client("request", kind="cancel", reason="cannot_deliver"),
    "explanation_required": lambda: in_mediation().operator("rule", outcome="continue"),
    "attestation_missing": lambda: Given("glimmer").client("request", **GLIMMER | {"attestations": []}),
    "amount_required": lambda: glimmer().freelancer("counter"),
    "amount_out_of_range": lambda: glimmer().freelancer("counter", amount=10_001),
    "stale_version": lambda: glimmer().freelancer("accept", expected_version=7),
    "too_many_counters": lambda: counters_used_up().client("counter", amount=4_000),
    "too_many_revisions": lambda: _revised_twice(),
    "cooling_down": lambda: declined(changes={"requests.cancel.cooldown": "1h"}).client("request", kind="cancel"),
    "too_many_requests": lambda: declined(changes={"requests.cancel.max_requests": 1}).client("request", kind="cancel"),
    "undo_not_offered": lambda: Given().client("undo"),
    "undo_closed": lambda: waited(canceled(), "24h").client("undo"),
    "undo_used": lambda: undone_and_canceled().client("undo"),
    "dialogue_required": lambda: a_silent_dispute().client("escalate"),
    "escalation_not_offered": lambda: Given().client("escalate"),
    "appeal_not_offered": lambda: Given().client("appeal", comment="Why?"),
    "appeal_closed": lambda: waited(ruled(), "3d").client("appeal", comment="Why?"),
    "appeal_used": lambda: appealed().freelancer("appeal", comment="Why?"),
    "same_operator": lambda: appealed().operator("rule", **CANCEL),
    "proposal_too_late": lambda: waited(in_mediation(), "13d").operator("propose", amount=0, explanation="Late."),
    "no_blocked_payment": lambda: Given().operator("retry_payment", leg="1.refund"),
    "no_such_payment": lambda: Given().by("system", "payment_event", event="returned", leg="1.refund"),
    "no_chargeback": lambda: Given().by("system", "payment_event", event="chargeback_closed", outcome="won"),
    "chargeback_known": lambda: won_back().by(
        "system", "payment_event", event="chargeback_opened", amount=1_000, reference="dp_1"
    ),
    "chargeback_open": lambda: charged_back().client("complete"),
    "on_hold": lambda: on_hold().client("complete"),
    "hold_used": lambda: waited(on_hold(), "14d").operator("hold", explanation="Once more."),
    "no_hold": lambda: Given().operator("lift_hold"),
    "away_not_offered": lambda: Given().client("away", until="2025-03-04T09:00:00Z"),
    "not_away": lambda: Given(changes={"answers.away_at_most": "24h"}).client("back"),
    "away_used": lambda: waited(away(), "24h").client("away", until="2025-04-01T09:00:00Z"),
    "time_not_offered": lambda: glimmer().client("give_time", by="24h"),
    "too_much_time": lambda: glimmer(**{"answers.give_time_at_most": "24h"}).client("give_time", by="25h"),
    "feedback_not_allowed": lambda: Given().client("leave_feedback", visibility="public", rating="positive"),
}


def _revised_twice() -> Then:
    given = Given(changes={"order.max_revisions": 1})
    given.freelancer("deliver")
    given.client("ask_revision")
    given.freelancer("deliver")
    return given.client("ask_revision")


def test_every_code_is_provoked_and_has_a_sentence() -> None:
    assert set(PROVOKED) == set(CODES) == set(SENTENCES)


@pytest.mark.parametrize("code", CODES)
def test_a_refusal_gives_its_code_a_sentence_and_one_entry(code: RefusalCode) -> None:
    then = PROVOKED[code]()

    assert then.refused == code
    assert refused(then.answer).message == SENTENCES[code]
    assert then.told == {}
    assert len(then.steps) == 1
    entry = then.steps[0].entry
    assert entry is not None
    assert (entry.content["outcome"], entry.content["code"]) == ("refused", code)
    assert entry.content["from"] == entry.content["to"]


@pytest.mark.parametrize(
    ("then", "given_code"),
    [
        (lambda: Given().says({"role": "client", "id": "stranger"}, "deliver", {}), "not_a_party"),
        (lambda: Given().says({"role": "client", "id": "stranger"}, "message", {}), "malformed"),
        (lambda: canceled().says({"role": "client", "id": "stranger"}, "deliver", {}), "not_a_party"),
        (lambda: canceled().client("deliver"), "role_not_allowed"),
        (lambda: Given().operator("complete", name="c-1"), "role_not_allowed"),
        (lambda: waited(asked_in_rc(), "48h").freelancer("accept"), "expired"),
        (lambda: canceled().client("complete"), "order_closed"),
        (lambda: Given("glimmer").client("request", kind="cancel", amount=99_999), "reason_required"),
        (
            lambda: Given("glimmer").client("request", kind="cancel", reason="other", amount=99_999),
            "attestation_missing",
        ),
        (lambda: glimmer().client("request", kind="cancel"), "request_open"),
        (lambda: glimmer().client("accept", expected_version=7), "not_yours_to_answer"),
        (lambda: glimmer().freelancer("counter", amount=99_999, expected_version=7), "amount_out_of_range"),
        (lambda: counters_used_up().client("counter", amount=4_000, expected_version=1), "stale_version"),
        (
            lambda: in_phase("waiting_requirements").freelancer("request", kind="extension", extend_by="1h"),
            "wrong_phase",
        ),
        (lambda: in_mediation().client("undo"), "undo_not_offered"),
        (lambda: in_mediation().operator("rule", outcome="cancel"), "explanation_required"),
        (lambda: appealed().operator("rule", outcome="cancel", explanation="-"), "amount_required"),
        (lambda: Given().client("appeal"), "explanation_required"),
    ],
)
def test_when_several_apply_the_earlier_in_the_list_is_given(then: Callable[[], Then], given_code: str) -> None:
    assert then().refused == given_code


def asked_in_rc() -> Given:
    given = Given()
    given.client("request", kind="cancel")
    return given
