"""An exhaustive walk over an order's states: every move of every role and of time, each state visited once.

Two orders are in the same state when whatever anybody does to the one would come out the same for the other. So a
state leaves out the record, all numbers that only count up, and absolute time: instants count from now, and those
that have passed only as passed.
"""

import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any

from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.lateness import becomes_very_late_at
from recourse.resolution.model.money import gross_bounds
from recourse.resolution.model.order import Order, open_order
from recourse.resolution.model.policy import Money, OrderClocks
from recourse.resolution.model.record import Reader
from recourse.resolution.model.vocabulary import PARTIES, Role
from recourse.resolution.rules.clocks import next_clock, quiet_since
from recourse.resolution.rules.decide import attempt
from recourse.resolution.rules.paying import pay_all
from recourse.resolution.rules.ruling import LAST_WORD
from recourse.resolution.shown.looking_ahead import let_time_pass
from tests.rules.choices import ALL_ATTESTATIONS, LATE, ROLES, commands_of
from tests.rules.given import opening
from tests.rules.marketplaces import VARIANTS

Key = tuple[Any, ...]
# The parties' amounts: nothing, a half, everything.
GRID = (0, 5_000, 10_000)


@dataclass(frozen=True)
class Move:
    """What leads from one state to the next: a role's command, or time (`role` is None) up to an instant."""

    role: Role | None
    name: str
    fields: tuple[tuple[str, Any], ...] = ()


@dataclass
class State:
    """One state, as first reached: an order at an instant, and the moves that led there."""

    order: Order
    now: datetime
    depth: int
    came_from: "State | None" = None
    by: Move | None = None
    next: "dict[Move, Key]" = field(default_factory=dict)

    def path(self) -> list[str]:
        """How to get here, for whoever reads a failure."""
        here = (
            [f"{self.now:%d %b %H:%M} {self.by.role or 'time'}: {self.by.name} {dict(self.by.fields)}"]
            if self.by
            else []
        )
        return [*(self.came_from.path() if self.came_from else []), *here]


def walk(order: Order, depth: int) -> dict[Key, State]:
    """Every state that at most `depth` moves lead to."""
    start = State(order, order.terms.ordered_at, 0)
    seen = {key(order, start.now): start}
    waiting = deque([start])
    while waiting:
        state = waiting.popleft()
        if state.depth == depth:
            continue
        for move, after, now in moves(state.order, state.now):
            found = key(after, now)
            state.next[move] = found
            if found not in seen:
                seen[found] = State(after, now, state.depth + 1, state, move)
                waiting.append(seen[found])
    return seen


def moves(order: Order, now: datetime) -> Iterator[tuple[Move, Order, datetime]]:
    """Each move that is possible now, and what it leads to."""
    for role in ROLES:
        for name in commands_of(role):
            for fields in few_choices(order, name, role):
                decided = do(order, role, name, fields, now)
                if decided is not None:
                    yield Move(role, name, tuple((k, _hashable(v)) for k, v in fields.items())), decided, now
    for fields in _reports(order):
        reported = do(order, "system", "payment_event", fields, now)
        if reported is not None:
            yield Move("system", "payment_event", tuple(fields.items())), reported, now
    waited = wait(order, now)
    if waited:
        yield Move(None, waited[0]), waited[1], waited[2]


def _reports(order: Order) -> Iterator[dict[str, Any]]:
    """What the provider reports: one chargeback, where the marketplace has a time of its own for it."""
    if order.policy.money.chargeback_lost_after == Money().chargeback_lost_after:
        return
    if order.open_chargeback:
        yield from ({"event": "chargeback_closed", "outcome": outcome} for outcome in ("won", "lost"))
    elif not order.chargebacks:
        yield {"event": "chargeback_opened", "amount": 4_000}


def do(order: Order, role: Role, name: str, fields: dict[str, Any], now: datetime) -> Order | None:
    """The order after a command, or None where it is refused."""
    command = _read(
        name, role, actor_of(order, role), tuple((field, _hashable(value)) for field, value in fields.items())
    )
    decided = attempt(order, command, now)
    return let_time_pass(pay_all(decided), now) if decided else None


def actor_of(order: Order, role: Role) -> str:
    """Who acts for a role; an appeal is never decided by who ruled first."""
    if role == "client" or role == "freelancer":
        return order.party(role)
    if role == "system":
        return "provider"
    return "operator-2" if order.open_case and order.open_case.stage == "appeal" else "operator-1"


