"""Cases: how they open, mediation, and the parties' own ways out (rules, 6). Rulings are in `ruling`."""

from typing import Literal

from recourse.resolution.model.case_events import (
    CaseClosed,
    CaseOpened,
    CaseReleased,
    CaseTaken,
    ProposalAccepted,
    ProposalMade,
    RulingNeeded,
    SettlementOffered,
)
from recourse.resolution.model.commands import Escalate, Settle
from recourse.resolution.model.dispute import Case
from recourse.resolution.model.events import RequestEnded
from recourse.resolution.model.fields import is_blank
from recourse.resolution.model.money import gross_bounds
from recourse.resolution.model.operator_commands import OpenCase, Propose, ReleaseCase, TakeCase
from recourse.resolution.model.order import Order
from recourse.resolution.model.refusals import Checks, Refusal
from recourse.resolution.model.vocabulary import PARTIES, Party, other
from recourse.resolution.rules.decision import Decision
from recourse.resolution.rules.ending import cancel_by_case


def open_case_from_request(
    decision: Decision,
    *,
    by: Party | Literal["system"],
    review: bool = False,
    escalated: bool = False,
    by_deadline: bool = False,
) -> None:
    """Open a case about the latest request, or the one that a party escalates; one still open is marked `escalated`."""
    order = decision.order
    request = order.disputed if escalated else order.request
    if request is None:
        raise AssertionError("no request to open a case about")
    took = request.status == "open"
    if took:
        ended = RequestEnded(status="escalated", kind=request.kind, by=by, by_deadline=by_deadline)
        decision.happen(ended)
    decision.happen(
        CaseOpened(
            by=by,
            due_at=decision.time + order.policy.cases.rule_within,
            initiator=request.opened_by,
            reason=request.reason,
            request=request.number,
            took_request=took,
            escalated=escalated,
            review=review,
        )
    )


def open_dormant_case(decision: Decision) -> None:
    """Nobody was heard for so long: an operator looks, so that no money is locked by silence."""
    due = decision.time + decision.order.policy.cases.rule_within
    decision.happen(CaseOpened(by="system", due_at=due, initiator="system", dormant=True))


def open_case(decision: Decision, command: OpenCase, checks: Checks) -> None:
    """An operator opens a case by itself, once while the order is open and once after its completion (rules, 14). A
    request that is open goes into it."""
    order = decision.order
    used = order.operator_case_used
    if order.phase == "completed":
        used = "operator" in order.late_cases or order.charged_back > 0
    checks.refuse("case_open", order.open_case is not None)
    checks.refuse("explanation_required", is_blank(command.explanation or ""))
    checks.refuse("escalation_not_offered", used)
    if checks.first():
        return
    request = order.open_request
    canceling = request if request and request.kind == "cancel" else None
    if request:
        decision.happen(RequestEnded(status="escalated", kind=request.kind, by="operator"))
    decision.happen(
        CaseOpened(
            by="operator",
            due_at=decision.time + order.policy.cases.rule_within,
            initiator=canceling.opened_by if canceling else "operator",
            reason=canceling.reason if canceling else None,
            request=canceling.number if canceling else None,
            took_request=canceling is not None,
            explanation=command.explanation,
        )
    )


def take_case(decision: Decision, command: TakeCase, checks: Checks) -> None:
    """An operator works on the open case. An appeal is not for the one that ruled."""
    case, operator = check_case(decision.order, checks), command.actor.id
    former = case.taken_by if case and case.taken_by != operator else None
    checks.refuse("case_taken", former is not None and not command.over, taken_by=former)
    checks.refuse("same_operator", case is not None and ruled_before(case, operator))
    if not checks.first():
        decision.happen(CaseTaken(operator=operator, former=former))


def release_case(decision: Decision, command: ReleaseCase, checks: Checks) -> None:
    """The operator that has the case gives it back."""
    case, operator = check_case(decision.order, checks), command.actor.id
    if case and case.taken_by != operator:
        checks.refuse_because(not_yours(case))
    if not checks.first():
        decision.happen(CaseReleased(operator=operator))


def check_taker(order: Order, operator: str, checks: Checks) -> None:
    """Where only one operator works on a case, nobody else proposes or rules."""
    case = order.open_case
    if order.policy.cases.one_operator and case and case.taken_by != operator:
        checks.refuse_because(not_yours(case))


def not_yours(case: Case) -> Refusal:
    """A case that another operator has, or none has taken."""
    return Refusal(code="case_not_yours", details={"taken_by": case.taken_by})


def ruled_before(case: Case, operator: str) -> bool:
    """Whether it is an appeal against this operator's own ruling."""
    return case.stage == "appeal" and case.ruling is not None and case.ruling.operator == operator


