"""`recourse record`: the record of an order, exported for one reader, verified and read by anybody."""

import asyncio
import json as json_
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from recourse.cli.lists import say_table
from recourse.cli.output import NO, Json, Stop, Zone, console, remark, say_json
from recourse.cli.timeline import timeline
from recourse.resolution.model.fields import visible
from recourse.resolution.model.record import Export, Reader, verify
from recourse.runtime.exact_json import read_json

app = App(name="record", help="Export, verify and read the records of orders.")

For = Annotated[Reader, Parameter(name="--for", help="Include only what this role may see.")]
Head = Annotated[
    str | None,
    Parameter(
        name="--head",
        help="The last hash as it is known from elsewhere, such as from the other party's export: with it, a record "
        "that was made up or cut short as a whole is found out too.",
    ),
]


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
    try:
        out.write_text(json_.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise Stop(f"{out} cannot be written: {error.strerror}.") from error
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
def verify_file(file: Path, /, *, head: Head = None, json: Json = False) -> int:
    """Verify an exported record offline: nothing was altered, removed, added or moved since it was recorded.

    Without a `--head` from another source, a completely forged record looks genuine.

    Parameters
    ----------
    file
        The exported record. Needs no database, network or settings.
    """
    document, wrong = _checked(file, head)
    if json:
        say_json({"verifies": not wrong, "problems": wrong, **({} if wrong else _summary(document))})
    elif wrong:
        for problem in wrong:
            console().print(f"{file}: {visible(problem)}")
    else:
        console().print(f"It verifies. {_sentence(document)}")
    return NO if wrong else 0


@app.command
def show(file: Path, /, *, zone: Zone = "UTC", head: Head = None) -> int:
    """Show an exported record as a timeline. A record that does not verify is not shown.

    Parameters
    ----------
    file
        The exported record.
    """
    document, wrong = _checked(file, head)
    if wrong:
        return verify_file(file, head=head)
    say_table(timeline(Export.model_validate(document), zone=zone))
    remark(_sentence(document))
    return 0


def _checked(file: Path, head: str | None) -> tuple[Any, list[str]]:
    """The document in a file, and what is wrong with it."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise Stop(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        return None, [f"document: is not UTF-8 text: {error.reason} at byte {error.start}"]
    try:
        document = read_json(text)
    except RecursionError:
        return None, ["document: is nested too deeply for a record"]
    except ValueError as error:
        return None, [f"document: is not JSON that can be used: {error}"]
    return document, verify(document, head)


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
