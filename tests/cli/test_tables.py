"""Tables: whole words at any width, lines with tabs for programs, and nothing in them that hides."""

import json
import re
import signal
import sys
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from recourse.cli.finding import orders_table
from recourse.cli.lists import Listed, keep_saying, pause, say_list
from recourse.cli.output import Stop, complain, console, say_json
from recourse.cli.tables import Column, Listing, pairs
from recourse.database.lists import ListedOrder
from recourse.errors import DatabaseUnreachable
from recourse.resolution.model.fields import visible
from recourse.resolution.shown.summary import summary
from tests.rules.given import Given

HIDING = "a\u202eb\u009bc\u2066d\ufeffe\x1b[2J\u00ad"
SHOWN = r"a\u202eb\u009bc\u2066d\ufeffe\u001b[2J\u00ad"
ROWS = (
    ("demo-01-c837357c-1", "resolution_center", "in progress, case: mediation", "operator, in 3 h", "1200.00 USD"),
    ("o-2", "glimmer", "canceled", "nobody", "0.50 USD"),
)
ORDERS = Listing(("order", Column("policy", extra=True), "phase", "turn", Column("price", right=True)), ROWS)


def on_a_terminal(shown: object, width: int, **more: object) -> str:
    paper = StringIO()
    Console(file=paper, force_terminal=True, width=width, **more).print(shown)  # type: ignore[arg-type]
    return paper.getvalue()


@pytest.mark.parametrize("width", [30, 40, 60, 80, 120, 160])
def test_no_width_breaks_a_word_or_a_number(width: int) -> None:
    said = on_a_terminal(ORDERS, width, no_color=True, color_system=None)
    lines = said.splitlines()
    assert max(map(len, lines)) <= width
    words = [word for row in ROWS for number, cell in enumerate(row) if number != 1 for word in cell.split()]
    assert all(word in said for word in (*words, "1200.00 USD"))
    assert ("resolution_center" in said) is (width > 80 or width < 60)


def test_columns_stand_below_their_names() -> None:
    names, line, first, second = on_a_terminal(ORDERS, 120, no_color=True, color_system=None).splitlines()
    assert set(line) == {"─"}
    assert names.index("phase") == first.index("in progress") == second.index("canceled")
    assert names.rstrip().endswith("price")
    assert len(first.rstrip()) == len(second.rstrip()) == len(names.rstrip())


def test_a_program_reads_lines_with_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    table = Listing(("id", "said"), [("o-1", "two\nlines\tand a tab"), (HIDING, "")])
    say_list(Listed([], table, "nothing", ["There may be more."]), json=False)
    said = capsys.readouterr()
    assert said.out.split("\n")[:-1] == ["id\tsaid", "o-1\t" + r"two\u000alines\u0009and a tab", f"{SHOWN}\t"]
    assert said.err == "There may be more.\n"


def test_a_list_without_rows_leaves_a_program_nothing_to_read(capsys: pytest.CaptureFixture[str]) -> None:
    say_list(Listed([], Listing(("id", "said"), []), "No matching orders."), json=False)
    assert tuple(capsys.readouterr()) == ("id\tsaid\n", "No matching orders.\n")
    say_list(Listed([], Listing(("id", "said"), []), "No matching orders."), json=True)
    assert tuple(capsys.readouterr()) == ("[]\n", "")


def test_nothing_that_is_shown_hides(capsys: pytest.CaptureFixture[str]) -> None:
    for shown in (Listing(("id", "what"), [(HIDING, "[red]x")]), pairs([("said", HIDING)])):
        assert SHOWN in on_a_terminal(shown, 100, no_color=True)
    console().print(f"Order {HIDING} [red]x[/red].")
    complain(Stop(f"There is no order {HIDING}."))
    say_json({"title": HIDING})
    out, error = capsys.readouterr()
    sentence, document = out.splitlines()
    assert sentence == f"Order {SHOWN} [red]x[/red]."
    assert error == f"recourse: There is no order {SHOWN}.\n"
    assert SHOWN in document
    assert json.loads(document) == {"title": HIDING}


@pytest.mark.parametrize("text", ["Größe – «non»", "می‌خواهم", "👩‍🎨", "一　二", "1\u00a0000", ""])
def test_what_people_write_stays(text: str) -> None:
    assert visible(text) == text


def test_lines_stay_lines_where_they_may() -> None:
    assert visible("a\r\nb\nc\rd", lines=True) == "a\nb\nc" + r"\u000dd"
    assert visible("\U000e0041") == r"\udb40\udc41"


def test_colour_is_for_terminals_alone(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    complain(Stop("No."))
    assert "\x1b" not in capsys.readouterr().err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    complain(Stop("No."))
    coloured = capsys.readouterr().err
    assert re.search(r"\x1b\[[\d;]*31m", coloured)
    monkeypatch.setenv("NO_COLOR", "1")
    complain(Stop("No."))
    assert not re.search(r"\x1b\[[\d;]*3\dm", capsys.readouterr().err)


async def test_a_list_is_redrawn_until_ctrl_c_also_while_its_server_is_away(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("recourse.cli.lists.EVERY", 0.0)
    reads = 0

    async def read() -> Listed:
        nonlocal reads
        reads += 1
        if reads == 2:
            raise DatabaseUnreachable("PostgreSQL is away.")
        if reads == 3:
            signal.raise_signal(signal.SIGINT)
        return Listed([], ORDERS, "")

    await keep_saying(read, json=False, watch=True)
    drawn = capsys.readouterr().out
    assert reads >= 3
    assert [text in drawn for text in ("demo-01-c837357c-1", "PostgreSQL is away.")] == [True, True]
    # The terminal is given back as it was.
    assert drawn.count("\x1b[?1049h") == drawn.count("\x1b[?1049l") == 1
    assert drawn.count("\x1b[?25l") == drawn.count("\x1b[?25h") == 1


async def test_only_a_person_watches_a_list() -> None:
    async def read() -> Listed:
        raise AssertionError("nothing is read")

    for json_too in (False, True):
        with pytest.raises(Stop, match="--watch needs a terminal"):
            await keep_saying(read, json=json_too, watch=True)


def test_a_list_that_is_slow_to_read_is_read_rarely() -> None:
    assert [pause(took) for took in (0.01, 1.0, 10.0)] == [2.0, 9.0, 90.0]


def test_orders_with_their_parties_and_prices_fit_80_columns() -> None:
    given = Given(order_id="o-104233", client="c-58213", freelancer="f-9170")
    given.client("request", kind="cancel", comment="We stop here.")
    columns: dict[str, Any] = dict.fromkeys(ListedOrder.model_fields)
    columns |= {"order_id": "o-104233", **summary(given.order).model_dump()}
    row = ListedOrder.model_construct(**columns)
    said = on_a_terminal(orders_table([row], given.now), 80, no_color=True, color_system=None)
    names, line, *rows = said.splitlines()
    assert set(line) == {"─"}
    assert "parties" in names
    assert all(word in " ".join(rows) for word in ("o-104233", "c-58213", "f-9170", "100.00 USD", "freelancer, in"))
