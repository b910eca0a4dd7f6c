"""Pages call an order and its parties as the marketplace does; the id stays where somebody may need it."""

import re

from recourse.resolution.model.display import Display
from tests.http.conftest import Orders
from tests.pages.conftest import Visitors, started
from tests.pages.test_lists import ESCALATED
from tests.process.conftest import Marketplace

LOGO = Display(
    title="Logo <b>for</b> a bakery",
    link="https://market.example/orders/1?a=1&b=2",
    image="https://cdn.example:8443/1.png",
    client_name="Ben",
    freelancer_name="Ada",
)


async def test_an_order_is_called_by_its_title_on_every_page(
    marketplace: Marketplace, visitor: Visitors, order: Orders
) -> None:
    order_id = await started(marketplace, order, *ESCALATED)
    await marketplace.recourse.order(order_id).set_display(LOGO)
    client, operator = await visitor("client"), await visitor("operator")
    assert "Logo <b>for</b> a bakery, with Ada" in client.words
    assert f"Order {order_id}" in client.words
    assert "Logo <b>for</b> a bakery, with Ben and Ada" in operator.words
    assert order_id in operator.words
    await client.open(f"orders/{order_id}")
    assert "<h1><bdi>Logo &lt;b&gt;for&lt;/b&gt; a bakery, with Ada</bdi></h1>" in client.text
    assert f"Order {order_id} . Look at it at the marketplace" in client.words
    assert 'href="https://market.example/orders/1?a=1&amp;b=2"' in client.text
    assert "Name Ada" in client.words
    assert "Name Ben" in client.words
    await client.open(f"orders/{order_id}/message")
    assert "Logo <b>for</b> a bakery, with Ada" in client.words
    await client.submit("preview", comment="Hello")
    assert "Logo <b>for</b> a bakery, with Ada" in client.words


async def test_a_browser_fetches_the_picture_from_its_origin_and_from_nowhere_else(
    visitor: Visitors, order: Orders, marketplace: Marketplace
) -> None:
    pictured, plain = await order(), await order()
    await marketplace.recourse.order(pictured).set_display(LOGO)
    client = await visitor("client")
    sources = {
        order_id: re.findall(
            "img-src ([^;]+)", (await client.open(f"orders/{order_id}")).headers["content-security-policy"]
        )
        for order_id in (pictured, plain)
    }
    assert sources == {pictured: ["'self' https://cdn.example:8443"], plain: ["'self'"]}
