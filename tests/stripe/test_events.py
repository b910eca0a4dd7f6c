"""What Stripe's webhooks say of orders: signed, in any order, more than once."""

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from recourse.errors import BadInput
from recourse.ports import BadSignature, PaymentReport
from recourse.providers.stripe.adapter import Stripe
from recourse.providers.stripe.events import DISPUTES, MONEY_CAME_BACK
from recourse.resolution.model.commands import COMMANDS
from tests.stripe.books import Thing
from tests.stripe.fake import KEY, WEBHOOK_SECRET, FakeStripe
from tests.stripe.shop import ORDER, account, collected, leg, to_check


def reports(fake: FakeStripe, provider: Stripe, *kinds: str) -> list[PaymentReport]:
    """What the provider reads out of the fake's events, in their order."""
    chosen = [event for event in fake.events if not kinds or event["type"] in kinds]
    return [report for event in chosen for report in provider.read_event(*fake.signed(event))]


def paid(fake: FakeStripe, provider: Stripe) -> str:
    intent = collected(fake)
    provider.check(to_check(intent, account(fake)))
    return intent


def test_a_refund_that_fails_is_one_report_though_stripe_sends_three_events(fake: FakeStripe, provider: Stripe) -> None:
    reference = str(provider.pay(leg("refund", 4_000, payment=paid(fake, provider))))
    fake.fail_refund(reference)

    found = reports(fake, provider)

    assert len(found) == 3
    assert set(map(PaymentReport.model_dump_json, found)) == {
        PaymentReport(
            order_id=ORDER,
            event_id=f"{reference}.returned",
            fields={"event": "returned", "reference": reference, "leg": "1.refund"},
        ).model_dump_json()
    }


def test_a_transfer_comes_back_when_all_of_it_is_reversed(fake: FakeStripe, provider: Stripe) -> None:
    asked = leg("payout", 4_000, payment=paid(fake, provider), destination=account(fake))
    reference = str(provider.pay(asked))
    fake.post_reversals(reference, {"amount": "1000"})
    assert reports(fake, provider) == []
    fake.post_reversals(reference, {})

    [report] = reports(fake, provider)
    assert (report.event_id, report.fields["leg"]) == (f"{reference}.returned", "1.payout")


def test_a_debt_that_was_collected_by_a_reversal_leaves_the_payout_paid(fake: FakeStripe, provider: Stripe) -> None:
    asked = leg("payout", 4_000, payment=paid(fake, provider), destination=account(fake))
    reference = str(provider.pay(asked))
    fake.post_reversals(reference, {"metadata": {"recourse_debt": ORDER}})

    assert reports(fake, provider) == []
    assert provider.find(asked) == reference


def test_a_dispute_may_be_under_review_from_the_start(fake: FakeStripe, provider: Stripe) -> None:
    dispute = fake.dispute(paid(fake, provider), status="under_review")

    assert {report.event_id for report in reports(fake, provider)} == {f"{dispute}.chargeback_opened"}


def test_a_dispute_about_a_payment_that_this_account_does_not_have_is_not_ours(
    fake: FakeStripe, provider: Stripe
) -> None:
    intent = paid(fake, provider)
    fake.dispute(intent)
    del fake.things[intent]
    assert reports(fake, provider) == []


@pytest.mark.parametrize("outcome", ["won", "lost"])
def test_a_dispute_opens_and_closes_a_chargeback(fake: FakeStripe, provider: Stripe, outcome: str) -> None:
    dispute = fake.dispute(paid(fake, provider), 5_000)
    due = fake.things[dispute]["evidence_details"]["due_by"]
    fake.set_dispute(dispute, "under_review")
    fake.set_dispute(dispute, outcome)
    opened = {
        "event": "chargeback_opened",
        "reference": dispute,
        "amount": 5_000,
        "respond_by": datetime.fromtimestamp(due, UTC).isoformat(),
    }
    closed = {"event": "chargeback_closed", "reference": dispute, "outcome": outcome}

    found = reports(fake, provider)

    assert {report.order_id for report in found} == {ORDER}
    assert {report.event_id: report.fields for report in found} == {
        f"{dispute}.chargeback_opened": opened,
        f"{dispute}.chargeback_closed": closed,
    }
    # The last event alone says all of it, in its order.
    last = reports(fake, provider, "charge.dispute.closed")
    assert [report.fields["event"] for report in last] == ["chargeback_opened", "chargeback_closed"]


def test_an_inquiry_is_no_chargeback_until_the_bank_takes_the_money(fake: FakeStripe, provider: Stripe) -> None:
    asked, taken = (fake.dispute(paid(fake, provider), status="warning_needs_response") for _ in range(2))
    fake.set_dispute(asked, "warning_under_review")
    fake.set_dispute(asked, "warning_closed")
    assert reports(fake, provider) == []
    fake.set_dispute(taken, "needs_response")

    assert {report.event_id for report in reports(fake, provider)} == {f"{taken}.chargeback_opened"}


