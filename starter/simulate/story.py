"""Scenario files: reading them with line numbers, and refusing what they do not know."""

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal, cast, get_args

import yaml
from pydantic import ValidationError

from recourse.errors import BadInput
from recourse.policies import load_policy
from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.durations import parse_duration
from recourse.resolution.model.payments import LegName
from recourse.resolution.model.policy import Policy, PolicyError
from recourse.resolution.model.terms import Histories, Terms
from recourse.resolution.model.unfit import unfit
from recourse.runtime.currencies import check_currency
from recourse.starter.simulate.story_keys import DEFAULT_ORDER, ORDER, REQUIRED, SENT, STEP, TOP

EngineName = Literal["pure", "temporal"]
# What a story lets the payment provider say to a leg.
Says = Literal["works", "fails", "cannot"]
ALL_WORKS: Mapping[LegName, Says] = {"refund": "works", "payout": "works", "fee": "works"}
_PROVIDER = set(get_args(Says))
Path_ = tuple[str | int, ...]

_ROLES = {"client", "freelancer", "operator"}


class StoryError(BadInput, ValueError):
    """A scenario file that cannot be played. Its text names the file, the line and why."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(f"{path}:{line}: {reason}")
        self.line, self.reason = line, reason


@dataclass(frozen=True)
class Sent:
    """One command of a story: who, what, with which fields, under which id."""

    by: str
    do: str
    fields: Mapping[str, Any]
    id: str | None
    has_fields: bool

    def actor(self, terms: Terms) -> dict[str, str]:
        """The actor that the story's word for a sender means."""
        role, _, name = self.by.partition(":")
        if role == "stranger":
            return {"role": "client", "id": "stranger-1"}
        if role in ("client", "freelancer"):
            return {"role": role, "id": name or getattr(terms, role)}
        return {"role": role, "id": name or f"{role}-1"}

    def payload(self, terms: Terms, position: str) -> dict[str, Any]:
        """The message as it goes over the wire."""
        return {
            "actor": self.actor(terms),
            "command_id": self.id or f"{position}-{self.do}",
            **{key: _wire(value) for key, value in self.fields.items()},
        }


@dataclass(frozen=True)
class StoryStep:
    """One step: the clock moves to `at`, then something is done, then things are checked."""

    position: int
    at: datetime
    keys: Mapping[str, Any]
    sent: Sent | None
    together: tuple[Sent, ...]

    @property
    def provider(self) -> dict[LegName, Says]:
        """What the payment provider says from now on, by leg."""
        said: Says | dict[LegName, Says] = self.keys.get("provider") or {}
        return dict.fromkeys(ALL_WORKS, said) if isinstance(said, str) else said

    def get(self, key: str) -> Any:
        """What the step says under `key`, or None."""
        return self.keys.get(key)


