"""What operators do on the command line: find orders and cases, decide, and send again what nobody took."""

import asyncio
import os
import pty
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from recourse.activities.webhook import WebhookChannel
from recourse.cli.times import away, due, length
from recourse.runtime.temporal_connection import connect
from recourse.starter.client import Recourse
from tests.activities.conftest import Written
from tests.activities.receivers import http_receiver
from tests.cli.test_orders import RECOURSE, environment, run, worker
from tests.patience import PATIENCE

__all__ = ["environment", "worker"]

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = datetime(2025, 3, 4, 12, tzinfo=UTC)


async def answered(environment: dict[str, str], answer: str, *words: str) -> tuple[int, str]:
    """Run `recourse` on a terminal of 80 columns and answer its question."""
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        RECOURSE,
        *words,
        env={**os.environ, **environment, "COLUMNS": "80", "TERM": "dumb"},
        stdin=theirs,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    os.close(theirs)
    os.write(ours, f"{answer}\n".encode())
    async with asyncio.timeout(PATIENCE):
        output, _ = await process.communicate()
    os.close(ours)
    return process.returncode or 0, output.decode()


async def test_a_case_is_found_seen_and_decided(
    environment: dict[str, str], worker: asyncio.subprocess.Process
) -> None:
    name = f"case-{token_hex(3)}"
    terms = ("--client", "c-1", "--freelancer", "f-1", "--price", "100", "--policy", "glimmer")
    assert (await run(environment, "order", "start", name, *terms)).status == 0
    asked = ("--as", "client", "--kind", "cancel", "--reason", "no_longer_needed", "--comment", "It never worked.")
    attested = ("--attestations", "discussed", "--attestations", "tried_to_resolve", "--no-agreement")
    opened = await run(environment, "order", "request", name, *asked, *attested)
    assert opened.status == 0, opened.output + opened.error

    listed = await run(environment, "cases", "list", "--policy", "glimmer")
    for told in (name, "due in 13 d", "operator", "100.00 USD", "canceled; client 50.00 USD, freelancer 40.00 USD"):
        assert told in listed.output
    assert (await run(environment, "cases", "list", "--overdue")).error == "No matching cases.\n"
    (found,) = (await run(environment, "cases", "list", "--waiting", "--json")).json
    assert (found["order_id"], found["held"], found["overdue"]) == (name, 10_000, False)
    assert found["if_nobody_acts"]["money"]["client"] == 5_000
    shown = await run(environment, "cases", "show", name)
    assert "client said" in shown.output
    assert "It never worked." in shown.output
    assert "0.00 USD to 100.00 USD for the freelancer" in shown.output

    ruling = ("rule", name, "--as", "operator:op-1", "--outcome", "cancel", "--amount", "25", "--explanation", "So.")
    unasked = await run(environment, "cases", *ruling)
    assert (unasked.status, "Pass --yes" in unasked.error) == (2, True)
    status, output = await answered(environment, "n", "cases", *ruling)
    assert (status, "client 75.00 USD" in output, "Nothing was done" in output) == (1, True, True)
    assert f"Rule this for order {name}: the freelancer gets 25.00 USD before commission?" in " ".join(output.split())
    proposed = await run(
        environment,
        "cases",
        "propose",
        name,
        "--as",
        "operator:op-1",
        "--amount",
        "1.00",
        "--explanation",
        "P",
        "--yes",
    )
    assert (proposed.status, "applied" in proposed.output) == (0, True)
    # Both parties must accept a proposal: no other side of the operator's.
    assert ("if it is accepted" in proposed.output, "other side" in proposed.output) == (True, False)
    status, output = await answered(environment, "y", "cases", *ruling)
    assert (status, "applied" in output) == (0, True), output

    again = await run(environment, "cases", *ruling, "--yes", "--json")
    assert (again.status, again.json["refused"]) == (1, "order_closed")
    ended = await run(environment, "orders", "list", "--how", "ruling", "--json")
    assert [row["order_id"] for row in ended.json] == [name]
    assert (await run(environment, "orders", "list", "--phase", "delivered")).error == "No matching orders.\n"
    nobody = await run(environment, "cases", "rule", name, "--as", "client", *ruling[4:])
    assert (nobody.status, "operator:ID" in nobody.error) == (2, True)


