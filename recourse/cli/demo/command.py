"""`recourse demo`: sets up real servers, plays orders of each policy through their real hours, and cleans up."""

from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from recourse.cli.demo.live import looking_around
from recourse.cli.demo.show import introduction, show, stories, summary
from recourse.cli.output import DONE, OnMyServers, Stop, console
from recourse.cli.quiet import quiet
from recourse.local.progress import say
from recourse.local.shell import forget_the_servers_of_the_shell
from recourse.runtime.stopping import until_stopped
from recourse.starter.simulate.play import Differs
from recourse.starter.simulate.temporal import stage


async def demo(
    *,
    story: str = "",
    brief: Annotated[bool, Parameter(negative="")] = False,
    keep: Annotated[bool, Parameter(negative="")] = False,
    on_my_servers: OnMyServers = False,
) -> int:
    """Play sample orders to their end on a real Temporal server and PostgreSQL, with time skipped.

    Parameters
    ----------
    story
        Play only the stories whose name contains this, such as `silence`.
    brief
        Print only the closing table.
    keep
        Then open four live orders, serve the pages, and keep everything running until Ctrl-C. The servers take
        their usual ports where these are free.
    on_my_servers
        Use the servers at DATABASE_URL and TEMPORAL_ADDRESS instead of temporary ones. The demo leaves orders,
        money and scores there. A database with other orders is refused.
    """
    quiet()
    screen, chosen = console(), stories(story)
    if not brief:
        screen.print(introduction(len(chosen)))
    if not on_my_servers:
        forget_the_servers_of_the_shell()
        say("\nStarting PostgreSQL, a Temporal server and a worker, all on loopback …")
    async with stage(keep=keep, on_my_servers=on_my_servers) as staged:
        try:
            played = await show(staged, chosen, Console(quiet=True) if brief else screen)
        except Differs as found:
            raise Stop(f"the demo did not go as expected: {found}", 1) from found
        screen.print(summary(played))
        ended = "The order has ended" if len(played) == 1 else f"All {len(played)} orders have ended"
        screen.print(f"{ended}, every cent is accounted for, and every record verifies.")
        if keep:
            async with until_stopped() as stop, looking_around(staged, screen):
                await stop.wait()
                say("Stopping everything …")
    if not on_my_servers:
        say("Nothing is left running.")
    return DONE
