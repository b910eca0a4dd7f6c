"""What the state graph of a policy shows to be wrong (rules, 12). Each check looks only at `StateGraph`."""

from collections import defaultdict
from collections.abc import Callable, Iterator

from recourse.policies.clock_keys import clock_key
from recourse.policies.findings import Remark, error, warning
from recourse.policies.state_graph import Move, Mover, StateGraph
from recourse.resolution.model.commands import MakeRequest
from recourse.resolution.model.money import held
from recourse.resolution.model.vocabulary import PARTIES, Party, Phase
from recourse.resolution.rules.clocks import Clock
from recourse.wording import texts
from recourse.wording.english import PHASES, listed, span


def graph_remarks(graph: StateGraph) -> Iterator[Remark]:
    """Everything that the graph shows."""
    for check in CHECKS:
        yield from check(graph)


def one_partys_exits(graph: StateGraph) -> Iterator[Remark]:
    """A state that only one of the two can end: the other's money waits for its good will."""
    never = graph.policy.order.auto_complete is None
    stuck: dict[tuple[Mover, bool], tuple[set[Phase], set[str]]] = defaultdict(lambda: (set(), set()))
    for state, exits in zip(graph.states, graph.exits(), strict=True):
        leaving = [move for move in exits if not _asks_for_less(move)]
        movers = {move.by for move in leaving}
        if not state.final and len(movers) == 1 and movers <= set(PARTIES):
            phases, names = stuck[movers.pop(), never and state.order.phase == "delivered"]
            phases.add(state.order.phase)
            names |= {move.name for move in leaving}
    for (mover, delivered), (phases, names) in stuck.items():
        key = "order.auto_complete" if delivered else "order.dormant_after"
        yield error(
            "one-partys-exits",
            f"an order that is {_either(phases)} can be ended by the {mover} alone ({listed(sorted(names))}), and by "
            f"no clock: if the {mover} does nothing it stays open for ever, with the money in it; give {key} a "
            f"duration{' (or order.dormant_after)' if delivered else ''}, or let the other side cancel too",
            key,
        )


def _either(phases: set[Phase]) -> str:
    return listed([words for phase, words in PHASES.items() if phase in phases], "or")


def _asks_for_less(move: Move) -> bool:
    # More time, an update, a part of the price: whatever comes of it, the order stays where it is.
    return isinstance(move.command, MakeRequest) and move.command.kind != "cancel"


def timers_over_at_once(graph: StateGraph) -> Iterator[Remark]:
    """A clock that is over when it starts: what it should leave time for never gets any."""
    told: set[str] = set()
    for move in graph.moves:
        if move.name == "wait":
            continue
        for clock in move.running:
            # Held money waits, by intent, for an undo that was asked for in time and is answered after its window.
            ran_before = clock.at > move.at or clock in graph.states[move.source].running
            # An abandoned order ends, by intent, as soon as what was open at its date ends.
            if ran_before or clock.name in ("settlement", "settlement_retry", "abandonment"):
                continue
            key = clock_key(move.after, clock)
            if key not in told:
                told.add(key)
                yield _over_at_once(graph, move, clock, key)


def _over_at_once(graph: StateGraph, move: Move, clock: Clock, key: str) -> Remark:
    if clock.name == "dormancy" and graph.policy.order.dormant_after:
        quiet = span(graph.policy.order.dormant_after)
        return error(
            "timer-over-at-once",
            f"an order whose request went unanswered has already been silent for {quiet} or longer, so a case "
            f"opens the moment the request ends: make {key} longer than every answer window",
            key,
        )
    return error(
        "timer-over-at-once",
        f"this clock is already over when it starts ({_WHEN[clock.name]}), so nobody ever has time to act: "
        "give it a duration longer than nothing",
        key,
    )


_WHEN = texts("clock", "at_once")


def faults_of_the_rules(graph: StateGraph) -> Iterator[Remark]:
    """A combination of keys under which the rules themselves fail: no order may be opened under it."""
    for fault in graph.faults[:1]:
        path = f"{_path(graph, fault.source)}, {fault.name}"
        yield error(
            "rules-fail",
            f"the rules fail on this path: {path} ({fault.cause}); this is a fault of Recourse, "
            "please report it with this policy",
        )


def settlements(graph: StateGraph) -> Iterator[Remark]:
    """Every closed order is settled once: none leaves money in escrow, twice would pay it out again."""
    for number, state in enumerate(graph.states):
        unpaid = state.final and (state.settlements == 0 or held(state.order) != 0)
        if unpaid or state.settlements > 1:
            how_many = "no settlement" if unpaid else f"{state.settlements} settlements"
            yield error("settlements", f"an order can be closed with {how_many}, by this path: {_path(graph, number)}")
            return


def _path(graph: StateGraph, target: int) -> str:
    first: dict[int, Move] = {}
    for move in graph.moves:
        if move.source < move.target:
            first.setdefault(move.target, move)
    steps: list[str] = []
    while target in first:
        steps.append(f"{first[target].by} {first[target].name}")
        target = first[target].source
    return ", ".join(["ordered", *reversed(steps)])


