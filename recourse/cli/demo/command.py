"""`recourse demo`: sets up real servers, plays orders of each policy through their real hours, and cleans up."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from recourse.cli.demo.show import show, stories
from recourse.cli.output import DONE, OnMyServers, Stop, console
from recourse.cli.quiet import quiet
from recourse.local.progress import say
from recourse.local.shell import forget_the_servers_of_the_shell
from recourse.starter.simulate.play import Difference
from recourse.starter.simulate.temporal import stage
from recourse.worker import until_stopped


async def demo(*, keep: Annotated[bool, Parameter(negative="")] = False, on_my_servers: OnMyServers = False) -> int:
    """Run one sample order per possible outcome on a real Temporal server and PostgreSQL, with time skipped.

    Parameters
    ----------
    keep
        Keep the servers and the Temporal UI running until Ctrl-C.
    on_my_servers
        Use the servers at DATABASE_URL and TEMPORAL_ADDRESS instead of temporary ones. The demo leaves orders,
        money and scores there. A database with other orders is refused.
    """
    quiet()
    screen = console()
    told = stories()
    say(f"Recourse demo: {len(told)} orders, each through its real hours and days; the server skips the waiting.")
    if not on_my_servers:
        forget_the_servers_of_the_shell()
        say("Starting PostgreSQL, a Temporal server and a worker, all on loopback …")
    async with stage(ui=keep, on_my_servers=on_my_servers) as staged:
        try:
            shown = await show(staged, screen)
        except Difference as found:
            raise Stop(f"the demo did not go as expected: {found}", 1) from found
        screen.print()
        screen.print(f"{len(shown)} orders have ended, every cent accounted for.")
        if keep:
            screen.print(f"""
Look around until Ctrl-C in this window.{f" Temporal UI: {staged.ui_url}" if staged.ui_url else ""}
In another window, in this folder:

  export TEMPORAL_ADDRESS={staged.address} RECOURSE_TASK_QUEUE={staged.queue} DATABASE_URL='{staged.dsn}'
  PATH="{Path(sys.executable).parent}:$PATH"
  recourse orders list
  recourse order show {shown[5]}
  recourse order start 1001 --client c-3 --freelancer f-7 --price 100 --service-fee 5.50
  recourse order request 1001 --as client --kind cancel --comment "We stopped the campaign."
  recourse order show 1001
""")
            async with until_stopped() as stop:
                await stop.wait()
            say("Stopping everything …")
    say("Nothing is left running.")
    return DONE