async def test_stuck_money_is_found_seen_and_paid_again_or_noted(
    environment: dict[str, str], worker: asyncio.subprocess.Process, pool: Any
) -> None:
    name = f"money-{token_hex(3)}"
    assert (await run(environment, "money", "list")).error == "No money is stuck.\n"
    terms = ("--client", "c-1", "--freelancer", "f-1", "--price", "100")
    assert (await run(environment, "order", "start", name, *terms)).status == 0
    while (await run(environment, "order", "show", name)).status:
        pass  # the worker has yet to take it up
    assert (await run(environment, "order", "deliver", name, "--as", "freelancer")).status == 0
    assert (await run(environment, "order", "complete", name, "--as", "client")).status == 0
    temporal = await connect(target_host=environment["TEMPORAL_ADDRESS"])
    handle = Recourse(temporal, pool, task_queue=environment["RECOURSE_TASK_QUEUE"]).order(name)
    for leg in ("1.payout", "1.fee"):
        message = {"actor": {"role": "system", "id": "provider"}, "event": "returned", "leg": leg, "reference": "re_8"}
        assert (await handle.send("payment_event", message)).applied

    listed = await run(environment, "money", "list")
    assert f"{name}\t1.payout, to the freelancer\t80.00 USD\tcame back\tc-1, f-1" in listed.output
    for reader, sees in (("operator", "80.00 USD to the freelancer: came back"), ("freelancer", "from your bank")):
        assert sees in (await run(environment, "order", "show", name, "--for", reader)).output

    for reader, operator in (("operator", True), ("freelancer", False)):
        told = (await run(environment, "order", "timeline", name, "--for", reader)).output
        assert "payment event returned, 1.payout" in told
        assert "1.payout -80.00 USD" in told
        assert ("reference re_8" in told) is operator

    again = ("money", "retry-payment", name, "--as", "operator:op-1", "--leg", "1.payout")
    status, output = await answered(environment, "n", *again)
    assert (status, "freelancer 80.00 USD" in output, "Nothing was done" in output) == (1, True, True)
    question = f"Have this payment made again for order {name}: 80.00 USD to the freelancer: came back?"
    assert question in " ".join(output.split())
    assert (await run(environment, *again, "--yes")).status == 0
    assert (await run(environment, *again, "--yes", "--json")).json["refused"] == "no_blocked_payment"
    by_hand = ("--leg", "1.fee", "--reference", "WIRE-7", "--explanation", "Paid by our bank.")
    noted = await run(environment, "money", "settle-by-hand", name, "--as", "operator:op-1", *by_hand, "--yes")
    assert noted.status == 0, noted.output + noted.error
    shown = await run(environment, "order", "show", name)
    assert "20.00 USD to the marketplace: done, WIRE-7" in shown.output
    assert (await run(environment, "money", "list", "--json")).json == []


async def test_orders_are_found_by_what_is_late_and_what_stands_still(environment: dict[str, str], pool: Any) -> None:
    late = await Written(pool, order_id="o-late", ordered_at=NOW - timedelta(days=9)).open()
    soon = await Written(pool, order_id="o-soon", ordered_at=datetime.now(UTC) - timedelta(days=4)).open()
    for wanted, found in (("0h", [late.order_id]), ("2d", [late.order_id, soon.order_id])):
        rows = await run(environment, "orders", "list", "--due-before", wanted, "--json")
        assert [row["order_id"] for row in rows.json] == found
    page = await run(environment, "orders", "list", "--due-before", "2d", "--limit", "1")
    after = page.error.rsplit("--after '", 1)[1].split("'")[0]
    rows = await run(environment, "orders", "list", "--due-before", "2d", "--after", after, "--json")
    assert [row["order_id"] for row in rows.json] == [soon.order_id]
    stuck = await run(environment, "orders", "list", "--stuck", "--json")
    assert [row["order_id"] for row in stuck.json] == [late.order_id]
    for wrong in (("--due-before", "noon"), ("--stuck", "--after", "there"), ("--stuck", "--due-before", "2d")):
        ended = await run(environment, "orders", "list", *wrong)
        assert (ended.status, ended.error.count("\n")) == (2, 1), ended.error


