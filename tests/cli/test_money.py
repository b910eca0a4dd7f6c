"""What operators see of the payment providers' books."""

import json
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from recourse.cli import money
from recourse.cli.output import Stop
from recourse.database.reports import forget_untaken, note_untaken


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, dsn: str) -> None:
    monkeypatch.setenv("DATABASE_URL", dsn)


async def note(pool: Any, event_id: str, reason: str) -> None:
    await note_untaken(pool, "bank", event_id, order_id="1001", event="chargeback_closed", reason=reason)


async def test_reports_that_no_order_took_are_listed_by_pages(pool: Any, capsys: pytest.CaptureFixture[str]) -> None:
    await money.list_reports()
    assert capsys.readouterr().err == "Every report was taken.\n"

    for event_id, reason in (("evt-1", "no_such_order"), ("evt-2", "no_chargeback"), ("evt-3", "too_early")):
        await note(pool, event_id, reason)
    await note(pool, "evt-2", "no_chargeback")
    await money.list_reports(limit=2)
    shown = capsys.readouterr()
    assert [line.split("\t")[2:5:2] for line in shown.out.splitlines()] == [
        ["not taken", "event"],
        ["refused: no chargeback", "evt-2"],
        ["too early: the provider sends it again", "evt-3"],
    ]
    after = shown.err.partition("--after ")[2].strip().strip("'")
    await money.list_reports(after=after, json=True)
    [report] = json.loads(capsys.readouterr().out)
    assert (report["event_id"], report["reason"], report["order_id"]) == ("evt-1", "no_such_order", "1001")
    with pytest.raises(Stop, match="is not the end of a page"):
        await money.list_reports(after="yesterday")

    for event_id in ("evt-1", "evt-2", "evt-3"):
        await forget_untaken(pool, "bank", event_id)
    await money.list_reports()
    assert capsys.readouterr().err == "Every report was taken.\n"


def test_differences_fit_a_terminal_of_80_columns() -> None:
    rows = [
        ("1001", "1.refund", "105.50 USD done", "returned", "recourse money reconcile --report"),
        ("1002", "1.payout", "80.00 USD done", "2 times paid", "Have the provider reverse all but one of tr_1, tr_2."),
    ]
    screen = Console(width=80, record=True, file=StringIO())
    screen.print(money.table(rows))
    lines = screen.export_text().splitlines()
    assert lines[0].split() == ["order", "leg", "here", "there", "do"]
    assert max(map(len, lines)) <= 80


async def test_old_reports_go_with_new_ones(pool: Any) -> None:
    await note(pool, "evt-1", "no_such_order")
    await pool.execute("UPDATE untaken_reports SET last_at = now() - interval '91 days'")
    await note(pool, "evt-2", "no_such_order")
    assert [row[0] for row in await pool.fetch("SELECT event_id FROM untaken_reports")] == ["evt-2"]
