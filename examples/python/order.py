"""An order by the Python client: start it, ask to cancel, accept, read where it stands.

    python order.py 1001

DATABASE_URL and TEMPORAL_ADDRESS lead to the servers; RECOURSE_TASK_QUEUE is `recourse` unless it says otherwise.
"""

import asyncio
import sys
from datetime import UTC, datetime, timedelta

from recourse import Applied, Client, Freelancer, Outcome, Recourse, Refused, Terms, load_policy

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
    async with Recourse.connect() as recourse:
        order = await recourse.start(terms, load_policy("resolution_center"))

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
