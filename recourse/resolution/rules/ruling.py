"""Rulings, appeals, and what happens when operators are silent (rules, 6)."""

from datetime import timedelta

from recourse.resolution.model.case_events import AppealOpened, AppealUndecided, CaseClosed, CaseReminded, RulingMade
from recourse.resolution.model.commands import Appeal
from recourse.resolution.model.dispute import Case
from recourse.resolution.model.events import PartRefunded, RequestReopened, ResolutionChanged
from recourse.resolution.model.money import late_refund_bounds
from recourse.resolution.model.operator_commands import Rule
from recourse.resolution.model.order import Order
from recourse.resolution.model.payment_events import SettlementDue
from recourse.resolution.model.refusals import Checks
from recourse.resolution.model.vocabulary import FallbackEnd, Party
from recourse.resolution.rules.cases import check_case, check_gross, check_taker, ruled_before
from recourse.resolution.rules.decision import Decision
from recourse.resolution.rules.ending import cancel_by_case
from recourse.resolution.rules.paying import pay_out_less
from recourse.resolution.rules.undoing import restore
from recourse.resolution.rules.windows import answer_window
from recourse.resolution.rules.working import close_as_completed
from recourse.wording import texts


def rule(decision: Decision, command: Rule, operator: str, checks: Checks) -> None:
    """The operator decides: cancel at an amount, go on, (an operator review) let the parties decide, or (after
    completion) give a part of the price back."""
    order = decision.order
    case = check_case(order, checks)
    check_taker(order, operator, checks)
    ruled = case is not None and case.ruling is not None and case.stage != "appeal"
    checks.refuse("wrong_phase", ruled, stage=case.stage if case else None)
    handing_back = command.outcome == "let_them_decide"
    # Only a review can be handed back, and not what was ruled on.
    cannot = handing_back and case is not None and (not case.review or case.ruling is not None)
    # A completed order stays completed, and only then a part of it can go back. An order whose client took the money
    # through its bank does not go on.
    cannot = cannot or (case is not None and not _fits(order, command))
    checks.refuse("wrong_phase", cannot, stage=case.stage if case else None)
    explanation = (command.explanation or "").strip()
    checks.refuse("explanation_required", not explanation)
    if command.outcome == "cancel":
        check_gross(order, command.amount, checks)
    if command.outcome == "refund":
        checks.amount(command.amount, late_refund_bounds(order))
    checks.refuse("same_operator", case is not None and ruled_before(case, operator))
    if checks.first() or case is None:
        return
    if handing_back:
        _let_them_decide(decision, operator, command.explanation or "")
    elif order.late_case:
        _rule_late(decision, command, operator)
    elif case.stage == "appeal":
        _rule_again(decision, case, command, operator)
    else:
        _rule_first(decision, case, command, operator)


def _fits(order: Order, command: Rule) -> bool:
    if order.late_case:
        return command.outcome in ("refund", "continue")
    back = command.outcome == "continue" and order.closed and order.charged_back > 0
    return command.outcome in ("cancel", "continue", "let_them_decide") and not back


def _rule_late(decision: Decision, command: Rule, operator: str) -> None:
    """After completion: client and commission stand as if the order had been completed at the reduced price."""
    decision.happen(_ruling(command, operator, None))
    decision.happen(CaseClosed(because="ruling", by="operator"))
    if command.outcome == "refund":
        decision.happen(PartRefunded(amount=command.amount or 0))
        pay_out_less(decision)


def _rule_first(decision: Decision, case: Case, command: Rule, operator: str) -> None:
    window = decision.order.policy.cases.appeal_window
    # Once the one appeal of the order is used, a ruling is final at once.
    until = decision.time + window if window and not decision.order.appeal_used else None
    decision.happen(_ruling(command, operator, until))
    if until is None:
        decision.happen(CaseClosed(because="ruling", by="operator"))
    if command.outcome == "cancel":
        cancel_by_case(
            decision,
            case,
            "ruling",
            command.amount or 0,
            fault=command.fault,
            exempt_by_operator=command.exempt,
            hold_until=until,
        )


def _rule_again(decision: Decision, case: Case, command: Rule, operator: str) -> None:
    order = decision.order
    decision.happen(_ruling(command, operator, None))
    decision.happen(CaseClosed(because="ruling", by="operator"))
    if command.outcome == "continue":
        if order.closed:
            restore(decision, by_ruling=True)
        return
    resolution = order.resolution
    if resolution is None:
        cancel_by_case(
            decision, case, "ruling", command.amount or 0, fault=command.fault, exempt_by_operator=command.exempt
        )
        return
    # What the rules exempt is not the operator's to take away.
    by_rule = resolution.exempt_because if resolution.exempt_because != "operator" else None
    because = by_rule or ("operator" if command.exempt else None)
    changed = resolution.model_copy(
        update={
            "gross": command.amount or 0,
            "fault": command.fault,
            "exempt": because is not None,
            "exempt_because": because,
        }
    )
    decision.happen(ResolutionChanged(resolution=changed))
    decision.happen(SettlementDue())


