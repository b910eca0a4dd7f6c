"""What a key means is said once, in the policy model: the page, the schema and whole files take it from there."""

import json
import re
import tomllib
from collections.abc import Iterator

import pytest

from docs import policy_keys, source_rules
from recourse.policies import load_policy
from recourse.policies.files import read_file
from recourse.policies.json_schema import policy_schema
from recourse.policies.keys import KEYS, dotted
from recourse.policies.reference import reference, row, rows
from recourse.policies.writing import write_policy

REASONS = [("reasons", "other", "by"), ("reasons", "other", "fault")]


def comments(name: str) -> Iterator[tuple[str, str]]:
    """Each key of a whole file with the comment above it, if it has one."""
    above: list[str] = []
    for line in write_policy(read_file(name), load_policy(name), defaults=True).splitlines():
        if line.startswith("# "):
            above.append(line.removeprefix("# "))
        elif " = " in line:
            yield line.partition(" = ")[0], " ".join(above)
            above = []
        else:
            above = []


def test_the_page_is_what_the_model_says() -> None:
    assert policy_keys.PAGE.read_text(encoding="utf-8") == policy_keys.page(), "run `make docs`"


def test_no_key_is_without_a_meaning_and_values_and_the_schema_says_the_same() -> None:
    schema = re.sub(r" \[R[^]]*\]", "", json.dumps(policy_schema(), ensure_ascii=False))
    for key in rows():
        about = reference(key)
        assert about.meaning.endswith("."), dotted(key)
        assert len(about.meaning.split()) > 3, dotted(key)
        assert about.values, dotted(key)
        assert about.meaning in schema, dotted(key)


def test_the_reference_lists_every_key_once() -> None:
    assert {key for keys in rows().values() for key in keys} == set(KEYS) - {("reasons",)}
    assert set(rows()) == {row(key) for key in KEYS if key != ("reasons",)} | {row(key) for key in REASONS}


def test_the_source_rules_of_a_key_are_those_of_the_tables_around_it_too() -> None:
    assert reference(("requests", "cancel", "window", "client_asked")).rules == ("R28", "R39")
    assert reference(("undo", "window")).rules == ("R18",)
    assert reference(("order", "auto_complete")).rules == ()
    numbered = tomllib.loads(source_rules.RULES.read_text(encoding="utf-8"))["documents"]
    known = {rule for document in numbered for rule in document["rules"]}
    assert {rule for key in rows() for rule in reference(key).rules} <= known


@pytest.mark.parametrize("name", ["glimmer", "upwork"])
def test_a_whole_file_explains_each_key_once_above_it(name: str) -> None:
    explained = [(key, above) for key, above in comments(name) if above]
    said = " ".join(above for _, above in explained)
    for key in rows():
        if "PHASE" not in key:
            assert reference(key).meaning.replace("`", "") in said, dotted(key)
    assert len(explained) == len([key for key in rows() if "PHASE" not in key]) + (name == "upwork")


def test_a_file_without_defaults_stays_short() -> None:
    short = write_policy(read_file("upwork"), load_policy("upwork"))
    assert [line for line in short.splitlines() if line.startswith("#")] == [short.splitlines()[0]]
