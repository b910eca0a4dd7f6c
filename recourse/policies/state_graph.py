"""Every state that an order can reach under a policy, and every move between them, found by playing the rules.

No rule is repeated here. An order is opened, `attempt` tries every command, every clock fires, and orders
that the rules cannot distinguish count as one state. Limits of a number (counter-offers, revisions, requests) are set
to one, one counter-offer by each side, so that their end comes soon.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from recourse.policies.probes import Probes
from recourse.policies.state_key import right_changes, state_key
from recourse.resolution.model.commands import AnyCommand
from recourse.resolution.model.durations import WEEKDAYS, window_end
from recourse.resolution.model.order import Opening, Order, open_order
from recourse.resolution.model.payment_events import MoneyMoved
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.terms import Terms
from recourse.resolution.model.zones import offsets_of
from recourse.resolution.rules.clocks import REMINDERS, Clock, clocks
from recourse.resolution.rules.decide import attempt, decide_clock
from recourse.resolution.rules.decision import Decision
from recourse.resolution.rules.paying import pay_all

Mover = Literal["client", "freelancer", "operator", "time"]
ORDERED_AT = datetime(2025, 3, 3, 9, tzinfo=UTC)


@dataclass(frozen=True)
class State:
    """An order at an instant, standing for all with the same state key. `running` are its clocks, the first to fire
    first; `settlements` counts its final payments so far."""

    order: Order
    now: datetime
    settlements: int
    running: tuple[Clock, ...]
    state_key: tuple[Any, ...] = field(repr=False)

    @property
    def deciding(self) -> Clock | None:
        """The next clock that changes where the order stands; reminders do not."""
        return next((clock for clock in self.running if clock.name not in REMINDERS), None)

    @property
    def final(self) -> bool:
        """Whether nothing can change any more: closed, and no clock decides anything."""
        return self.order.closed and self.deciding is None


@dataclass(frozen=True)
class Move:
    """One step from a state to another, by positions in `StateGraph.states`. `after` is the order as this move left it,
    and `running` its clocks.

    `name` is the command's or the clock's; `wait` lets time pass until a right comes or goes.
    """

    by: Mover
    name: str
    command: AnyCommand | None
    source: int
    target: int
    after: Order
    running: tuple[Clock, ...]
    at: datetime


@dataclass(frozen=True)
class Fault:
    """A move on which the rules themselves failed: which, from which state, and how."""

    source: int
    name: str
    cause: str


@dataclass(frozen=True)
class StateGraph:
    """Every state that an order can be in, the first ones first, and every move between them."""

    policy: Policy
    states: tuple[State, ...]
    moves: tuple[Move, ...]
    faults: tuple[Fault, ...] = ()

    def before(self, move: Move) -> Order:
        """The order that a move was made on."""
        return self.states[move.source].order

    def exits(self) -> list[list[Move]]:
        """For each state, what leads out of it; what only has to be waited for counts as there already."""
        leaving: list[list[Move]] = [[] for _ in self.states]
        waits = {move.source: move.target for move in self.moves if move.name == "wait"}
        for move in self.moves:
            if move.name != "wait" and move.source != move.target:
                leaving[move.source].append(move)
        return [
            [move for reached in _after_waiting(number, waits) for move in leaving[reached]]
            for number in range(len(self.states))
        ]


def _after_waiting(number: int, waits: Mapping[int, int]) -> list[int]:
    reached = [number]
    while (following := waits.get(reached[-1])) is not None and following not in reached:
        reached.append(following)
    return reached


def explore(policy: Policy) -> StateGraph:
    """Play every move that an order can make under `policy`."""
    return _Explorer(policy).explore()


class _Explorer:
    def __init__(self, policy: Policy) -> None:
        self.policy = _with_small_limits(policy)
        self.probes = Probes(self.policy)
        self.found: dict[tuple[Any, ...], int] = {}
        self.states: list[State] = []
        self.moves: list[Move] = []
        self.faults: list[Fault] = []
        self.todo: deque[int] = deque()
        # States after dormancy come last, so that the usual case represents those with the same key.
        self.forgotten: deque[int] = deque()

    def explore(self) -> StateGraph:
        for requirements in ("awaited", "received"):
            order = _new_order(self.policy, requirements)
            self._arrive(order, order.terms.ordered_at, 0, tuple(clocks(order)))
        while self.todo or self.forgotten:
            source = (self.todo or self.forgotten).popleft()
            self._commands(source)
            self._time(source)
        return StateGraph(self.policy, tuple(self.states), tuple(self.moves), tuple(self.faults))

    def _arrive(self, order: Order, now: datetime, settlements: int, running: tuple[Clock, ...]) -> int:
        key = state_key(order, now, settlements, running)
        if key not in self.found:
            self.found[key] = len(self.states)
            dormant = order.open_case is not None and order.open_case.dormant
            (self.forgotten if dormant else self.todo).append(len(self.states))
            self.states.append(State(order, now, settlements, running, key))
        return self.found[key]

    def _commands(self, source: int) -> None:
        state = self.states[source]
        for command in self.probes.commands(state.order):
            try:
                decided = attempt(state.order, command, state.now)
            except (ValueError, AssertionError) as fault:
                self.faults.append(Fault(source, command.name, str(fault).partition("\n")[0]))
                continue
            if decided is not None:
                by: Any = command.actor.role
                self._move(source, by, command.name, command, decided, state.now)

    def _time(self, source: int) -> None:
        state = self.states[source]
        order, clock = state.order, state.deciding
        for at in sorted(right_changes(order, state.now)):
            if clock and clock.at <= at:
                break
            if state_key(order, at, state.settlements, state.running) != state.state_key:
                target = self._arrive(order, at, state.settlements, state.running)
                self.moves.append(Move("time", "wait", None, source, target, order, state.running, at))
                return
        if clock:
            at = max(clock.at, state.now)
            self._move(source, "time", clock.name, None, decide_clock(order, clock, at), at)

    def _move(
        self, source: int, by: Mover, name: str, command: AnyCommand | None, decision: Decision, at: datetime
    ) -> None:
        after = pay_all(decision)
        running = tuple(clocks(after))
        final = sum(isinstance(event, MoneyMoved) and event.final for event in decision.events)
        target = self._arrive(after, at, self.states[source].settlements + final, running)
        self.moves.append(Move(by, name, command, source, target, after, running, at))


def _with_small_limits(policy: Policy) -> Policy:
    cancel, refund = policy.requests.cancel, policy.requests.partial_refund
    return policy.model_copy(
        update={
            "order": policy.order.model_copy(update={"max_revisions": min(policy.order.max_revisions, 1)}),
            # Whichever operator works on a case, the same can come of it.
            "cases": policy.cases.model_copy(update={"one_operator": False}),
            "requests": policy.requests.model_copy(
                update={
                    "cancel": cancel.model_copy(
                        update={
                            "max_requests": min(cancel.max_requests, 1),
                            "max_counters": min(cancel.max_counters, 2),
                        }
                    ),
                    "partial_refund": refund.model_copy(update={"max_counters": min(refund.max_counters, 2)}),
                }
            ),
        }
    )


def _new_order(policy: Policy, requirements: Any) -> Order:
    # Partial refunds are offered only above some price; this one is above it, and fees and shares are not whole.
    price = max(10_001, 2 * policy.requests.partial_refund.price_above + 1)
    terms = Terms(
        order_id="graph",
        client="client",
        freelancer="freelancer",
        price=price,
        service_fee=551,
        ordered_at=_worst_start(policy),
        delivery_time=timedelta(days=5),
        requirements=requirements,
    )
    return open_order(Opening(terms=terms, policy=policy, record_salt="of no matter here"))


def _worst_start(policy: Policy) -> datetime:
    """The day from which paused weekdays make an answer window the longest."""
    pauses, zone = policy.answers.pauses, policy.answers.time_zone
    window = max(policy.requests.cancel.window.client_asked, policy.requests.cancel.window.freelancer_asked)
    starts = [ORDERED_AT + timedelta(days=day) for day in range(len(WEEKDAYS))]
    offsets = offsets_of(zone, ORDERED_AT)
    return max(starts, key=lambda start: window_end(start, window, pauses, offsets) - start) if pauses else ORDERED_AT
