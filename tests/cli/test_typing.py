"""What is typed on the command line: every option has help, numbers are whole, money is money, errors are sentences."""

import re
import shlex
import sys
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from cyclopts import App, CycloptsError
from cyclopts.argument import Argument

from recourse.cli.app import app, main
from recourse.cli.examples import EXAMPLES, examples
from recourse.cli.output import Stop
from recourse.cli.refusing import explain, readable, usage_problem
from recourse.resolution.model.refusals import SENTENCES
from tests.cli.internals import INTERNALS


def commands(of: App, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], App]]:
    """Every command of the command line, with the words that name it."""
    for name in of:
        if not name.startswith("-"):
            yield from commands(of[name], (*path, name))
    if of.default_command:
        yield path, of


ALL = {" ".join(path): list(one.assemble_argument_collection(parse_docstring=True)) for path, one in commands(app)}
OPTIONS = [(command, argument) for command, arguments in ALL.items() for argument in arguments if argument.show]
NUMBERS = [(command, one) for command, one in OPTIONS if int in (one.hint, *get_args(one.hint))]
MONEY = [(command, one) for command, one in OPTIONS if {"--amount", "--price", "--service-fee"} & set(one.names)]


def name(option: tuple[str, Argument]) -> str:
    return f"{option[0]} {option[1].name}"


def test_the_command_line_was_found_whole() -> None:
    assert len(ALL) > 50
    assert {"order request", "order preview rule", "cases rule", "stats", "serve", "codec"} <= set(ALL)


@pytest.mark.parametrize("option", OPTIONS, ids=name)
def test_every_option_has_help(option: tuple[str, Argument]) -> None:
    assert option[1].parameter.help


