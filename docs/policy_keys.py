"""Makes docs/policy-keys.md: each key of a policy, read off the policy model. Run by `make docs`."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recourse.policies import PRESETS, load_policy
from recourse.policies.json_schema import DEFAULTS
from recourse.policies.keys import Key, dotted, written
from recourse.policies.reference import reference, row, rows
from recourse.policies.writing import table_of, write_value
from recourse.resolution.model.reasons import REASONS

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "policy-keys.md"
ABOUT = """# The keys of a policy

Every key of a [policy file](policies.md), written by `make docs`. `recourse policy show --defaults` and the schema of
`recourse policy schema` say the same.

Durations are texts: `"30m"`, `"48h"`, `"3d"`; a day is 24 hours. Percentages are texts: `"20%"`, `"12.5%"`. Amounts are
whole numbers of the currency's smallest unit. A list may be empty: `[]` is nobody, or nothing. Windows and silences are
named after the party that must answer. The last column has the presets that differ from the default. The
[source rules](source-rules.md) are those that a key makes it possible to follow.
"""


def page() -> str:
    """The whole page."""
    presets = {name: written(load_policy(name)) for name in PRESETS}
    tables: dict[str, list[str]] = {}
    for key, keys in rows().items():
        tables.setdefault(dotted(table_of(key)), []).append(_row(key, keys, presets))
    parts = [ABOUT]
    for table, lines in tables.items():
        parts.append(f"## {f'`[{table}]`' if table else 'At the top'}\n")
        parts.append("| key | meaning | values | default | source rules | presets |\n|---|---|---|---|---|---|")
        parts += [*lines, ""]
    return "\n".join([*parts, _reasons()])


def _row(key: Key, keys: tuple[Key, ...], presets: Mapping[str, Mapping[Key, Any]]) -> str:
    about = reference(key)
    cells = (
        f"`{dotted(key[len(table_of(key)) :])}`",
        about.meaning,
        about.values,
        "required" if about.required else _default(keys),
        ", ".join(about.rules) or "–",
        _presets(keys, presets) or "–",
    )
    return f"| {' | '.join(cells)} |"


def _default(keys: tuple[Key, ...]) -> str:
    # A reason without `fault` admits none.
    value = written(DEFAULTS)[keys[0]] if keys else "none"
    return "–" if value is None else f"`{write_value(value)}`"


def _presets(keys: tuple[Key, ...], presets: Mapping[str, Mapping[Key, Any]]) -> str:
    """The presets that say something else than the default, by what they say."""
    if keys == (("name",),):
        return "their own names"
    said: dict[tuple[str, str], list[str]] = {}
    for key in keys:
        by_value: dict[str, list[str]] = {}
        for name, values in presets.items():
            if reference(row(key)).required or values[key] != written(DEFAULTS)[key]:
                by_value.setdefault(write_value(values[key]), []).append(name)
        for value, names in by_value.items():
            said.setdefault((", ".join(names), value), []).append(key[3] if len(keys) > 1 else "")
    in_words = []
    for (presets_named, value), phases in said.items():
        where = f" ({', '.join(phases)})" if any(phases) else ""
        in_words.append(f"{presets_named}: `{value}`{where}")
    return "; ".join(in_words)


def _reasons() -> str:
    head = """A file that names any reason replaces them all. Every preset, and a file that names none, has these:

| code | `by` | `fault` |
|---|---|---|
"""
    return head + "".join(
        f"| `{code}` | `{write_value(reason.by)}` | `{write_value(reason.fault)}` |\n"
        for code, reason in REASONS.items()
    )


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)} is written.\n")


if __name__ == "__main__":
    main()
