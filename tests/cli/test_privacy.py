"""What a person asks of the operators, on the command line: to see its data, and to have them erased."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from recourse.database.orders import write_contacts
from recourse.database.steps import record_step
from recourse.resolution.model.record import verify
from tests.cli.test_orders import environment, run
from tests.facts.lives import live

__all__ = ["environment"]

WHY = ("--reason", "Ticket 77.", "--legal-basis", "Art. 17(1)(b) GDPR")


@pytest.fixture
async def shop(pool: Any, environment: dict[str, str]) -> dict[str, str]:
    """Two orders of a client that ended long ago and one that is open, and the environment of who may erase."""
    for number, closed in ((2, True), (3, True), (4, False)):
        life = live(Random(number), order_id=f"o-{number}", close=closed, moves=6 if closed else 0)
        for step in life.steps:
            await record_step(pool, step)
        await write_contacts(pool, f"o-{number}", {"client": "c@home.test", "freelancer": "f@home.test"})
    return {**environment, "DATABASE_URL": f"{environment['DATABASE_URL']}?role=recourse_keeper"}


def undated(export: dict[str, Any]) -> list[dict[str, Any]]:
    """Its orders without what says when it was made, and the seals over that."""
    for order in export["orders"]:
        del order["record"]["exported_at"], order["record"]["seal"]
    return list(export["orders"])


async def test_what_goes_is_shown_and_asked_for_before_it_goes(pool: Any, shop: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "c-1.json"
    assert (await run(shop, "privacy", "export", "client:c-1", "--out", str(file))).status == 0
    own = json.loads(file.read_text(encoding="utf-8"))
    assert own["party"] == {"role": "client", "id": "c-1"}
    assert [(one["order_id"], one["email"], verify(one["record"])) for one in own["orders"]] == [
        (f"o-{number}", "c@home.test", []) for number in (2, 3, 4)
    ]
    again = json.loads((await run(shop, "privacy", "export", "client:c-1")).output)
    assert undated(again) == undated(own)

    asked = await run(shop, "privacy", "erase", "client:c-1", *WHY)
    assert (asked.status, "Pass --yes" in asked.error) == (2, True)
    for said in ("Contacts of 3 orders: goes.", "Texts of 2 orders: goes.", "o-4, texts: it is open"):
        assert said in asked.output
    assert await pool.fetchval("SELECT count(*) FROM erased_orders") == 0

    erased = await run(shop, "privacy", "erase", "client:c-1", *WHY, "--yes", "--json")
    assert (erased.status, erased.json["erased"], erased.json["waits"]) == (0, {"contacts": 3, "texts": 2}, {"open": 1})
    assert {row[0] for row in await pool.fetch("SELECT email FROM contacts")} == {"f@home.test"}
    swept = await run(shop, "privacy", "sweep")
    assert (swept.status, "o-4, texts: it is open" in swept.output) == (0, True)
    shown = (await run(shop, "privacy", "show", "o-2")).output
    for said in ("Erased: texts of the client", "Reason: Ticket 77.", "Legal basis: Art. 17(1)(b) GDPR."):
        assert said in shown
    timeline = await run(shop, "order", "timeline", "o-2")
    assert ("[erased]" in timeline.output, shown in timeline.output + timeline.error) == (True, True)
    assert shown not in (await run(shop, "order", "timeline", "o-2", "--for", "client")).error


async def test_a_legal_hold_refuses_until_it_is_lifted(shop: dict[str, str]) -> None:
    assert (await run(shop, "privacy", "hold", "client:c-1", "--reason", "Lawsuit.")).status == 0
    held = await run(shop, "privacy", "erase", "client:c-1", *WHY, "--yes")
    assert (held.status, "`recourse privacy lift client:c-1` ends the hold" in held.error) == (1, True)
    assert (await run(shop, "privacy", "lift", "client:c-1")).status == 0
    assert (await run(shop, "privacy", "lift", "client:c-1")).status == 1
    assert (await run(shop, "privacy", "hold", "o-2", "--reason", "Lawsuit.")).status == 0
    some = await run(shop, "privacy", "erase", "client:c-1", *WHY, "--yes", "--json")
    assert (some.status, some.json["waits"]) == (0, {"held": 2, "open": 1})
    assert "Under a legal hold" in (await run(shop, "privacy", "show", "o-2")).output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("erase", "c-1", *WHY), "'c-1' is not a party: write `client:ID` or `freelancer:ID`."),
        (("erase", "client:nobody", *WHY), "There is no order of client nobody."),
        (("erase", "client:c-1", "--reason", " ", "--legal-basis", "x"), "needs a --reason and a --legal-basis"),
        (("export", "freelancer:nobody"), "There is no order of freelancer nobody."),
        (("show", "o-9"), "There is no order o-9."),
        (("hold", "o-9", "--reason", "x"), "There is no order o-9."),
    ],
)
async def test_what_cannot_be_done_is_said(shop: dict[str, str], words: tuple[str, ...], says: str) -> None:
    done = await run(shop, "privacy", *words)
    assert (done.status > 0, says in done.error) == (True, True), done.error


async def test_a_worker_s_login_erases_nothing(shop: dict[str, str], environment: dict[str, str]) -> None:
    app = {**environment, "DATABASE_URL": f"{environment['DATABASE_URL']}?role=recourse_app"}
    for words in (("erase", "client:c-1", *WHY, "--yes"), ("sweep",), ("hold", "o-2", "--reason", "x")):
        refused = await run(app, "privacy", *words)
        assert (refused.status, "a member of recourse_keeper" in refused.error) == (2, True), refused.error
