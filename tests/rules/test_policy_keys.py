"""Every key of a policy file does what it says: each is set to something else than its default, and seen to matter."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from pydantic import BaseModel

from recourse.resolution.model.durations import parse_duration
from recourse.resolution.model.policy import Keeping, Policy
from tests.rules.given import ATTESTED, Given, hours
from tests.rules.test_cases import declined, in_mediation

Changes = dict[str, Any]
Seen = Callable[[Changes], Any]
GLIMMER: Changes = {"kind": "cancel", "reason": "other", "amount": 3_000, "attestations": ATTESTED}
OTHER_KINDS: tuple[tuple[str, Changes], ...] = (
    ("freelancer", {"kind": "extension", "extend_by": "1d"}),
    ("client", {"kind": "update"}),
    ("freelancer", {"kind": "partial_refund", "amount": 100}),
    ("freelancer", {"kind": "extra", "amount": 100}),
)
BY_FREELANCER: Changes = {"kind": "cancel", "reason": "other", "comment": "We are closed."}


def asked(changes: Changes, policy: str = "resolution_center", by: str = "client", **fields: Any) -> Given:
    given = Given(policy, changes)
    given.by(by, "request", **{"kind": "cancel", "reason": "other", "comment": "We stop.", **fields})
    return given


def window(given: Given) -> Any:
    return given.request["answer_due_at"] - given.now


def silence(given: Given) -> Any:
    given.after("400h")
    return given.request["status"]


def refused(given: Given, by: str, command: str, **fields: Any) -> Any:
    return given.by(by, command, **fields).refused


def first_reminder(given: Given, length: str) -> Any:
    began = given.now
    then = given.after(length)
    reminders = [step for step in then.steps if step.entry and step.entry.content["command"].endswith("_reminder")]
    return reminders[0].at - began if reminders else None


def reason_codes(changes: Changes) -> Any:
    given = Given(changes=changes)
    return refused(given, "client", "request", kind="cancel", reason="changed_my_mind")


def fault(changes: Changes) -> Any:
    given = Given(changes=changes)
    given.client("request", kind="cancel", reason="ordered_by_mistake")
    given.freelancer("accept")
    return given.resolution["fault"]


def counters(changes: Changes, policy: str, by: tuple[str, str], *amounts: int, **fields: Any) -> Any:
    given = Given(policy, changes)
    given.by(by[1], "request", **fields)
    answers = [refused(given, by[number % 2], "counter", amount=amount) for number, amount in enumerate(amounts)]
    return answers.count(None)


def canceled(changes: Changes, policy: str = "glimmer") -> Given:
    given = Given(policy, changes)
    given.client("request", **GLIMMER, comment="We stop.")
    given.freelancer("accept")
    return given


def reviews(changes: Changes) -> Any:
    given = Given(changes=changes)
    given.client("request", kind="cancel", comment="We stop.")
    given.freelancer("accept")
    return given.view("operator")["reviews"]


def dormant(changes: Changes) -> Any:
    given = Given(changes=changes)
    given.after("40d")
    return given.case.get("stage")


def revisions(changes: Changes) -> Any:
    given = Given(changes=changes)
    for number in range(7):
        given.freelancer("deliver")
        if given.client("ask_revision").refused:
            return number
    return "no end"


def alone(changes: Changes, party: str, policy: str = "resolution_center", **fields: Any) -> Any:
    given = Given(policy, changes)
    given.by(party, "request", **BY_FREELANCER, **fields)
    return given.resolution.get("how")


def silence_in(changes: Changes, by: str, phase: str) -> Any:
    given = Given("fiverr_guide", changes, requirements="awaited" if phase == "waiting_requirements" else "received")
    if phase in ("delivered", "in_revision"):
        given.freelancer("deliver")
    if phase == "in_revision":
        given.client("ask_revision")
    given.by(by, "request", **BY_FREELANCER, approval="ask")
    return silence(given)


def refunded(changes: Changes, by_client: bool = False) -> Given:
    given = Given(changes=changes)
    given.freelancer("request", kind="partial_refund", amount=1_000)
    if by_client:
        given.client("counter", amount=2_000)
    return given


def extended(changes: Changes) -> Given:
    given = Given(changes=changes)
    given.freelancer("request", kind="extension", extend_by="24h")
    return given


def updated(changes: Changes) -> Given:
    given = Given(changes=changes)
    given.client("request", kind="update")
    return given


def most_refunded(changes: Changes) -> Any:
    given = Given(changes=changes)
    return given.freelancer("request", kind="partial_refund", amount=99_999).details["at_most"]


def cooldown(changes: Changes) -> Any:
    return refused(declined(changes=changes), "client", "request", kind="cancel")


def other_cooldown(changes: Changes, opener: str, **fields: Any) -> Any:
    given = Given(changes=changes, delivery_time="30d")
    given.by(opener, "request", **fields)
    given.by("freelancer" if opener == "client" else "client", "decline")
    return given.by(opener, "request", **fields).details["available_at"]


def ruled(changes: Changes) -> Any:
    given = in_mediation(changes=changes)
    given.operator("rule", outcome="cancel", amount=0, explanation="Nothing is done.")
    return given.order.settlement


def fallback(changes: Changes) -> Any:
    given = in_mediation(changes=changes)
    given.after("14d")
    return given.money[1] if given.order.closed else "goes on"


def ordered_again(changes: Changes) -> Any:
    given = asked(changes)
    given.freelancer("accept")
    given.after("10d")
    given.by("system", "order_again")
    return given.resolution["exempt"]


def unpaid_silent(changes: Changes) -> Any:
    given = Given("upwork", changes, history={"freelancer": {"completed": 3}})
    given.client("request", kind="cancel", comment="We stop.", amount=0)
    given.freelancer("accept")
    return given.view("operator")["scores"]["freelancer"]["job_success"]


def marked(changes: Changes) -> Any:
    given = Given(changes=changes, history={"client": {"canceled_recently": 1}})
    given.client("request", kind="cancel")
    given.after("48h")
    return given.view("client")["flags"]["client"]


def completed(changes: Changes) -> Given:
    given = Given(changes=changes)
    given.freelancer("deliver")
    given.client("complete")
    return given


def commission(changes: Changes) -> Any:
    return completed(changes).money[1]


def held_for(changes: Changes) -> Any:
    given = canceled(changes)
    return given.view("client")["settles_at"] - given.now


def rule_within(changes: Changes) -> Any:
    given = in_mediation(changes=changes)
    return given.case["due_at"] - given.now


def undo_consent(changes: Changes) -> Any:
    given = canceled(changes)
    given.client("undo")
    return given.request["kind"]


def consent_window(changes: Changes) -> Any:
    given = canceled({"undo.consent": True, **changes})
    given.client("undo")
    return window(given)


def proposal_window(changes: Changes) -> Any:
    given = in_mediation(changes=changes)
    given.operator("propose", amount=0, explanation="Nothing is done.")
    return given.case["proposal"]["due_at"] - given.now


def dialogue(changes: Changes) -> Any:
    given = Given(changes=changes)
    given.client("request", kind="cancel")
    given.freelancer("decline")
    return refused(given, "client", "escalate")


def compensation(changes: Changes, *before: tuple[str, str]) -> Any:
    given = Given(changes=changes)
    for role, command in before:
        given.by(role, command)
    given.client("request", kind="cancel")
    return given.request["amount"]


def crossed(changes: Changes) -> Any:
    given = asked(changes)
    return refused(given, "freelancer", "request", **BY_FREELANCER)


def extra(changes: Changes) -> Given:
    given = Given(changes=changes)
    given.freelancer("request", kind="extra", amount=2_000)
    return given


def abandoned(changes: Changes) -> Any:
    given = Given(changes=changes)
    given.after("40d")
    return given.order.resolution and given.order.resolution.how


def held(changes: Changes) -> Any:
    given = Given(changes=changes)
    given.operator("hold", explanation="A card may be stolen.")
    return given.order.hold and given.order.hold.until - given.now


def opened_by_operator(changes: Changes) -> Any:
    given = Given(changes=changes)
    given.operator("open_case", explanation="Both complain.")
    given.after("14d")
    return given.order.phase


def complained(changes: Changes) -> Given:
    given = completed(changes)
    given.operator("open_case", explanation="A complaint by phone.")
    return given


def refunded_late(changes: Changes) -> Any:
    given = complained({"cases.after_completion": "7d", **changes})
    given.operator("rule", outcome="refund", amount=5_000, explanation="Half is copied.")
    return dict(given.order.debts)


def charged_back(changes: Changes, lasts: str | None = None) -> Given:
    """Charged back after completion; lost, or (`lasts`) still open so much later."""
    given = Given(changes=changes)
    given.freelancer("deliver")
    given.client("complete")
    given.by("system", "payment_event", event="chargeback_opened", amount=10_550)
    if lasts:
        given.after(lasts)
    else:
        given.by("system", "payment_event", event="chargeback_closed", outcome="lost")
    return given


def proposed_untaken(changes: Changes) -> Any:
    return refused(in_mediation(changes=changes), "operator", "propose", amount=0, explanation="Nothing is done.")


def regret(changes: Changes) -> Any:
    given = Given(changes={"requests.cancel.without_approval.client": ["regret_window"], **changes})
    given.after("20m")
    return refused(given, "client", "request", kind="cancel", approval="skip")


def very_late(changes: Changes) -> Any:
    given = Given(changes=changes)
    given.after("5d1h")
    return given.view("client")["lateness"]


def completes(changes: Changes) -> Any:
    given = Given(changes=changes)
    given.freelancer("deliver")
    return given.view("client")["completes_at"]


def over(changes: Changes) -> Any:
    given = asked(changes)
    given.freelancer("accept")
    over_at = given.engine.over_at()
    return over_at and over_at - given.now


def limited(changes: Changes) -> Any:
    return refused(declined(changes=changes), "client", "request", kind="cancel")


def no_agreement(changes: Changes, *attested: str) -> Any:
    given = Given("glimmer", changes)
    fields = {"kind": "cancel", "reason": "other", "no_agreement": True, "attestations": list(attested)}
    return refused(given, "client", "request", **fields)


def reminders(changes: Changes) -> Any:
    given = in_mediation(changes=changes)
    return len(given.after("13d").told.get("operator", []))


D = timedelta
PHASES = ("waiting_requirements", "in_progress", "delivered", "in_revision")
# key: (another value, what is then seen, before, after)
KEYS: dict[str, tuple[Any, Seen, Any, Any]] = {
    "name": ("my_shop", lambda c: Given(changes=c).view("client")["policy"], "resolution_center", "my_shop"),
    "order.late_grace": ("1h", very_late, "late", "very_late"),
    "order.auto_complete": ("never", lambda c: completes(c) is None, False, True),
    "order.max_revisions": (0, revisions, 5, "no end"),
    "order.reachable_after": ("1d", over, D(days=14), D(days=1)),
    "order.regret_window": ("30m", regret, "approval_needed", None),
    "order.dormant_after": ("30d", dormant, None, "mediation"),
    "order.abandoned_after": ("7d", abandoned, None, "abandoned"),
    "order.hold_at_most": ("3d", held, D(days=14), D(days=3)),
    "answers.holidays": (["2025-03-04"], lambda c: window(asked(c)), hours(48), hours(72)),
    "answers.away_at_most": (
        "24h",
        lambda c: refused(Given(changes=c), "client", "away", until="2025-03-04T09:00:00Z"),
        "away_not_offered",
        None,
    ),
    "answers.give_time_at_most": (
        "24h",
        lambda c: asked(c).client("give_time", by="24h").refused,
        "time_not_offered",
        None,
    ),
    "requests.cancel.crossing": ("agree", crossed, "request_open", None),
    "requests.cancel.compensation.in_progress": ("20%", compensation, 0, 2_000),
    "requests.cancel.compensation.delivered": (
        "12.5%",
        lambda c: compensation(c, ("freelancer", "deliver")),
        0,
        1_250,
    ),
    "requests.cancel.compensation.in_revision": (
        "100%",
        lambda c: compensation(c, ("freelancer", "deliver"), ("client", "ask_revision")),
        0,
        10_000,
    ),
    "answers.pause": (["tuesday"], lambda c: window(asked(c)), hours(48), hours(72)),
    "answers.time_zone": (
        "Pacific/Auckland",
        lambda c: window(asked({"answers.pause": ["monday"], **c})),
        hours(63),
        hours(50),
    ),
    "requests.kinds": (
        ["cancel", "update"],
        lambda c: refused(Given(changes=c), "freelancer", "request", kind="extension", extend_by="1h"),
        None,
        "kind_not_offered",
    ),
    "requests.cancel.by": (
        ["client"],
        lambda c: refused(Given(changes=c), "freelancer", "request", **BY_FREELANCER),
        None,
        "role_not_allowed",
    ),
    "requests.cancel.phases": (
        ["delivered"],
        lambda c: refused(Given(changes=c), "client", "request", kind="cancel"),
        None,
        "wrong_phase",
    ),
    "requests.cancel.without_approval.client": (
        ["regret_window"],
        lambda c: alone({"order.regret_window": "1h", **c}, "client"),
        None,
        "regretted",
    ),
    "requests.cancel.without_approval.freelancer": (
        ["full_return"],
        lambda c: alone(c, "freelancer"),
        None,
        "unilateral",
    ),
    "requests.cancel.window.client_asked": ("72h", lambda c: window(asked(c, by="freelancer")), hours(48), hours(72)),
    "requests.cancel.window.freelancer_asked": ("72h", lambda c: window(asked(c)), hours(48), hours(72)),
    "requests.cancel.silence.client_asked": (
        "lapse",
        lambda c: silence(asked(c, by="freelancer")),
        "accepted",
        "lapsed",
    ),
    "requests.cancel.silence.freelancer_asked": ("decline", lambda c: silence(asked(c)), "accepted", "declined"),
    **{
        f"requests.cancel.silence_in.{phase}.{side}": (
            "lapse",
            partial(silence_in, by=by, phase=phase),
            "accepted",
            "lapsed",
        )
        for phase in PHASES
        for side, by in (("client_asked", "freelancer"), ("freelancer_asked", "client"))
    },
    "requests.cancel.reminder": ("1h", lambda c: first_reminder(asked(c), "40h"), hours(24), hours(1)),
    "requests.cancel.on_decline": ("escalate", lambda c: declined(changes=c).case.get("opened_by"), None, "system"),
    "requests.cancel.operator_review": (True, lambda c: asked(c).request["status"], "open", "escalated"),
    "requests.cancel.cooldown": ("1h", cooldown, None, "cooling_down"),
    **{
        f"requests.{fields['kind']}.cooldown": (
            "3h",
            partial(other_cooldown, opener=by, **fields),
            "2025-03-03T10:00:00Z",
            "2025-03-03T12:00:00Z",
        )
        for by, fields in OTHER_KINDS
    },
    "requests.cancel.max_requests": (1, limited, None, "too_many_requests"),
    "requests.cancel.max_counters": (
        2,
        lambda c: counters(c, "glimmer", ("freelancer", "client"), 9_000, 4_000, 8_000, 5_000, 7_000, 6_000, **GLIMMER),
        5,
        2,
    ),
    "requests.cancel.amount_from": (
        ["client"],
        lambda c: refused(Given(changes=c), "client", "request", kind="cancel"),
        None,
        "amount_required",
    ),
    "requests.cancel.pay_named_part_at_once": (
        True,
        lambda c: asked(c, "glimmer", amount=1_000, attestations=ATTESTED).money[1],
        0,
        800,
    ),
    "requests.cancel.reason_from": (
        ["client"],
        lambda c: refused(Given(changes=c), "client", "request", kind="cancel"),
        None,
        "reason_required",
    ),
    "requests.cancel.explanation_from": (
        ["client"],
        lambda c: refused(Given(changes=c), "client", "request", kind="cancel"),
        None,
        "explanation_required",
    ),
    "requests.cancel.attestations": (
        ["sure"],
        lambda c: refused(Given(changes=c), "client", "request", kind="cancel"),
        None,
        "attestation_missing",
    ),
    "requests.cancel.no_agreement": (
        True,
        lambda c: refused(Given(changes=c), "client", "request", kind="cancel", no_agreement=True),
        "escalation_not_offered",
        None,
    ),
    "requests.cancel.no_agreement_attestations": (
        ["sure"],
        lambda c: no_agreement(c, *ATTESTED[:2]),
        None,
        "attestation_missing",
    ),
    "requests.extension.window.client_asked": ("25h", lambda c: window(extended(c)), hours(48), hours(25)),
    "requests.extension.silence.client_asked": ("accept", lambda c: silence(extended(c)), "lapsed", "accepted"),
    "requests.extension.reminder": ("1h", lambda c: first_reminder(extended(c), "40h"), hours(24), hours(1)),
    "requests.update.window.freelancer_asked": ("25h", lambda c: window(updated(c)), hours(48), hours(25)),
    "requests.update.silence.freelancer_asked": ("decline", lambda c: silence(updated(c)), "lapsed", "declined"),
    "requests.update.reminder": ("never", lambda c: first_reminder(updated(c), "40h"), hours(24), None),
    "requests.partial_refund.window.client_asked": ("25h", lambda c: window(refunded(c)), hours(48), hours(25)),
    "requests.partial_refund.window.freelancer_asked": (
        "25h",
        lambda c: window(refunded(c, by_client=True)),
        hours(48),
        hours(25),
    ),
    "requests.partial_refund.silence.client_asked": ("accept", lambda c: silence(refunded(c)), "lapsed", "accepted"),
    "requests.partial_refund.silence.freelancer_asked": (
        "decline",
        lambda c: silence(refunded(c, by_client=True)),
        "lapsed",
        "declined",
    ),
    "requests.partial_refund.reminder": ("1h", lambda c: first_reminder(refunded(c), "40h"), hours(24), hours(1)),
    "requests.partial_refund.by": (
        ["client"],
        lambda c: refused(Given(changes=c), "client", "request", kind="partial_refund", amount=1_000),
        "role_not_allowed",
        None,
    ),
    "requests.extra.window.client_asked": ("25h", lambda c: window(extra(c)), hours(48), hours(25)),
    "requests.extra.silence.client_asked": ("decline", lambda c: silence(extra(c)), "lapsed", "declined"),
    "requests.extra.reminder": ("1h", lambda c: first_reminder(extra(c), "40h"), hours(24), hours(1)),
    "requests.partial_refund.price_above": (
        10**9,
        lambda c: refused(Given(changes=c), "freelancer", "request", kind="partial_refund", amount=1),
        None,
        "kind_not_offered",
    ),
    "requests.partial_refund.at_most": ("12.5%", most_refunded, 6_000, 1_250),
    "requests.partial_refund.max_counters": (
        1,
        lambda c: counters(
            c,
            "resolution_center",
            ("client", "freelancer"),
            5_000,
            1_100,
            4_000,
            1_200,
            3_000,
            1_300,
            kind="partial_refund",
            amount=1_000,
        ),
        5,
        1,
    ),
    "undo.by": (["freelancer"], lambda c: refused(canceled(c), "freelancer", "undo"), "role_not_allowed", None),
    "undo.window": ("2h", held_for, hours(24), hours(2)),
    "undo.consent": (True, undo_consent, "cancel", "undo"),
    "undo.consent_window": ("5h", consent_window, hours(48), hours(5)),
    "cases.escalate_by": (
        ["freelancer"],
        lambda c: refused(declined(changes=c), "client", "escalate"),
        None,
        "escalation_not_offered",
    ),
    "cases.dialogue_required": (True, dialogue, None, "dialogue_required"),
    "cases.proposal_window": ("5h", proposal_window, hours(48), hours(5)),
    "cases.appeal_window": ("3d", ruled, "settled", "held"),
    "cases.reminders": (["1d", "2d", "3d"], reminders, 2, 3),
    "cases.rule_within": ("10d", rule_within, D(days=14), D(days=10)),
    "cases.fallback": ("continue", fallback, 4_000, "goes on"),
    "cases.operator_case_fallback": ("cancel_split", opened_by_operator, "in_progress", "canceled"),
    "cases.one_operator": (True, proposed_untaken, None, "case_not_yours"),
    "cases.after_completion": ("7d", lambda c: complained(c).order.late_case is not None, False, True),
    "money.commission": ("12.5%", commission, 8_000, 8_750),
    "money.fee_back": ("none", lambda c: asked(c).freelancer("accept").notices[0].body.amounts.platform, 0, 550),
    "money.late_refund_from": ("freelancer", refunded_late, {}, {"freelancer": 4_000}),
    "money.chargeback_loss": ("freelancer", lambda c: dict(charged_back(c).order.debts), {}, {"freelancer": 8_000}),
    "money.chargeback_lost_after": (
        "90d",
        lambda c: charged_back(c, "90d").order.open_chargeback is None,
        False,
        True,
    ),
    "scores.calculator": (
        "job_success",
        lambda c: list(Given(changes=c).view("operator")["scores"]["freelancer"]),
        ["completion_rate"],
        ["job_success"],
    ),
    "scores.new_order_exempts_within": ("9d", ordered_again, True, False),
    "scores.unpaid_silent": ("excluded", unpaid_silent, 75.0, 100.0),
    "reviews.public_after_cancel": ("always", lambda c: reviews(c)["client"], [], ["public"]),
    "reviews.private_after_cancel": (True, lambda c: reviews(c)["client"], [], ["private"]),
    "reviews.careless_client": (True, lambda c: reviews(c)["freelancer"], [], ["public"]),
    "flags.repeat_canceler.count": (2, marked, [], ["repeat_canceler"]),
    "notices.follow_up": ("1h", lambda c: asked(c).freelancer("accept").steps and _follow_up(c), False, True),
    "reasons": ({"changed_my_mind": {"by": ["client"]}}, reason_codes, "unknown_reason", None),
}
# Who counts `canceled_recently` goes by the first; the rules are given the count. Sweeps go by the others
# (tests/process/test_privacy.py).
ELSEWHERE = {"flags.repeat_canceler.within", *(f"keeping.{name}" for name in Keeping.model_fields)}


def _follow_up(changes: Changes) -> bool:
    given = asked(changes)
    given.freelancer("accept")
    return given.after("1h").told == {"freelancer": ["follow_up"]}


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        if name == "silence_in":
            yield from (
                f"{prefix}{name}.{phase}.{side}" for phase in PHASES for side in ("client_asked", "freelancer_asked")
            )
        elif isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from keys_of(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def test_no_key_of_a_policy_file_is_left_out() -> None:
    assert set(keys_of(Policy)) == set(KEYS) | ELSEWHERE


@pytest.mark.parametrize("key", KEYS)
def test_a_key_matters(key: str) -> None:
    value, seen, before, after = KEYS[key]

    assert seen({}) == before
    assert seen({key: value}) == after


@pytest.mark.parametrize("key", [key for key in KEYS if key != "name"])
def test_the_value_is_not_its_default(key: str) -> None:
    value, *_ = KEYS[key]
    base = {"name": "x", "requests": {"cancel": {"silence": {"client_asked": "accept", "freelancer_asked": "accept"}}}}
    default: Any = Policy.model_validate(base).model_dump(mode="json")
    for part in key.split("."):
        default = default.get(part) if isinstance(default, dict) else default

    assert default != value
    if isinstance(value, str) and isinstance(default, str) and value[:1].isdigit() and not value.endswith("%"):
        assert default == "never" or parse_duration(default) != parse_duration(value)


class TestReasons:
    def test_a_file_that_has_any_replaces_the_whole_list(self) -> None:
        given = Given(changes={"reasons": {"changed_my_mind": {"by": ["client"], "fault": "client"}}})

        assert given.client("request", kind="cancel", reason="other").refused == "unknown_reason"

    def test_the_fault_is_the_reasons_own(self) -> None:
        assert fault({}) == "client"
        assert fault({"reasons": {"ordered_by_mistake": {"by": ["client"]}}}) == "none"
        assert fault({"reasons": {"ordered_by_mistake": {"by": ["client"], "fault": "freelancer"}}}) == "freelancer"
