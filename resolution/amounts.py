"""Amounts for people: minor units of a currency written with the decimals that ISO 4217 gives it."""

# Every currency of ISO 4217 that does not have two decimals.
_DECIMALS = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV"), 0
    ),
    **dict.fromkeys(("XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


def decimals(currency: str) -> int:
    """How many decimals an amount in `currency` has; two for a code that ISO 4217 does not know."""
    return _DECIMALS.get(currency, 2)


def write_amount(minor: int, currency: str) -> str:
    """`minor` units as people write them: `105.50 USD`, `10550 JPY`, `-10.550 KWD`."""
    places = decimals(currency)
    whole, rest = divmod(abs(minor), 10**places)
    sign = "-" if minor < 0 else ""
    return f"{sign}{whole}.{rest:0{places}d} {currency}" if places else f"{sign}{whole} {currency}"
