"""Refusals and usage errors in sentences for people at a terminal, free of Python and of the JSON of messages."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from cyclopts import CycloptsError, MissingArgumentError
from cyclopts.argument import Argument
from pydantic import ValidationError

from recourse.cli.output import Stop
from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.instants import write_instant
from recourse.resolution.model.refusals import SENTENCES, RefusalCode
from recourse.resolution.model.unfit import unfit
from recourse.wording.english import PHASES, as_words, word

# The details that are amounts of money where they are whole numbers; of the other codes they count something.
_OF_MONEY: tuple[RefusalCode, ...] = ("amount_required", "amount_out_of_range")


def explain(code: str, details: Mapping[str, Any], currency: str) -> tuple[str, list[tuple[str, str]]]:
    """The sentence of a refusal, and in two columns those of its details that the sentence does not say."""
    money = code in _OF_MONEY
    said = {key: _in_words(value, currency if money else None) for key, value in details.items()}
    sentence = word(SENTENCES, code)
    if "`" in sentence:
        # The rest names a detail, which is shown in words.
        sentence = f"{sentence.partition(';')[0]}."
    if code in _OF_MONEY and {"at_least", "at_most"} <= said.keys():
        sentence = f"The amount must be between {said.pop('at_least')} and {said.pop('at_most')}."
    if code == "wrong_phase" and "phase" in said:
        sentence = f"This is not possible while the order is {PHASES[said.pop('phase')]}."
    return sentence, [(as_words(key), value) for key, value in said.items()]


def _in_words(value: Any, currency: str | None) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int() if currency is not None:
            return write_amount(value, currency)
        case datetime():
            return write_instant(value)
        case Mapping():
            return "; ".join(f"{key}: {_in_words(inner, None)}" for key, inner in value.items())
        case str():
            return _instant(value)
        case Sequence() | set() | frozenset():
            return ", ".join(_in_words(inner, currency) for inner in value)
        case _:
            return str(value)


def _instant(text: str) -> str:
    try:
        return write_instant(datetime.fromisoformat(text)) if "T" in text else text
    except ValueError:
        return text


def readable(command: str, message: dict[str, Any]) -> dict[str, Any]:
    """The message, where an order could read it. Raises Stop with a sentence for each option that does not fit."""
    try:
        COMMANDS[command].model_validate(message)
    except ValidationError as error:
        wrong = {_option(where): why for where, why in unfit(error.errors()).items()}
        raise Stop("; ".join(f"{option} {why}" for option, why in wrong.items()) + ".") from error
    return message


def _option(where: str) -> str:
    named = {"actor.id": "the id after --as", "": "the command"}
    return named.get(where, f"--{where.partition('.')[0].replace('_', '-')}")


def usage_problem(error: CycloptsError) -> str:
    """What was typed wrongly, in a sentence."""
    error.verbose = False
    match error:
        case MissingArgumentError(argument=Argument() as missing):
            command = " ".join(["recourse", *(error.command_chain or ())])
            name = missing.name if missing.name.startswith("-") else missing.name.upper()
            typed = any(token.keyword for token in missing.tokens) or error.keyword is not None
            choices = missing.get_choices()
            given = f": {', '.join(choices)}" if choices else ""
            return f"{name} needs a value{given}." if typed else f"`{command}` needs {name}{given}."
        case _:
            return " ".join(str(error).split())
