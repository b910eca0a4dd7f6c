"""Makes docs/stories.md: the keys of a story, read off what its reader takes. Run by `make docs`."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from recourse.resolution.model.terms import History
from recourse.resolution.shown.views import OrderView
from recourse.starter.simulate.story_keys import ORDER, STEP, TOP, Key

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "stories.md"
ABOUT = """# Stories

A story is one order's life in YAML: what is done when, and what must come of it. A marketplace tries its
[policy](policies.md) with stories before it goes live. This page is written by `make docs`.

```console
$ recourse simulate my_story.yaml
$ recourse simulate my_stories --engine both --show
```

The rules alone play a story in milliseconds (`--engine pure`); `temporal` plays it on real servers, with time skipped.
`--show` prints what happens, entry by entry. A story that fails prints that too, and everything that differs. An
unknown key is an error that names its line.

Editors complete and explain the keys by the schema: `recourse schema story > story.schema.json`, and at the top of a
story `# yaml-language-server: $schema=story.schema.json`.

Each step also checks, unasked, that the money adds up, that each command and each clock left one entry in the record,
that the record verifies, and that the other side can read no private text.
"""


def page() -> str:
    """The whole page."""
    parts = [ABOUT]
    view, history = (
        {name: Key(field.description or "") for name, field in model.model_fields.items()}
        for model in (OrderView, History)
    )
    for title, keys in (
        ("A story", TOP),
        ("`order`", ORDER),
        ("`history`, of `client` and of `freelancer`", history),
        ("A step", STEP),
        ("What `expect` and `view` can name", view),
    ):
        parts += [f"## {title}\n", *_table(keys), ""]
    return "\n".join(parts)


def _table(keys: Mapping[str, Key]) -> Iterator[str]:
    usual = any("default" in key.schema for key in keys.values())
    yield f"| key | meaning |{' usually |' if usual else ''}"
    yield f"|---|---|{'---|' if usual else ''}"
    for name, key in keys.items():
        default = f" `{key.schema['default']}` |" if usual else ""
        yield f"| `{name}` | {key.about} |{default}"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)} is written.\n")


if __name__ == "__main__":
    main()
