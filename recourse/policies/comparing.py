"""What changes from one policy to another, in words: key by key, and in the paths that orders can take."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from recourse.policies.chart import BOXES, OPEN, Arrow, Chart, chart
from recourse.policies.keys import Key, dotted, written
from recourse.policies.sentences import SENTENCES
from recourse.policies.state_graph import explore
from recourse.resolution.model.durations import parse_duration
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.vocabulary import OPEN_PHASES, Party
from recourse.wording import texts
from recourse.wording.english import PHASES, listed, span


@dataclass(frozen=True)
class Change:
    """One key that two policies differ in: its values as files write them, its sentences, and what follows."""

    key: str
    before: Any
    after: Any
    said: str
    says: str
    consequence: str | None


@dataclass(frozen=True)
class Comparison:
    """All keys that differ; and what orders can do under one policy and not under the other."""

    changes: tuple[Change, ...]
    gone: tuple[str, ...]
    new: tuple[str, ...]


def compare(old: Policy, new: Policy) -> Comparison:
    """What changes from `old` to `new`."""
    was, now = chart(explore(old)), chart(explore(new))
    return Comparison(changed_keys(old, new), gone=_only_in(was, now), new=_only_in(now, was))


def changed_keys(old: Policy, new: Policy) -> tuple[Change, ...]:
    """The keys that differ, in the order in which a policy is told."""
    before, after = written(old), written(new)
    return tuple(_change(key, before[key], after[key], old, new) for key in SENTENCES if before[key] != after[key])


def _change(key: Key, before: Any, after: Any, old: Policy, new: Policy) -> Change:
    sentence = SENTENCES[key]
    consequence = _consequence(key, before, after, old, new)
    idle = sentence.idle(new)
    if idle and after is not None:
        consequence = f"It has no effect, because {idle}."
    return Change(dotted(key), before, after, sentence.say(old), sentence.say(new), consequence)


_SILENCE = texts("silence", "long")


def _consequence(key: Key, before: Any, after: Any, old: Policy, new: Policy) -> str | None:
    if key[:2] == ("requests", "cancel") and key[2] in ("silence", "silence_in"):
        return _silence(key, old, new)
    if isinstance(before, list) and isinstance(after, list):
        return _lists(before, after)
    if isinstance(before, str) and isinstance(after, str):
        return _lengths(before, after)
    return None


def _silence(key: Key, old: Policy, new: Policy) -> str:
    asked: Party = "client" if key[-1] == "client_asked" else "freelancer"
    phase = key[3] if key[2] == "silence_in" else "-"
    where = f" while the order is {PHASES[phase]}" if phase in OPEN_PHASES else ""
    then, now = (policy.requests.cancel.silence_of(asked, phase) for policy in (old, new))
    if then == now:
        return f"If the {asked} does not answer{where}, the same happens as before."
    return f"If the {asked} does not answer{where}, {_SILENCE[now]}; before, {_SILENCE[then]}."


def _lists(before: list[Any], after: list[Any]) -> str | None:
    added, removed = [item for item in after if item not in before], [item for item in before if item not in after]
    parts = [f"{word} {listed(map(str, items))}" for word, items in (("added:", added), ("removed:", removed)) if items]
    text = ", ".join(parts)
    return f"{text[:1].upper()}{text[1:]}." if text else "Only the order has changed."


def _lengths(before: str, after: str) -> str | None:
    was, now = _length(before), _length(after)
    if was is None or now is None:
        return None
    return f"{span(abs(now - was)).capitalize()} {'longer' if now > was else 'shorter'}."


def _length(text: str) -> timedelta | None:
    try:
        return parse_duration(text)
    except ValueError:
        return None


def _only_in(one: Chart, other: Chart) -> tuple[str, ...]:
    """What leads somewhere in the one chart only; of a box that the other lacks, only what leads to it."""
    known = {OPEN, *other.boxes}
    return tuple(_way(arrow) for arrow in one.arrows if arrow.source in known and arrow not in other.arrows)


def _way(arrow: Arrow) -> str:
    source = "While the order is open" if arrow.source == OPEN else BOXES[arrow.source]
    target = "the order goes on" if arrow.target == OPEN else BOXES[arrow.target]
    return f"{source}: {arrow.label} → {target}"


def in_words(comparison: Comparison) -> Iterator[str]:
    """The comparison as lines of text."""
    if not comparison.changes:
        yield "Nothing changes: the two say the same."
    for change in comparison.changes:
        yield change.key
        yield f"  Before: {change.said}"
        yield f"  Now:    {change.says}"
        if change.consequence:
            yield f"  So:     {change.consequence}"
    for title, ways in (
        ("What orders can no longer do:", comparison.gone),
        ("What orders can do now:", comparison.new),
    ):
        if ways:
            yield ""
            yield title
            yield from (f"  {way}" for way in ways)
