"""`recourse record`: the record of an order, exported for one reader, verified and read by anybody."""

import asyncio
import json as json_
import sys
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from recourse.cli.lists import say_table
from recourse.cli.output import NO, Json, Stop, Zone, console, remark, say_json
from recourse.cli.timeline import timeline
from recourse.resolution.model.fields import visible
from recourse.resolution.model.record import Export, Reader
from recourse.runtime.exact_json import read_json
from recourse.verify_record import PROVEN, Finding, check, verdict

app = App(name="record", help="Export, verify and read the records of orders, and sign the roots of days.")

For = Annotated[Reader, Parameter(name="--for", help="Include only what this role may see.")]
Head = Annotated[
    str | None,
    Parameter(
        name="--head",
        help="The last hash as it was known at some time, such as from the other party's export: a record that was "
        "rewritten or shortened since is found out, one that only went on is not refused.",
    ),
]
Keys = Annotated[
    Path | None,
    Parameter(name="--keys", help="The marketplace's public keys, as `recourse record keys --json` prints them."),
]
Older = Annotated[Path | None, Parameter(name="--older", help="An earlier export of the same record.")]
Day = Annotated[Path | None, Parameter(name="--day", help="The root of a day, as `recourse record anchor` wrote it.")]


@app.command
def export(order_id: str, /, *, for_: For, out: Path | None = None, json: Json = False) -> None:
    """Export an order's record from PostgreSQL (DATABASE_URL), as one JSON document.

    Parameters
    ----------
    order_id
        The order's id.
    out
        The file to write. Default: standard output.
    """
    document = asyncio.run(_read(order_id, for_))
    if out is None:
        say_json(document)
        return
    _write(out, document)
    if json:
        say_json(_summary(document) | {"file": str(out)})
    else:
        console().print(f"{_sentence(document)} Written to {out}.")


async def _read(order_id: str, reader: Reader) -> dict[str, Any]:
    # The driver and the settings are for this command alone; verifying needs neither.
    from recourse.starter.reading import Orders

    async with Orders.connect() as orders:
        return await orders.order(order_id).record(reader)


@app.command(name="verify")
def verify_file(
    file: Path,
    /,
    *,
    keys: Keys = None,
    head: Head = None,
    older: Older = None,
    day: Day = None,
    json: Json = False,
) -> int:
    """Verify an exported record offline, and say what holds, what is wrong and what was not checked.

    A record that is consistent in itself may still be made up as a whole: give `--keys`, or what you know of it.

    Parameters
    ----------
    file
        The exported record. Needs no database, network or settings.
    """
    document, found = _checked(file, keys=keys, head=head, older=older, day=day)
    wrong = [finding.says for finding in found if finding.state == "wrong"]
    if json:
        findings = [{"part": one.part, "state": one.state.replace(" ", "_"), "says": one.says} for one in found]
        told = {"verifies": not wrong, "proven": verdict(found) == PROVEN, "problems": wrong, "findings": findings}
        say_json(told | ({} if wrong else _summary(document)))
    elif wrong:
        for problem in wrong:
            console().print(f"{file}: {visible(problem)}")
    else:
        console().print(f"{verdict(found)} {_sentence(document)}")
        for finding in found:
            console().print(f"  {finding.part}: {finding.state}: {visible(finding.says)}")
    return NO if wrong else 0


@app.command
def verifier() -> None:
    """Print the program that verifies exported records: one Python file, for readers without Recourse."""
    sys.stdout.write((files("recourse") / "verify_record.py").read_text(encoding="utf-8"))


@app.command
def show(file: Path, /, *, zone: Zone = "UTC", head: Head = None) -> int:
    """Show an exported record as a timeline. A record that does not verify is not shown.

    Parameters
    ----------
    file
        The exported record.
    """
    document, found = _checked(file, head=head)
    if any(finding.state == "wrong" for finding in found):
        return verify_file(file, head=head)
    say_table(timeline(Export.model_validate(document), zone=zone))
    remark(_sentence(document))
    return 0


