"""A policy as boxes and arrows, derived from its state graph; nothing in it is drawn by hand."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from recourse.policies.arrow_words import arrow_words
from recourse.policies.sentences import SENTENCES
from recourse.policies.state_graph import Move, StateGraph
from recourse.resolution.model.order import Order
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.vocabulary import OPEN_PHASES, Party, Phase
from recourse.wording import texts
from recourse.wording.english import PHASES, capital

OPEN = "open"
"""The frame around the open phases: an arrow from it starts in several of them, one to it goes back to where the
order was."""

LATE = "late_case"
"""The case of a completed order."""

BOXES: dict[str, str] = {phase: capital(PHASES[phase]) for phase in OPEN_PHASES}
BOXES |= texts("box", "title")
"""The titles of all boxes that there can be, in the order in which an order comes through them."""


@dataclass(frozen=True)
class Arrow:
    """What leads from one box to another, in words. `phases` narrows it down where it is not so in every phase."""

    source: str
    target: str
    words: str
    phases: tuple[Phase, ...] = ()

    @property
    def label(self) -> str:
        """The words with the phases that they hold for."""
        if not self.phases:
            return self.words
        if set(self.phases) == set(OPEN_PHASES):
            return f"{self.words} (order still open)"
        return f"{self.words} ({', '.join(PHASES[phase] for phase in self.phases)})"


@dataclass(frozen=True)
class Chart:
    """The boxes that orders of a policy come through, in order, and the arrows between them.

    `always`: what leads out of a phase in the same way while a request or a case is open, and is drawn only once.
    `calendar`: the days that do not count in the time to answer, in sentences.
    """

    boxes: tuple[str, ...]
    arrows: tuple[Arrow, ...]
    starts: tuple[str, ...]
    always: tuple[str, ...]
    calendar: tuple[str, ...] = ()

    @property
    def ends(self) -> tuple[str, ...]:
        """The boxes that nothing leads out of, but to a case after completion."""
        left = {arrow.source for arrow in self.arrows if arrow.target != LATE}
        return tuple(name for name in self.boxes if name not in left and name not in OPEN_PHASES)

    @cached_property
    def pairs(self) -> dict[tuple[str, str], list[str]]:
        """The labels of all arrows between two boxes."""
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        for arrow in self.arrows:
            found[arrow.source, arrow.target].append(arrow.label)
        return dict(found)


def box(order: Order) -> str:
    """The box that an order is in."""
    request, case = order.open_request, order.open_case
    if request:
        return f"{request.kind}_{request.asked}"
    if order.late_case:
        return LATE
    if case:
        if case.ruling and case.stage == "ruling":
            return f"ruled_{case.ruling.outcome}"
        if case.stage == "mediation":
            return "review" if case.review else "proposal" if case.proposal else "mediation"
        return case.stage
    return "canceled_held" if order.settlement == "held" else order.phase


def chart(graph: StateGraph) -> Chart:
    """The chart of a state graph."""
    found: dict[tuple[str, str, str], tuple[set[Party], set[Phase]]] = defaultdict(lambda: (set(), set()))
    seen: dict[str, set[Phase]] = defaultdict(set)
    for state in graph.states:
        seen[box(state.order)].add(state.order.phase)
    for move in graph.moves:
        before = graph.before(move)
        source, target = _ends(graph, move)
        if move.name == "wait" or source == target:
            continue
        parties, phases = found[source, target, arrow_words(graph.policy, move, before)]
        phases.add(before.phase)
        if move.by in ("client", "freelancer"):
            parties.add("client" if move.by == "client" else "freelancer")
    arrows = [
        Arrow(source, target, words.format(who=_named(parties)), _narrower(phases, seen[source]))
        for (source, target, words), (parties, phases) in found.items()
    ]
    repeated = [arrow for arrow in arrows if _drawn_at_its_phase(arrow, arrows)]
    drawn = _from_the_frame([arrow for arrow in arrows if arrow not in repeated], seen)
    places = {name: place for place, name in enumerate((OPEN, *BOXES))}
    return Chart(
        boxes=tuple(name for name in BOXES if name in seen),
        arrows=tuple(sorted(drawn, key=lambda arrow: (places[arrow.source], places[arrow.target]))),
        starts=tuple(dict.fromkeys(box(state.order) for state in graph.states[:2])),
        always=tuple(_once(repeated)),
        calendar=tuple(_calendar(graph.policy)),
    )


def _calendar(policy: Policy) -> Iterator[str]:
    """What the policy says of weekends and holidays, where it leaves out any."""
    if policy.answers.pauses:
        for name in ("pause", "holidays", "time_zone"):
            if name == "time_zone" or getattr(policy.answers, name):
                yield SENTENCES["answers", name].say(policy)


def _once(repeated: Iterable[Arrow]) -> Iterator[str]:
    phases: dict[tuple[str, str], set[Phase]] = defaultdict(set)
    for arrow in repeated:
        phases[arrow.target, arrow.words].update(arrow.phases)
    for (target, words), where in phases.items():
        yield Arrow(OPEN, target, words, _narrower(where, set(OPEN_PHASES))).label


def _drawn_at_its_phase(arrow: Arrow, arrows: Iterable[Arrow]) -> bool:
    """Whether it says only what an arrow out of the phase itself says."""
    if arrow.source in OPEN_PHASES or not arrow.phases:
        return False
    said = {other.source for other in arrows if (other.target, other.words) == (arrow.target, arrow.words)}
    return said.issuperset(arrow.phases)


def _ends(graph: StateGraph, move: Move) -> tuple[str, str]:
    source, target = box(graph.before(move)), box(move.after)
    goes_on = target in OPEN_PHASES and source not in OPEN_PHASES
    return source, OPEN if goes_on else target


def _named(parties: Iterable[Party]) -> str:
    named = sorted(parties)
    return "either party" if len(named) == 2 else named[0] if named else ""


def _narrower(phases: set[Phase], seen: set[Phase]) -> tuple[Phase, ...]:
    return () if phases >= seen else tuple(phase for phase in PHASES if phase in phases)


def _from_the_frame(arrows: Iterable[Arrow], seen: Mapping[str, set[Phase]]) -> Iterator[Arrow]:
    """What leaves several open phases the same way, as one arrow from the frame around them."""
    alike: dict[tuple[str, str], list[Arrow]] = defaultdict(list)
    for arrow in arrows:
        if arrow.source in OPEN_PHASES and arrow.target not in OPEN_PHASES:
            alike[arrow.target, arrow.words].append(arrow)
        else:
            yield arrow
    open_phases: set[Phase] = {phase for phase in OPEN_PHASES if phase in seen}
    for (target, words), same in alike.items():
        sources: set[Phase] = {phase for phase in OPEN_PHASES if phase in {arrow.source for arrow in same}}
        if len(sources) == 1:
            yield from same
        else:
            yield Arrow(OPEN, target, words, _narrower(sources, open_phases))


EVERYWHERE = (
    "Not drawn, since it can happen anywhere: an operator opens a case, or holds the order for a while; the client's "
    "bank takes the payment back, and the order stands still until it decides."
)


def notes(drawn: Chart) -> list[str]:
    """What to write next to a chart: what is drawn only once or not at all, and which days do not count."""
    also = ["Also while a request or a case is open:", *drawn.always] if drawn.always else []
    return [*also, *drawn.calendar, EVERYWHERE]
