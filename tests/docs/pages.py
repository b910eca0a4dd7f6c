"""The pages at the top and in docs/ as tests read them: pages, links, headings, code, commands."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGETS = frozenset(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
SHELL = ("", "sh", "console")
BETWEEN = {"|", "||", "&&", ";", ">", ">>", "<", "&"}


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    path: Path

    def __str__(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def blocks(self) -> list[tuple[str, str]]:
        """Its fenced blocks in order: language and text."""
        return FENCED.findall(self.text)

    @cached_property
    def prose(self) -> str:
        """It without fenced blocks."""
        return FENCED.sub("", self.text)

    @property
    def spans(self) -> list[str]:
        """What its prose shows as code."""
        return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", self.prose)]

    @property
    def links(self) -> list[str]:
        """What its links and pictures point to inside of the repository."""
        named = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]+`", "", self.prose))
        return [link for link in named if "://" not in link]

    @property
    def anchors(self) -> set[str]:
        """The names by which its headings can be linked to."""
        headings = re.findall(r"^#+ (.*)$", self.prose, re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    @property
    def commands(self) -> Iterator[list[str]]:
        """Each command of its shell blocks as words, without variables before it."""
        for language, text in self.blocks:
            if language not in SHELL:
                continue
            for line in text.replace("\\\n", " ").splitlines():
                if language == "console" and not line.startswith("$ "):
                    continue
                lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
                lexer.whitespace_split = True
                command: list[str] = []
                for word in [*lexer, ";"]:
                    if word not in BETWEEN:
                        if command or not re.match(r"[A-Z_]+=", word):
                            command.append(word)
                        continue
                    if command:
                        yield command
                    command = []


PAGES = [Page(path) for path in (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))]