@cache
def _read(name: str, role: Role, actor: str, fields: tuple[tuple[str, Any], ...]) -> Any:
    """The command of a move; the same few are tried in every state."""
    return COMMANDS[name].model_validate({"actor": {"role": role, "id": actor}, **dict(fields)})


def wait(order: Order, now: datetime) -> tuple[str, Order, datetime] | None:
    """To the next instant at which a clock fires or something becomes possible or impossible."""
    clock = next_clock(order)
    passive = min((at for at in _turning_points(order) if at > now), default=None)
    if clock is not None and (passive is None or clock.at <= passive):
        return clock.name, let_time_pass(order, clock.at), clock.at
    return ("a turning point", order, passive) if passive is not None else None


def few_choices(order: Order, name: str, role: Reader) -> Iterator[dict[str, Any]]:
    """The choices of fields that lead to different states, and few of them."""
    least, most = gross_bounds(order)
    amounts = [amount for amount in GRID if least <= amount <= most]
    match name:
        case "request":
            yield from _few_requests(order, role, amounts)
        case "counter" | "settle":
            yield from ({"amount": amount} for amount in amounts)
        case "propose":
            yield {"amount": amounts[0], "explanation": "-"}
        case "rule":
            yield {"outcome": "cancel", "amount": amounts[-1], "explanation": "-"}
            yield {"outcome": "continue", "explanation": "-"}
            yield {"outcome": "let_them_decide", "explanation": "-"}
            if order.late_case:
                yield {"outcome": "refund", "amount": 4_000, "explanation": "-"}
        case "message" if order.policy.cases.fallback == "for_who_spoke" and order.open_case:
            yield {"comment": "-"}
        case "leave_feedback" | "message" | "add_evidence" | "note" | "note_to_staff":
            # Words move nothing but the clock of dormancy, which every other command moves too.
            return
        case "take_case" | "release_case" if not order.policy.cases.one_operator:
            # Here it does not matter which operator has the case.
            return
        case "retry_payment" | "settle_by_hand":
            # The built-in ledger makes every payment at once.
            return
        case "give_time":
            yield {"by": "24h"}
        case "away":
            yield {"until": LATE}
        case "hold" if order.policy.order.hold_at_most == OrderClocks().hold_at_most or order.hold_used:
            # All deadlines move by the same length: few marketplaces and one hold show what there is to see.
            return
        case "open_case" | "hold":
            yield {"explanation": "-"}
        case _:
            yield {"comment": "-"}


def _few_requests(order: Order, role: Reader, amounts: list[int]) -> Iterator[dict[str, Any]]:
    reason = next((code for code, known in order.policy.reasons.items() if role in known.by), None)
    words = {"comment": "-", "reason": reason, "attestations": ALL_ATTESTATIONS}
    named = amounts if role in order.policy.requests.cancel.amount_from else [None]
    for amount in named:
        yield {"kind": "cancel", "amount": amount, **words}
    yield {"kind": "cancel", "amount": named[0], "approval": "ask", **words}
    if order.policy.requests.cancel.no_agreement:
        yield {"kind": "cancel", "no_agreement": True, **words}
    yield {"kind": "extension", "extend_by": "24h"}
    yield {"kind": "update"}
    yield {"kind": "partial_refund", "amount": 5_000}
    if not order.extras:
        yield {"kind": "extra", "amount": 2_000, "extend_by": "24h"}


