"""`python -m campaigns races|faults|fuzz|soak|followers|mutants`: one command a campaign; the Makefile calls it."""

import logging
import secrets
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated

from cyclopts import App, Parameter

from campaigns.planted import PLANTED
from campaigns.report import Report
from recourse.cli.quiet import quiet
from recourse.local.shell import forget_the_servers_of_the_shell

Size = Annotated[int, Parameter(help="How much of it; each campaign says of what.")]
Seed = Annotated[int | None, Parameter(help="The seed of an earlier run, to do the same again.")]

EVERY_MUTANT = len(PLANTED)
app = App(name="campaigns", help="Campaigns that try to break what docs/reliability.md promises.")


async def run(name: str, size: int, seed: int | None, campaign: Callable[[Report], Awaitable[None]]) -> int:
    """Run one campaign, save its report, and end in its closing line; the exit status."""
    forget_the_servers_of_the_shell()
    quiet()
    # Connections that break on purpose are no news.
    for library in ("asyncio", "asyncpg"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    report = Report(name, secrets.randbelow(10**6) if seed is None else seed, size)
    print(f"{name}: size {size}, seed {report.seed}", flush=True)
    try:
        await campaign(report)
    finally:
        path = report.save()
    for verdict in report.failed[:10]:
        print(f"FAILED {verdict.what}: {verdict.wrong[0][:500]}")
    print(f"report: {path}; again: make {name} SIZE={size} SEED={report.seed}")
    print(report.closing_line)
    return 1 if report.failed else 0


@app.command
async def races(*, size: Size = 200, seed: Seed = None) -> int:
    """So many pairs of conflicting commands at the same instant, and as many commands at a deadline."""
    from campaigns.races import races as campaign
    from campaigns.servers import servers, worked

    async def play(report: Report) -> None:
        async with servers() as (dsn, address), worked(dsn, address) as recourse:
            await campaign(recourse, report)

    return await run("races", size, seed, play)


@app.command
async def fuzz(*, size: Size = 10_000, seed: Seed = None) -> int:
    """So many bad messages, a bad start for every twenty of them, and a flood of half as many on one order."""
    from campaigns.fuzz import fuzz as campaign
    from campaigns.servers import servers, worked

    async def play(report: Report) -> None:
        async with servers() as (dsn, address), worked(dsn, address) as recourse:
            await campaign(recourse, report)

    return await run("fuzz", size, seed, play)


@app.command
async def soak(*, size: Size = 10_000, seed: Seed = None) -> int:
    """So many open orders, whose clocks then run through weeks until each has ended."""
    from campaigns.servers import servers
    from campaigns.soak import soak as campaign

    async def play(report: Report) -> None:
        async with servers() as (dsn, address):
            await campaign(dsn, address, report)

    return await run("soak", size, seed, play)


@app.command
async def faults(*, size: Size = 1000, seed: Seed = None, on_postgres: bool = False) -> int:
    """So many crash points: orders that were under way when worker, database or Temporal server was killed.

    Parameters
    ----------
    on_postgres
        Run Temporal's server on PostgreSQL, as in production, instead of the dev server on a file.
    """
    from campaigns.faults import faults as campaign

    return await run("faults", size, seed, partial(campaign, on_postgres=on_postgres))


@app.command
async def followers(*, size: Size = 100, seed: Seed = None) -> int:
    """So many ends of each follower of the changes, while steps commit late."""
    from campaigns.followers import followers as campaign

    return await run("followers", size, seed, campaign)


@app.command
async def mutants(*, size: Size = EVERY_MUTANT, seed: Seed = None) -> int:
    """So many faults, planted one at a time in a copy of the source: the tests must find each."""
    from campaigns.mutants import CannotTest, DoesNotApply
    from campaigns.mutants import mutants as campaign

    # Whoever asks it to end, nothing of it stays.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return await run("mutants", size, seed, campaign)
    except (CannotTest, DoesNotApply) as error:
        print(error)
        return 2


def main() -> None:
    """The entry point."""
    status = app()
    time.sleep(0.1)  # a process that ends right after its last call to the SDK crashes at times
    sys.exit(status if isinstance(status, int) else 0)


if __name__ == "__main__":
    main()
