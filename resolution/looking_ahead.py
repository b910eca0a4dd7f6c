"""Looking ahead [R63] (rules, 11): what each role can do now, and what a command would lead to.

Neither has rules of its own: both ask `decide`, so they cannot say anything else than what then happens.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from resolution.canceling import right_available_at
from resolution.clocks import REMINDERS, clocks
from resolution.commands import COMMANDS, Accept, Actor, Command, Message
from resolution.decide import decide, decide_clock
from resolution.decision import Decision
from resolution.money import final_sums, gross_bounds, held, refund_bounds
from resolution.order import Order
from resolution.paying import make_paid, payment_due
from resolution.record import Reader
from resolution.refusals import Refusal
from resolution.scores import scores
from resolution.speaking import reviews_left
from resolution.turn import turn
from resolution.views import settles_at
from resolution.words import PARTIES, Party

ALWAYS = frozenset({"message", "add_evidence"})
_NOBODY = "\x01 nobody"


def available_actions(order: Order, role: Reader, now: datetime) -> dict[str, dict[str, Any]]:
    """Each command that would be applied now, by name, with its fields and bounds; `message` and `add_evidence`
    are left to the caller, since a party may always use them.

    A command is found by trying it, filled in as well as the policy allows; what is listed would be applied so.
    """
    found: dict[str, dict[str, Any]] = {}
    actor = {"role": role, "id": _NOBODY if role == "operator" else order.party(role)}
    for name in sorted(COMMANDS):
        if name in ALWAYS or role not in COMMANDS[name].by:
            continue
        variants = [
            fields
            for fields in _variants(order, name, role)
            if isinstance(_decided(order, name, actor, fields, now), Decision)
        ]
        if variants:
            found[name] = _described(order, name, role, variants)
    return found


def opens_later(order: Order, party: Party, now: datetime) -> dict[str, datetime]:
    """What a clock will allow: `cancel_alone` when the order becomes very late, `request` after a cooldown."""
    later: dict[str, datetime] = {}
    alone = right_available_at(order, party, now)
    if alone:
        later["cancel_alone"] = alone
    declined = order.declined_at.get(party)
    if declined and not order.closed:
        free_at = declined + order.policy.requests.cancel.cooldown
        if free_at > now:
            later["request"] = free_at
    return later


def _decided(order: Order, name: str, actor: Any, fields: Any, now: datetime) -> Decision | Refusal:
    command = COMMANDS[name].model_validate({"actor": actor, **fields})
    return decide(order, command, now)


def _variants(order: Order, name: str, role: Reader) -> Iterator[dict[str, Any]]:
    least, most = gross_bounds(order)
    match name:
        case "request":
            yield from _request_variants(order, role)
        case "counter":
            request = order.open_request
            if request and request.kind == "partial_refund":
                least, most = refund_bounds(order)
            yield from ({"amount": amount} for amount in (least, most))
        case "settle":
            yield {"amount": least}
        case "propose":
            yield {"amount": least, "explanation": "-"}
        case "rule":
            yield {"outcome": "continue", "explanation": "-"}
            yield {"outcome": "cancel", "amount": least, "explanation": "-"}
            yield {"outcome": "let_them_decide", "explanation": "-"}
        case "leave_feedback":
            for visibility in ("public", "private"):
                for rating in ("positive", "negative"):
                    yield {"visibility": visibility, "rating": rating}
        case "accept" | "appeal":
            yield {"comment": "-"}
        case _:
            yield {}


def _request_variants(order: Order, role: Reader) -> Iterator[dict[str, Any]]:
    policy = order.policy
    reason = next((code for code, known in policy.reasons.items() if role in known.by), None)
    base: dict[str, Any] = {"comment": "-", "reason": reason}
    attested = [*policy.requests.cancel.attestations, *policy.requests.cancel.no_agreement_attestations]
    amounts = gross_bounds(order) if role in policy.requests.cancel.amount_from else (None,)
    for amount in dict.fromkeys(amounts):
        yield {"kind": "cancel", "amount": amount, "attestations": attested, **base}
    if policy.requests.cancel.no_agreement:
        yield {"kind": "cancel", "no_agreement": True, "attestations": attested, **base}
    yield {"kind": "extension", "extend_by": timedelta(hours=24), **base}
    yield {"kind": "update", **base}
    yield {"kind": "partial_refund", "amount": refund_bounds(order)[0], **base}


def _described(order: Order, name: str, role: Reader, variants: list[dict[str, Any]]) -> dict[str, Any]:
    described: dict[str, Any] = {"about": COMMANDS[name].about, "fields": sorted(_fields(name))}
    least, most = gross_bounds(order)
    match name:
        case "request":
            described["kinds"] = list(dict.fromkeys(variant["kind"] for variant in variants))
            described["reasons"] = sorted(code for code, reason in order.policy.reasons.items() if role in reason.by)
            described["attestations"] = list(order.policy.requests.cancel.attestations)
            if role in order.policy.requests.cancel.amount_from:
                described["amount"] = {"at_least": least, "at_most": most}
            if "partial_refund" in described["kinds"]:
                described["refund"] = dict(zip(("at_least", "at_most"), refund_bounds(order), strict=True))
        case "counter":
            request = order.open_request
            bounds = refund_bounds(order) if request and request.kind == "partial_refund" else (least, most)
            described["amount"] = {"at_least": bounds[0], "at_most": bounds[1]}
        case "settle" | "propose" | "rule":
            described["amount"] = {"at_least": least, "at_most": most}
        case "leave_feedback":
            described["visibility"] = list(dict.fromkeys(variant["visibility"] for variant in variants))
        case _:
            pass
    until = turn(order).until if name in ("accept", "decline", "counter") else None
    until = settles_at(order) if name in ("undo", "appeal") and order.closed else until
    return described | {"until": until}


def _fields(name: str) -> set[str]:
    return set(COMMANDS[name].model_fields) - {"actor", "command_id", "sent_at"}


def preview(order: Order, message: Message, now: datetime, reader: Reader = "operator") -> dict[str, Any]:
    """What a command would lead to, without doing it; `reader` is who may read the answer.

    `money` is where it ends up. Where others must still act: `if_accepted`, and `if_nobody_acts` with `at`.
    """
    refusal = message.refusal
    if refusal is None:
        decided = decide(order, message.command, now)
        if isinstance(decided, Decision):
            return _ahead(order, paid(decided), now, reader)
        refusal = decided
    return {"refused": refusal.code, "message": refusal.sentence, **refusal.details}


def paid(decision: Decision) -> Order:
    """The order after a decision whose payment goes through."""
    payment = payment_due(decision.order)
    if payment is not None:
        make_paid(decision, payment, told=False)
    return decision.order


def _ahead(before: Order, after: Order, now: datetime, reader: Reader) -> dict[str, Any]:
    answer = _outlook(before, after, reader)
    if_accepted = _if_accepted(after, now)
    if if_accepted:
        answer["if_accepted"] = _outlook(before, if_accepted, reader)
    silent = _if_nobody_acts(after)
    if silent:
        at, then = silent
        answer["if_nobody_acts"] = {"at": at, **_outlook(before, then, reader)}
    return answer


def _outlook(before: Order, after: Order, reader: Reader) -> dict[str, Any]:
    resolution = after.resolution
    open_reader = reader == "operator"
    were = scores(before, confidential=open_reader)
    become = scores(after, confidential=open_reader)
    ends = final_sums(after) if after.closed else after.moved
    return {
        "phase": after.phase,
        "how": resolution.how if resolution else None,
        "exempt": resolution.exempt if resolution else None,
        "fault": resolution.fault if resolution else None,
        "money": {**ends.model_dump(), "held": 0 if after.closed else held(after)},
        "settlement": after.settlement,
        "settles_at": settles_at(after),
        "due_at": after.due_at,
        "request": {"kind": after.request.kind, "status": after.request.status} if after.request else None,
        "case": {"stage": after.case.stage} if after.case else None,
        "reviews": {party: reviews_left(after, party) for party in PARTIES if open_reader or party == reader},
        "scores": {
            party: {name: {"before": were[party][name], "after": score} for name, score in named.items()}
            for party, named in become.items()
        },
    }


def _if_accepted(order: Order, now: datetime) -> Order | None:
    request, proposal = order.open_request, order.open_proposal
    if request:
        decided = decide(order, _accept(order, request.asked), now)
        return paid(decided) if isinstance(decided, Decision) else None
    if proposal is None:
        return None
    for party in PARTIES:
        if party in proposal.accepted_by:
            continue
        decided = decide(order, _accept(order, party), now)
        if isinstance(decided, Refusal):
            return None
        order = paid(decided)
    return order


def _accept(order: Order, party: Party) -> Command:
    return Accept(actor=Actor(role=party, id=order.party(party)), comment="-")


def _if_nobody_acts(order: Order) -> tuple[datetime, Order] | None:
    """The next thing that time decides by itself, reminders aside."""
    if order.closed and not order.open_request:
        return None
    deciding = [clock for clock in clocks(order) if clock.name not in REMINDERS and clock.name != "dormancy"]
    if not deciding:
        return None
    clock = deciding[0]
    return clock.at, paid(decide_clock(order, clock, clock.at))
