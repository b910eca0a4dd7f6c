"""An order by the Python client: start it, ask to cancel, accept, read where it stands.

    python order.py 1001

DATABASE_URL and TEMPORAL_ADDRESS lead to the servers; RECOURSE_TASK_QUEUE is `recourse` unless it says otherwise.
"""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from recourse import Outcome, Recourse, Terms, load_policy

CLIENT = {"role": "client", "id": "c-3"}
FREELANCER = {"role": "freelancer", "id": "f-7"}


async def main(order_id: str) -> None:
    terms = Terms(
        order_id=order_id,
        client=CLIENT["id"],
        freelancer=FREELANCER["id"],
        currency="USD",
        price=10_000,  # minor units: 100.00 USD
        service_fee=550,
        ordered_at=datetime.now(UTC),
        delivery_time=timedelta(days=5),
    )
    async with Recourse.connect() as recourse:
        await recourse.start(terms, load_policy("resolution_center"))

        async def give(command: str, actor: dict[str, str], command_id: str, **fields: Any) -> Outcome:
            # Sending the same command_id again is always safe: it gets the first answer and changes nothing.
            outcome = await recourse.send(order_id, command, {"actor": actor, "command_id": command_id, **fields})
            answer = f"applied, {outcome.phase}" if outcome.applied else f"refused, {outcome.code}"
            say(f"{command} by the {actor['role']}: {answer}{' (repeated)' if outcome.repeated else ''}")
            return outcome

        cancel = {"kind": "cancel", "comment": "We stopped the campaign."}
        await give("request", CLIENT, "web-1", **cancel)
        await give("request", CLIENT, "web-1", **cancel)
        await give("accept", CLIENT, "web-2")  # nobody accepts their own request
        await give("accept", FREELANCER, "app-1")

        page = await recourse.show(order_id, "client")
        how, money = page.resolution and page.resolution.how, page.money
        say(f"The order is {page.phase} ({how}), its money {page.settlement}.")
        say(f"client {money.client}, freelancer {money.freelancer}, platform {money.platform}")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
