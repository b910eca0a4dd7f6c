"""Amounts as people write and type them: minor units of a currency with the decimals that ISO 4217 gives it."""

import re

# The most that a price or a fee may be, in minor units.
LARGEST = 10**15
_DIGITS = len(str(LARGEST))

# Every currency of ISO 4217 that does not have two decimals.
_DECIMALS = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV"), 0
    ),
    **dict.fromkeys(("XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
_TYPED = re.compile(r" *0*([0-9]+)(?:\.([0-9]+))? ?([A-Z]{3})? *")


def decimals(currency: str) -> int:
    """How many decimals an amount in `currency` has; two for a code that ISO 4217 does not know."""
    return _DECIMALS.get(currency, 2)


def write_amount(minor: int, currency: str) -> str:
    """`minor` units as people write them: `105.50 USD`, `10550 JPY`, `-10.550 KWD`."""
    places = decimals(currency)
    whole, rest = divmod(abs(minor), 10**places)
    sign = "-" if minor < 0 else ""
    return f"{sign}{whole}.{rest:0{places}d} {currency}" if places else f"{sign}{whole} {currency}"


def read_amount(text: str, currency: str) -> int:
    """The minor units of what somebody typed: `105.50`, `105.5 USD` or `105`, which is 105.00.

    Raises ValueError with a sentence that says how to write it.
    """
    places = decimals(currency)
    sample = write_amount(12345, currency)
    match = _TYPED.fullmatch(text)
    if match is None:
        raise ValueError(
            f"Write an amount in {currency} with digits{' and a point' if places else ' only'}, "
            f"such as {sample.removesuffix(f' {currency}')} or {sample}."
        )
    whole, rest, named = str(match[1]), str(match[2] or ""), match[3]
    if named not in (None, currency):
        raise ValueError(f"The amount must be in {currency}, not in {named}.")
    if len(rest) > places:
        raise ValueError(f"An amount in {currency} has {places or 'no'} decimals{' at most' if places else ''}.")
    digits = f"{whole}{rest:0<{places}}"
    # Python refuses to read thousands of digits.
    if len(digits) > _DIGITS or int(digits) > LARGEST:
        raise ValueError(f"An amount in {currency} is at most {write_amount(LARGEST, currency)}.")
    return int(digits)
