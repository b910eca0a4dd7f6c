"""Amounts as Stripe counts them. Ours are minor units by ISO 4217; Stripe's differ in some currencies."""

from recourse.ports import CannotPay
from recourse.resolution.model.amounts import decimals, write_amount

# The decimals that Stripe counts with, where ISO 4217 has others. Of those of ISK and UGX both are always 0.
_DECIMALS = {"ISK": 2, "UGX": 2, "MGA": 0}
# Of three decimals Stripe takes two: the last digit must be 0.
_STEP = 10


def to_stripe(amount: int, currency: str) -> int:
    """What Stripe calls `amount` minor units of `currency`. Raises CannotPay where it has no such amount."""
    places = decimals(currency)
    counted, rest = divmod(amount * 10 ** _decimals(currency), 10**places)
    if rest or (places == 3 and amount % _STEP):
        step = 10 ** (places - _decimals(currency)) if rest else _STEP
        raise CannotPay(
            f"Stripe moves {currency} in steps of {write_amount(step, currency)}; {write_amount(amount, currency)} is "
            "between two of them."
        )
    return int(counted)


def from_stripe(amount: int, currency: str) -> int:
    """The minor units by ISO 4217 of what Stripe calls `amount`; `currency` in any case."""
    code = currency.upper()
    return int(amount * 10 ** decimals(code) // 10 ** _decimals(code))


def _decimals(currency: str) -> int:
    return _DECIMALS.get(currency, decimals(currency))
