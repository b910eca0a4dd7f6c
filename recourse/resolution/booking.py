"""What a step writes about money: the ledger's lines, and what the payment provider is to be asked for."""

from recourse.resolution.model.order import Order
from recourse.resolution.model.step import LedgerLine, LegRow


def collected(amount: int) -> tuple[LedgerLine, ...]:
    """What the marketplace has collected from the client into escrow."""
    lines = LedgerLine(account="client", amount=-amount), LedgerLine(account="escrow", amount=amount)
    return lines if amount else ()


def ledger_lines(before: Order, after: Order) -> tuple[LedgerLine, ...]:
    """What a step moves into escrow and out of it, in the ledger."""
    sums = after.moved.minus(before.moved)
    lines = (
        *collected(after.price + after.service_fee - before.price - before.service_fee),
        LedgerLine(account="escrow", amount=-sums.total),
        LedgerLine(account="client", amount=sums.client),
        LedgerLine(account="freelancer", amount=sums.freelancer),
        LedgerLine(account="platform", amount=sums.platform),
        LedgerLine(account="contested", amount=sums.contested),
    )
    return tuple(line for line in lines if line.amount)


def leg_rows(before: Order, after: Order) -> tuple[LegRow, ...]:
    """The legs that a step adds or changes; the built-in ledger needs none of them written."""
    if after.opening.provider == "ledger":
        return ()
    known = {leg.id: leg for leg in before.legs}
    rows: list[LegRow] = []
    for leg in after.legs:
        former = known.get(leg.id)
        if former is not None and former.key != leg.key:
            # Its former key pays nothing any more.
            rows.append(LegRow.of(former.model_copy(update={"status": "void"}), after))
        if former is None or (former.key, former.status) != (leg.key, leg.status):
            rows.append(LegRow.of(leg, after))
    return tuple(rows)