def typed(option: tuple[str, Argument], text: str) -> str | None:
    """What the command line says of an option's value; None: it takes it."""
    command, argument = option
    others = [one for one in ALL[command] if one.required and one is not argument]
    values = {one.name: (one.get_choices() or ("x",))[0] for one in others}
    needed = [f"{key}={value}" if key.startswith("-") else value for key, value in values.items()]
    try:
        app.parse_args([*command.split(), *needed, f"{argument.name}={text}"], exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return usage_problem(error)
    return None


def test_there_are_numbers_and_money_to_type() -> None:
    assert len(NUMBERS) > 20
    assert len(MONEY) > 7
    assert not [one for one in NUMBERS if one in MONEY]


@pytest.mark.parametrize("option", NUMBERS, ids=name)
def test_no_number_is_rounded_or_guessed(option: tuple[str, Argument]) -> None:
    for text in ("1.6", "1.0", "1e3", "0x10", "1_000", "٣", "+5", " ", "NaN", "", "9" * 30):
        said = typed(option, text)
        assert said is not None
        assert "is not a whole number" in said
        assert not INTERNALS.search(said)
    assert typed(option, "7") is None


@pytest.mark.parametrize("option", MONEY, ids=name)
def test_money_is_taken_as_it_is_typed(option: tuple[str, Argument]) -> None:
    assert [typed(option, text) for text in ("30.50", "30.50 USD", "-5")] == [None] * 3


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("order request 1 --as client", "`recourse order request` needs --kind: cancel, extension, update, partial"),
        (
            "order request 1 --as client --kind",
            "--kind needs a value: cancel, extension, update, partial_refund",
        ),
        ("order request 1 --as client --kind fly", '"fly"'),
        ("order accept", "`recourse order accept` needs ORDER_ID"),
        ("stats", "`recourse stats` needs VIEW: closed_orders, completion_rate, "),
        ("order start 1 --client c --freelancer f", "`recourse order start` needs --price."),
        ("order start 1 --client c --freelancer f --price 1 --currency EURO", "not a currency that ISO 4217 has today"),
        ("order start 1 --client c --freelancer f --price 1 --currency UDS", "not a currency that ISO 4217 has today"),
        ("order start 1 --client c --freelancer f --price 1,5", "--price '1,5': Write an amount in USD"),
        ("order start 1 --client c --freelancer f --price 99.999", "2 decimals at most"),
        ("order start 1 --client c --freelancer f --price 0", "--price '0': a price is at least 0.01 USD."),
        ("order start 1 --client c --freelancer f --price -5", "--price '-5': Write an amount in USD"),
        ("order start 1 --client c --freelancer f --price 5EUR", "must be in USD, not in EUR"),
        ("order start a/b --client c/d --freelancer f --price 1", "--client may hold neither a slash nor"),
        ("orders list --limit 0", "--limit"),
        ("orders list --limt 5", "--limt"),
        ("order show x --zone Mars", "Mars"),
        ("fly", "fly"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_sentence(
    words: str, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["recourse", *words.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert (ended.value.code, said.out, said.err.count("\n")) == (2, "", 1), said
    assert said.err.startswith("recourse: ")
    assert says in said.err
    assert not INTERNALS.search(said.err)


@pytest.mark.parametrize(
    ("command", "fields", "says"),
    [
        ("request", {"kind": "extension"}, "extend_by is required for an extension, such as '48h'"),
        ("request", {"kind": "extension", "extend_by": "2"}, "--extend-by '2' is not"),
        ("request", {"kind": "extension", "extend_by": "0h"}, "--extend-by is too short"),
        ("message", {"comment": " "}, "--comment may not be blank"),
        ("message", {"comment": "x" * 10_001}, "--comment may hold at most 10000 characters"),
        ("accept", {"command_id": ""}, "--command-id may not be empty"),
        ("accept", {"command_id": "unnamed-1"}, "--command-id may not begin with"),
        (
            "add_evidence",
            {"title": "t", "kind": "k", "sha256": "zz", "address": "a"},
            "--sha256 must be 64 hexadecimal",
        ),
    ],
)
def test_fields_that_an_order_could_not_read_are_named_by_their_options(
    command: str, fields: dict[str, Any], says: str
) -> None:
    with pytest.raises(Stop) as stop:
        readable(command, {"actor": {"role": "client", "id": "c-1"}, **fields})
    assert says in str(stop.value)
    assert not INTERNALS.search(str(stop.value))


DETAILS: dict[str, Any] = {
    "allowed": ["freelancer"],
    "problems": {"extend_by": "is not a duration"},
    "missing": ["discussed", "tried_to_resolve"],
    "available_at": "2025-03-04T10:00:00Z",
    "version": 3,
    "phase": "in_progress",
    "commands": ["accept", "decline"],
    "at_most": 5,
}


@pytest.mark.parametrize("code", SENTENCES)
def test_a_refusal_is_words(code: str) -> None:
    sentence, more = explain(code, DETAILS, "USD")
    text = "\n".join([sentence, *(f"{name} {value}" for name, value in more)])
    assert not INTERNALS.search(text)
    assert "`" not in text
    assert "Tue 2025-03-04 10:00 UTC" in text


def test_amounts_in_a_refusal_are_money_and_counts_are_not() -> None:
    bounds = {"at_least": 0, "at_most": 10_000}
    assert explain("amount_out_of_range", bounds, "USD") == (
        "The amount must be between 0.00 USD and 100.00 USD.",
        [],
    )
    assert explain("too_many_counters", {"at_most": 3}, "USD")[1] == [("at most", "3")]
    assert explain("wrong_phase", {"phase": "in_progress"}, "USD") == (
        "This is not possible while the order is in progress.",
        [],
    )


@pytest.mark.parametrize("command", ALL)
def test_every_command_has_examples_that_can_be_typed(command: str) -> None:
    found = examples(command)
    assert found
    for example in found:
        assert max(map(len, example.splitlines())) <= 78
        typed = example.replace("\\\n", " ").partition(" > ")[0]
        _, *words = shlex.split(re.sub(r"\$\(.*\)", "0" * 64, typed))
        called, *_ = app.parse_args(words, exit_on_error=False, print_error=False)
        assert callable(called)
        assert " ".join(app.parse_commands(words)[0]) == command


def test_no_example_is_of_a_command_that_is_gone() -> None:
    assert set(EXAMPLES) <= set(ALL)


@pytest.mark.parametrize(
    ("words", "says", "not_said"),
    [
        ("order start --help", "recourse order start 1001 --client c-3", "Exit status"),
        (
            "order preview request --help",
            "recourse order preview request 1001 --as client --kind cancel",
            "Exit status",
        ),
        ("order --help", "Commands", "Exit status"),
        ("--help", "Exit status: 0 success", "Examples"),
    ],
)
def test_help_ends_with_what_can_be_typed(
    words: str, says: str, not_said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["recourse", *words.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().out
    assert (ended.value.code, says in said, not_said in said) == (0, True, False), said
