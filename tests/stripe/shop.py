"""What a marketplace on Stripe has: payments that were collected, freelancers with accounts, and legs to pay."""

from typing import Any

from recourse.ports import PaymentLeg, PaymentToCheck
from tests.stripe.books import AT_ONCE, Books

ORDER = "1001"


def collected(books: Books, amount: int = 10_550, currency: str = "usd", card: str = AT_ONCE, **given: Any) -> str:
    """A payment intent that has succeeded."""
    how = {"amount": str(amount), "currency": currency, "payment_method": card, "confirm": "true"}
    return str(books.post_payment_intents({**how, **given})["id"])


def account(books: Books) -> str:
    """A freelancer's account."""
    return str(books.post_accounts({})["id"])


def leg(name: Any, amount: int, **given: Any) -> PaymentLeg:
    """A leg of an order, as the worker reads it from the database."""
    turn = given.get("turn", 1)
    known = {
        "key": f"{ORDER}.payment.1.{name}{f'.{turn}' if turn > 1 else ''}",
        "order_id": ORDER,
        "leg": f"1.{name}",
        "name": name,
        "amount": amount,
        "currency": "USD",
        "provider": "stripe",
        "status": "waiting",
        "reason": None,
        "reference": None,
        "attempts": 0,
        "turn": turn,
        "client": "c-1",
        "freelancer": "f-1",
        "payment": None,
        "destination": None,
    }
    return PaymentLeg(**{**known, **given})


def to_check(payment: str | None, destination: str | None, **given: Any) -> PaymentToCheck:
    """The money of an order of 100.00 USD with a fee of 5.50 USD."""
    known = {"order_id": ORDER, "payment": payment, "destination": destination, "amount": 10_550, "currency": "USD"}
    return PaymentToCheck(**{**known, **given})
