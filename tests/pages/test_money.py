"""What the pages say of payments: each party its own in people's words, operators all of it and what to do."""

from typing import Any

from recourse.database.displays import write_display
from recourse.resolution.model.display import Display
from tests.activities.conftest import Written
from tests.pages.conftest import Visitors

RESPOND_BY = "2027-03-20T00:00:00Z"


async def returned(pool: Any, order_id: str) -> Written:
    """An order whose payout came back."""
    written = await Written(pool, order_id=order_id).open()
    await written.by("freelancer", "deliver")
    await written.by("client", "complete")
    await written.by("system", "payment_event", event="returned", leg="1.payout", reference="re_81")
    return written


async def contested(pool: Any, order_id: str) -> Written:
    written = await Written(pool, order_id=order_id).open()
    taken: dict[str, Any] = {"amount": 4_000, "reference": "dp_77", "respond_by": RESPOND_BY}
    await written.by("system", "payment_event", event="chargeback_opened", **taken)
    return written


async def test_a_payment_that_came_back_is_told_to_its_party_without_a_reference(pool: Any, visitor: Visitors) -> None:
    order_id = (await returned(pool, "m-returned")).order_id
    freelancer, client = await visitor("freelancer", "f-1"), await visitor("client", "c-1")
    await freelancer.open(f"orders/{order_id}")
    assert "You are to get 80.00 USD." in freelancer.words
    assert "80.00 USD came back from your bank; the marketplace is looking at it." in freelancer.words
    assert "Your money has not arrived yet" in freelancer.words
    assert "A payment came back The marketplace" in freelancer.words
    assert "re_81" not in freelancer.text
    await client.open(f"orders/{order_id}")
    assert "from your bank" not in client.words
    assert "has not arrived yet" not in client.words


async def test_an_operator_sees_a_stuck_payment_first_and_what_making_it_again_leads_to(
    pool: Any, visitor: Visitors
) -> None:
    order_id = (await returned(pool, "m-again")).order_id
    operator = await visitor("operator")
    await operator.open(f"orders/{order_id}")
    assert "A payment is stuck" in operator.words
    assert "Reference re_81" in operator.words
    assert "80.00 USD to the freelancer: came back 1.payout" in operator.words
    assert "25.50 USD to the marketplace: done 1.fee" in operator.words
    await operator.open(f"orders/{order_id}/retry-payment")
    assert "80.00 USD to the freelancer: came back" in operator.words
    await operator.submit("preview", leg="1.payout")
    assert "Nothing is done yet." in operator.words
    assert "As soon as the provider pays The order stays completed." in operator.words
    assert "Freelancer 80.00 USD" in operator.words
    await operator.open(f"orders/{order_id}/settle-by-hand")
    await operator.submit("preview", leg="1.payout", reference="WIRE-7", explanation="Paid by our bank.")
    assert "As soon as you confirm The order stays completed." in operator.words


async def test_a_chargeback_shows_operators_until_when_to_answer_and_its_reference(
    pool: Any, visitor: Visitors
) -> None:
    order = await contested(pool, "m-contested")
    order_id = order.order_id
    operator, client = await visitor("operator"), await visitor("client", "c-1")
    await operator.open(f"orders/{order_id}")
    assert "Answer the bank by Sat 20 Mar 2027, 00:00 UTC" in operator.words
    assert "Reference of the dispute: dp_77" in operator.words
    assert "If the bank does not decide until" in operator.words
    await client.open(f"orders/{order_id}")
    assert "Your bank disputes the payment." in client.words
    assert "You paid 105.50 USD; the marketplace holds 65.50 USD." in client.words
    assert "dp_77" not in client.text
    assert "Answer the bank" not in client.text
    await order.by("operator", "hold", explanation="We look into it.")
    await operator.open(f"orders/{order_id}")
    assert "This order is on hold" in operator.words
    assert "Answer the bank by Sat 20 Mar 2027, 00:00 UTC" in operator.words


async def test_operators_have_a_list_of_the_money_that_is_stuck_but_in_their_own_orders(
    pool: Any, visitor: Visitors
) -> None:
    operator, party = await visitor("operator"), await visitor("operator", "c-1")
    await operator.open("money")
    assert "No money is stuck." in operator.words
    await returned(pool, "m-1")
    await contested(pool, "m-2")
    await write_display(pool, "m-2", Display(title="Logo for a bakery", client_name="Ada"))
    for somebody, sees in ((operator, True), (party, False)):
        await somebody.open("money")
        assert ("80.00 USD Came back To the freelancer 1.payout c-1 f-1" in somebody.words) is sees
        assert ("m-2 Logo for a bakery 40.00 USD" in somebody.words) is sees
        assert ("dp_77 Answer the bank by Sat 20 Mar 2027, 00:00 UTC" in somebody.words) is sees
    client = await visitor("client", "c-1")
    assert (await client.open("money")).status_code == 403
    assert "m-1" not in client.text


async def test_the_list_of_a_partys_orders_says_with_whom_and_for_how_much(pool: Any, visitor: Visitors) -> None:
    order_id = (await Written(pool).open()).order_id
    for role, name, other in (("client", "c-1", "from f-1"), ("freelancer", "f-1", "for c-1")):
        somebody = await visitor(role, name)
        await somebody.open("orders")
        assert f"Order {order_id} 100.00 USD {other}" in somebody.words


async def test_what_the_freelancer_owes_is_not_in_the_clients_story(pool: Any, visitor: Visitors) -> None:
    written = await Written(pool, order_id="m-debt", changes={"money.chargeback_loss": "freelancer"}).open()
    await written.by("freelancer", "deliver")
    await written.by("client", "complete")
    await written.by("system", "payment_event", event="chargeback_opened", amount=10_550)
    await written.by("system", "payment_event", event="chargeback_closed", outcome="lost")
    freelancer, client = await visitor("freelancer", "f-1"), await visitor("client", "c-1")
    await freelancer.open(f"orders/{written.order_id}")
    assert "You owe the marketplace for it." in freelancer.words
    await client.open(f"orders/{written.order_id}")
    assert "The client's bank took the money for good" in client.words
    assert " owe" not in client.words


async def test_what_is_asked_while_an_order_stands_still_is_said(pool: Any, visitor: Visitors) -> None:
    written = await Written(pool, order_id="m-still").open()
    await written.by("client", "request", kind="cancel", comment="We stop here.")
    await written.by("system", "payment_event", event="chargeback_opened", amount=4_000)
    freelancer = await visitor("freelancer", "f-1")
    await freelancer.open(f"orders/{written.order_id}")
    assert "no money moves. The client asks to cancel the order." in freelancer.words


async def test_a_group_says_which_of_its_orders_have_trouble_with_money(pool: Any, visitor: Visitors) -> None:
    disputed = await Written(pool, order_id="m-g1", group="m-g", part=1).open()
    stuck = await Written(pool, order_id="m-g2", group="m-g", part=2).open()
    held = await Written(pool, order_id="m-g3", group="m-g", part=3).open()
    await disputed.by("system", "payment_event", event="chargeback_opened", amount=4_000)
    await stuck.by("freelancer", "deliver")
    await stuck.by("client", "complete")
    await stuck.by("system", "payment_event", event="returned", leg="1.payout")
    await held.by("operator", "hold", explanation="We look into it.")
    operator = await visitor("operator")
    await operator.open("groups/m-g")
    assert "Client c-1 , freelancer f-1" in operator.words
    for said in ("In progress Payment disputed", "Completed Payment stuck", "In progress On hold"):
        assert said in operator.words
    assert "Taken by the bank 40.00 USD" in operator.words