def test_reports_are_commands_that_an_order_takes(fake: FakeStripe, provider: Stripe) -> None:
    intent = paid(fake, provider)
    fake.fail_refund(str(provider.pay(leg("refund", 4_000, payment=intent))))
    fake.set_dispute(fake.dispute(intent, 5_000), "lost")

    for report in reports(fake, provider):
        actor = {"role": "system", "id": "stripe"}
        command = COMMANDS["payment_event"](command_id=report.event_id, actor=actor, **report.fields)
        assert command.model_dump(exclude_none=True)["reference"] == report.fields["reference"]


def test_amounts_of_disputes_are_ours(fake: FakeStripe, provider: Stripe) -> None:
    intent = collected(fake, 50_000, "isk", metadata={"recourse_order": ORDER})
    fake.dispute(intent)

    assert {report.fields["amount"] for report in reports(fake, provider)} == {500}


def test_events_that_are_not_of_our_orders_say_nothing(fake: FakeStripe, provider: Stripe) -> None:
    others = collected(fake)
    fake.fail_refund(fake.post_refunds({"payment_intent": others, "amount": "100"})["id"])
    fake.dispute(others)
    mine = str(provider.pay(leg("refund", 4_000, payment=paid(fake, provider))))
    fake.fail_refund(mine)
    known, failed = fake.events[0], fake.events[-1]
    elsewhere = [
        known | {"type": "payout.failed", "data": {"object": {"id": "po_1", "object": "payout"}}},
        known | {"type": "account.updated", "data": {"object": {"id": "acct_1", "object": "account"}}},
        # A connected account's own business.
        failed | {"account": "acct_1"},
    ]

    assert [provider.read_event(*fake.signed(event)) for event in elsewhere] == [[], [], []]
    assert {report.fields["reference"] for report in reports(fake, provider)} == {mine}


def test_the_page_names_each_event_that_an_endpoint_at_stripe_needs() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "payments.md").read_text(encoding="utf-8")
    third = page.partition("## Stripe Connect")[2].partition("3. Have Stripe post")[2].partition("\n\n")[0]

    assert set(re.findall(r"`([a-z_]+\.[a-z_.]+)`", third)) == {*MONEY_CAME_BACK, *DISPUTES}


def event(fake: FakeStripe) -> Thing:
    fake.dispute(collected(fake))
    return fake.events[-1]


@pytest.mark.parametrize("secret", ["whsec_other", "whsec_"])
def test_a_signature_by_somebody_else_is_refused(fake: FakeStripe, provider: Stripe, secret: str) -> None:
    with pytest.raises(BadSignature, match="The event's signature is not Stripe's"):
        provider.read_event(*fake.signed(event(fake), secret))


def test_a_body_that_was_changed_or_is_old_or_unsigned_is_refused(fake: FakeStripe, provider: Stripe) -> None:
    signed, body = fake.signed(event(fake))
    old = fake.signed(event(fake), at=int(time.time()) - 301)

    for headers, sent in ((signed, body + b" "), old, ({}, body), ({"Stripe-Signature": "t=x"}, body)):
        with pytest.raises(BadSignature):
            provider.read_event(headers, sent)
    assert provider.read_event({name.lower(): value for name, value in signed.items()}, body) == []


def test_two_secrets_hold_while_one_replaces_the_other(fake: FakeStripe) -> None:
    signed = fake.signed(event(fake))

    assert Stripe(KEY, webhook_secrets=["whsec_new", WEBHOOK_SECRET], url=fake.url).read_event(*signed) == []
    with pytest.raises(BadSignature, match="RECOURSE_STRIPE_WEBHOOK_SECRET is not set"):
        Stripe(KEY, url=fake.url).read_event(*signed)


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"type": "refund.failed"}', '{"type": "refund.failed", "data": 1}'])
def test_a_signed_body_that_is_no_event_is_refused(fake: FakeStripe, provider: Stripe, body: Any) -> None:
    headers, _ = fake.signed(event(fake))
    from stripe import WebhookSignature

    headers = {"Stripe-Signature": WebhookSignature.generate_signature_header(body, WEBHOOK_SECRET)}
    with pytest.raises(BadInput, match="This is no event of Stripe's"):
        provider.read_event(headers, body.encode())
    with pytest.raises(BadInput):
        provider.read_event(headers, b"\xff")


def test_a_dispute_waits_for_its_order_where_stripe_does_not_answer(fake: FakeStripe) -> None:
    signed = fake.signed(event(fake))

    with pytest.raises(Exception, match="Stripe did not answer"):
        Stripe(KEY, webhook_secrets=[WEBHOOK_SECRET], url="http://127.0.0.1:9").read_event(*signed)
    assert json.loads(signed[1])["type"] == "charge.dispute.funds_withdrawn"
