"""What a policy may say, but probably does not mean: warnings. Those that the graph shows are in `graph_checks`."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from fractions import Fraction

from recourse.policies.findings import Remark, warning
from recourse.policies.sentences import SENTENCES
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.vocabulary import PARTIES, Party
from recourse.wording.english import span

NOTHING = timedelta(0)
A_DAY = timedelta(days=1)
A_LONG_ORDER = timedelta(days=90)
_REQUIRED = {"requests.cancel.silence.client_asked", "requests.cancel.silence.freelancer_asked"}
# The graph shows by itself whether these ever apply, or they are written to turn off what another policy has.
_MAY_DO_NOTHING = ("requests.cancel.silence_in.", "requests.cancel.compensation.")


def key_warnings(policy: Policy) -> Iterator[Remark]:
    """Every warning that the keys show among themselves."""
    for check in CHECKS:
        yield from check(policy)


def no_effect(policy: Policy) -> Iterator[Remark]:
    """A key that is written, but that another key keeps from ever mattering."""
    for sentence in SENTENCES.values():
        reason = sentence.idle(policy)
        if reason and sentence.name not in _REQUIRED and not sentence.name.startswith(_MAY_DO_NOTHING):
            yield warning("no-effect", f"this has no effect, because {reason}", sentence.name, if_written=True)


def roles_that_never_ask(policy: Policy) -> Iterator[Remark]:
    """A duty of a party that can never start a cancellation."""
    chosen = policy.requests.cancel
    duties: dict[str, Sequence[Party]] = {
        "reason_from": chosen.reason_from,
        "explanation_from": chosen.explanation_from,
    }
    for key, named in duties.items():
        for party in PARTIES:
            if party in named and chosen.by and party not in chosen.by:
                yield warning(
                    "no-effect",
                    f"the {party} is named here, but may not start a cancellation (requests.cancel.by)",
                    f"requests.cancel.{key}",
                    if_written=True,
                )


def rights_outside_the_phases(policy: Policy) -> Iterator[Remark]:
    """A right to cancel alone in a phase in which no cancellation may be started."""
    chosen = policy.requests.cancel
    for party in PARTIES:
        left_out = bool(chosen.phases) and "waiting_requirements" not in chosen.phases
        if "waiting_requirements" in chosen.without_approval.of(party) and left_out:
            yield warning(
                "right-outside-phases",
                "`waiting_requirements` is named, but requests.cancel.phases leaves that phase out: nobody may cancel "
                "in it at all",
                f"requests.cancel.without_approval.{party}",
                "requests.cancel.phases",
            )
    if "full_return" in chosen.without_approval.freelancer and "freelancer" not in chosen.amount_from:
        yield warning(
            "full-return-always",
            "a freelancer that names no amount takes nothing, so it may always cancel alone: add `freelancer` to "
            "requests.cancel.amount_from if that is not meant",
            "requests.cancel.without_approval.freelancer",
            "requests.cancel.amount_from",
        )


def none_is_not_unlimited(policy: Policy) -> Iterator[Remark]:
    """0 means no limit for some numbers, and none at all for counter-offers."""
    requests = policy.requests
    for name, key, counters in (
        ("cancel", "requests.cancel.max_counters", requests.cancel.max_counters),
        ("partial_refund", "requests.partial_refund.max_counters", requests.partial_refund.max_counters),
    ):
        offered = name in requests.kinds and (name != "cancel" or requests.cancel.amount_from)
        if offered and not counters:
            yield warning(
                "no-counter-offers",
                "0 means that no counter-offer can be made, not that there is no limit: the amount named can only be "
                "accepted or declined",
                key,
            )


def nothing_can_be_asked(policy: Policy) -> Iterator[Remark]:
    """A policy without cancellations, which is what it is for."""
    if "cancel" not in policy.requests.kinds:
        yield warning(
            "no-cancellations",
            "no order can be canceled by its parties: add `cancel` if that is not meant",
            "requests.kinds",
        )


def short_windows(policy: Policy) -> Iterator[Remark]:
    """A silence that costs something, after less than a day."""
    chosen = policy.requests.cancel
    if "cancel" not in policy.requests.kinds:
        return
    for party in PARTIES:
        window = chosen.window.of(party)
        if NOTHING < window < A_DAY and chosen.silence.of(party) == "accept":
            yield warning(
                "short-window",
                f"silence of {span(window)} agrees to a cancellation: who sleeps through it has agreed; a day or more "
                "is safer",
                f"requests.cancel.window.{party}_asked",
                f"requests.cancel.silence.{party}_asked",
            )


def patience(policy: Policy) -> Iterator[Remark]:
    """Waiting times that outlast the order."""
    cooldown, life = policy.requests.cancel.cooldown, policy.order.dormant_after or A_LONG_ORDER
    if cooldown > life:
        yield warning(
            "cooldown-outlasts-order",
            f"a party that was declined may ask again only after {span(cooldown)}, when hardly any order is open "
            "still: one decline is final; shorten it, or say so with requests.cancel.max_requests = 1",
            "requests.cancel.cooldown",
        )
    if policy.order.auto_complete is None:
        yield warning(
            "never-completes",
            "a delivered order waits for the client to complete it, and the freelancer for its pay: a client that "
            "forgets it holds the money back",
            "order.auto_complete",
        )


def after_the_end(policy: Policy) -> Iterator[Remark]:
    """What should still happen to a closed order, but comes too early or too late."""
    order, scores = policy.order, policy.scores
    if order.reachable_after == NOTHING:
        yield warning(
            "no-time-for-feedback",
            "a closed order takes no messages any more, so nobody can leave feedback: give it some days",
            "order.reachable_after",
        )
    within = scores.new_order_exempts_within
    if scores.calculator == "completion_rate" and within is not None and within > order.reachable_after:
        yield warning(
            "exemption-unheard",
            f"an order that closed hears of a new one only for {span(order.reachable_after)} (order.reachable_after), "
            f"so the {span(within)} of scores.new_order_exempts_within are never used up: make the first as long",
            "order.reachable_after",
            "scores.new_order_exempts_within",
        )
    follow_up = policy.notices.follow_up
    if policy.undo.offered and follow_up is not None and follow_up < policy.undo.window:
        yield warning(
            "follow-up-before-undo",
            f"the follow-up comes after {span(follow_up)}, while the cancellation can still be taken back "
            f"({span(policy.undo.window)}, undo.window): make it longer",
            "notices.follow_up",
            "undo.window",
        )


def nothing_left(policy: Policy) -> Iterator[Remark]:
    """A commission that leaves the freelancer nothing."""
    if policy.money.commission == Fraction(1):
        yield warning(
            "all-commission", "the platform keeps everything, the freelancer gets nothing", "money.commission"
        )


def proposals_at_once(policy: Policy) -> Iterator[Remark]:
    """An operator who could propose only in the second in which a case opens."""
    if policy.cases.proposal_window == policy.cases.rule_within > NOTHING:
        yield warning(
            "proposal-outlasts-case",
            "an operator could propose only in the very second in which a case opens, since the answers must be due "
            "before cases.rule_within: shorten this",
            "cases.proposal_window",
            "cases.rule_within",
        )


def said_twice(policy: Policy) -> Iterator[Remark]:
    """The same word twice in one list."""
    chosen = policy.requests.cancel
    lists: dict[str, Sequence[str]] = {
        "requests.kinds": policy.requests.kinds,
        "requests.cancel.by": chosen.by,
        "requests.cancel.phases": chosen.phases,
        "requests.cancel.without_approval.client": chosen.without_approval.client,
        "requests.cancel.without_approval.freelancer": chosen.without_approval.freelancer,
        "requests.cancel.amount_from": chosen.amount_from,
        "requests.cancel.reason_from": chosen.reason_from,
        "requests.cancel.explanation_from": chosen.explanation_from,
        "requests.cancel.attestations": chosen.attestations,
        "requests.cancel.no_agreement_attestations": chosen.no_agreement_attestations,
        "answers.pause": policy.answers.pause,
        "undo.by": policy.undo.by,
        "cases.escalate_by": policy.cases.escalate_by,
        **{f"reasons.{code}.by": reason.by for code, reason in policy.reasons.items()},
    }
    for key, named in lists.items():
        twice = sorted({word for word in named if named.count(word) > 1})
        if twice:
            yield warning("said-twice", f"{', '.join(twice)} stands more than once in this list", key)


def kept_too_shortly(policy: Policy) -> Iterator[Remark]:
    """What is erased before it is of no more use, or is to be erased before it can be."""
    keeping, reachable, flag = policy.keeping, policy.order.reachable_after, policy.flags.repeat_canceler
    for key in ("texts", "addresses", "notices", "orders"):
        kept = getattr(keeping, key)
        if kept is not None and kept < reachable:
            yield warning(
                "kept-while-reachable",
                f"nothing but contacts is erased while an order can be reached, for {span(reachable)} "
                "(order.reachable_after): make it as long, so that it says what happens",
                f"keeping.{key}",
                "order.reachable_after",
            )
    if keeping.orders is not None and flag.count and keeping.orders < flag.within:
        yield warning(
            "cancellations-forgotten",
            f"the mark of repeat cancelers counts the cancellations of {span(flag.within)} "
            "(flags.repeat_canceler.within), and orders that are erased are not counted: keep them as long",
            "keeping.orders",
            "flags.repeat_canceler.within",
        )


Check = Callable[[Policy], Iterator[Remark]]
CHECKS: tuple[Check, ...] = (
    no_effect,
    roles_that_never_ask,
    rights_outside_the_phases,
    none_is_not_unlimited,
    nothing_can_be_asked,
    short_windows,
    patience,
    after_the_end,
    nothing_left,
    proposals_at_once,
    said_twice,
    kept_too_shortly,
)