def key(order: Order, now: datetime) -> Key:
    """What of an order decides what can still happen to it."""
    left = partial(_left, now)
    request, case, clock = order.request, order.open_case, order.auto_complete
    cancel, disputed, proposal = order.policy.requests.cancel, order.disputed, order.open_proposal
    window = order.case.appealable_until if order.case else None
    dormant_after = order.policy.order.dormant_after or timedelta(0)
    # A request that is over matters again when a reviewer may hand it back.
    live = request if request and (request.status == "open" or (case and case.review)) else None
    return (
        order.phase,
        order.settlement,
        order.canceled_from,
        order.delivered_once or left(becomes_very_late_at(order)),
        # An extension moves it also where it has passed.
        order.due_at and order.due_at - now,
        min(order.revisions, order.policy.order.max_revisions),
        live and (
            live.status, live.kind, live.opened_by, live.asked, live.amount, left(live.answer_due_at),
            left(live.reminder_at), live.counters, live.communicated, live.explained, live.reason,
            live.spoken, live.at_least, live.given,
        ),
        bool(live and clock and clock.stopper == live.number),
        disputed and (
            disputed.opened_by, disputed.spoken, disputed.escalated_by, disputed.ruled_on, disputed.communicated,
            disputed.explained, disputed.reason,
        ),
        bool(disputed and live and disputed.number == live.number),
        tuple(offer.asked for offer in order.expired_offers if offer.version == order.offers),
        case and (
            case.stage, case.opened_by, case.review, case.dormant, left(case.due_at), case.initiator, case.reason,
            case.reminders_sent, case.offers, case.ruling and case.ruling.operator, case.communicated, case.explained,
            case.took_request and request and request.opened_by,
            disputed is not None and case.request == disputed.number, case.taken_by,
            tuple((party, at < case.due_at - LAST_WORD) for party, at in sorted(case.spoke_at.items())),
        ),
        proposal and (
            proposal.amount, left(proposal.due_at), proposal.accepted_by,
            tuple(left(proposal.due_for(party)) for party in PARTIES),
        ),
        tuple((left(order.away_until(party, now)), order.away_left(party, now)) for party in PARTIES),
        (order.extras, order.extra_fees, order.fee_back_at_least),
        order.operator_case_used,
        order.still and (now - order.still.since, order.hold and left(order.hold.until)),
        order.hold_left(now),
        tuple((one.status, now - one.opened_at if one.status == "open" else None) for one in order.chargebacks),
        bool(order.chargebacks) and (order.moved, tuple(order.debts.items())),
        order.cases_until and (left(order.cases_until), order.late_cases, order.moved, tuple(order.debts.items())),
        window and order.case and (left(window), order.case.open, order.case.appeals),
        order.appeal_used,
        order.undo_used,
        order.wrote,
        left(order.hold_until),
        left(order.follow_up_at),
        left(order.retry_at),
        order.released,
        order.refunded,
        clock and (left(clock.completes_at), clock.left, left(clock.would_complete_at), clock.stopper is None,
                  clock.took_back),
        tuple(min(order.counted_requests.get(party, 0), cancel.max_requests) for party in PARTIES),
        tuple(left(_later(order.declined_at.get(party), cancel.cooldown)) or None for party in PARTIES),
        tuple(left(order.free_at.get(party)) or None for party in PARTIES),
        left(_later(quiet_since(order), dormant_after)),
        left(_later(order.heard_at, dormant_after)),
        tuple(left(_later(order.wrote_at.get(party), dormant_after)) for party in PARTIES),
        left(order.terms.ordered_at + order.policy.order.regret_window + order.stood_still),
        order.resolution,
        order.feedback,
        # Where some days do not count, it matters which day it is.
        now if order.policy.answers.holidays else None,
        (now.weekday(), now.time()) if order.policy.answers.pause else None,
    )  # fmt: skip


def _left(now: datetime, at: datetime | None) -> timedelta | None:
    return None if at is None else max(at - now, timedelta(0))


def _later(at: datetime | None, length: timedelta) -> datetime | None:
    return None if at is None else at + length


def _turning_points(order: Order) -> Iterator[datetime]:
    if order.cases_until:
        yield order.cases_until
    if order.closed:
        return
    very_late_at = becomes_very_late_at(order)
    if very_late_at is not None:
        yield very_late_at
    if order.policy.order.regret_window:
        yield order.terms.ordered_at + order.policy.order.regret_window + order.stood_still
    if order.policy.requests.cancel.cooldown:
        yield from (at + order.policy.requests.cancel.cooldown for at in order.declined_at.values())
    yield from order.free_at.values()
    yield from (away.until for away in order.away.values())
    if order.open_case and order.open_case.spoke_at:
        yield order.open_case.due_at - LAST_WORD
    if order.open_case and order.open_case.stage == "mediation":
        yield order.open_case.due_at - order.policy.cases.proposal_window + timedelta(seconds=1)


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def main(depth: int) -> None:
    """Print how many states and moves there are within `depth` moves, for each marketplace."""
    for name, (policy, changes) in VARIANTS.items():
        for requirements in ("received", "awaited"):
            began = time.perf_counter()
            states = walk(open_order(opening(policy, changes, requirements=requirements)), depth)
            found = sum(len(state.next) for state in states.values())
            took = time.perf_counter() - began
            print(f"{name:18} {requirements:9} {len(states):7} states {found:8} moves {took:6.1f} s")  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