def escalate(decision: Decision, command: Escalate, party: Party, checks: Checks) -> None:
    """Take a declined cancel request to an operator, once for each side [R53-R55]."""
    order = decision.order
    if order.phase == "completed":
        _escalate_late(decision, command, party, checks)
        return
    request = order.disputed
    checks.refuse("case_open", order.open_case is not None)
    offered = (
        party in order.policy.cases.escalate_by
        and order.open_request is None
        and request is not None
        and party not in request.escalated_by
        and not request.ruled_on
    )
    checks.refuse("escalation_not_offered", not offered)
    if offered and request and order.policy.cases.dialogue_required:
        silent = [side for side in PARTIES if side not in request.spoken]
        checks.refuse("dialogue_required", bool(silent), missing=silent)
    if not checks.first():
        open_case_from_request(decision, by=party, escalated=True)


def _escalate_late(decision: Decision, command: Escalate, party: Party, checks: Checks) -> None:
    """A party asks for a part of the price, or for its good name, after completion: once for each side (rules, 14)."""
    order = decision.order
    checks.refuse("case_open", order.open_case is not None)
    checks.refuse("explanation_required", not command.said)
    may = party in order.policy.cases.escalate_by and party not in order.late_cases and not order.charged_back
    checks.refuse("escalation_not_offered", not may)
    if not checks.first():
        due_at = decision.time + order.policy.cases.rule_within
        decision.happen(CaseOpened(by=party, due_at=due_at, initiator=party, explanation=command.said))


def check_case(order: Order, checks: Checks) -> Case | None:
    """The open case, or a refusal."""
    checks.refuse("no_open_case", order.open_case is None)
    return order.open_case


def check_gross(order: Order, amount: int | None, checks: Checks) -> None:
    """The bounds of the freelancer's total gross in a case."""
    checks.amount(amount, gross_bounds(order))


def propose(decision: Decision, command: Propose, checks: Checks) -> None:
    """The operator's proposal; a later one replaces it, and both parties are asked anew."""
    order = decision.order
    case = check_case(order, checks)
    check_taker(order, command.actor.id, checks)
    checks.refuse("wrong_phase", case is not None and case.stage != "mediation", stage=case.stage if case else None)
    explanation = (command.explanation or "").strip()
    checks.refuse("explanation_required", not explanation)
    check_gross(order, command.amount, checks)
    # The window of a party that is away begins when it is back.
    window = order.policy.cases.proposal_window
    own_due_at = {party: (order.away_until(party, decision.time) or decision.time) + window for party in PARTIES}
    due_at = max(own_due_at.values())
    checks.refuse("proposal_too_late", case is not None and due_at > case.due_at)
    if checks.first() or command.amount is None:
        return
    decision.happen(
        ProposalMade(
            version=order.offers + 1,
            amount=command.amount,
            explanation=command.explanation or "",
            due_at=due_at,
            own_due_at=own_due_at if len(set(own_due_at.values())) > 1 else {},
        )
    )


def accept_proposal(decision: Decision, party: Party) -> None:
    """One side agrees; when both have, the order is canceled at that amount."""
    decision.happen(ProposalAccepted(by=party))
    proposal, case = decision.order.open_proposal, decision.order.open_case
    if proposal is None or case is None or set(proposal.accepted_by) != set(PARTIES):
        return
    decision.happen(CaseClosed(because="proposal", by=party))
    cancel_in_case(decision, case, how="mediated", gross=proposal.amount)


def decline_proposal(decision: Decision, party: Party) -> None:
    """One decline ends the mediation at once."""
    decision.happen(RulingNeeded(by=party))


def end_mediation_by_silence(decision: Decision) -> None:
    """Somebody did not answer the proposal in time."""
    decision.happen(RulingNeeded(by="system", by_deadline=True))


def settle(decision: Decision, command: Settle, party: Party, checks: Checks) -> None:
    """A standing offer; one that meets the other's, or is better for it, ends the case at what stood first."""
    order = decision.order
    case = check_case(order, checks)
    checks.refuse("wrong_phase", case is not None and case.ruling is not None, stage=case.stage if case else None)
    check_gross(order, command.amount, checks)
    if checks.first() or case is None or command.amount is None:
        return
    theirs = case.offers.of(other(party))
    pays_enough = theirs is not None and (command.amount >= theirs if party == "client" else command.amount <= theirs)
    if theirs is None or not pays_enough:
        decision.happen(SettlementOffered(by=party, amount=command.amount))
        return
    decision.happen(CaseClosed(because="settled", by=party))
    cancel_in_case(decision, case, how="mutual", gross=theirs, settled_between_parties=True)


def withdraw_case(decision: Decision, party: Party, checks: Checks) -> None:
    """Take back a case that has no ruling: who escalated, or whose own open request it took over, may."""
    case = decision.order.open_case
    if case is None:
        raise AssertionError("no case to withdraw")
    checks.refuse("not_yours_to_withdraw", case.ruling is not None or party not in case.whose)
    if not checks.first():
        decision.withdrawn = True
        decision.happen(CaseClosed(because="withdrawn", by=party))


def cancel_in_case(
    decision: Decision,
    case: Case,
    *,
    how: Literal["mediated", "mutual"],
    gross: int,
    settled_between_parties: bool = False,
) -> None:
    """Cancel as the parties agreed in a case."""
    cancel_by_case(decision, case, how, gross, settled_between_parties=settled_between_parties)
