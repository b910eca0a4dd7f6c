"""What Stripe's webhooks say of orders, as commands `payment_event`.

A report's id is made of what happened to which object, not of the event's own: Stripe reports a failed refund by up to
three events, in any order, and each of them again until it was taken.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from stripe import SignatureVerificationError, WebhookSignature

from recourse.errors import BadInput
from recourse.ports import BadSignature, PaymentReport
from recourse.providers.stripe.amounts import from_stripe
from recourse.providers.stripe.marks import LEG, ORDER, Thing, has_failed, marks

TOLERANCE = 300  # seconds that a signature may be old
# The types of events that say something of orders. An endpoint at Stripe needs no others.
MONEY_CAME_BACK = ("refund.failed", "refund.updated", "charge.refund.updated", "transfer.reversed")
DISPUTES = (
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.closed",
)


def read_event(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[str], order_of: Callable[[str], str | None]
) -> list[PaymentReport]:
    """The reports that an event holds; none where it is not about our orders. `order_of`: the order of a payment
    intent. Raises BadSignature, BadInput."""
    try:
        text = body.decode("utf-8")
        _verify(
            text, next((value for name, value in headers.items() if name.lower() == "stripe-signature"), ""), secrets
        )
        event = json.loads(text)
        kind, about = event["type"], event["data"]["object"]
        # A connected account reports its own payments and its bank's payouts, too.
        if event.get("account"):
            return []
        if kind in MONEY_CAME_BACK:
            return [*_came_back(about)]
        return [*_disputed(about, order_of)] if kind in DISPUTES else []
    except (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise BadInput("This is no event of Stripe's.") from error


def _verify(text: str, header: str | None, secrets: Sequence[str]) -> None:
    if not secrets:
        raise BadSignature("RECOURSE_STRIPE_WEBHOOK_SECRET is not set, so no event of Stripe's can be checked.")
    for secret in secrets:
        try:
            WebhookSignature.verify_header(text, header, secret, TOLERANCE)
        except SignatureVerificationError as error:
            wrong = error
        else:
            return
    raise BadSignature(f"The event's signature is not Stripe's: {wrong.user_message}.") from None


def _came_back(made: Thing) -> Iterable[PaymentReport]:
    mine = marks(made)
    # A part of a transfer that was reversed is no leg's end; reconciliation shows it.
    if ORDER in mine and LEG in mine and has_failed(made):
        yield _report(mine[ORDER], made, "returned", leg=mine[LEG])


def _disputed(dispute: Thing, order_of: Callable[[str], str | None]) -> Iterable[PaymentReport]:
    status, intent = dispute["status"], dispute["payment_intent"]
    # An inquiry (`warning_…`) has taken no money, and neither has a dispute that was prevented.
    if status not in ("needs_response", "under_review", "won", "lost") or not intent:
        return
    if (order := order_of(intent)) is None:
        return
    due = dispute["evidence_details"]["due_by"]
    # Before its end always its beginning: Stripe's events may come in any order, or not at all.
    yield _report(
        order,
        dispute,
        "chargeback_opened",
        amount=from_stripe(dispute["amount"], dispute["currency"]),
        respond_by=datetime.fromtimestamp(due, UTC).isoformat() if due else None,
    )
    if status in ("won", "lost"):
        yield _report(order, dispute, "chargeback_closed", outcome=status)


def _report(order_id: str, about: Thing, event: str, **fields: Any) -> PaymentReport:
    return PaymentReport(
        order_id=order_id,
        event_id=f"{about['id']}.{event}",
        fields={"event": event, "reference": about["id"], **fields},
    )
