"""Finds the texts for people and brings the catalogues up to date: `make texts`.

A text is in a call of `say`, `say_many` or `to_say` of the modules in `SHOWING`, or in `en.toml` in a form that these
use. The texts that only the command line, the API and Temporal's own pages show stay English.
"""

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from glob import glob
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from recourse.wording import _ours, flat

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "recourse"
LOCALE = SOURCE / "wording" / "locale"
TEMPLATE = LOCALE / "recourse.pot"
KEYWORDS: Any = {"say": None, "say_many": (1, 2), "to_say": None}
# What shows texts to the readers of pages and mails.
SHOWING = (
    "recourse/web/pages",
    "recourse/resolution/shown",
    "recourse/resolution/model/amounts.py",
    "recourse/resolution/model/display.py",
    "recourse/activities",
    "recourse/wording/english.py",
    "recourse/wording/reader.py",
)
_LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
_HEADER = "# Texts of Recourse's pages and mails; docs/languages.md says how to translate them."
_PLACEHOLDERS = re.compile(
    "Project-Id|Report-Msgid|Last-Translator|Language-Team|Generated-By|PO-Revision|POT-Creation"
)


def template() -> Catalog:
    """Every text that there is now, in the order of the files."""
    found = Catalog(header_comment=_HEADER, creation_date=_LONG_AGO, fuzzy=False)
    for name, method in _sources():
        with (ROOT / name).open("rb") as file:
            for _, message, comments, _ in extract(method, file, KEYWORDS):
                found.add(message, locations=[(name, 1)], auto_comments=comments)
    used = _used()
    for key, text in flat(_ours()).items():
        subject, _, form = key.split(".")
        if (subject, form) in used:
            found.add(text, context=key, locations=[("recourse/wording/en.toml", 1)])
    return found


def _sources() -> Iterator[tuple[str, str]]:
    for end, method in (("py", "python"), ("html", "jinja2"), ("j2", "jinja2")):
        for path in sorted(glob(f"{SOURCE}/**/*.{end}", recursive=True)):  # noqa: PTH207 - follows links
            name = str(Path(path).relative_to(ROOT))
            if name.startswith(SHOWING):
                yield name, method


def _used() -> set[tuple[str, str]]:
    """The subjects and forms of the file of texts that pages and mails show."""
    texts = [(ROOT / name).read_text("utf-8") for name, _ in _sources()]
    return {call for text in texts for call in re.findall(r'\btexts\("(\w+)", "(\w+)"\)', text)}


def written(catalog: Catalog) -> bytes:
    """A catalogue as its file has it."""
    out = BytesIO()
    write_po(out, catalog, width=120, include_lineno=False, ignore_obsolete=True)
    # What Babel writes into the header says nothing of ours, and would change by itself.
    lines = out.getvalue().splitlines(keepends=True)
    return b"".join(line for line in lines if not _PLACEHOLDERS.match(line.decode().lstrip('"')))


def catalogues() -> dict[str, Path]:
    """The file of each language, by its code."""
    return {path.parent.parent.name: path for path in sorted(LOCALE.glob("*/LC_MESSAGES/recourse.po"))}


def brought_up_to_date(path: Path, code: str, texts: Catalog) -> bytes:
    """A language's catalogue with all texts that there are now; those that are gone go."""
    with path.open("rb") as file:
        ours = read_po(file, locale=code)
    ours.update(texts, no_fuzzy_matching=True, update_creation_date=False)
    return written(ours)


def main(new: list[str]) -> None:
    """Write the template and every catalogue; `new`: codes of languages that are to get one."""
    texts = template()
    TEMPLATE.write_bytes(written(texts))
    for code in new:
        path = LOCALE / code / "LC_MESSAGES" / "recourse.po"
        if not path.exists():
            path.parent.mkdir(parents=True)
            path.write_bytes(written(Catalog(locale=code, header_comment=_HEADER, fuzzy=False)))
    for code, path in catalogues().items():
        path.write_bytes(brought_up_to_date(path, code, texts))


if __name__ == "__main__":
    main(sys.argv[1:])
