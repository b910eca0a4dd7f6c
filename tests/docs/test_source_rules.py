"""docs/source-rules.md says of each source rule what shows it, and says so of the tree as it is."""

import re
import tomllib

from docs import source_rules

RULES = tomllib.loads(source_rules.RULES.read_text(encoding="utf-8"))
NUMBERED = [rule for document in RULES["documents"] for rule in document["rules"]]


def test_the_page_is_what_the_tree_makes_of_it() -> None:
    assert source_rules.PAGE.read_text(encoding="utf-8") == source_rules.page(), "run `make docs`"


def test_all_77_rules_are_there_in_order() -> None:
    assert [f"R{number}" for number in range(1, 78)] == NUMBERED


def test_each_rule_is_shown_by_something_or_says_why_it_asks_for_nothing() -> None:
    shown = source_rules.shown()
    by_nothing = [rule for rule in NUMBERED if not (shown[rule].scenarios or shown[rule].tests)]
    assert by_nothing == list(RULES["asks_nothing"])


def test_nothing_names_a_rule_that_there_is_not() -> None:
    strange = {rule: where for rule, where in source_rules.shown().items() if rule not in NUMBERED}
    assert strange == {}


def test_no_two_scenarios_have_the_same_id() -> None:
    found = [scenario for where in source_rules.shown().values() for scenario in where.scenarios]
    paths = {re.sub(r"^\[[^\]]*\]", "", link) for link in found}
    assert len(set(found)) == len(paths) == len({link.split("]")[0] for link in found})


def test_rules_are_read_from_brackets_single_listed_and_in_ranges() -> None:
    text = "one [R21], two [R22, R33], a range [R53-R55], another [R67–R69, A15], no rule [A1], R99, [see R98]"
    assert source_rules.cited(text) == ["R21", "R22", "R33", "R53", "R54", "R55", "R67", "R68", "R69"]
