"""Pages in the reader's language. A catalogue that marks each of its texts finds what was forgotten."""

import re
from gettext import NullTranslations
from html import unescape

import pytest

from recourse.wording import languages
from tests.http.conftest import Orders
from tests.pages.conftest import Visitor, Visitors
from tests.process.conftest import Marketplace

MARKED = "fr"
# What nobody translates: codes, and parts of instants.
KEPT = (
    r"USD|UTC|SHA|minutes?|heures?|jours?|lun|mar|mer|jeu|ven|sam|dim"
    r"|janv|févr|mars|avr|mai|juin|juil|août|sept|oct|nov|déc"
)


class Marking(NullTranslations):
    """Every text between marks."""

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"⟦{msgid1 if n == 1 else msgid2}⟧"

    def pgettext(self, context: str, message: str) -> str:
        return f"⟦{message}⟧"


@pytest.fixture(autouse=True)
def offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(languages.LANGUAGES, MARKED, "Français")
    monkeypatch.setattr(languages, "catalogue", lambda code: Marking())


def unmarked(html: str) -> str:
    """The words of a page that are between no marks, without what others wrote."""
    text = re.sub(r"(?s)<(script|style|bdi|blockquote|code|option|strong data-foreign).*?</\1>", " ", html)
    text = re.sub(r"<[^>]+>", " ", text)
    before = ""
    while before != text:
        before, text = text, re.sub(r"⟦[^⟦⟧]*⟧", " ", text)
    found = re.findall(r"[^\W\d_]{3,}", unescape(text))
    return " ".join(word for word in found if not re.fullmatch(KEPT, word))


async def see(somebody: Visitor, place: str) -> None:
    answer = await somebody.open(f"{place}{'&' if '?' in place else '?'}lang={MARKED}")
    assert answer.headers["content-language"] == MARKED
    assert f'<html lang="{MARKED}" dir="ltr"' in somebody.text
    assert unmarked(somebody.text) == "", place


async def test_no_page_has_a_text_that_is_in_no_catalogue(
    visitor: Visitors, order: Orders, marketplace: Marketplace
) -> None:
    order_id = await order()
    await see(await visitor(), "sign-in")
    for role in ("client", "freelancer", "operator"):
        somebody = await visitor(role)
        for place in ("orders", "queue" if role == "operator" else "orders", f"orders/{order_id}", "zone", "nowhere"):
            await see(somebody, place)
    client = await visitor("client")
    for key in ("message", "request-cancel", "add-evidence", "note-to-staff"):
        await see(client, f"orders/{order_id}/{key}")


async def test_the_language_is_that_of_the_link_then_the_chosen_one_then_the_browsers(visitor: Visitors) -> None:
    somebody = await visitor()
    somebody.http.headers["Accept-Language"] = "de-XX;q=0.3, fr-CA;q=0.9"
    await somebody.open("sign-in")
    assert somebody.answer.headers["content-language"] == MARKED
    await somebody.open("sign-in?lang=en")
    assert somebody.answer.headers["content-language"] == "en"
    assert "Sign in" in somebody.words
    await somebody.open("sign-in")
    assert somebody.answer.headers["content-language"] == "en"
    assert "Français" in somebody.words
    await somebody.open("sign-in?lang=xx")
    assert somebody.answer.headers["content-language"] == "en"
