"""The glossary covers the contract's vocabulary, and private words and odd English stay out of docs and comments."""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, Page

GLOSSARY = ROOT / "docs" / "glossary.md"
ROWS = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]*)\|$", GLOSSARY.read_text(encoding="utf-8"), re.MULTILINE)
TERMS = [term.strip() for named, _, _ in ROWS if named not in ("term", "---") for term in named.split(",")]
# Words that only their author understands, and English that a native reader stumbles over.
BANNED = re.compile(
    r"\b(desk|standstill|likeness|misfits?|untold|knows_everything|whoever|beside"
    r"|mend(?:s|ed|ing)?|as one (?:likes|would)|led|leads? (?:an|the) orders?)\b",
    re.IGNORECASE,
)
FOLDERS = ("recourse", "workflows", "activities", "starter", "dev", "deploy", "docs")
SOURCES = [
    Path("worker.py"),
    *(path.relative_to(ROOT) for folder in FOLDERS for path in sorted((ROOT / folder).glob("**/*.py"))),
]


def test_each_term_is_defined_once() -> None:
    assert len(TERMS) > 40
    assert len(TERMS) == len(set(TERMS))
    for asked in ("fence", "idempotency key", "at least once", "escrow", "appeal", "mediation", "lease", "ledger"):
        assert asked in TERMS


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_no_page_has_a_private_word(page: Page) -> None:
    # Addresses, such as those of stories, are no prose.
    prose = re.sub(r"\]\([^)]*\)", "]", page.text)
    assert [found[0] for found in BANNED.finditer(prose)] == []


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_no_docstring_or_comment_has_a_private_word(source: Path) -> None:
    text = (ROOT / source).read_text(encoding="utf-8")
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    prose = [ast.get_docstring(node) or "" for node in ast.walk(ast.parse(text)) if isinstance(node, kinds)]
    prose += [
        token.string for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type == tokenize.COMMENT
    ]
    assert [found[0] for found in BANNED.finditer("\n".join(prose))] == []
