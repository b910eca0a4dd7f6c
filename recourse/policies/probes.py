"""The commands that are tried in every state of a graph, with every field that a policy can ask for."""

from collections.abc import Iterator
from datetime import timedelta

from recourse.resolution.model.command import Actor
from recourse.resolution.model.commands import (
    Accept,
    AnyCommand,
    Appeal,
    AskRevision,
    Complete,
    Counter,
    Decline,
    Deliver,
    Escalate,
    MakeRequest,
    Settle,
    SubmitRequirements,
    UndoCancellation,
    Withdraw,
)
from recourse.resolution.model.money import gross_bounds, refund_bounds
from recourse.resolution.model.operator_commands import Propose, Rule
from recourse.resolution.model.order import Order
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.vocabulary import PARTIES, Party

_Bounds = tuple[int, int]


class Probes:
    """The commands for the orders of one policy, made once for each range of amounts."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._made: dict[tuple[_Bounds, _Bounds, bool], list[AnyCommand]] = {}

    def commands(self, order: Order) -> list[AnyCommand]:
        """One command of every kind that could lead somewhere; amounts at the least and the most.

        What is possible almost everywhere is left out: a case that an operator opens, a chargeback, and what only moves
        deadlines.
        """
        refund = order.open_request is not None and order.open_request.kind == "partial_refund"
        asked = gross_bounds(order), refund_bounds(order), refund
        if asked not in self._made:
            self._made[asked] = list(self._make(*asked))
        made = self._made[asked]
        # An appeal must be ruled on by another operator than the first.
        return made if order.case and order.case.appeals else made[:-3]

    def _make(self, gross: _Bounds, refund: _Bounds, refund_asked: bool) -> Iterator[AnyCommand]:
        client, freelancer = (Actor(role=party, id=party) for party in PARTIES)
        yield SubmitRequirements(actor=client)
        yield Deliver(actor=freelancer)
        yield AskRevision(actor=client)
        yield Complete(actor=client)
        for party in PARTIES:
            yield from self._make_for(party, gross, refund if refund_asked else gross)
        yield MakeRequest(actor=client, kind="update")
        yield MakeRequest(actor=freelancer, kind="extension", extend_by=timedelta(days=1))
        for party in self.policy.requests.partial_refund.by:
            yield MakeRequest(actor=Actor(role=party, id=party), kind="partial_refund", amount=refund[0])
        yield MakeRequest(actor=freelancer, kind="extra", amount=1)
        first, second = (Actor(role="operator", id=name) for name in ("operator-1", "operator-2"))
        yield Propose(actor=first, amount=gross[0], explanation="-")
        if self.policy.cases.after_completion:
            yield Rule(actor=first, outcome="refund", amount=1, explanation="-")
        for operator in (first, second):
            yield Rule(actor=operator, outcome="let_them_decide", explanation="-")
            yield Rule(actor=operator, outcome="continue", explanation="-")
            yield Rule(actor=operator, outcome="cancel", amount=gross[0], explanation="-")

    def _make_for(self, party: Party, gross: _Bounds, counters: _Bounds) -> Iterator[AnyCommand]:
        actor = Actor(role=party, id=party)
        yield from self._cancellations(party, gross)
        yield Accept(actor=actor, comment="-")
        yield Decline(actor=actor, comment="-")
        for amount in dict.fromkeys(counters):
            yield Counter(actor=actor, amount=amount)
        yield Withdraw(actor=actor)
        # The freelancer's offer meets the client's: the same amount from both.
        yield Settle(actor=actor, amount=gross[0])
        yield UndoCancellation(actor=actor, comment="-")
        # A comment is needed after completion, and counts as a word elsewhere.
        yield Escalate(actor=actor, comment="-" if self.policy.cases.after_completion else None)
        yield Appeal(actor=actor, comment="-")

    def _cancellations(self, party: Party, gross: _Bounds) -> Iterator[AnyCommand]:
        chosen = self.policy.requests.cancel
        reason = next((code for code, known in self.policy.reasons.items() if party in known.by), None)
        plain = MakeRequest(
            actor=Actor(role=party, id=party),
            kind="cancel",
            reason=reason,
            comment="-",
            attestations=(*chosen.attestations, *chosen.no_agreement_attestations)[:50],
        )
        for amount in dict.fromkeys(gross) if party in chosen.amount_from else (None,):
            named = plain.model_copy(update={"amount": amount})
            yield named
            if chosen.without_approval.of(party):
                yield named.model_copy(update={"approval": "ask"})
        if chosen.no_agreement:
            yield plain.model_copy(update={"no_agreement": True})
