"""An order by the Python client: start it, ask to cancel, accept, read where it stands.

    recourse serve --port 8000 &
    RECOURSE_TOKEN=$(recourse token service:shop) python order.py 1001

RECOURSE_API is where the server is, http://localhost:8000 unless it says otherwise.
"""

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta

from recourse import Applied, Client, Freelancer, Outcome, Recourse, Refused, Terms

CLIENT, FREELANCER = Client("c-3"), Freelancer("f-7")


async def main(order_id: str) -> None:
    terms = Terms(
        order_id=order_id,
        client=CLIENT.id,
        freelancer=FREELANCER.id,
        currency="USD",
        price=10_000,  # minor units: 100.00 USD
        service_fee=550,
        ordered_at=datetime.now(UTC),
        delivery_time=timedelta(days=5),
    )
    api = os.environ.get("RECOURSE_API", "http://localhost:8000")
    async with Recourse.connect(api, os.environ["RECOURSE_TOKEN"]) as recourse:
        order = await recourse.start(terms, "resolution_center")

        # Sending the same command_id again is always safe: it gets the first answer and changes nothing.
        for _ in range(2):
            why = "We stopped the campaign."
            say("client", await order.request(by=CLIENT, kind="cancel", comment=why, command_id="web-1"))
        say("client", await order.accept(by=CLIENT, command_id="web-2"))  # nobody accepts their own request
        say("freelancer", await order.accept(by=FREELANCER, command_id="app-1"))

        page = await order.show("client")
        how, money = page.resolution and page.resolution.how, page.money
        print(f"The order is {page.phase} ({how}), its money {page.settlement}.")
        print(f"client {money.client}, freelancer {money.freelancer}, platform {money.platform}")


def say(who: str, outcome: Outcome) -> None:
    match outcome:
        case Applied(phase=phase):
            answer = f"applied, {phase}"
        case Refused(code=code):
            answer = f"refused, {code}"
    print(f"{outcome.command} by the {who}: {answer}{' (repeated)' if outcome.repeated else ''}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