def locked_by_silence(graph: StateGraph) -> Iterator[Remark]:
    """An order that stays open for as long as one party does nothing, operators not helping either."""
    for silent in PARTIES:
        ends = _can_be_closed_without(graph, silent)
        locked = {state.order.phase for number, state in enumerate(graph.states) if number not in ends}
        if locked:
            yield warning(
                "money-can-lock",
                f"while the {silent} does nothing, an order that is {_either(locked)} never closes and its money stays "
                "locked, whatever the other side does: give order.dormant_after a duration, or let silence mean more "
                "than going on",
                "order.dormant_after",
            )


def _can_be_closed_without(graph: StateGraph, silent: Party) -> set[int]:
    into: dict[int, list[int]] = defaultdict(list)
    for move in graph.moves:
        if move.by not in (silent, "operator"):
            into[move.target].append(move.source)
    reached = {number for number, state in enumerate(graph.states) if state.order.closed}
    todo = list(reached)
    while todo:
        for source in into[todo.pop()]:
            if source not in reached:
                reached.add(source)
                todo.append(source)
    return reached


def costly_silence(graph: StateGraph) -> Iterator[Remark]:
    """Silence that moves the whole price for work not delivered, or takes back delivered work."""
    found: dict[tuple[str, Party], set[Phase]] = defaultdict(set)
    for move in graph.moves:
        order, after = graph.before(move), move.after
        request = order.open_request
        if move.name != "answer_due" or request is None or request.kind != "cancel" or not after.resolution:
            continue
        gross = after.resolution.gross
        if request.asked == "client" and not order.delivered_once and gross == order.price:
            found["unearned", request.asked].add(order.phase)
        if request.asked == "freelancer" and order.delivered_once and gross < order.price - order.refunded:
            found["taken-back", request.asked].add(order.phase)
    for (what, asked), where in found.items():
        yield _costly(graph, what, asked, where)


def _costly(graph: StateGraph, what: str, asked: Party, where: set[Phase]) -> Remark:
    general = f"requests.cancel.silence.{asked}_asked"
    special = {phase: f"requests.cancel.silence_in.{phase}.{asked}_asked" for phase in PHASES if phase in where}
    chosen = graph.policy.requests.cancel.silence_in
    written = [key for phase, key in special.items() if phase in chosen and chosen[phase].of(asked)]
    outcome = (
        "the whole price can go to the freelancer, though nothing was delivered"
        if what == "unearned"
        else "delivered work can be taken back without pay for it"
    )
    return warning(
        f"silence-{what}",
        f"if the {asked} stays silent while the order is {_either(where)}, {outcome}; to have an operator look at it, "
        f'set {listed(special.values())} = "escalate"',
        *written,
        general,
    )


def refunds_by_silence(graph: StateGraph) -> Iterator[Remark]:
    """A part of the price that goes back because the freelancer, having delivered, missed a counter-offer."""
    for move in graph.moves:
        order = graph.before(move)
        request = order.open_request
        if move.name != "answer_due" or request is None or request.asked != "freelancer" or not order.delivered_once:
            continue
        if move.after.refunded > order.refunded:
            yield warning(
                "silence-taken-back",
                "if the freelancer stays silent on a client's counter-offer, a part of the pay for delivered work "
                "goes back; `lapse` would leave it as it is",
                "requests.partial_refund.silence.freelancer_asked",
            )
            return


def silences_that_never_come(graph: StateGraph) -> Iterator[Remark]:
    """A rule for silence in a phase in which no window of that party can end."""
    ended = {
        (order.phase, order.open_request.asked)
        for order in (graph.before(move) for move in graph.moves if move.name == "answer_due")
        if order.open_request and order.open_request.kind == "cancel"
    }
    for phase, special in graph.policy.requests.cancel.silence_in.items():
        for asked in PARTIES:
            if special.of(asked) and (phase, asked) not in ended:
                yield warning(
                    "no-effect",
                    f"no window of the {asked} can end while an order is {PHASES[phase]}, so this never applies: "
                    "remove it, or see requests.cancel.phases and requests.cancel.by",
                    f"requests.cancel.silence_in.{phase}.{asked}_asked",
                    if_written=True,
                )


def no_way_to_an_operator(graph: StateGraph) -> Iterator[Remark]:
    """Two who disagree, and nobody to decide."""
    cases = [state.order.open_case for state in graph.states]
    if "cancel" in graph.policy.requests.kinds and not any(case and not case.dormant for case in cases):
        yield warning(
            "no-operator",
            "when the two disagree, nothing brings their case to an operator: name who may in cases.escalate_by, or "
            'set requests.cancel.on_decline or a silence to "escalate"',
            "cases.escalate_by",
            "requests.cancel.on_decline",
        )


def forgotten_before_completed(graph: StateGraph) -> Iterator[Remark]:
    """A delivered order that becomes a case although it would have completed by itself."""
    for move in graph.moves:
        order = graph.before(move)
        clock = order.auto_complete
        if move.name == "dormancy" and order.phase == "delivered" and clock and clock.completes_at:
            yield warning(
                "dormant-first",
                "a delivered order counts as forgotten and becomes a case before order.auto_complete can complete it: "
                "make order.dormant_after longer than order.auto_complete",
                "order.dormant_after",
                "order.auto_complete",
            )
            return


Check = Callable[[StateGraph], Iterator[Remark]]
CHECKS: tuple[Check, ...] = (
    one_partys_exits,
    timers_over_at_once,
    settlements,
    faults_of_the_rules,
    locked_by_silence,
    costly_silence,
    refunds_by_silence,
    silences_that_never_come,
    no_way_to_an_operator,
    forgotten_before_completed,
)
