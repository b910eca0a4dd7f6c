"""`recourse orders import`: bring a marketplace's open orders from elsewhere."""

from collections import Counter
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from recourse.cli.output import DONE, INTERRUPTED, NO, UNREACHABLE, Json, Stop, console, remark, say_json
from recourse.runtime.stopping import until_stopped
from recourse.starter.client import Recourse
from recourse.starter.importing import Result, check_lines, import_lines

_SAYS = {
    "fits": "fits",
    "started": "started",
    "already_there": "was there already",
    "refused": "refused",
    "unknown": "not known to have started",
}
# What only the servers can say.
_UNCHECKED = (
    "Checked by the rules alone: not whether an order id is taken or stands in two lines, nor whether the workers "
    "know the payment provider."
)


async def import_file(
    file: Path,
    /,
    *,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> int:
    """Start the orders of a file that began elsewhere, one in each line, with a line of result for each.

    Each line is a JSON object: what `POST /orders` takes. Run it again after an interruption or a mistake: what has
    started is left as it is. Ctrl-C ends it once the orders on their way have started.

    Parameters
    ----------
    file
        A file of JSON lines, such as `docs/examples/moving.jsonl`.
    dry_run
        Check every line and start nothing. Needs no server.
    """
    told = Counter[str]()
    last = 0
    stopped = False

    def say(result: Result) -> None:
        nonlocal last
        told[result.status] += 1
        last = max(last, result.line)
        if json:
            say_json({**vars(result), "sentences": list(result.sentences)})
            return
        why = f": {'; '.join(result.sentences)}" if result.sentences else ""
        console().print(f"line {result.line}  {result.order_id or '-'}  {_SAYS[result.status]}{why}")

    try:
        if dry_run:
            for result in check_lines(file):
                say(result)
        else:
            async with Recourse.connect() as recourse, until_stopped() as stop:
                async for result in import_lines(recourse, file, stop):
                    say(result)
                stopped = stop.is_set()
    except OSError as error:
        raise Stop(f"{file} cannot be read: {error.strerror or error}.") from error
    if json:
        say_json({"summary": dict(told), "last_line": last, "stopped": stopped})
    else:
        counts = ", ".join(f"{count} {_SAYS[status]}" for status, count in told.items()) or "nothing to do"
        console().print(f"{told.total()} orders: {counts}.")
    if dry_run:
        remark(_UNCHECKED)
    if stopped:
        remark(f"Stopped behind line {last}. Run the same command again: it starts what is missing.")
    if told["unknown"]:
        return UNREACHABLE
    return INTERRUPTED if stopped else NO if told["refused"] else DONE
