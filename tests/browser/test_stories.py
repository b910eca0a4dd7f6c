"""One whole story for each policy, clicked through by everybody who has a part in it."""

from datetime import timedelta

from tests.browser.conftest import PHONE, People, Site


async def test_resolution_center_silence_on_a_request_cancels(site: Site, person: People) -> None:
    order_id = await site.order("resolution_center")
    client = await person("client", order_id, viewport=PHONE)
    freelancer = await person("freelancer", order_id, viewport=PHONE, color_scheme="dark")
    await client.see("The order is being worked on")
    await freelancer.see("Deliver it when it is done.")

    await client.choose("Ask to cancel")
    await client.tick("No longer needed")
    await client.fill(Explanation="We stopped the campaign.", Note_for_operators="Ask me before you call them.")
    await client.press("See what it leads to")
    await client.see("If it is accepted", "If nobody does anything until", "105.50 USD", "Silence counts as agreement.")
    await client.press("Change it")
    await client.fill(Explanation="We stopped the campaign for good.")
    await client.press("See what it leads to")
    await client.press("Ask to cancel")
    await client.see("Done.", "Waiting for the freelancer's answer", "1 day 23 hours left")

    await freelancer.open(order_id)
    await freelancer.see("Your answer is needed", "We stopped the campaign for good.", "Silence counts as agreement.")
    assert "Ask me before" not in await freelancer.page.content()

    await site.wait(order_id, timedelta(hours=48, minutes=1))
    await freelancer.open(order_id)
    await freelancer.see("This order is canceled", "Nobody answered in time", "The time to answer was over")
    await client.open(order_id)
    await client.see("This order is canceled", "Client (you)", "105.50 USD", "It has been paid out.")


async def test_glimmer_an_agreed_fee_is_undone_agreed_again_and_settled_a_day_later(site: Site, person: People) -> None:
    order_id = await site.order("glimmer")
    client, freelancer = await person("client", order_id), await person("freelancer", order_id)

    await client.choose("Ask to cancel")
    await client.press("See what it leads to")
    await client.see("This was not done", "Enter an amount.")
    await client.page.get_by_role("link", name="What the freelancer gets: Enter an amount.").click()
    await client.page.keyboard.type("40")
    await client.tick("Not as agreed", "We have talked about it.", "We have tried to solve it.")
    await client.tick("We have agreed on what the freelancer gets.")
    await client.press("See what it leads to")
    await client.see("63.30 USD", "32.00 USD", "10.20 USD", "An operator looks at the order.")
    await client.press("Ask to cancel")
    await client.see("Done.")

    await freelancer.open(order_id)
    await freelancer.see("Freelancer gets", "40.00 USD", "Not as agreed")
    await freelancer.do("Accept", "Accept", "The order is canceled.", "The money moves on")
    await client.open(order_id)
    await client.see("This order is canceled", "It is held until the time to undo or appeal is over.")
    await client.do("Undo the cancellation", "Undo it", "The order goes on")
    await client.see("The order is being worked on")

    await client.choose("Ask to cancel")
    await client.tick("Not as agreed", "We have talked about it.", "We have tried to solve it.")
    await client.tick("We have agreed on what the freelancer gets.")
    await client.fill(What_the_freelancer_gets="50")
    await client.press("See what it leads to")
    await client.press("Ask to cancel")
    await freelancer.open(order_id)
    await freelancer.do("Accept", "Accept", "40.00 USD")

    await site.wait(order_id, timedelta(hours=24, minutes=1))
    await freelancer.open(order_id)
    await freelancer.see("It has been paid out.", "Freelancer (you)", "40.00 USD")
    await client.open(order_id)
    await client.see("52.75 USD")


async def test_fiverr_guide_a_decline_goes_to_an_operator_whose_ruling_is_final(site: Site, person: People) -> None:
    order_id = await site.order("fiverr_guide")
    freelancer, client = await person("freelancer", order_id), await person("client", order_id, viewport=PHONE)
    operator = await person("operator")
    await operator.see("No case waits.")

    await freelancer.choose("Ask to cancel")
    await freelancer.tick("Unforeseen")
    await freelancer.press("See what it leads to")
    await freelancer.see("This was not done", "Explanation")
    await freelancer.fill(Explanation="The studio is closed.")
    await freelancer.press("See what it leads to")
    await freelancer.press("Ask to cancel")

    await client.open(order_id)
    await client.see("The studio is closed.")
    await client.do("Decline", "Decline", "An operator looks at the order.", Comment="I need this.")
    await client.see("An operator looks at this order")

    await operator.page.reload()
    await operator.see(order_id, "Mediation")
    await operator.choose(order_id)
    await operator.see("Propose or rule", "The studio is closed.", "I need this.")
    await operator.choose("Rule")
    await operator.tick("Cancel the order", "Leave a cancellation out of the scores")
    await operator.fill(What_the_freelancer_gets="0", Explanation="A fire is nobody's fault.")
    await operator.press("See what it leads to")
    await operator.see("105.50 USD", "It does not count in the scores.")
    await operator.press("Rule")
    await operator.see("Done.")

    await freelancer.open(order_id)
    await freelancer.see("An operator decided it.", "A fire is nobody's fault.")
    await client.open(order_id)
    await client.see("This order is canceled", "105.50 USD")
    assert "Appeal" not in await client.page.inner_text("main")


async def test_upwork_a_disputed_part_is_mediated_and_reviewed_in_private(site: Site, person: People) -> None:
    order_id = await site.order("upwork")
    client, freelancer = await person("client", order_id), await person("freelancer", order_id, viewport=PHONE)
    operator = await person("operator")

    said = {"Explanation": "The sketch is all we need.", "What_the_freelancer_gets": "10"}
    await client.do("Ask to cancel", "Ask to cancel", "8.00 USD", **said)
    await freelancer.open(order_id)
    await freelancer.see("Your answer is needed", "10.00 USD", "6 days 23 hours left")
    await freelancer.do(
        "Offer another amount", "Offer it", What_the_freelancer_gets="60.00", Comment="Half the pages are done."
    )
    await client.open(order_id)
    await client.see("answers your request", "60.00 USD", "Half the pages are done.")
    await client.do("Decline", "Decline", Comment="They are not.")
    await freelancer.open(order_id)
    await freelancer.do("Take it to an operator", "Take it to an operator", "An operator looks at the order.")

    await operator.page.reload()
    await operator.choose(order_id)
    await operator.do(
        "Propose how to end it",
        "Propose it",
        "32.00 USD",
        What_the_freelancer_gets="40",
        Explanation="Some of them are.",
    )
    await client.open(order_id)
    await client.see("An operator proposes how to end it", "40.00 USD", "Some of them are.")
    await client.do("Accept the proposal", "Accept")
    await freelancer.open(order_id)
    await freelancer.do("Accept the proposal", "Accept", "The order is canceled.")
    await freelancer.see("Both sides accepted the operator's proposal.", "32.00 USD")

    await client.open(order_id)
    await client.choose("Leave a review")
    await client.tick("Private: only the marketplace can read it", "Negative")
    await client.fill(Review="Slow to answer.")
    await client.press("See what it leads to")
    await client.press("Leave it")
    await client.see("Slow to answer.")
    await freelancer.open(order_id)
    assert "Slow to answer." not in await freelancer.page.content()
    await operator.open(order_id)
    await operator.see("Slow to answer.")
