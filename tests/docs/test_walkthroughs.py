"""The walk-throughs say what the rules answer, name the rules of their own source, and tell of each policy."""

import re
import tomllib

import pytest

from docs.source_rules import RULES
from docs.walkthrough_answers import PAGES, answered

DOCUMENTS = tomllib.loads(RULES.read_text(encoding="utf-8"))["documents"]


TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in PAGES}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_the_answers_are_what_the_rules_answer(text: str) -> None:
    assert text == await answered(text), "run `make docs`"


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_page_tells_of_one_source_and_names_its_rules(text: str) -> None:
    [(first, last)] = re.findall(r"\[(R\d+)–(R\d+)\]", text)
    [document] = [each for each in DOCUMENTS if next(iter(each["rules"])) == first]
    assert list(document["rules"])[-1] == last
    assert f"(../../recourse/policies/{document['policy']}.toml)" in text
    named = set(re.findall(r"R\d+", text))
    assert named <= set(document["rules"])
    assert len(named) >= 8


def test_each_source_has_its_page() -> None:
    firsts = {re.findall(r"\[(R\d+)–", text)[0] for text in TEXTS.values()}
    assert firsts == {next(iter(document["rules"])) for document in DOCUMENTS}


async def test_an_answer_that_is_not_what_the_rules_say_is_put_right() -> None:
    text = TEXTS["fiverr-guide"]
    wrong = text.replace("client 105.50 USD, freelancer 0.00", "client 105.49 USD, freelancer 0.01")
    assert wrong != text
    assert await answered(wrong) == text
