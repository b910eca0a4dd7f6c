"""`python -m bench`: measures side by side with other designs, part by part, and writes one report."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from bench.contestants import CONTESTANTS
from bench.cost import cost
from bench.findings import Findings
from bench.latency import latency
from bench.open_orders import open_orders
from bench.replay import replay
from bench.report import save
from bench.starting import starting
from bench.timers import timers
from recourse.local.progress import say
from recourse.local.shell import forget_the_servers_of_the_shell

FULL, QUICK, TINY = 0, 1, 2
# The sizes of each part: of a whole run, of a quick one, and of one that only shows that it works.
SIZES: dict[str, tuple[tuple[int, ...], ...]] = {
    "cost": ((100, 7, 20), (30, 1, 20), (4, 1, 2)),
    "latency": ((600, 3), (60, 1), (10, 1)),
    "timers": ((2_000, 1), (150, 1), (20, 1)),
    "replay": ((50, 500, 3), (20, 200, 2), (3, 10, 1)),
    "open_orders": ((2_000, 8_000, 3), (200, 400, 1), (20, 40, 1)),
    "starting": ((5,), (2,), (1,)),
}
PARTS: dict[str, Callable[..., Awaitable[Findings]]] = {
    "latency": latency,
    "timers": timers,
    "replay": replay,
    "open_orders": open_orders,
    "starting": starting,
}


async def run(sizes: dict[str, Sequence[int]], contestants: Sequence[str]) -> str:
    """Measure the parts one after another; what is measured so far is reported, should one of them fail."""
    found: list[Findings] = []
    said = ""
    for name, size in sizes.items():
        say(f"Measuring {name}: {', '.join(map(str, size))}")
        found.append(await (cost(contestants, *size) if name == "cost" else PARTS[name](*size)))
        said = save(Path("reports"), found)
    return said


def main() -> None:
    """The command line."""
    forget_the_servers_of_the_shell()
    reader = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    reader.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(SIZES)}; all by default")
    reader.add_argument("--quick", action="store_const", dest="kind", const=QUICK, default=FULL)
    reader.add_argument("--tiny", action="store_const", dest="kind", const=TINY, help="only shows that it works")
    reader.add_argument("--size", type=int, nargs="+", help="the sizes of the one PART that is measured")
    reader.add_argument("--only", nargs="*", choices=CONTESTANTS, default=list(CONTESTANTS))
    given = reader.parse_args()
    wanted = given.parts or list(SIZES)
    unknown = set(wanted) - set(SIZES)
    if unknown:
        reader.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(SIZES)}")
    if given.size and (len(wanted) != 1 or len(given.size) != len(SIZES[wanted[0]][FULL])):
        reader.error("--size goes with one part and takes as many numbers as it has: " + str(SIZES))
    sizes = {name: given.size or SIZES[name][given.kind] for name in SIZES if name in wanted}
    print(asyncio.run(run(sizes, given.only)))  # noqa: T201


if __name__ == "__main__":
    main()
