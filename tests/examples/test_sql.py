"""The queries show what they say, to the roles that they are for."""

import re

import pytest

from tests.examples.conftest import ROOT, Servers, commands, needs, run


async def queried(servers: Servers, login: str, file: str, order_id: str, **values: str) -> str:
    """What psql prints by the page's command, to a role of the database that may not do more than its name says."""
    [command] = [line for line in commands("SQL", order_id).splitlines() if file in line]
    for name, value in values.items():
        command = re.sub(rf"-v {name}=\S+", f"-v {name}={value}", command)
    plain = command.replace("psql", "psql --no-psqlrc -v ON_ERROR_STOP=1 -A -t -F ' '", 1)
    return await run(plain, cwd=ROOT, env={**servers.settings, "PGOPTIONS": f"-c role={login}"})


async def test_a_party_reads_its_orders_record_and_notices(servers: Servers) -> None:
    needs("psql")
    order_id = await servers.marketplace.order()
    await servers.marketplace.by("client", order_id, "request", kind="cancel")
    told = await queried(servers, "recourse_reader", "party.sql", order_id, role="freelancer", party="f-1")
    assert f"{order_id} in_progress freelancer" in told
    assert "USD 10000 550 10550 0 0 0 none" in told
    assert "client request in_progress" in told
    assert "request_opened" in told
    assert '["accept", "decline"]' in told
    stranger = await queried(servers, "recourse_reader", "party.sql", order_id, role="client", party="c-9")
    assert order_id not in stranger


async def test_a_backend_reads_answers_and_balances(servers: Servers) -> None:
    needs("psql")
    order_id = await servers.marketplace.order()
    await servers.marketplace.by("client", order_id, "request", kind="cancel", command_id="a-1")
    await servers.marketplace.by("client", order_id, "accept", command_id="a-2")
    await servers.marketplace.by("freelancer", order_id, "accept", command_id="a-1")
    told = await queried(servers, "recourse_app", "backend.sql", order_id)
    assert "client:c-1 a-1 applied \nclient:c-1 a-2 refused not_yours_to_answer\nfreelancer:f-1 a-1 applied \n" in told
    assert "client 0\nescrow 0\n" in told


async def test_the_role_that_serves_parties_reads_nothing_else(servers: Servers) -> None:
    needs("psql")
    with pytest.raises(AssertionError, match="permission denied for table orders"):
        await queried(servers, "recourse_reader", "backend.sql", "o-1")
