"""`recourse orders import`: each line has a result, nothing stops the rest, a second run starts what is missing."""

import asyncio
import json
import signal
import tracemalloc
from asyncio.subprocess import PIPE
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from recourse.errors import TemporalUnreachable
from recourse.starter.client import Recourse
from recourse.starter.importing import LONGEST_LINE, check_lines, import_lines
from tests.cli.internals import INTERNALS
from tests.cli.test_orders import RECOURSE, run
from tests.docs.pages import ROOT, Page
from tests.http.processes import environment
from tests.patience import PATIENCE
from tests.process.conftest import Marketplace

EXAMPLE = ROOT / "docs" / "examples" / "moving.jsonl"


def line(order_id: str, *, terms: Any = None, **over: Any) -> dict[str, Any]:
    """A line of an order that is in progress since two days."""
    placed = (datetime.now(UTC) - timedelta(days=2)).isoformat(timespec="seconds")
    ordered = {"order_id": order_id, "client": "c-1", "freelancer": "f-1", "price": 10_000, "ordered_at": placed}
    state = {"phase": "in_progress", "since": placed, "due_at": "2999-01-01T00:00:00Z", **over.pop("state", {})}
    return {"terms": {**ordered, "delivery_time": "5d", **(terms or {})}, "state": state, **over}


def written(folder: Path, *lines: Any) -> Path:
    """A file of these lines."""
    file = folder / "orders.jsonl"
    texts = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines]
    file.write_bytes(b"\n".join(texts) + b"\n")
    return file


async def test_the_example_of_the_docs_has_every_phase_and_fits() -> None:
    done = await run({}, "orders", "import", str(EXAMPLE), "--dry-run", "--json")
    assert done.status == 0
    *results, summary = [json.loads(text) for text in done.output.splitlines()]
    assert [one["status"] for one in results] == ["fits"] * 4
    assert summary["summary"] == {"fits": 4}
    phases = [json.loads(text)["state"]["phase"] for text in EXAMPLE.read_text().splitlines()]
    assert phases == ["waiting_requirements", "in_progress", "delivered", "in_revision"]


async def test_the_page_shows_what_a_refused_line_says_and_the_sums(
    marketplace: Marketplace, tmp_path: Path, pool: Any
) -> None:
    page = Page(ROOT / "docs" / "moving.md")
    shown = [text.strip() for _, text in page.blocks]
    wrong = {"delivered_at": datetime.now(UTC).isoformat(timespec="seconds"), "released": 7_000, "refunded": 5_000}
    file = written(tmp_path, *[b""] * 6, line("moved-7", state=wrong))
    assert (await run({}, "orders", "import", str(file), "--dry-run")).output.splitlines()[0] in shown

    order_id = marketplace.terms().order_id
    assert await _imported(marketplace, written(tmp_path, line(order_id, state={"released": 1_000}))) == {1: "started"}
    assert await marketplace.recourse.order(order_id).soon_written()
    [query] = [text for language, text in page.blocks if language == "sql"]
    sums = {row["account"]: row["sum"] for row in await pool.fetch(query)}
    assert sums == {"client": -10_000, "freelancer": 800, "platform": 200, "escrow": 9_000}


async def test_a_dry_run_says_what_is_wrong_with_each_line_and_starts_nothing(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        line("good-1"),
        b"{",
        b"",
        b"[1]",
        b'{"terms": {}, "terms": {}}',
        line("bad-1", state={"revisions": 1, "released": 20_000}),
        line("bad-2", policy="nobody"),
        line("bad-3", terms={"price": 0, "currency": "usd"}, colour="red"),
        line("bad-4", terms={"currency": "UDS"}, state={"delivered_at": "2026-01-01T00:00:00Z"}),
        b'{"terms": "' + b"x" * LONGEST_LINE + b'"}',
        "\ud800".encode("utf-8", "surrogatepass"),
        line("bad-5", policy="\x00"),
        line("bad-6", policy="\ud800", terms={"client": "\ud800"}),
        line("bad-7", policy="x" * 1001),
        line("good-2", client_email="nobody"),
        line("good-3"),
    )
    done = await run({}, "orders", "import", str(file), "--dry-run")
    assert done.status == 1
    said = done.output.splitlines()
    assert said[0] == "line 1  good-1  fits"
    assert said[1].startswith("line 2  -  refused: it is not JSON that can be used: ")
    assert said[2] == "line 4  -  refused: it is not a JSON object"
    assert said[3] == "line 5  -  refused: it is not JSON that can be used: it says `terms` twice; say it once"
    assert said[4] == (
        "line 6  bad-1  refused: state.revisions: an order that is in progress had none; "
        "state.released, refunded: together 20000, more than the price of 10000"
    )
    assert said[5].startswith("line 7  bad-2  refused: policy: ")
    assert said[6].count(": ") == 4
    assert "terms.currency: 'UDS'" in said[7]
    assert "; state.delivered_at: " in said[7]
    assert said[8] == f"line 10  -  refused: it is longer than {LONGEST_LINE} bytes"
    assert said[9].startswith("line 11  -  refused: ")
    assert said[10].startswith("line 12  bad-5  refused: policy: ")
    assert said[11].count("is not valid Unicode") == 2
    assert said[12] == "line 14  bad-7  refused: policy: may hold at most 1000 characters"
    assert said[13].startswith("line 15  good-2  refused: client_email: ")
    assert said[14:] == ["line 16  good-3  fits", "15 orders: 2 fits, 13 refused."]
    assert done.error.startswith("Checked by the rules alone")
    assert not INTERNALS.search(done.output)


