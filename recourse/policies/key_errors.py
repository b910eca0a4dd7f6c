"""What makes no sense in a policy although each value is allowed: errors. Checks of single keys against each other;
what only the state graph shows is in `graph_checks`.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta

from recourse.policies.findings import Remark, error
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.vocabulary import PARTIES, Right
from recourse.resolution.shown.scores import calculator_names
from recourse.wording.english import listed, span

NOTHING = timedelta(0)
MOST_ATTESTATIONS = 50


def key_errors(policy: Policy) -> Iterator[Remark]:
    """Every error that the keys show among themselves."""
    for check in CHECKS:
        yield from check(policy)


def reminders_in_time(policy: Policy) -> Iterator[Remark]:
    """A reminder comes before its window ends. One that comes exactly when it ends is never sent: what is due to be
    answered is decided first."""
    requests = policy.requests
    windows = {
        "cancel": {"client_asked": requests.cancel.window.client_asked},
        "extension": {"client_asked": requests.extension.window.client_asked},
        "update": {"freelancer_asked": requests.update.window.freelancer_asked},
        "partial_refund": {"client_asked": requests.partial_refund.window.client_asked},
        "extra": {"client_asked": requests.extra.window.client_asked},
    }
    windows["cancel"]["freelancer_asked"] = requests.cancel.window.freelancer_asked
    windows["partial_refund"]["freelancer_asked"] = requests.partial_refund.window.freelancer_asked
    for kind, sides in windows.items():
        reminder = getattr(requests, kind).reminder
        late = [side for side, window in sides.items() if reminder is not None and reminder > window > NOTHING]
        never_sent = all(reminder == window for window in sides.values())
        if reminder is None or not (late or never_sent):
            continue
        keys = [f"requests.{kind}.window.{side}" for side in late or sides]
        shortest = min(sides.values())
        yield error(
            "reminder-too-late",
            f"the reminder comes after {span(reminder)}, when the window of {span(shortest)} ({listed(keys)}) is over: "
            f'make requests.{kind}.reminder shorter than the window, or "never"',
            f"requests.{kind}.reminder",
            *keys,
        )


def undo_whole(policy: Policy) -> Iterator[Remark]:
    """An undo needs both: who may, and for how long."""
    if policy.undo.window > NOTHING and not policy.undo.by:
        yield error(
            "undo-by-nobody",
            "there is time to undo, but nobody may: name who may in undo.by, or remove undo.window",
            "undo.window",
            "undo.by",
        )
    if policy.undo.by and policy.undo.window == NOTHING:
        yield error(
            "undo-without-time",
            'who may undo is named, but the time for it is 0: give undo.window a duration, such as "24h", or set '
            "undo.by = []",
            "undo.by",
            "undo.window",
        )


def rights_that_never_come(policy: Policy) -> Iterator[Remark]:
    """A right to cancel alone that its own clock never brings, and a regret that nobody has."""
    alone, order = policy.requests.cancel.without_approval, policy.order
    never: dict[Right, tuple[bool, str, str]] = {
        "very_late": (order.late_grace is None, "order.late_grace", "an order never becomes very late"),
        "regret_window": (order.regret_window == NOTHING, "order.regret_window", "there is no time to regret"),
    }
    for party in PARTIES:
        key = f"requests.cancel.without_approval.{party}"
        for right, (missing, clock, why) in never.items():
            if right in alone.of(party) and missing:
                yield error(
                    "right-never-comes",
                    f"`{right}` is named, but {why}: give {clock} a duration, or remove `{right}` here",
                    key,
                    clock,
                )
    if order.regret_window > NOTHING and not any("regret_window" in alone.of(party) for party in PARTIES):
        yield error(
            "regret-of-nobody",
            "there is time to regret, but nobody may: add `regret_window` to requests.cancel.without_approval.client, "
            "or remove this",
            "order.regret_window",
        )


def somebody_may_cancel(policy: Policy) -> Iterator[Remark]:
    """Cancellations that are offered, but that nobody can ever start."""
    chosen = policy.requests.cancel
    if "cancel" not in policy.requests.kinds:
        return
    for key, named in (("requests.cancel.by", chosen.by), ("requests.cancel.phases", chosen.phases)):
        if not named:
            yield error(
                "nobody-may-cancel",
                'the list is empty, so nobody can ever cancel: fill it, or take "cancel" out of requests.kinds',
                key,
            )


def reasons_to_give(policy: Policy) -> Iterator[Remark]:
    """Who must give a reason code has one to give; every code has somebody to give it, and blames only its giver."""
    chosen = policy.requests.cancel
    for party in chosen.reason_from:
        has_none = not any(party in reason.by for reason in policy.reasons.values())
        if party in chosen.by and has_none:
            yield error(
                "no-reason-to-give",
                f"the {party} must give a reason code to cancel, but no reason may be given by the {party}: add one "
                f'under [reasons] with by = ["{party}"], or take the {party} out of requests.cancel.reason_from',
                "requests.cancel.reason_from",
                "reasons",
            )
    for code, reason in policy.reasons.items():
        if not reason.by:
            yield error("reason-of-nobody", "nobody may give this reason: name who may", f"reasons.{code}.by")
        if reason.fault != "none" and any(party != reason.fault for party in reason.by):
            yield error(
                "reason-blames-the-other",
                f"a reason may admit a fault, not claim one: given by the other side it would put the fault on the "
                f"{reason.fault} unheard; leave `fault` out, or let only the {reason.fault} give it",
                f"reasons.{code}.fault",
            )


def statements_to_tick(policy: Policy) -> Iterator[Remark]:
    """Statements that can all be ticked, and no path around them."""
    chosen = policy.requests.cancel
    if chosen.no_agreement and chosen.attestations and not chosen.no_agreement_attestations:
        yield error(
            "way-around-attestations",
            "a party that says `no_agreement` opens a case without confirming anything, though asking needs "
            f"{len(chosen.attestations)} statements: list those needed on that path too",
            "requests.cancel.no_agreement_attestations",
            "requests.cancel.no_agreement",
        )
    for name in ("attestations", "no_agreement_attestations"):
        if len(getattr(chosen, name)) > MOST_ATTESTATIONS:
            yield error(
                "too-many-attestations",
                f"a request can carry {MOST_ATTESTATIONS} statements, so these can never all be ticked: shorten the "
                "list",
                f"requests.cancel.{name}",
            )


def amounts_that_can_be_named(policy: Policy) -> Iterator[Remark]:
    """Money that is promised for an amount that nobody names, or for a share of nothing."""
    chosen, refund = policy.requests.cancel, policy.requests.partial_refund
    if chosen.pay_named_part_at_once and "client" not in chosen.amount_from:
        yield error(
            "no-part-is-named",
            "the part that a client names is to be paid at once, but a client names none: add `client` to "
            "requests.cancel.amount_from, or set this to false",
            "requests.cancel.pay_named_part_at_once",
            "requests.cancel.amount_from",
        )
    if "partial_refund" in policy.requests.kinds and not refund.by:
        yield error(
            "refund-by-nobody",
            "partial refunds are offered, but nobody may ask for one: name a party, or take `partial_refund` out of "
            "requests.kinds",
            "requests.partial_refund.by",
        )
    if "partial_refund" in policy.requests.kinds and refund.at_most == 0:
        yield error(
            "refund-of-nothing",
            "partial refunds are offered, but of 0% of the price: raise this, or take `partial_refund` out of "
            "requests.kinds",
            "requests.partial_refund.at_most",
        )


def operators_in_time(policy: Policy) -> Iterator[Remark]:
    """What operators do fits into the time that they have."""
    cases = policy.cases
    if cases.proposal_window > cases.rule_within:
        yield error(
            "proposal-outlasts-case",
            f"an operator can never propose anything: the answers would be due after {span(cases.proposal_window)}, "
            f"and the case is over after {span(cases.rule_within)} (cases.rule_within); shorten the one or lengthen "
            "the other",
            "cases.proposal_window",
            "cases.rule_within",
        )
    late = [reminder for reminder in cases.reminders if reminder >= cases.rule_within]
    if late:
        yield error(
            "reminder-too-late",
            f"operators would be reminded after {listed(map(span, late))}, when the case is over "
            f"({span(cases.rule_within)}, cases.rule_within): keep only shorter ones",
            "cases.reminders",
            "cases.rule_within",
        )
    if list(cases.reminders) != sorted(set(cases.reminders)):
        yield error("reminders-out-of-order", "reminders must rise, each once: sort the list", "cases.reminders")


def marks_that_can_be_set(policy: Policy) -> Iterator[Remark]:
    """A count within no time is never reached."""
    mark = policy.flags.repeat_canceler
    if mark.count and mark.within == NOTHING:
        yield error(
            "mark-never-set",
            "nothing happens within no time, so the mark is never set: give a duration, or set "
            "flags.repeat_canceler.count = 0",
            "flags.repeat_canceler.within",
            "flags.repeat_canceler.count",
        )


def known_calculator(policy: Policy) -> Iterator[Remark]:
    """A score is kept by a calculator that is installed."""
    name = policy.scores.calculator
    if name not in ("none", *calculator_names()):
        yield error(
            "unknown-calculator",
            f"there is no calculator {name!r}; known here: {listed([*calculator_names(), 'none'])}",
            "scores.calculator",
        )


def readable_names(policy: Policy) -> Iterator[Remark]:
    """Names are stored and shown: something to read in them, and no control characters, which cannot be stored."""
    chosen = policy.requests.cancel
    named = [("name", policy.name), *(("reasons", code) for code in policy.reasons)]
    named += [("requests.cancel.attestations", name) for name in chosen.attestations]
    named += [("requests.cancel.no_agreement_attestations", name) for name in chosen.no_agreement_attestations]
    for key, name in named:
        if not name.strip() or not name.isprintable():
            yield error("unreadable-name", f"{name!r} cannot be read as a name: use letters that can be seen", key)


Check = Callable[[Policy], Iterator[Remark]]
CHECKS: tuple[Check, ...] = (
    reminders_in_time,
    undo_whole,
    rights_that_never_come,
    somebody_may_cancel,
    reasons_to_give,
    statements_to_tick,
    amounts_that_can_be_named,
    operators_in_time,
    marks_that_can_be_set,
    known_calculator,
    readable_names,
)