async def test_what_was_given_up_is_sent_again_also_for_a_closed_order(environment: dict[str, str], pool: Any) -> None:
    order = await Written(pool, policy="resolution_center").open()
    early = await order.messages(1)
    async with http_receiver() as web:
        sending = {**environment, "RECOURSE_WEBHOOK_URL": web.url, "RECOURSE_WEBHOOK_SECRET": SECRET}
        channel = WebhookChannel(web.url, [SECRET])
        await order.deliver(channel)
        told = await order.messages(2)
        web.will(503)
        with pytest.raises(ApplicationError, match="503"):
            await order.deliver(channel)
        await channel.close()
        await order.by("freelancer", "deliver")
        await order.by("client", "complete")
        await pool.execute("UPDATE notices SET written_at = now() - interval '9 days'")

        waiting = await run(environment, "outbox", "list")
        for words in ("given up 2 d ago", "the receiver answered 503", "4 behind it"):
            assert words in waiting.output
        assert (await run(environment, "outbox", "retry", order.order_id)).status == 2
        assert (await run(sending, "outbox", "retry")).status == 2

        web.will(503)
        refused = await run(sending, "outbox", "retry", order.order_id)
        assert (refused.status, "the receiver answered 503" in refused.output) == (1, True)
        unasked = await run(sending, "outbox", "retry", "--all")
        assert (unasked.status, "Pass --yes" in unasked.error) == (2, True)
        sent = await run(sending, "outbox", "retry", "--all", "--yes", "--json")
        assert (sent.status, sent.json["failures"]) == (0, []), sent.error
        taken = [request for request in web.ids if request not in early]
        assert [one for one in dict.fromkeys(taken) if one in told] == told
        assert "Nothing waits" in (await run(environment, "outbox", "list")).error
        count = len(web.ids)
        assert (await run(sending, "outbox", "retry", order.order_id)).status == 0
        assert len(web.ids) == count


async def test_a_webhook_that_is_gone_is_seen_and_enabled_again(environment: dict[str, str], pool: Any) -> None:
    order = await Written(pool).open()
    async with http_receiver() as web:
        sending = {**environment, "RECOURSE_WEBHOOK_URL": web.url, "RECOURSE_WEBHOOK_SECRET": SECRET}
        told = await order.messages(2)
        web.will(410)
        assert "answered 410" in (await run(sending, "outbox", "retry", order.order_id)).output
        again = await run(sending, "outbox", "retry", order.order_id)
        assert (again.status, "recourse outbox enable" in " ".join(again.output.split())) == (1, True)
        assert web.ids == told[:1]

        listed = (await run(environment, "outbox", "list")).error
        assert "The webhook is disabled: its receiver answered 410 Gone" in listed
        [row] = (await run(environment, "outbox", "list", "--json")).json
        assert row["disabled_since"]

        enabled = (await run(environment, "outbox", "enable", "--json")).json["enabled"]
        assert [(one["channel"], one["disabled_since"]) for one in enabled] == [("webhook", row["disabled_since"])]
        assert (await run(environment, "outbox", "enable")).output == "Nothing is disabled.\n"
        assert (await run(sending, "outbox", "retry", order.order_id)).status == 0
        assert web.ids == [told[0], *told]


def test_lengths_of_time_are_said_as_people_do() -> None:
    hours = timedelta(hours=1)
    assert [length(span * hours) for span in (0.01, 0.5, 1.5, 3, 47, 48, 240)] == [
        "36 s",
        "30 min",
        "90 min",
        "3 h",
        "47 h",
        "2 d",
        "10 d",
    ]
    assert (due(NOW + 3 * hours, NOW), due(NOW - 49 * hours, NOW)) == ("due in 3 h", "overdue since 2 d")
    assert (away(NOW + 3 * hours, NOW), away(NOW, NOW), away(None, NOW)) == ("in 3 h", "0 s ago", "-")
