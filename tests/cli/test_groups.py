"""A group on the command line: its page, and one command to each of its orders."""

from secrets import token_hex

import pytest

from tests.cli.test_orders import run
from tests.process.conftest import Marketplace, client, marketplace

__all__ = ["client", "marketplace"]

CANCEL = ("--as", "client", "--kind", "cancel", "--reason", "other", "--comment", "We stop here.")


@pytest.fixture
def environment(dsn: str, temporal_address: str, marketplace: Marketplace) -> dict[str, str]:
    return {"DATABASE_URL": dsn, "TEMPORAL_ADDRESS": temporal_address, "RECOURSE_TASK_QUEUE": marketplace.queue}


async def test_the_rest_of_a_group_is_canceled(environment: dict[str, str]) -> None:
    group = f"g-{token_hex(4)}"
    terms = ("--client", "c-1", "--freelancer", "f-1", "--price", "100", "--policy", "upwork", "--group", group)
    for part in ("1", "2"):
        started = await run(environment, "order", "start", f"{group}-{part}", *terms, "--part", part)
        assert started.status == 0, started.error
    misfit = await run(environment, "order", "start", f"{group}-3", *terms, "--part", "2")
    assert (misfit.status, f"has order {group}-2 as part 2" in misfit.error) == (1, True)

    for amount, says in (("3=0", "has no part 3"), ("25", "write the part"), ("2=x", "--amount")):
        wrong = await run(environment, "group", "request", group, *CANCEL, "--amount", amount)
        assert (wrong.status, says in wrong.error) == (2, True), wrong.error
    asked = await run(environment, "group", "request", group, *CANCEL, "--amount", "1=0", "--amount", "2=25")
    assert (asked.status, asked.output.count("applied")) == (0, 2), asked.output + asked.error
    assert [f"order {group}-{part}, part {part}" in asked.output for part in (1, 2)] == [True, True]
    answered = await run(environment, "group", "accept", group, "--as", "freelancer", "--json")
    assert [one["status"] for one in answered.json] == ["applied", "applied"]
    refused = await run(environment, "group", "withdraw", group, "--as", "client")
    assert (refused.status, refused.output.count("refused (order_closed)")) == (1, 2)

    page = (await run(environment, "group", "show", group)).output
    for said in (f"{group}-1", f"{group}-2", "nobody", "200.00 USD"):
        assert said in page, page
    shown = (await run(environment, "group", "show", group, "--for", "client", "--json")).json
    assert shown["money"]["USD"] | {"platform": 0, "freelancer": 0} == {
        **dict.fromkeys(("freelancer", "platform", "held"), 0),
        "client": 17_500,
    }
    listed = await run(environment, "orders", "list", "--group", group, "--json")
    assert [row["order_id"] for row in listed.json] == [f"{group}-1", f"{group}-2"]
    assert "There is no group nobody." in (await run(environment, "group", "show", "nobody")).error
