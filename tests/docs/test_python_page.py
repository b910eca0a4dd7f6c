"""docs/python.md has every public name of the package, each with what it is."""

from docs import python_api


def test_the_page_is_what_the_docstrings_say() -> None:
    assert python_api.PAGE.read_text(encoding="utf-8") == python_api.page(), "run `make docs`"


def test_no_name_is_without_a_docstring_but_for_plain_types() -> None:
    plain = [line for line in python_api.page().splitlines() if line.endswith(f" {python_api.PLAIN} |")]
    assert [line.split("`")[1] for line in plain] == ["Outcome", "RefusalCode"]