@dataclass(frozen=True)
class Story:
    """One scenario file, read and checked."""

    path: Path
    id: str
    title: str
    rules: tuple[str, ...]
    policy: Policy
    only: EngineName | None
    terms: Terms
    steps: tuple[StoryStep, ...]
    never_told: tuple[str, ...]
    lines: Mapping[Path_, int] = field(repr=False)

    @property
    def provider(self) -> str:
        """The payment provider of its order: one of its own where it names any."""
        return "story" if any(step.provider for step in self.steps) else "ledger"

    def line(self, *path: str | int) -> int:
        """The line of a key, or of the nearest thing that has it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_story(path: Path) -> Story:
    """Read one scenario file. Raises StoryError naming the line of whatever it cannot use."""
    return _Reader(path).read()


def stories_in(paths: list[Path]) -> list[Path]:
    """The scenario files of the given files and folders, in order of their names."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(path.glob("**/*.yaml"))
            if not inside:
                raise StoryError(path, 1, "no .yaml files in this folder")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise StoryError(path, 1, "no such file or folder")
    return found


class _Reader:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[Path_, int] = {}

    def fail(self, where: Path_, why: str) -> StoryError:
        while where and where not in self.lines:
            where = where[:-1]
        return StoryError(self.path, self.lines.get(where, 1), why)

    def read(self) -> Story:
        document = self._document()
        self._known(document, TOP, ())
        for key in REQUIRED:
            if key not in document:
                raise self.fail((), f"the key `{key}` is missing")
        only = document.get("only")
        if only not in (None, "pure", "temporal"):
            raise self.fail(("only",), "`only` is `pure` or `temporal`")
        terms = self._terms(document)
        steps = document["steps"]
        if not isinstance(steps, list) or not steps:
            raise self.fail(("steps",), "`steps` must be a list with at least one step")
        read = tuple(self._step(position, step) for position, step in enumerate(steps))
        for before, after in itertools.pairwise(read):
            if after.at < before.at:
                raise self.fail(("steps", after.position, "at"), "a step may not come before the step above it")
        if read[0].at < terms.ordered_at:
            raise self.fail(("steps", 0, "at"), f"the order is placed only at {terms.ordered_at.isoformat()}")
        return Story(
            path=self.path,
            id=str(document["id"]),
            title=str(document["title"]),
            rules=tuple(str(rule) for rule in self._list(document, "rules", ())),
            policy=self._policy(document),
            only=cast("EngineName | None", only),
            terms=terms,
            steps=read,
            never_told=tuple(self._list(document, "never_told", ())),
            lines=self.lines,
        )

    def _document(self) -> dict[str, Any]:
        try:
            node = yaml.compose(self.path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise StoryError(self.path, _marked_line(error), f"cannot be read: {error}") from error
        value = self._convert(node, ())
        if not isinstance(value, dict):
            raise self.fail((), "a scenario is a map of keys")
        return value

    def _convert(self, node: yaml.Node | None, path: Path_) -> Any:
        if node is None:
            return None
        self.lines[path] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            made: dict[Any, Any] = {}
            for key_node, value_node in node.value:
                key, line = key_node.value, key_node.start_mark.line + 1
                if not isinstance(key_node, yaml.ScalarNode):
                    raise StoryError(self.path, line, "a key must be a plain text")
                if key in made:
                    raise StoryError(self.path, line, f"the key `{key}` stands twice")
                made[key] = self._convert(value_node, (*path, key))
                self.lines[(*path, key)] = line
            return made
        if isinstance(node, yaml.SequenceNode):
            return [self._convert(item, (*path, position)) for position, item in enumerate(node.value)]
        loader = yaml.SafeLoader("")
        try:
            return loader.construct_object(node, deep=True)
        except (yaml.YAMLError, ValueError) as error:
            raise self.fail(path, f"cannot be read: {error}") from error

    def _known(self, given: Any, known: Collection[str], where: Path_) -> None:
        if not isinstance(given, dict):
            raise self.fail(where, "must be a map of keys")
        for key in given:
            if key not in known:
                raise self.fail((*where, key), f"unknown key `{key}`; known here: {', '.join(sorted(known))}")

    def _policy(self, document: dict[str, Any]) -> Policy:
        name = str(document["policy"])
        beside = self.path.parent / name
        changes = document.get("policy_changes")
        if not isinstance(changes, dict | None):
            raise self.fail(("policy_changes",), "`policy_changes` must be a map of keys")
        try:
            return load_policy(beside if beside.is_file() else name, changes)
        except PolicyError as error:
            raise self.fail(("policy_changes" if "policy_changes" in document else "policy",), str(error)) from error

    def _terms(self, document: dict[str, Any]) -> Terms:
        order = document.get("order", {})
        self._known(order, ORDER, ("order",))
        history = document.get("history", {})
        self._known(history, {"client", "freelancer"}, ("history",))
        try:
            merged = {**DEFAULT_ORDER, **order}
            merged["delivery_time"] = parse_duration(merged["delivery_time"])
            terms = Terms(order_id="story", history=Histories.model_validate(history), **merged)
            check_currency(terms.currency)
        except ValidationError as error:
            wrong = unfit(error.errors())
            inside = next((("order", key) for key in order if any(key == name.split(".")[0] for name in wrong)), None)
            where: Path_ = inside or (("order",) if "order" in document else ("history",))
            raise self.fail(where, "; ".join(f"{name}: {why}" for name, why in wrong.items())) from error
        except ValueError as error:
            raise self.fail(("order",), str(error)) from error
        return terms

    def _step(self, position: int, step: Any) -> StoryStep:
        where: Path_ = ("steps", position)
        self._known(step, STEP, where)
        at = _instant(step.get("at"))
        if not isinstance(at, datetime) or (isinstance(at, date) and at.tzinfo is None):
            raise self.fail((*where, "at"), "`at` must be an instant such as 2025-03-04T10:00:00Z")
        try:
            instant = at.astimezone(UTC)
        except OverflowError as error:
            raise self.fail((*where, "at"), "`at` is an instant outside of the years 1 to 9999") from error
        for key in ("told", "view", "actions", "absent", "hidden"):
            if key in step:
                self._known(step[key], _ROLES, (*where, key))
        self._one_of(step, "worker", {"up", "down"}, where)
        if isinstance(step.get("provider"), dict):
            self._known(step["provider"], set(ALL_WORKS), (*where, "provider"))
            for leg in step["provider"]:
                self._one_of(step["provider"], leg, _PROVIDER, (*where, "provider"))
        else:
            self._one_of(step, "provider", _PROVIDER, where)
        together = tuple(
            self._sent(item, (*where, "together", index), SENT)
            for index, item in enumerate(self._list(step, "together", where))
        )
        sent = self._sent(step, where, None) if "do" in step else None
        return StoryStep(position=position, at=instant, keys=step, sent=sent, together=together)

    def _list(self, table: dict[str, Any], key: str, where: Path_) -> list[Any]:
        found = table.get(key, [])
        if not isinstance(found, list):
            raise self.fail((*where, key), f"`{key}` must be a list")
        return found

    def _one_of(self, step: dict[str, Any], key: str, known: set[str], where: Path_) -> None:
        if key in step and step[key] not in sorted(known):
            raise self.fail((*where, key), f"`{key}` is one of {', '.join(sorted(known))}")

    def _sent(self, item: Any, where: Path_, known: Collection[str] | None) -> Sent:
        if known is not None:
            self._known(item, known, where)
        do = item.get("do")
        if do is not None and not isinstance(do, str):
            raise self.fail((*where, "do"), "`do` must be the name of a command")
        fields = item.get("with", {})
        if not isinstance(fields, dict):
            raise self.fail((*where, "with"), "`with` must be a map of fields")
        by = item.get("by")
        if do in COMMANDS and by is None:
            raise self.fail(where, f"`by` is missing: who gives the command `{do}`?")
        if by is not None and str(by).partition(":")[0] not in {*_ROLES, "stranger", "system"}:
            raise self.fail((*where, "by"), f"`{by}` is nobody: client, freelancer, operator, stranger or system")
        if do == "preview":
            self._sent({"by": None, "do": None, **fields}, (*where, "with"), {"by", "do", "with"})
            if "by" not in fields or "do" not in fields:
                raise self.fail((*where, "with"), "a preview needs `by` and `do`: whose command is tried?")
        if do == "export":
            self._one_of({"for": None, **fields}, "for", _ROLES, (*where, "with"))
        given = item.get("id")
        return Sent(
            by=str(by or "system"),
            do=str(do),
            fields=fields,
            id=None if given is None else str(given),
            has_fields="with" in item,
        )


def _marked_line(error: Exception) -> int:
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark else 1


def _instant(value: Any) -> Any:
    """An instant that was written as a text, as programs write YAML and JSON; anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return value


def _wire(value: Any) -> Any:
    """A field as JSON carries it; YAML reads instants by itself."""
    return value.isoformat() if isinstance(value, datetime) else value
