"""Which currencies a new order may have: those that ISO 4217 has now and that money can be counted in.

For the doors by which orders start. An order that has started keeps its currency, whatever a later list has: nothing
that reads a started order may ask here.
"""

from iso4217 import Currency

from recourse.errors import BadInput


class UnusableCurrency(BadInput, ValueError):
    """No new order may have this currency; the text says why."""


def check_currency(code: str) -> None:
    """Raise UnusableCurrency with a sentence where no new order may have the currency `code`."""
    try:
        # The metals, the units of account and the codes for tests have no minor units.
        usable = Currency(code).exponent is not None
    except ValueError:
        usable = False
    if not usable:
        raise UnusableCurrency(
            f"{code!r} is not a currency that ISO 4217 has today; write its three letters, such as 'USD'"
        )