def _ruling(command: Rule, operator: str, until: object) -> RulingMade:
    return RulingMade.model_validate(
        {
            "outcome": command.outcome,
            "operator": operator,
            "amount": command.amount if command.outcome in ("cancel", "refund") else None,
            "explanation": command.explanation or "",
            "appealable_until": until,
        }
    )


def _let_them_decide(decision: Decision, operator: str | None, explanation: str, overdue: bool = False) -> None:
    order = decision.order
    request = order.request
    if request is None:
        raise AssertionError("an operator review without a request")
    decision.happen(RulingMade(outcome="let_them_decide", operator=operator, explanation=explanation, overdue=overdue))
    decision.happen(CaseClosed(because="fallback" if overdue else "ruling", by="system" if overdue else "operator"))
    due, reminder = answer_window(decision, request.kind, request.asked)
    decision.happen(RequestReopened(answer_due_at=due, reminder_at=reminder))


def appeal(decision: Decision, command: Appeal, party: Party, checks: Checks) -> None:
    """Once per order, with new words, within the window; the settlement stays held [R48, R65]."""
    order = decision.order
    checks.refuse("explanation_required", not command.said)
    if order.appeal_used:
        checks.refuse("appeal_used", True)
        return
    case = order.case
    until = case.appealable_until if case else None
    checks.refuse("appeal_not_offered", case is None or until is None)
    if case is None or until is None:
        return
    # A client that completes or is paid out while the window runs has nothing left to appeal.
    ended_otherwise = not case.open and case.appeals == 0
    checks.refuse("appeal_closed", decision.counted >= until or ended_otherwise)
    if not checks.first():
        due_at = decision.time + order.policy.cases.rule_within
        decision.happen(AppealOpened(by=party, comment=command.said or "", due_at=due_at))


def end_appeal_window(decision: Decision) -> None:
    """Nobody appealed: the ruling is final, and the held money moves."""
    _finish(decision)


def end_undecided_appeal(decision: Decision) -> None:
    """Nobody decided the appeal in time: the first ruling stands."""
    decision.happen(AppealUndecided())
    _finish(decision)


def _finish(decision: Decision) -> None:
    decision.happen(CaseClosed(because="appeal_over", by="system"))
    if decision.order.closed:
        decision.happen(SettlementDue())


def remind_operator(decision: Decision) -> None:
    """A reminder to the operators."""
    decision.happen(CaseReminded())


_FALLBACK = texts("fallback", "long")
# In a case after completion.
_STAYS = "the order stays as it is"


# Words in the last day of a case win nothing.
LAST_WORD = timedelta(hours=24)


def fallback_of(order: Order, case: Case) -> FallbackEnd:
    """What happens when no operator decides this case in time, as things stand now."""
    if case.review:
        return "let_them_decide"
    if order.late_case:
        return "continue"
    cases = order.policy.cases
    fallback = cases.operator_case_fallback if case.opened_by == "operator" else cases.fallback
    if fallback == "for_who_spoke":
        return _for_who_spoke(order, case)
    # An order that everybody forgot does not go on for ever.
    if case.dormant and fallback == "continue":
        fallback = "cancel_split"
    return _split(order) if fallback == "cancel_split" else fallback


def _for_who_spoke(order: Order, case: Case) -> FallbackEnd:
    """The side that alone has said something, and in time, gets its way (rules, 15)."""
    spoke = list(case.spoke_at)
    if len(spoke) != 1 or case.spoke_at[spoke[0]] >= case.due_at - LAST_WORD:
        return _split(order)
    if spoke[0] == "client":
        return "cancel_full_refund"
    return "completes" if order.phase == "delivered" else "continue"


def _split(order: Order) -> FallbackEnd:
    # Where nothing was begun there is nothing to split.
    return "cancel_full_refund" if order.phase == "waiting_requirements" else "cancel_split"


def fall_back(decision: Decision) -> None:
    """Operators are bounded too: what the policy says happens when none decides."""
    order = decision.order
    case = order.open_case
    if case is None:
        raise AssertionError("no case to fall back in")
    fallback = fallback_of(order, case)
    if fallback == "let_them_decide":
        _let_them_decide(decision, None, "No operator reviewed this in time: it is between you two.", overdue=True)
        return
    goes_on = fallback in ("continue", "completes")
    gross = order.released
    if fallback == "cancel_split":
        gross += (order.price - order.released - order.refunded) // 2
    decision.happen(
        RulingMade(
            outcome="continue" if goes_on else "cancel",
            operator=None,
            amount=None if goes_on else gross,
            explanation=f"No operator decided in time: {_STAYS if order.closed else _FALLBACK[fallback]}.",
            overdue=True,
        )
    )
    decision.happen(CaseClosed(because="fallback", by="system"))
    if fallback == "completes":
        close_as_completed(decision, None)
    elif not goes_on:
        cancel_by_case(decision, case, "fallback", gross)
