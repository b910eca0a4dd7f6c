"""Money that does not arrive, comes back, or is charged back, in a test.

Recourse is not on PyPI; name a checkout: pip install '/path/to/recourse[local]' pytest && pytest
"""

import uuid
from datetime import UTC, datetime
from typing import Any

from recourse.testing import Sandbox


def test_a_payout_is_refused_then_paid_comes_back_and_is_charged_back(recourse_sandbox: Sandbox) -> None:
    order_id = str(uuid.uuid4())
    terms = {
        "order_id": order_id,
        "client": "c-3",
        "freelancer": "f-7",
        "price": 10_000,  # minor units: 100.00 USD
        "ordered_at": datetime.now(UTC).isoformat(),
        "delivery_time": "5d",
    }
    with recourse_sandbox.http() as shop:

        def give(role: str, command: str, **fields: str) -> None:
            path = f"/orders/{order_id}/commands/{command}"
            shop.post(path, params={"as": role}, json=fields).raise_for_status()

        def order() -> dict[str, Any]:
            found: dict[str, Any] = shop.get(f"/orders/{order_id}").json()
            return found

        shop.post("/orders", json={"terms": terms, "provider": "sandbox"}).raise_for_status()
        recourse_sandbox.payments_will(order_id, "refuse")
        give("freelancer", "deliver")
        give("client", "complete")
        assert order()["settlement"] == "blocked"

        recourse_sandbox.payments_will(order_id, "pay")
        for leg in ("1.payout", "1.fee"):
            give("operator:op-1", "retry_payment", leg=leg)
        assert order()["settlement"] == "settled"

        recourse_sandbox.return_payment(order_id, "1.payout")
        assert order()["settlement"] == "blocked"
        give("operator:op-1", "retry_payment", leg="1.payout")

        recourse_sandbox.open_chargeback(order_id)
        assert order()["money"]["contested"] == 10_000
        recourse_sandbox.close_chargeback(order_id, "won")
        assert order()["money"]["contested"] == 0
