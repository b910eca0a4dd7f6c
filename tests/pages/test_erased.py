"""A page of an order whose words were erased."""

from typing import Any

from tests.http.conftest import Orders
from tests.pages.conftest import Visitors
from tests.process.conftest import Marketplace


async def test_operators_see_what_was_erased_and_why(
    visitor: Visitors, order: Orders, marketplace: Marketplace, pool: Any
) -> None:
    order_id = await order()
    assert (await marketplace.by("client", order_id, "message", comment="QwordQ")).applied
    await pool.execute("UPDATE orders SET closed_at = now(), next_clock = NULL, next_clock_at = NULL")
    await pool.execute("SELECT erase_order($1, 'texts', '{client}', 'Ticket <77>', 'Art. 17 GDPR')", order_id)
    told = "texts of the client . Reason: Ticket <77> . Legal basis: Art. 17 GDPR ."
    for role, seen in (("operator", True), ("client", False), ("freelancer", False)):
        somebody = await visitor(role)
        assert (await somebody.open(f"orders/{order_id}")).status_code == 200
        assert "QwordQ" not in somebody.text
        assert "[erased]" in somebody.words
        assert (told.replace(" .", ".") in somebody.words.replace(" .", ".")) == seen
