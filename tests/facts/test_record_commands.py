"""`recourse record`: exporting from the database, verifying and showing with nothing but a file [R66]."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from inspect import getsource
from pathlib import Path
from typing import Any

import pytest

from recourse import verify_record
from recourse.database.steps import record_step
from recourse.resolution.model.record import export
from tests.cli.test_orders import run_here, without_ours
from tests.facts.lives import READERS, Life
from tests.facts.stories import played
from tests.patience import PATIENCE

# What an offline command may not even load.
PROBE = """
import sys
from recourse.cli import main
try:
    main()
finally:
    outside = {"temporalio", "asyncpg", "pydantic_settings", "recourse.activities", "recourse.database"}
    assert not outside & set(sys.modules), outside & set(sys.modules)
"""


def recourse(*arguments: str, program: str = "", **environment: str) -> Any:
    """What `recourse` does in this process, or what `program` does in one of its own."""
    if not program:
        with ThreadPoolExecutor(1) as thread:
            ran = thread.submit(run_here, environment, arguments).result()
        return subprocess.CompletedProcess(arguments, ran.status, ran.output, ran.error)
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=without_ours(environment),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.fixture
async def life() -> Life:
    return await played("s30-record-export")


def written(folder: Path, document: Any) -> str:
    file = folder / "record.json"
    file.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return str(file)


async def test_an_export_from_the_database_verifies_offline(dsn: str, pool: Any, life: Life, tmp_path: Path) -> None:
    for step in life.steps:
        await record_step(pool, step)
    for reader in READERS:
        file = str(tmp_path / f"{reader}.json")
        done = recourse("record", "export", "story", "--for", reader, "--out", file, DATABASE_URL=dsn)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"Record of order story for the {reader}: {len(life.entries)} entries" in done.stdout
        checked = recourse("record", "verify", file, "--head", life.order.record_hash, program=PROBE)
        assert (checked.returncode, checked.stderr) == (0, "")
        assert checked.stdout.startswith("It verifies.")
        with open(file, encoding="utf-8") as read:  # noqa: ASYNC230, PTH123
            written = json.load(read)
        at = datetime.fromisoformat(written["exported_at"])
        assert written == json.loads(json.dumps(export(life.opening, life.entries, reader, at=at)))


async def test_what_the_page_on_security_says_makes_and_verifies_a_signed_record(
    dsn: str, pool: Any, life: Life, tmp_path: Path
) -> None:
    for step in life.steps:
        await record_step(pool, step)
    names = ("record.pem", "day.json", "keys.json", "record.json")
    key, day, keys, file = (str(tmp_path / name) for name in names)
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True, capture_output=True)  # noqa: ASYNC221
    signing = {"DATABASE_URL": dsn, "RECOURSE_RECORD_SIGNER": f"2026-11={key}"}
    first = recourse("record", "anchor", "--out", day, **signing)
    assert (first.returncode, "over 1 heads is" in first.stdout, "made before" in first.stdout) == (0, True, False)
    assert "It was made before." in recourse("record", "anchor", **signing).stdout
    (tmp_path / "keys.json").write_text(recourse("record", "keys", "--json", DATABASE_URL=dsn).stdout, encoding="utf-8")
    recourse("record", "export", "story", "--for", "client", "--out", file, **signing)
    checked = recourse("record", "verify", file, "--keys", keys, "--day", day, program=PROBE)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout.startswith("It verifies. ")
    for part in ("chain", "head", "export", "day"):
        assert f"  {part}: holds: " in checked.stdout
    told = json.loads(recourse("record", "verify", file, "--json").stdout)
    assert (told["verifies"], told["proven"]) == (True, False)
    assert recourse("record", "verifier").stdout == getsource(verify_record)
    unset = recourse("record", "anchor", DATABASE_URL=dsn)
    assert (unset.returncode, "RECOURSE_RECORD_SIGNER is not set" in unset.stderr) == (2, True)


async def test_an_export_goes_to_standard_output_as_one_document(dsn: str, pool: Any, life: Life) -> None:
    for step in life.steps:
        await record_step(pool, step)
    done = recourse("record", "export", "story", "--for", "client", RECOURSE_DATABASE_URL=dsn)
    assert json.loads(done.stdout)["head"] == life.order.record_hash


async def test_a_changed_file_does_not_verify_and_every_problem_is_named(life: Life, tmp_path: Path) -> None:
    document = json.loads(json.dumps(export(life.opening, life.entries, "operator", at=life.order.decided_at)))
    document["entries"][2]["fields"]["command"]["value"] = "nothing"
    document["entries"][4]["previous"] = "0" * 64
    file = written(tmp_path, document)
    done = recourse("record", "verify", file, program=PROBE)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        f"{file}: entries.3: its fields do not fit its hash",
        f"{file}: entries.5: does not follow the entry before it",
        f"{file}: entries.5: its fields do not fit its hash",
        f"{file}: seal: something in this document was changed after it was exported",
    ]
    told = json.loads(recourse("record", "verify", file, "--json").stdout)
    assert told["verifies"] is False
    assert len(told["problems"]) == 4
    shown = recourse("record", "show", file)
    assert (shown.returncode, shown.stdout) == (1, done.stdout)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "document: is not JSON"),
        ("[]", "document: is not a JSON object"),
        ('{"order_id": 1, "order_id": 2}', "it says `order_id` twice; say it once"),
        ("[" * 100_000, "document: is nested too deeply"),
        ('{"format": "\\ud800"}', "format: "),
        (
            '{"format": "recourse-record-1", "entries": [{"fields": {"\\u001b[31m": 1}}]}',
            "entries.1.fields.\\u001b[31m",
        ),
    ],
)
def test_what_is_no_record_is_named_and_nothing_of_it_reaches_the_terminal(
    text: str, problem: str, tmp_path: Path
) -> None:
    done = recourse("record", "verify", written(tmp_path, text))
    assert (done.returncode, done.stderr) == (1, "")
    assert problem in done.stdout
    assert "\x1b" not in done.stdout


def test_bytes_that_are_no_text_do_not_verify(tmp_path: Path) -> None:
    file = tmp_path / "record.json"
    file.write_bytes(b"{\xff")
    done = recourse("record", "verify", str(file))
    assert (done.returncode, "is not UTF-8 text" in done.stdout) == (1, True)


async def test_a_record_is_shown_as_a_timeline_in_the_readers_zone(life: Life, tmp_path: Path) -> None:
    file = written(tmp_path, export(life.opening, life.entries, "freelancer", at=life.order.decided_at))
    done = recourse("record", "show", file, "--zone", "Asia/Kathmandu", program=PROBE)
    assert (done.returncode, done.stderr[:22]) == (0, "Record of order story ")
    assert "hidden from this reader" in done.stderr
    assert "when (asia/kathmandu)" in done.stdout.lower()
    assert "UTC+05:45" in done.stdout
    assert "hidden from this reader" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "status", "sentence"),
    [
        (("export", "story", "--for", "client"), {}, 2, "DATABASE_URL is not set"),
        (("export", "story", "--for", "nobody"), {}, 2, "nobody"),
        (
            ("export", "story", "--for", "client"),
            {"DATABASE_URL": "postgresql://u:secret@127.0.0.1:1/none"},
            3,
            "PostgreSQL at 127.0.0.1:1/none cannot be used",
        ),
        (("verify", "/nowhere/record.json"), {}, 2, "/nowhere/record.json cannot be read"),
        (("show", "/nowhere/record.json", "--zone", "Berlin"), {}, 2, "IANA time zone"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence_and_a_status(
    arguments: tuple[str, ...], environment: dict[str, str], status: int, sentence: str
) -> None:
    done = recourse("record", *arguments, **environment)
    assert done.returncode == status
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


async def test_an_order_that_is_not_there_is_said(dsn: str) -> None:
    done = recourse("record", "export", "o-9", "--for", "client", DATABASE_URL=dsn)
    assert (done.returncode, done.stderr) == (1, "recourse: There is no order o-9.\n")


async def test_a_file_that_cannot_be_written_is_said(dsn: str, pool: Any, life: Life, tmp_path: Path) -> None:
    await record_step(pool, life.steps[0])
    out = str(tmp_path / "no" / "such" / "folder")
    done = recourse("record", "export", "story", "--for", "client", "--out", out, DATABASE_URL=dsn)
    assert (done.returncode, "cannot be written" in done.stderr) == (2, True)
