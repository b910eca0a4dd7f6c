"""Writing a policy as a TOML file that loads to the same policy, with the place that each value comes from."""

import json
from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any

from recourse.policies.files import PolicyFile
from recourse.policies.keys import KEYS, Key, written
from recourse.policies.reference import reference, row
from recourse.resolution.model.policy import Policy
from recourse.wording.english import capital

_Line = tuple[Key, str, str]


def write_policy(file: PolicyFile, policy: Policy, *, defaults: bool = False) -> str:
    """The effective policy of a file as TOML; with `defaults`, every key, and above each what it means."""
    values = written(policy)
    lines = [line for key in KEYS for line in _lines(file, key, values[key], defaults)]
    tables: dict[Key, list[_Line]] = {}
    for line in lines:
        tables.setdefault(table_of(line[0]), []).append(line)
    text = [f"# {policy.name}: the effective policy of {file.name}."]
    explained: set[Key] = set()
    for table, inside in tables.items():
        text += ["", f"[{dotted_name(table)}]"] if table else [""]
        for key, value, source in inside:
            if defaults and row(key) not in explained:
                text += _comment(key)
                # A key that each phase or each reason has is explained once.
                explained.add(row(key))
            text.append(f"{dotted_name(key[len(table) :])} = {value}  # {source}")
    return "\n".join(text) + "\n"


def _comment(key: Key) -> list[str]:
    about = reference(row(key))
    rules = f" [{', '.join(about.rules)}]" if about.rules else ""
    # Of a plain type, such as a duration, the value below is example enough.
    values = f" {capital(about.values)}." if '"' in about.values else ""
    text = f"{about.meaning}{values}{rules}".replace("`", "")
    return wrap(text, 118, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def table_of(key: Key) -> Key:
    """The table that a key is written under: the kind of request, or the section; a reason has its own."""
    if len(key) == 1:
        return ()
    deep = len(key) > 2 and key[0] in ("requests", "reasons")
    return key[:2] if deep else key[:1]


def _lines(file: PolicyFile, key: Key, value: Any, defaults: bool) -> Iterator[_Line]:
    layer = file.origin(key)
    if value is None or (layer is None and not defaults):
        return
    if key != ("reasons",) or not value:
        yield key, write_value(value), file.source(key)
        return
    for code, reason in value.items():
        for name, inner in reason.items():
            inner_key = (*key, code, name)
            # A file that has any reasons replaces them all, so none of another file shows through.
            given = layer is not None and layer.has(inner_key)
            if given or defaults:
                source = layer.place(inner_key) if layer and given else "default"
                yield inner_key, write_value(inner), source


def dotted_name(key: Key) -> str:
    """A dotted TOML key; parts that are no bare keys are quoted."""
    return ".".join(
        part if part.isascii() and part.replace("-", "").isidentifier() else write_value(part) for part in key
    )


def write_value(value: Any) -> str:
    """A value of a policy as TOML."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            # What JSON escapes, TOML escapes the same way; U+007F it must escape too.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list() | tuple():
            return f"[{', '.join(write_value(item) for item in value)}]"
        case Mapping():
            return f"{{{', '.join(f'{dotted_name((name,))} = {write_value(inner)}' for name, inner in value.items())}}}"
        case _:
            return str(value)
