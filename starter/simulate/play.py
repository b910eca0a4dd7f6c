"""Playing one story on one engine and saying where they first differ."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.order import Order
from recourse.resolution.model.outcome import Outcome, Refused
from recourse.resolution.model.reading import read_message
from recourse.resolution.model.record import Reader, verify
from recourse.resolution.shown.looking_ahead import ALWAYS, available_actions, preview
from recourse.resolution.shown.views import view
from recourse.starter.simulate.engine import Engine, exported
from recourse.starter.simulate.story import Path_, Sent, Story, StoryStep

# Possible at almost any time, so stories do not list them.
NOT_LISTED = ALWAYS | {"open_case", "hold", "take_case", "release_case"}
READERS: tuple[Reader, ...] = ("client", "freelancer", "operator")


@dataclass(frozen=True)
class Difference:
    """A place at which the engine and the story do not agree."""

    where: Path_
    expected: Any
    actual: Any


class Differs(Exception):
    """A story that did not go as it says: everything that differs, in the order in which it came."""

    def __init__(self, differences: Sequence[Difference]) -> None:
        super().__init__(*differences)
        self.differences = tuple(differences)


@dataclass
class Play:
    """One story under way on one engine. `shift` is how far the engine plays it after the story's own dates."""

    story: Story
    engine: Engine
    shift: timedelta = timedelta(0)
    told_before: Counter[str] = field(default_factory=Counter)
    down: bool = False
    waiting: list[tuple[StoryStep, Sent]] = field(default_factory=list)
    hidden: dict[Reader, list[tuple[str, Path_]]] = field(default_factory=dict)
    private_notes: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)

    async def run(self) -> None:
        """Play it to its end. Raises Differs where it did not go as the story says."""
        for step in self.story.steps:
            await self._step(step)
        await self._hidden(("steps", len(self.story.steps) - 1))
        notices = await self.engine.notices()
        for role in self.story.never_told:
            told = [notice.name for notice in notices if notice.to == role]
            if told:
                self._differs(("never_told",), f"{role} is told nothing", told)
        if self.differences:
            raise Differs(self.differences)

    async def exported(self) -> dict[str, Any]:
        """The operator's export of the record as it is now."""
        return exported(await self.engine.order(), await self.engine.record(), "operator")

    def _differs(self, where: Path_, expected: Any, actual: Any) -> None:
        found = Difference(where, expected, actual)
        # What holds of the whole order, such as a text that can be read, is seen again at each step.
        if found not in self.differences:
            self.differences.append(found)

    async def _step(self, step: StoryStep) -> None:
        where: Path_ = ("steps", step.position)
        await self.engine.move_to(step.at + self.shift)
        if step.provider:
            await self.engine.provider(step.provider)
        if step.get("worker"):
            await self._worker(step)
        if step.sent and step.sent.do == "preview":
            await self._preview(step, step.sent)
        elif step.sent and step.sent.do == "export":
            await self._export(step, step.sent)
        elif step.sent:
            await self._send(step, step.sent)
        elif step.together:
            await self._together(step)
        if not self.down or step.get("worker"):
            await self._look(step, where)

    async def _worker(self, step: StoryStep) -> None:
        self.down = step.get("worker") == "down"
        outcomes = await self.engine.worker(not self.down)
        for (earlier, _), outcome in zip(self.waiting, outcomes, strict=True):
            self._check_outcome(earlier, outcome)
        if not self.down:
            self.waiting.clear()

    def _payload(self, step: StoryStep, sent: Sent, position: str) -> Any:
        payload = sent.payload(self.story.terms, position)
        for key, value in payload.items():
            instant = _as_instant(value) if key in ("sent_at", "until") else None
            if instant:
                payload[key] = (instant + self.shift).isoformat()
        if self.down:
            payload.setdefault("sent_at", (step.at + self.shift).isoformat())
        private = (payload.get(field) for field in COMMANDS[sent.do].for_operators) if sent.do in COMMANDS else ()
        self.private_notes += [text for text in private if isinstance(text, str) and text.strip()]
        return payload

    async def _send(self, step: StoryStep, sent: Sent) -> None:
        payload = self._payload(step, sent, str(step.position))
        outcomes = await self.engine.send([(sent.do, payload)])
        if outcomes is None:
            self.waiting.append((step, sent))
        else:
            self._check_outcome(step, outcomes[0])

    def _check_outcome(self, step: StoryStep, outcome: Outcome) -> None:
        where: Path_ = ("steps", step.position, "refused" if step.get("refused") else "do")
        refused = _code(outcome)
        if refused != step.get("refused"):
            self._differs(where, step.get("refused") or "applied", refused or "applied")
        elif step.get("refused_with") is not None:
            where = ("steps", step.position, "refused_with")
            self._contains(step.get("refused_with"), outcome.details if isinstance(outcome, Refused) else {}, where)

    async def _together(self, step: StoryStep) -> None:
        pairs = [
            (sent.do, self._payload(step, sent, f"{step.position}-{index}")) for index, sent in enumerate(step.together)
        ]
        outcomes = await self.engine.send(pairs)
        if outcomes is None:
            self._differs(("steps", step.position, "together"), "a worker that is up", "it is down")
            return
        refused = [code for code in map(_code, outcomes) if code]
        applied = len(outcomes) - len(refused)
        if step.get("applied") is not None and applied != step.get("applied"):
            self._differs(("steps", step.position, "applied"), step.get("applied"), applied)
        for expected in step.get("refused") or ():
            codes = expected if isinstance(expected, list) else [expected]
            match = next((code for code in refused if code in codes), None)
            if match is None:
                self._differs(("steps", step.position, "refused"), step.get("refused"), refused)
            else:
                refused.remove(match)

    async def _preview(self, step: StoryStep, sent: Sent) -> None:
        asked = sent.fields
        inner = Sent(by=str(asked["by"]), do=str(asked["do"]), fields=asked.get("with", {}), id=None, has_fields=True)
        message = read_message(inner.do, inner.payload(self.story.terms, "preview"), "preview")
        answer = preview(await self.engine.order(), message, step.at + self.shift).model_dump()
        self._contains(step.get("answer") or {}, answer, ("steps", step.position, "answer"))

    async def _export(self, step: StoryStep, sent: Sent) -> None:
        reader: Reader = sent.fields["for"]
        document = exported(await self.engine.order(), await self.engine.record(), reader)
        where: Path_ = ("steps", step.position, "do")
        wrong = verify(document)
        if wrong:
            self._differs(where, "an export that verifies", wrong)
            return
        for number in range(len(document["entries"])):
            altered = deepcopy(document)
            entry = altered["entries"][number]
            if "hidden" in entry:
                entry["hidden"] = "0" * 64
            else:
                entry["fields"]["at"]["value"] = "altered"
            if not any(problem.startswith(f"entries.{number + 1}:") for problem in verify(altered)):
                self._differs(where, f"an export that fails to verify with entry {number + 1} altered", "it does")
        self._contains(step.get("answer") or {}, document, ("steps", step.position, "answer"))

    async def _look(self, step: StoryStep, where: Path_) -> None:
        order = await self.engine.order()
        now = step.at + self.shift
        await self._check_invariants(order, where)
        await self._told(step, where)
        if step.get("expect") is not None:
            self._contains(step.get("expect"), view(order, "operator", now).model_dump(), (*where, "expect"))
        for reader in READERS:
            seen = view(order, reader, now).model_dump()
            if (step.get("view") or {}).get(reader) is not None:
                self._contains(step.get("view")[reader], seen, (*where, "view", reader))
            for key in (step.get("absent") or {}).get(reader, ()):
                if key in _keys(seen):
                    self._differs((*where, "absent", reader), f"no `{key}`", "it is there")
            if reader in (step.get("actions") or {}):
                actions = [name for name in available_actions(order, reader, now) if name not in NOT_LISTED]
                expected = step.get("actions")[reader]
                if actions != expected:
                    self._differs((*where, "actions", reader), expected, actions)
            for text in (step.get("hidden") or {}).get(reader, ()):
                self.hidden.setdefault(reader, []).append((text, (*where, "hidden", reader)))
        await self._hidden(where)

    async def _told(self, step: StoryStep, where: Path_) -> None:
        notices = await self.engine.notices()
        told: dict[str, list[str]] = {reader: [] for reader in READERS}
        for reader in READERS:
            names = [notice.name for notice in notices if notice.to == reader]
            told[reader] = names[self.told_before[reader] :]
            self.told_before[reader] = len(names)
        expected = step.get("told")
        if expected is not None:
            for reader in READERS:
                if told[reader] != list(expected.get(reader, [])):
                    self._differs((*where, "told"), {reader: expected.get(reader, [])}, {reader: told[reader]})

    async def _check_invariants(self, order: Order, where: Path_) -> None:
        paid = order.price + order.service_fee
        money = view(order, "operator", order.decided_at).money.model_dump()
        if sum(money.values()) != paid:
            self._differs(where, f"money that adds up to {paid}", money)
        balances = await self.engine.ledger()
        ledger = {
            **{name: balances[name] for name in ("freelancer", "platform", "contested")},
            "held": balances["escrow"],
        }
        if ledger | {"client": balances["client"] + paid} != money:
            self._differs(where, money, balances)
        entries = await self.engine.record()
        if [entry.number for entry in entries] != list(range(1, order.record_length + 1)):
            self._differs(where, f"{order.record_length} entries", [entry.number for entry in entries])
        wrong = verify(exported(order, entries, "operator"))
        if wrong:
            self._differs(where, "a record that verifies", wrong)

    async def _hidden(self, where: Path_) -> None:
        order = await self.engine.order()
        for reader in READERS:
            texts = list(self.hidden.get(reader, ()))
            if reader != "operator":
                texts += [(note, where) for note in self.private_notes]
                said = [one.text for one in order.feedback if one.visibility == "private" and one.by != reader]
                texts += [(text, where) for text in said if text]
            if not texts:
                continue
            read = await self._everything_for(order, reader)
            for text, at in texts:
                if json.dumps(text, ensure_ascii=False)[1:-1] in read:
                    self._differs(at, f"nothing that {reader} can read holds {text!r}", "it does")

    async def _everything_for(self, order: Order, reader: Reader) -> str:
        told = [notice.model_dump(mode="json") for notice in await self.engine.notices() if notice.to == reader]
        page = view(order, reader, order.decided_at).model_dump(mode="json")
        document = exported(order, await self.engine.record(), reader)
        return json.dumps([told, page, document], ensure_ascii=False, default=str)

    def _contains(self, expected: Any, actual: Any, where: Path_) -> None:
        if isinstance(expected, Mapping):
            if not isinstance(actual, Mapping):
                self._differs(where, dict(expected), actual)
                return
            for key, value in expected.items():
                if key not in actual:
                    self._differs((*where, key), value, "(no such key)")
                else:
                    self._contains(value, actual[key], (*where, key))
            return
        if isinstance(expected, list) and any(isinstance(item, Mapping) for item in expected):
            if not isinstance(actual, Sequence) or len(actual) != len(expected):
                self._differs(where, expected, actual)
                return
            for number, (item, found) in enumerate(zip(expected, actual, strict=True)):
                self._contains(item, found, (*where, number))
            return
        wanted = expected
        # A text may be an instant, too, as programs write YAML and JSON; one that is the same is a text.
        text = isinstance(expected, str) and (expected == actual or not _as_instant(actual))
        instant = None if text else _as_instant(expected)
        if instant:
            wanted, actual = instant + self.shift, _as_instant(actual)
        if isinstance(wanted, list) and isinstance(actual, tuple):
            actual = list(actual)
        if wanted != actual:
            self._differs(where, expected, actual)


def _code(outcome: Outcome) -> str | None:
    """Why a command was refused. That a closed order has no use for `order_again` does not count."""
    if not isinstance(outcome, Refused) or (outcome.command, outcome.code) == ("order_again", "order_closed"):
        return None
    return outcome.code


def _as_instant(value: Any) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return None


def _keys(value: Any) -> set[str]:
    if isinstance(value, Mapping):
        return {str(key) for key in value} | {inner for item in value.values() for inner in _keys(item)}
    if isinstance(value, list | tuple):
        return {inner for item in value for inner in _keys(item)}
    return set()
