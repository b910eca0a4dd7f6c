"""`make histories`: walks every path on real servers and keeps what is new, beside what was kept before.

NAME… walks only these.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Sequence

from recourse.local.shell import forget_the_servers_of_the_shell
from tests.histories.kept import FOLDER, Kept, fingerprint, newest, read_kept, write_kept
from tests.histories.paths import PATHS, walk


async def main(names: Sequence[str]) -> None:
    """Keep the history of each path whose commands differ from those of its newest one."""
    forget_the_servers_of_the_shell()
    logging.disable(logging.CRITICAL)  # the failures that the paths are about
    FOLDER.mkdir(exist_ok=True)
    for name, runs in (await walk(names or list(PATHS))).items():
        print(keep(name, runs))  # noqa: T201 - a command's output


def keep(name: str, runs: list[Kept]) -> str:
    """Keep the history of one path, if it is new; says what was done."""
    last, told = newest(name), fingerprint(runs)
    (FOLDER / f"{name}.txt").write_text(told, encoding="utf-8")
    if last and fingerprint(read_kept(last)) == told:
        return f"as before  {name}"
    number = int(last.name.split(".")[-3]) + 1 if last else 1
    write_kept(FOLDER / f"{name}.{number}.json.gz", runs)
    return f"kept       {name}.{number}.json.gz"


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
    # A process that ends at once after its last call to the SDK crashes at times.
    time.sleep(0.1)
