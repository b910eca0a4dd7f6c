"""Separate charges and transfers: refunds of the order's payment intent, transfers to the freelancer's account.

What is left is the platform's fee: it has been in the platform's balance all along. Each refund and each transfer says
in its metadata which order, leg and key it is for; the payment intent says which order.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from stripe import Refund, RequestsClient, StripeClient, StripeError, Transfer
from stripe.params import PaymentIntentRetrieveParams, RefundCreateParams, TransferCreateParams

from recourse.ports import CannotPay, Movement, PaymentLeg, PaymentReport, PaymentToCheck
from recourse.providers.stripe.amounts import from_stripe, to_stripe
from recourse.providers.stripe.errors import judged, meaning_of
from recourse.providers.stripe.events import read_event
from recourse.providers.stripe.marks import KEY, LEG, ORDER, Thing, came_back, has_failed, marks
from recourse.resolution.model.amounts import write_amount

_ANSWERS_WITHIN = 8  # seconds for each call of the few that a leg needs
# Stripe repeats its answer to a key for a day, also where it was that the balance does not cover the amount. So many
# seconds later such a leg is asked for under a fresh key. No call takes nearly as long.
_AGAIN = 600
_PAGE = 100  # the most that Stripe lists at once
_WITH_CHARGE: PaymentIntentRetrieveParams = {"expand": ["latest_charge.balance_transaction"]}


class Stripe:
    """A platform's account at Stripe. `key` is its secret key, or a restricted one that may write refunds, transfers
    and payment intents and read charges and accounts; `webhook_secrets` are those of its endpoints there."""

    concurrency = 8
    timeout = 20.0

    def __init__(self, key: str, *, webhook_secrets: Sequence[str] = (), url: str | None = None) -> None:
        self._stripe = StripeClient(
            key,
            base_addresses={"api": url.rstrip("/")} if url else None,
            # Retries are the order's: it asks again, after a look with `find`.
            max_network_retries=0,
            http_client=RequestsClient(timeout=_ANSWERS_WITHIN),
        ).v1
        self._secrets = tuple(webhook_secrets)

    def pay(self, leg: PaymentLeg) -> str | None:
        """Refund, or transfer; the fee stays where it is, so its reference is that of the payment."""
        with _judging(leg.key, leg.amount, leg.currency, payment=leg.payment, destination=leg.destination):
            match leg.name:
                case "refund":
                    return self._refund(leg)
                case "payout":
                    return self._transfer(leg)
                case _:
                    return leg.payment

    def find(self, leg: PaymentLeg) -> str | None:
        """The refund or transfer under the leg's key, unless it has failed or come back."""
        with _judging(leg.key, leg.amount, leg.currency, payment=leg.payment, destination=leg.destination):
            match leg.name:
                case "refund":
                    made = self._refunds(leg)
                case "payout":
                    made = self._transfers(leg, self._charge(leg))
                case _:
                    return None
            known = _under_its_key(made, leg)
            return None if known is None or has_failed(known) else str(known["id"])

    def check(self, payment: PaymentToCheck) -> None:
        """See that the money is there and can go on to the freelancer; note the order in the payment intent."""
        if not payment.payment or not payment.destination:
            missing = "payment, the payment intent" if not payment.payment else "destination, the connected account"
            raise CannotPay(f"The terms name no {missing} at Stripe.")
        id_, destination = payment.payment, payment.destination
        with _judging(payment.order_id, payment.amount, payment.currency, payment=id_, destination=destination):
            intent = self._stripe.payment_intents.retrieve(id_, _WITH_CHARGE).to_dict()
            _check_intent(intent, payment)
            account = self._stripe.accounts.retrieve(destination).to_dict()
            disabled = (account.get("requirements") or {}).get("disabled_reason") or ""
            if disabled.startswith("rejected"):
                raise CannotPay(f"The account {destination} at Stripe is closed: {disabled}.")
            if marks(intent).get(ORDER) != payment.order_id:
                self._stripe.payment_intents.update(id_, {"metadata": {ORDER: payment.order_id}})

    def movements(self, since: datetime) -> Iterator[Movement]:
        """All refunds and transfers that were made for orders since then, also refunds that we did not ask for."""
        begin = int(since.timestamp())
        with _judging():
            refunds = self._stripe.refunds.list(
                {"created": {"gte": begin}, "limit": _PAGE, "expand": ["data.payment_intent"]}
            )
            transfers = self._stripe.transfers.list({"created": {"gte": begin}, "limit": _PAGE})
            for made in chain(_all(refunds), _all(transfers)):
                if movement := _movement(made):
                    yield movement

    def read_event(self, headers: Mapping[str, str], body: bytes) -> list[PaymentReport]:
        """What a webhook of Stripe's says of orders. Raises BadSignature, BadInput."""
        return read_event(headers, body, self._secrets, self._order_of)

    def _refund(self, leg: PaymentLeg) -> str:
        if not leg.payment:
            raise CannotPay("The terms name no payment, so there is nothing to refund.")
        if known := _under_its_key(self._refunds(leg), leg):
            return _paid(known)
        params: RefundCreateParams = {
            "payment_intent": leg.payment,
            "amount": to_stripe(leg.amount, leg.currency),
            "metadata": _marks_of(leg),
        }
        return _paid(self._once(leg, lambda key: self._stripe.refunds.create(params, {"idempotency_key": key})))

    def _transfer(self, leg: PaymentLeg) -> str:
        if not leg.destination:
            raise CannotPay("The terms name no destination, so there is no account to pay to.")
        charge = self._charge(leg)
        made_before = [*self._transfers(leg, charge)]
        if known := _under_its_key(made_before, leg):
            return _paid(known)
        params: TransferCreateParams = {
            "amount": to_stripe(leg.amount, leg.currency),
            "currency": leg.currency.lower(),
            "destination": leg.destination,
            "transfer_group": _group(leg, charge),
            "metadata": _marks_of(leg),
        }
        # An order with extras may pay out more than its first payment.
        if charge and _left_of(charge, made_before) >= params["amount"]:
            # Then the transfer need not wait until the payment is in the platform's balance.
            params["source_transaction"] = charge["id"]
        return _paid(self._once(leg, lambda key: self._stripe.transfers.create(params, {"idempotency_key": key})))

    def _once(self, leg: PaymentLeg, create: Callable[[str], Refund | Transfer]) -> Thing:
        """Create it under the leg's key; where Stripe repeats that its balance was too low, under the present one."""
        now = int(time.time() // _AGAIN)
        # Under the key of the former period, too, so that two calls at its end are one.
        for key, last in ((leg.key, False), (f"{leg.key}~{now - 1}", False), (f"{leg.key}~{now}", True)):
            try:
                return create(key).to_dict()
            except StripeError as error:
                repeated = error.headers is not None and error.headers.get("Idempotent-Replayed") == "true"
                if last or not (repeated and meaning_of(error).unmoved):
                    raise
        raise AssertionError(leg.key)

    def _charge(self, leg: PaymentLeg) -> Thing | None:
        if not leg.payment:
            return None
        charge = self._stripe.payment_intents.retrieve(leg.payment, _WITH_CHARGE).to_dict().get("latest_charge")
        return charge if isinstance(charge, dict) else None

    def _refunds(self, leg: PaymentLeg) -> Iterator[Thing]:
        if leg.payment:
            yield from _all(self._stripe.refunds.list({"payment_intent": leg.payment, "limit": _PAGE}))

    def _transfers(self, leg: PaymentLeg, charge: Thing | None) -> Iterator[Thing]:
        # A charge that had no group when the transfer was made may have one now.
        for group in {leg.order_id, _group(leg, charge)}:
            yield from _all(self._stripe.transfers.list({"transfer_group": group, "limit": _PAGE}))

    def _order_of(self, intent: str) -> str | None:
        """The order that a payment intent is for; None: it is for none of ours."""
        try:
            with _judging(payment=intent):
                return marks(self._stripe.payment_intents.retrieve(intent).to_dict()).get(ORDER)
        except CannotPay:
            return None


def _check_intent(intent: Thing, payment: PaymentToCheck) -> None:
    """Raises CannotPay with what is wrong with it."""
    name, status, currency = f"The payment {intent['id']}", intent["status"], payment.currency
    if (other := marks(intent).get(ORDER, payment.order_id)) != payment.order_id:
        raise CannotPay(f"{name} is for the order {other}.")
    charge = intent.get("latest_charge")
    if status != "succeeded" or not isinstance(charge, dict):
        raise CannotPay(f"{name} has not succeeded at Stripe: it is {status}.")
    if (its := str(intent["currency"]).upper()) != currency:
        raise CannotPay(f"{name} is in {its}, the order in {currency}.")
    # Null while the money is on its way.
    settled = charge.get("balance_transaction")
    if isinstance(settled, dict) and (its := str(settled["currency"]).upper()) != currency:
        raise CannotPay(f"{name} came into the balance at Stripe as {its}, so no {currency} of it can be transferred.")
    if charge.get("disputed"):
        raise CannotPay(f"The client's bank disputes the payment {intent['id']}.")
    left = int(charge["amount_captured"]) - int(charge["amount_refunded"])
    if left < to_stripe(payment.amount, currency):
        there, needed = write_amount(from_stripe(left, currency), currency), write_amount(payment.amount, currency)
        raise CannotPay(f"{name} has {there} left; the order needs {needed}.")


def _under_its_key(made: Iterable[Thing], leg: PaymentLeg) -> Thing | None:
    """What was made under the leg's key. Raises CannotPay where that was another amount."""
    known = next((each for each in made if marks(each).get(KEY) == leg.key), None)
    if known and known["amount"] != to_stripe(leg.amount, leg.currency):
        there = write_amount(from_stripe(known["amount"], known["currency"]), str(known["currency"]).upper())
        asked = write_amount(leg.amount, leg.currency)
        raise CannotPay(f"Under the key {leg.key} Stripe has moved {there} ({known['id']}), not {asked}.")
    return known


def _paid(made: Thing) -> str:
    """The reference of a refund or transfer. Raises CannotPay where it has failed: its key never moves money again."""
    if has_failed(made):
        why = "reversed" if made["object"] == "transfer" else made.get("failure_reason") or made["status"]
        raise CannotPay(f"The {made['object']} {made['id']} has failed at Stripe: {why}.")
    return str(made["id"])


def _left_of(charge: Thing, transfers: Iterable[Thing]) -> int:
    """What of a charge can still be transferred."""
    gone = sum(int(each["amount"]) for each in transfers if each.get("source_transaction") == charge["id"])
    return int(charge["amount"]) - int(charge["amount_refunded"]) - gone


def _movement(made: Thing) -> Movement | None:
    mine, intent, back = marks(made), made.get("payment_intent"), came_back(made)
    order = mine.get(ORDER) or (marks(intent).get(ORDER) if isinstance(intent, dict) else None)
    if order is None:
        return None
    failed = has_failed(made)
    return Movement(
        key=mine.get(KEY),
        order_id=order,
        leg=mine.get(LEG),
        amount=from_stripe(made["amount"] if failed else made["amount"] - back, made["currency"]),
        currency=str(made["currency"]).upper(),
        status=("returned" if back else "failed") if failed else "paid",
        reference=made["id"],
        at=datetime.fromtimestamp(made["created"], UTC),
    )


def _all(page: Any) -> Iterable[Thing]:
    return (each.to_dict() for each in page.auto_paging_iter())


def _group(leg: PaymentLeg, charge: Thing | None) -> str:
    return str((charge and charge.get("transfer_group")) or leg.order_id)


def _marks_of(leg: PaymentLeg) -> dict[str, str]:
    return {ORDER: leg.order_id, LEG: leg.leg, KEY: leg.key}


@contextmanager
def _judging(
    key: str | None = None,
    amount: int = 0,
    currency: str = "",
    *,
    payment: str | None = None,
    destination: str | None = None,
) -> Iterator[None]:
    try:
        yield
    except StripeError as error:
        written = write_amount(amount, currency)
        # Not "from error": that one repeats whole answers.
        raise judged(error, {"payment": payment, "destination": destination, "amount": written, "key": key}) from None
