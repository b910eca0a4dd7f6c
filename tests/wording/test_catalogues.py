"""Catalogues of other languages: up to date, and complete where the language is offered."""

from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from dev import catalogues as made
from recourse.wording import names_in
from recourse.wording.languages import ENGLISH, LANGUAGES

TEXTS = made.template()
FILES = made.catalogues()


def test_the_template_and_every_catalogue_have_the_texts_that_there_are() -> None:
    assert made.TEMPLATE.read_bytes() == made.written(TEXTS), "run `make texts`"
    stale = [code for code, path in FILES.items() if path.read_bytes() != made.brought_up_to_date(path, code, TEXTS)]
    assert not stale, "run `make texts`"


def test_every_language_that_is_offered_has_a_catalogue() -> None:
    assert set(LANGUAGES) - {ENGLISH} <= set(FILES)


@pytest.mark.parametrize("code", sorted(FILES))
def test_what_is_translated_holds_the_names_of_the_english_text(code: str) -> None:
    wrong = dict[str, str]()
    for message in _read(FILES[code]):
        english = {names for one in _forms(message.id) for names in names_in(one)}
        for text in _forms(message.string):
            # A form for one, two or none may say the number in words.
            if text and not english - {"count"} <= names_in(text) <= english:
                wrong[text] = f"must hold {sorted(english)}"
    assert not wrong


@pytest.mark.parametrize("code", sorted(set(LANGUAGES) - {ENGLISH}))
def test_a_language_that_is_offered_is_complete(code: str) -> None:
    missing = [message.id for message in _read(FILES[code]) if message.fuzzy or not all(_forms(message.string))]
    assert not missing


def _read(path: Path):  # type: ignore[no-untyped-def]
    with path.open("rb") as file:
        return [message for message in read_po(file, abort_invalid=True) if message.id]


def _forms(text: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)
