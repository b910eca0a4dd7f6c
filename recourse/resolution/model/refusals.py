"""Refusals: values, never errors. When several codes apply, the one that stands earlier in `CODES` is given."""

from typing import Any, Literal, get_args

from recourse.resolution.model.vocabulary import Frozen

Code = Literal[
    "malformed",
    "actor_unproven",
    "command_id_reused",
    "unknown_command",
    "not_a_party",
    "role_not_allowed",
    "conflict_of_interest",
    "expired",
    "order_closed",
    "wrong_phase",
    "kind_not_offered",
    "request_open",
    "case_open",
    "no_open_request",
    "no_open_case",
    "not_yours_to_answer",
    "not_yours_to_withdraw",
    "approval_needed",
    "reason_required",
    "unknown_reason",
    "explanation_required",
    "attestation_missing",
    "amount_required",
    "amount_out_of_range",
    "stale_version",
    "too_many_counters",
    "too_many_revisions",
    "cooling_down",
    "too_many_requests",
    "undo_not_offered",
    "undo_closed",
    "undo_used",
    "dialogue_required",
    "escalation_not_offered",
    "appeal_not_offered",
    "appeal_used",
    "appeal_closed",
    "same_operator",
    "proposal_too_late",
    "feedback_not_allowed",
]
CODES: tuple[Code, ...] = get_args(Code)
_RANK = {code: rank for rank, code in enumerate(CODES)}

SENTENCES: dict[Code, str] = {
    "malformed": "The message is not valid; see `problems`.",
    "actor_unproven": "The sender's identity could not be verified; see `problem`.",
    "command_id_reused": "This command id was used for another command or other fields; choose a new one.",
    "unknown_command": "There is no such command; see `commands`.",
    "not_a_party": "Only this order's client and freelancer may do this.",
    "role_not_allowed": "This role may not give this command.",
    "conflict_of_interest": "An operator who is a party of the order may not act on it.",
    "expired": "The time to answer is over.",
    "order_closed": "The order is closed.",
    "wrong_phase": "This is not possible in the present phase of the order.",
    "kind_not_offered": "This policy does not offer that here.",
    "request_open": "A request is open; it must be answered or withdrawn first.",
    "case_open": "A case is open; the operator decides.",
    "no_open_request": "There is nothing open to answer, withdraw or undo.",
    "no_open_case": "No case is open.",
    "not_yours_to_answer": "The other side must answer this.",
    "not_yours_to_withdraw": "Only the party that opened it can withdraw it.",
    "approval_needed": "The other side must approve.",
    "reason_required": "A reason code is required.",
    "unknown_reason": "This role cannot give that reason; see `allowed`.",
    "explanation_required": "An explanation is required, and may not be blank.",
    "attestation_missing": "Required confirmations are missing; see `missing`.",
    "amount_required": "An amount is required.",
    "amount_out_of_range": "This is out of range; it must be within `at_least` and `at_most`.",
    "stale_version": "The offer has changed; see `version`.",
    "too_many_counters": "No more counter-offers; the offer can be accepted or declined.",
    "too_many_revisions": "No more revisions on this order.",
    "cooling_down": "You must wait after a decline; see `available_at`.",
    "too_many_requests": "No more cancel requests on this order.",
    "undo_not_offered": "This cannot be undone.",
    "undo_closed": "The time to undo is over.",
    "undo_used": "The only undo of this order was already used.",
    "dialogue_required": "Each side must first send a message about the open request; see `missing`.",
    "escalation_not_offered": "This cannot be escalated to an operator.",
    "appeal_not_offered": "There is nothing to appeal.",
    "appeal_closed": "The time to appeal is over.",
    "appeal_used": "The only appeal of this order was already used.",
    "same_operator": "Another operator must decide the appeal.",
    "proposal_too_late": "The case ends before the parties could answer a proposal; rule instead.",
    "feedback_not_allowed": "This feedback is not allowed.",
}


class Refusal(Frozen):
    """A command that was not applied: a stable code, and details that help. It changes nothing but the record."""

    code: Code
    details: dict[str, Any] = {}

    @property
    def sentence(self) -> str:
        """What it means, in words."""
        return SENTENCES[self.code]

    @property
    def rank(self) -> int:
        """Its place in `CODES`: of several refusals, the one with the least is given."""
        return _RANK[self.code]


class Checks:
    """Collects what speaks against a command, in any order, and gives the refusal that the contract ranks first."""

    def __init__(self) -> None:
        self._found: list[Refusal] = []

    def refuse(self, code: Code, when: bool, **details: Any) -> None:
        """Note a refusal if `when` holds; details that are None are left out."""
        if when:
            self._found.append(Refusal(code=code, details={k: v for k, v in details.items() if v is not None}))

    def amount(self, amount: int | None, bounds: tuple[int, int], *, required: bool = True) -> None:
        """Note a refusal where an amount is missing, or not within its bounds."""
        least, most = bounds
        self.refuse("amount_required", required and amount is None, at_least=least, at_most=most)
        outside = amount is not None and not least <= amount <= most
        self.refuse("amount_out_of_range", outside, at_least=least, at_most=most)

    def first(self) -> Refusal | None:
        """The earliest ranked refusal, or None: nothing speaks against it."""
        return min(self._found, key=lambda refusal: refusal.rank, default=None)