@app.command
async def keys(*, json: Json = False) -> None:
    """Show the public keys with which records and days were signed, to be published.

    Give the JSON (`--json`) to everybody that verifies records. A key is listed since the first day that it signed.
    """
    from recourse.database.days import read_keys
    from recourse.runtime.database_connection import explaining_database_errors
    from recourse.starter.reading import Orders

    async with Orders.connect() as orders:
        with explaining_database_errors():
            listed = await read_keys(orders.pool)
    if json:
        say_json({"keys": listed})
        return
    for key in listed:
        console().print(f"{key['id']}  {key['public']}  since {key['since']}")
    if not listed:
        console().print("No key has signed a day yet: run `recourse record anchor`.")


@app.command
async def anchor(*, out: Path | None = None, json: Json = False) -> None:
    """Sign the root of today (UTC) over the heads of all records. Run it daily; again on the same day changes nothing.

    The root also covers days that were missed. Keep it where nobody who can change the database can change it.

    Parameters
    ----------
    out
        A file for the signed root as JSON, to be kept elsewhere.
    """
    from recourse.database.days import add_key, write_day
    from recourse.runtime.database_connection import explaining_database_errors
    from recourse.runtime.signing import signature
    from recourse.starter.reading import Orders, now

    async with Orders.connect() as orders:
        signer = orders.signer
        if signer is None:
            raise Stop("RECOURSE_RECORD_SIGNER is not set: nothing can sign the root of a day.")
        with explaining_database_errors():
            await add_key(orders.pool, signer.key_id, signer.public_key.hex())
            made, fresh = await write_day(orders.pool, now().date(), lambda text: signature(signer, text))
    if out is not None:
        _write(out, made)
    if json:
        say_json(made | {"new": fresh})
    else:
        was = "" if fresh else " It was made before."
        console().print(
            f"The root of {made['day']} over {made['size']} heads is {made['root']}, signed with the key "
            f"{made['key']}.{was}"
        )


def _write(out: Path, document: dict[str, Any]) -> None:
    try:
        out.write_text(json_.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise Stop(f"{out} cannot be written: {error.strerror}.") from error


def _checked(
    file: Path,
    *,
    keys: Path | None = None,
    head: str | None = None,
    older: Path | None = None,
    day: Path | None = None,
) -> tuple[Any, list[Finding]]:
    """The document in a file, and what is found out about it with what else is given."""
    document, wrong = _document(file)
    if wrong is not None:
        return None, [Finding("chain", "wrong", wrong)]
    known = {"keys": _given(keys), "older": _given(older), "day": _given(day)}
    return document, check(document, head=head, **known)


def _given(file: Path | None) -> Any:
    if file is None:
        return None
    document, wrong = _document(file)
    if wrong is not None:
        raise Stop(f"{file}: {wrong}.")
    return document


def _document(file: Path) -> tuple[Any, str | None]:
    """The document in a file, or what is wrong with it."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise Stop(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        return None, f"document: is not UTF-8 text: {error.reason} at byte {error.start}"
    try:
        return read_json(text), None
    except RecursionError:
        return None, "document: is nested too deeply for a record"
    except ValueError as error:
        return None, f"document: is not JSON that can be used: {error}"


def _summary(document: dict[str, Any]) -> dict[str, Any]:
    entries = document["entries"]
    return {
        "order_id": document["order_id"],
        "for": document["for"],
        "entries": len(entries),
        "hidden": sum("hidden" in entry for entry in entries),
        "erased": sum(bool(entry.erased) for entry in Export.model_validate(document).entries),
        "head": document["head"],
    }


def _sentence(document: dict[str, Any]) -> str:
    told = _summary(document)
    hidden = f" ({told['hidden']} hidden from this reader)" if told["hidden"] else ""
    count = f"{told['entries']} {'entry' if told['entries'] == 1 else 'entries'}"
    erased = f" Words of {told['erased']} were erased; nothing proves what these still say." if told["erased"] else ""
    return (
        f"Record of order {visible(told['order_id'])} for the {told['for']}: {count}{hidden}, "
        f"ending with {told['head']}.{erased}"
    )
