"""`recourse demo`: sets up real servers, plays orders of each policy through their real hours, and cleans up."""

import sys
from typing import Annotated

from cyclopts import Parameter

from local.progress import say
from starter.cli.output import DONE, Stop, console
from starter.cli.quiet import quiet
from starter.demo.show import show, stories
from starter.simulate.play import Difference
from starter.simulate.temporal import stage
from worker import until_told_to_stop


async def demo(*, keep: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Play an order for each way it can end, on a real Temporal server and PostgreSQL, through its real time.

    Parameters
    ----------
    keep
        Leave the servers and the Temporal UI open afterwards, until Ctrl-C.
    """
    quiet()
    screen = console()
    told = stories()
    say(f"Recourse demo: {len(told)} orders, each through its real hours and days; the server skips the waiting.")
    say("Starting PostgreSQL, a Temporal server and a worker, all on loopback …")
    async with stage(ui=keep) as staged:
        try:
            shown = await show(staged, screen)
        except Difference as found:
            raise Stop(f"the demonstration did not go as told: {found}", 1) from found
        screen.print()
        screen.print(f"{len(shown)} orders have ended, every cent accounted for.")
        if keep:
            screen.print(f"""
Look around, until Ctrl-C in this window:
  Temporal UI   {staged.ui_url}
  one order     DATABASE_URL={staged.dsn} {sys.argv[0]} order show {shown[5]}
  all orders    DATABASE_URL={staged.dsn} {sys.argv[0]} orders list
  start one     TEMPORAL_ADDRESS={staged.address} RECOURSE_TASK_QUEUE={staged.queue} DATABASE_URL={staged.dsn} \\
                  {sys.argv[0]} order start my-first --client c-1 --freelancer f-1 --price 10000""")
            async with until_told_to_stop() as stop:
                await stop.wait()
            say("Stopping everything …")
    say("Nothing is left running.")
    return DONE
