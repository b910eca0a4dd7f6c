"""Refusals: values, never errors. When several codes apply, the one that stands earlier in `CODES` is given."""

from typing import Any, Literal, get_args

from recourse.resolution.model.vocabulary import Frozen
from recourse.wording import texts

RefusalCode = Literal[
    "too_many_messages",
    "malformed",
    "actor_unproven",
    "command_id_reused",
    "unknown_command",
    "not_a_party",
    "role_not_allowed",
    "conflict_of_interest",
    "expired",
    "order_closed",
    "chargeback_open",
    "on_hold",
    "hold_used",
    "wrong_phase",
    "kind_not_offered",
    "request_open",
    "case_open",
    "no_open_request",
    "no_open_case",
    "case_taken",
    "case_not_yours",
    "no_blocked_payment",
    "no_such_payment",
    "no_chargeback",
    "chargeback_known",
    "no_hold",
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
    "away_not_offered",
    "not_away",
    "away_used",
    "time_not_offered",
    "too_much_time",
]
CODES: tuple[RefusalCode, ...] = get_args(RefusalCode)
_RANK = {code: rank for rank, code in enumerate(CODES)}

# What each says to a program; it may point to a detail.
SENTENCES = texts("refusal", "message")


class Refusal(Frozen):
    """A command that was not applied: a stable code, and details that help. It changes nothing but the record."""

    code: RefusalCode
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

    def refuse(self, code: RefusalCode, when: bool, **details: Any) -> None:
        """Note a refusal if `when` holds; details that are None are left out."""
        if when:
            self._found.append(Refusal(code=code, details={k: v for k, v in details.items() if v is not None}))

    def refuse_because(self, refusal: Refusal) -> None:
        """Note a refusal, with all of its details."""
        self._found.append(refusal)

    def amount(self, amount: int | None, bounds: tuple[int, int], *, required: bool = True) -> None:
        """Note a refusal where an amount is missing, or not within its bounds."""
        least, most = bounds
        self.refuse("amount_required", required and amount is None, at_least=least, at_most=most)
        outside = amount is not None and not least <= amount <= most
        self.refuse("amount_out_of_range", outside, at_least=least, at_most=most)

    def first(self) -> Refusal | None:
        """The earliest ranked refusal, or None: nothing speaks against it."""
        return min(self._found, key=lambda refusal: refusal.rank, default=None)


class SpokenAgainst(Exception):
    """Something speaks against a command."""


class HastyChecks(Checks):
    """Checks that stop at whatever speaks against a command, ranked first or not, by raising SpokenAgainst."""

    def refuse(self, code: RefusalCode, when: bool, **details: Any) -> None:
        if when:
            raise SpokenAgainst(code)

    def refuse_because(self, refusal: Refusal) -> None:
        raise SpokenAgainst(refusal.code)
