"""48 hours of silence in a test, over HTTP and with the Python client.

Recourse is not on PyPI; name a checkout: pip install '/path/to/recourse[local]' pytest && pytest
"""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

from recourse import Order, Terms, load_policy
from recourse.temporal import Recourse
from recourse.testing import Sandbox


def terms() -> Terms:
    return Terms(
        order_id=str(uuid.uuid4()),
        client="c-3",
        freelancer="f-7",
        currency="USD",
        price=10_000,  # minor units: 100.00 USD
        service_fee=550,
        ordered_at=datetime.now(UTC),
        delivery_time=timedelta(days=5),
    )


def test_a_freelancer_who_says_nothing_for_48_hours_has_agreed(recourse_sandbox: Sandbox) -> None:
    agreed = terms()
    with recourse_sandbox.http() as shop:
        shop.post("/orders", json={"terms": agreed.model_dump(mode="json")}).raise_for_status()
        request = f"/orders/{agreed.order_id}/commands/request"
        shop.post(request, params={"as": "client"}, json={"kind": "cancel"}).raise_for_status()
        recourse_sandbox.advance(agreed.order_id, "48h")
        order = shop.get(f"/orders/{agreed.order_id}").json()
    assert order["phase"] == "canceled"
    assert order["money"] == {"client": 10_550, "freelancer": 0, "platform": 0, "contested": 0, "held": 0}
    told = [sent["name"] for sent in recourse_sandbox.sent(agreed.order_id) if sent["receiver"] == "freelancer"]
    assert {"request_opened", "order_canceled"} <= {*told}


def test_the_same_with_the_python_client(recourse_environment: Sandbox) -> None:
    agreed = terms()

    async def ask() -> None:
        async with Recourse.connect() as recourse:
            await recourse.start(agreed, load_policy("resolution_center"))
            client = {"role": "client", "id": "c-3"}
            await recourse.order(agreed.order_id).send("request", {"actor": client, "kind": "cancel"})

    async def read() -> Order:
        async with Recourse.connect() as recourse:
            return await recourse.order(agreed.order_id).state()

    asyncio.run(ask())
    recourse_environment.advance(agreed.order_id, "48h")
    assert asyncio.run(read()).phase == "canceled"
