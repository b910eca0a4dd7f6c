"""Makes docs/source-rules.md: each source rule, the scenarios and tests that show it, the modules that hold it.

Run by `make docs`; a test fails while the page is not what this makes of the tree.
"""

import ast
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "source-rules.md"
RULES = ROOT / "docs" / "source_rules.toml"
SCENARIOS = ROOT / "tests" / "scenarios"
CODE = (
    "recourse/resolution",
    "recourse/policies",
    "workflows",
    "activities",
    "recourse/database",
    "starter",
)

_CITED = re.compile(r"\[((?:[RA]\d+(?:[-–][RA]?\d+)?(?:,\s*)?)+)\]")
_RANGE = re.compile(r"R(\d+)(?:[-–]R?(\d+))?")


@dataclass
class Shown:
    """Where one rule is shown and held, as links of the page."""

    scenarios: list[str] = field(default_factory=list)
    tests: list[str] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)


def cited(text: str) -> list[str]:
    """The rules that a text names in brackets, such as `[R21, R33]` or `[R67-R77]`."""
    found: dict[str, None] = {}
    for match in _CITED.finditer(text):
        for first, last in _RANGE.findall(match[1]):
            found |= dict.fromkeys(f"R{number}" for number in range(int(first), int(last or first) + 1))
    return list(found)


def shown() -> dict[str, Shown]:
    """Every rule that anything in the tree names."""
    found: dict[str, Shown] = defaultdict(Shown)
    for path in sorted(SCENARIOS.glob("**/*.yaml"), key=_by_number):
        story = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
        for rule in story.get("rules", ()):
            found[rule].scenarios.append(_link(str(story["id"]), path))
    for path in sorted((ROOT / "tests").glob("**/*.py")):
        for rule, said in _tested(path):
            found[rule].tests.append(_link(said, path))
    for folder in CODE:
        for path in sorted((ROOT / folder).glob("**/*")):
            if path.suffix in (".py", ".sql"):
                for rule in cited(path.read_text(encoding="utf-8")):
                    found[rule].modules.append(_link(f"`{path.relative_to(ROOT)}`", path))
    return found


def _tested(path: Path) -> Iterator[tuple[str, str]]:
    """The rules that the docstrings of a test module name, each with the test in words."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for rule in cited(ast.get_docstring(tree) or ""):
        yield rule, path.stem.removeprefix("test_").replace("_", " ")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            for rule in cited(ast.get_docstring(node) or ""):
                yield rule, node.name.removeprefix("test_").replace("_", " ")


def _by_number(path: Path) -> tuple[int, str]:
    number = re.search(r"\d+", path.stem)
    return int(number[0]) if number else 0, path.stem


def _link(text: str, path: Path) -> str:
    return f"[{text}](../{path.relative_to(ROOT).as_posix()})"


def page() -> str:
    """The whole page."""
    rules = tomllib.loads(RULES.read_text(encoding="utf-8"))
    found, nothing = shown(), rules["asks_nothing"]
    parts = [rules["about"]]
    for document in rules["documents"]:
        parts.append(f"## {document['title']} (policy `{document['policy']}`)\n")
        parts.append("| rule | what it says | shown by | held in |\n|---|---|---|---|")
        parts += [_row(rule, says, found.get(rule, Shown()), nothing) for rule, says in document["rules"].items()]
        parts.append("")
    return "\n".join(parts)


def _row(rule: str, says: str, where: Shown, nothing: Mapping[str, str]) -> str:
    by = " · ".join([*where.scenarios, *where.tests]) or f"Asks for nothing: {nothing.get(rule, '')}"
    return f"| {rule} | {says.replace('|', '/')} | {by} | {' '.join(where.modules) or '–'} |"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)} is written.\n")


if __name__ == "__main__":
    main()
