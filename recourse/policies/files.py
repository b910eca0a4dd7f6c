"""Reading policy files: a file, what it extends, and where each key comes from."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from recourse.policies.findings import Finding, Remark
from recourse.policies.keys import Key, dotted, undotted
from recourse.policies.toml_positions import key_lines
from recourse.resolution.model.policy import PolicyError, merge

PRESETS = ("resolution_center", "glimmer", "fiverr_guide", "upwork", "fair")


@dataclass(frozen=True)
class Layer:
    """One file: its values and the lines of its keys. `lines` is None for single keys changed by a story."""

    label: str
    document: Mapping[str, Any]
    lines: Mapping[Key, int] | None
    extends: Any = None
    preset: bool = False

    def has(self, key: Key) -> bool:
        """Whether this file writes the key, or something under it."""
        value: Any = self.document
        for part in key:
            if not isinstance(value, Mapping) or part not in value:
                return False
            value = value[part]
        return True

    def line(self, key: Key) -> int | None:
        """The line of the key, or of the nearest table around it."""
        if self.lines is None:
            return None
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1)

    def place(self, key: Key) -> str:
        """The file, and the line where there is one."""
        line = self.line(key)
        return self.label if line is None else f"{self.label}:{line}"


@dataclass(frozen=True)
class PolicyFile:
    """A policy as written. `layers` begins with the file itself and goes on with what it extends, in turn.

    `broken` says why what it extends cannot be read; the values are then not whole.
    """

    name: str
    layers: tuple[Layer, ...]
    broken: Finding | None = None

    @property
    def document(self) -> dict[str, Any]:
        """The values of all layers together."""
        document: dict[str, Any] = {}
        for layer in reversed(self.layers):
            document = merge(document, layer.document)
        return document

    def origin(self, key: Key) -> Layer | None:
        """The file that a key's value comes from; None for a default."""
        return next((layer for layer in self.layers if layer.has(key)), None)

    def source(self, key: Key) -> str:
        """The place that a key's value comes from, in words."""
        layer = self.origin(key)
        return layer.place(key) if layer else "default"

    def place(self, remark: Remark) -> Finding:
        """Where to fix it: at the first of the remark's keys that the file itself writes, or else the next layer.

        What only a preset writes is fixed in the file that extends it.
        """
        *above, last = self.layers
        for layer in above if above and last.preset else self.layers:
            for key in remark.keys:
                if layer.has(key):
                    return self._finding(remark, layer, key)
        layer = above[-1] if above and last.preset else self.layers[0]
        return self._finding(remark, layer, remark.keys[0] if remark.keys else ())

    def _finding(self, remark: Remark, layer: Layer, key: Key) -> Finding:
        inherited = layer.extends is not None and not layer.has(key)
        line = layer.line(("extends",) if inherited else key)
        return Finding(remark.severity, remark.rule, layer.label, line, dotted(key), remark.reason)

    def with_changes(self, changes: Mapping[str, Any]) -> "PolicyFile":
        """The same policy with single keys changed by their dotted names, as scenario files write them."""
        nested: dict[str, Any] = {}
        for name, changed in changes.items():
            value = changed
            for part in reversed(undotted(name)):
                value = {part: value}
            nested = merge(nested, value)
        return PolicyFile(self.name, (Layer(self.name, nested, None), *self.layers), self.broken)


class Unreadable(PolicyError):
    """A file that is not there, or holds no TOML."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


def read_file(name_or_path: str | Path) -> PolicyFile:
    """Read a preset by its name, or a policy file by its path. Raises Unreadable where that file cannot be read."""
    name = str(name_or_path)
    layers = [_layer(name)]
    seen = [_identity(name)]
    while (base := layers[-1].extends) is not None:
        if not isinstance(base, str):
            reason = 'give the name of a preset or the path of a file as a text, such as extends = "glimmer"'
            return _broken(name, layers, "wrong-value", reason)
        if base not in PRESETS:
            # A file is looked for next to the one that names it.
            base = str(Path(layers[-1].label).parent / base)
        if _identity(base) in seen:
            return _broken(name, layers, "circle", f"this leads back to {base}: no file can extend itself; remove it")
        try:
            layers.append(_layer(base))
        except Unreadable as unreadable:
            return _broken(name, layers, "unreadable", f"{base}: {unreadable.finding.reason}")
        seen.append(_identity(base))
    return PolicyFile(name, tuple(layers))


def _broken(name: str, layers: list[Layer], rule: str, reason: str) -> PolicyFile:
    last = layers[-1]
    key = ("extends",)
    return PolicyFile(name, tuple(layers), Finding("error", rule, last.label, last.line(key), dotted(key), reason))


def _identity(name: str) -> str:
    return name if name in PRESETS else str(Path(name).resolve())


def _layer(name: str) -> Layer:
    return _preset(name) if name in PRESETS else _read(name, _text(name))


@cache
def _preset(name: str) -> Layer:
    return replace(_read(name, (files(__package__) / f"{name}.toml").read_text(encoding="utf-8")), preset=True)


def preset_about(name: str) -> str:
    """What the comment at the top of a preset says about it."""
    above, _, _ = (files(__package__) / f"{name}.toml").read_text(encoding="utf-8").partition("\nname")
    return " ".join(line.removeprefix("#").strip() for line in above.splitlines())


def _text(name: str) -> str:
    try:
        # A byte-order mark, which some editors put in front, is no part of the text.
        return Path(name).read_text(encoding="utf-8-sig")
    except OSError as cause:
        presets = ", ".join(PRESETS)
        near = get_close_matches(Path(name).name, PRESETS, 1)
        hint = f"did you mean the preset {near[0]}?" if near else f"the presets are {presets}"
        reason = f"no such preset and no readable file ({cause.strerror}); {hint}"
        raise Unreadable(Finding("error", "unreadable", name, None, "", reason)) from cause
    except UnicodeDecodeError as cause:
        reason = "this is not UTF-8 text: save the file as UTF-8"
        raise Unreadable(Finding("error", "unreadable", name, None, "", reason)) from cause


def _read(name: str, text: str) -> Layer:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as cause:
        at = re.search(r"line (\d+)", str(cause))
        line = int(at[1]) if at else text.count("\n") + 1
        reason = f"this is not TOML: {_without_place(str(cause))}"
        raise Unreadable(Finding("error", "not-toml", name, line, "", reason)) from cause
    extends = document.pop("extends", None)
    return Layer(name, document, key_lines(text), extends)


def _without_place(message: str) -> str:
    return re.sub(r" \(at (line \d+, column \d+|end of document)\)$", "", message)
