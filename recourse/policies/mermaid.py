"""A chart as Mermaid text, which many editors and documentation sites draw."""

from recourse.policies.chart import BOXES, Chart, notes
from recourse.resolution.model.vocabulary import OPEN_PHASES


def mermaid(drawn: Chart, title: str) -> str:
    """The chart as a Mermaid state diagram."""
    lines = ["---", f"title: {_text(title)}", "---", "stateDiagram-v2"]
    lines += ['    state "The order is open" as open {']
    lines += [f"        {_declared(name)}" for name in drawn.boxes if name in OPEN_PHASES]
    lines += [f"        {arrow}" for arrow in _arrows(drawn, inside=True)]
    lines += ["    }"]
    lines += [f"    {_declared(name)}" for name in drawn.boxes if name not in OPEN_PHASES]
    lines += [f"    [*] --> {name}" for name in drawn.starts]
    lines += [f"    {arrow}" for arrow in _arrows(drawn, inside=False)]
    lines += [f"    {name} --> [*]" for name in drawn.ends]
    lines += ["    note right of open", *(f"        {_text(line)}" for line in notes(drawn)), "    end note"]
    return "\n".join(lines) + "\n"


def _declared(name: str) -> str:
    return f'state "{_text(BOXES[name])}" as {name}'


def _arrows(drawn: Chart, *, inside: bool) -> list[str]:
    return [
        f"{source} --> {target} : {'<br/>'.join(map(_text, labels))}"
        for (source, target), labels in drawn.pairs.items()
        if (source in OPEN_PHASES and target in OPEN_PHASES) == inside
    ]


def _text(text: str) -> str:
    # A colon or a semicolon ends a label.
    return text.replace(":", " -").replace(";", ",").replace('"', "'")
