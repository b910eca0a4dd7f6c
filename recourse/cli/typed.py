"""What people type as numbers: whole numbers, and amounts of money in an order's currency."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from cyclopts import Parameter, Token
from cyclopts.validators import Number

from recourse.cli.output import Stop
from recourse.resolution.model.amounts import read_amount, write_amount
from recourse.resolution.model.order import Order

_FITS = 2**63 - 1


def _whole(_: type, tokens: Sequence[Token]) -> int:
    # `int` alone would round 1.6 and take 1e3, 0x10 and 1_000.
    text = tokens[0].value
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 20 and abs(int(text)) <= _FITS):
        raise ValueError(f"{text!r} is not a whole number that can be used: write digits only.")
    return int(text)


Int64 = Annotated[int, Parameter(converter=_whole)]
Limit = Annotated[Int64, Parameter(validator=Number(gte=1), help="Maximum number of rows.")]
Port = Annotated[Int64, Parameter(validator=Number(gte=0, lte=65535))]
Money = Annotated[str, Parameter(n_tokens=1, allow_leading_hyphen=True, metavar="MONEY")]


def read_money(text: str, currency: str, option: str) -> int:
    """The minor units of an amount that was typed for `option`. Raises Stop."""
    try:
        return read_amount(text, currency)
    except ValueError as error:
        raise Stop(f"{option} {text!r}: {error}") from error


def with_amount(order: Order, command: str, typed: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """The fields of a command with their amount in minor units, and what it means in words. Raises Stop."""
    if typed.get("amount") is None:
        return dict(typed), None
    amount = read_money(typed["amount"], order.terms.currency, "--amount")
    written = write_amount(amount, order.terms.currency)
    request = order.open_request if command == "counter" else None
    refund = "partial_refund" in (typed.get("kind"), request and request.kind) or typed.get("outcome") == "refund"
    says = f"the client gets back {written}" if refund else f"the freelancer gets {written} before commission"
    return {**typed, "amount": amount}, says