async def test_a_file_that_is_not_there_is_said_in_a_sentence(tmp_path: Path) -> None:
    done = await run({}, "orders", "import", str(tmp_path / "none.jsonl"), "--dry-run")
    assert (done.status, done.output) == (2, "")
    assert "none.jsonl cannot be read: No such file or directory." in done.error


async def test_a_second_run_starts_what_is_missing_and_names_what_differs(
    marketplace: Marketplace, tmp_path: Path
) -> None:
    ids = [marketplace.terms().order_id for _ in range(4)]
    lines = [line(order_id) for order_id in ids]
    first = await _imported(marketplace, written(tmp_path, lines[0], b"{", lines[1]))
    assert first == {1: "started", 2: "refused", 3: "started"}
    changed = {**lines[1], "state": {**lines[1]["state"], "released": 5}}
    again = written(tmp_path, lines[0], changed, *lines[2:])
    assert await _imported(marketplace, again) == {1: "already_there", 2: "refused", 3: "started", 4: "started"}
    for order_id in ids:
        assert await marketplace.recourse.order(order_id).soon_written()


async def test_after_a_signal_those_on_their_way_start_and_no_other(marketplace: Marketplace, tmp_path: Path) -> None:
    file = written(tmp_path, *(line(marketplace.terms().order_id) for _ in range(100)))
    stop, results = asyncio.Event(), []
    async for result in import_lines(marketplace.recourse, file, stop):
        results.append(result)
        stop.set()
    lines = sorted(result.line for result in results)
    assert lines == list(range(1, len(lines) + 1))
    assert len(lines) < 100
    assert {result.status for result in results} == {"started"}


async def test_servers_that_do_not_answer_end_it(tmp_path: Path) -> None:
    class Away(Recourse):
        def __init__(self) -> None:
            pass

        async def bring(self, *given: Any, **more: Any) -> bool:
            raise TemporalUnreachable("Temporal does not answer.")

    file = written(tmp_path, *(line(f"o-{number}") for number in range(100)))
    results = [result async for result in import_lines(Away(), file, asyncio.Event())]
    assert {result.status for result in results} == {"unknown"}
    assert len(results) < 100


def test_memory_stays_flat_however_long_the_file_is(tmp_path: Path) -> None:
    file = written(tmp_path, *(line(f"o-{number}") for number in range(2_000)))
    next(check_lines(file))
    tracemalloc.start()
    assert sum(result.status == "fits" for result in check_lines(file)) == 2_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < file.stat().st_size / 4


async def _imported(marketplace: Marketplace, file: Path) -> dict[int, str]:
    results = [one async for one in import_lines(marketplace.recourse, file, asyncio.Event())]
    return {one.line: one.status for one in sorted(results, key=lambda one: one.line)}


async def test_ctrl_c_says_where_it_is_and_a_second_run_starts_the_rest(
    dsn: str, temporal_address: str, tmp_path: Path
) -> None:
    file = written(tmp_path, *(line(f"i-{tmp_path.name}-{number}") for number in range(300)))
    where = {"DATABASE_URL": dsn, "TEMPORAL_ADDRESS": temporal_address}
    first = await asyncio.create_subprocess_exec(
        RECOURSE, "orders", "import", str(file), env=environment(**where), stdout=PIPE, stderr=PIPE
    )
    assert first.stdout
    async with asyncio.timeout(PATIENCE):
        assert b"started" in await first.stdout.readline()
        first.send_signal(signal.SIGINT)
        output, error = await first.communicate()
    assert first.returncode == 130
    told = output.decode().splitlines()
    assert f"Stopped behind line {len(told)}. Run the same command again: it starts what is missing." in error.decode()
    assert told[-1] == f"{len(told)} orders: {len(told)} started."
    assert len(told) < 300

    async with asyncio.timeout(PATIENCE):
        second = await asyncio.create_subprocess_exec(
            RECOURSE, "orders", "import", str(file), "--json", env=environment(**where), stdout=PIPE
        )
        output, _ = await second.communicate()
    assert second.returncode == 0
    assert json.loads(output.splitlines()[-1])["summary"] == {"already_there": len(told), "started": 300 - len(told)}


async def test_one_order_comes_with_its_state_from_a_file(
    marketplace: Marketplace, dsn: str, temporal_address: str, tmp_path: Path
) -> None:
    where = {"DATABASE_URL": dsn, "TEMPORAL_ADDRESS": temporal_address, "RECOURSE_TASK_QUEUE": marketplace.queue}
    order_id, file = marketplace.terms().order_id, tmp_path / "state.json"
    asked = ["order", "start", order_id, "--client", "c-1", "--freelancer", "f-1", "--price", "100"]
    asked += ["--ordered-at", "2025-03-03T09:00Z", "--state", str(file)]

    missing = await run(where, *asked)
    assert (missing.status, "state.json cannot be read: No such file" in missing.error) == (2, True)
    state = {"phase": "in_progress", "since": "2025-03-03T09:00:00Z", "due_at": "2999-01-01T00:00:00Z"}
    for wrong, says in (
        ("{", "is not JSON that can be used"),
        ('{"phase": "done"}', "cannot be used: phase must be"),
        (json.dumps(state | {"revisions": 1}), "state.revisions: an order that is in progress had none"),
    ):
        file.write_text(wrong, encoding="utf-8")
        refused = await run(where, *asked)
        assert refused.status == 2
        assert says in refused.error
        assert not INTERNALS.search(refused.error)
    file.write_text(json.dumps(state), encoding="utf-8")
    done = await run(where, *asked, "--json")
    assert (done.status, done.json["status"]) == (0, "started")
    order = await marketplace.recourse.order(order_id).state()
    assert order.due_at
    assert (order.due_at.year, order.record_length) == (2999, 1)
