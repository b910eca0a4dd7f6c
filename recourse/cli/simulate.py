"""`recourse simulate`: plays scenario files on the rules alone, on real servers, or on both."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from recourse.cli.output import DONE, NO, Json, OnMyServers, Stop, console, say_json
from recourse.cli.telling import told
from recourse.local.shell import forget_the_servers_of_the_shell
from recourse.starter.simulate.run import closing_line, play
from recourse.starter.simulate.story import EngineName, StoryError, stories_in

ENGINES: dict[str, tuple[EngineName, ...]] = {
    "pure": ("pure",),
    "temporal": ("temporal",),
    "both": ("pure", "temporal"),
}


async def simulate(
    paths: Annotated[list[Path], Parameter(negative="")],
    /,
    *,
    engine: Literal["pure", "temporal", "both"] = "pure",
    show: Annotated[bool, Parameter(negative="")] = False,
    on_my_servers: OnMyServers = False,
    json: Json = False,
) -> int:
    """Run scenario files and report what differs from what the engine does.

    Parameters
    ----------
    paths
        Scenario files or folders.
    engine
        `pure`: the rules engine with a simulated clock. `temporal`: a real worker, Temporal server and PostgreSQL, with
        time skipping. `both`: each scenario on both.
    show
        Print what happens in each story, entry by entry. A story that fails is always printed.
    on_my_servers
        Use the servers at DATABASE_URL and TEMPORAL_ADDRESS instead of temporary ones. The scenarios leave orders,
        money and scores there. A database with other orders is refused.
    """
    try:
        files = stories_in(paths)
    except StoryError as error:
        raise Stop(str(error)) from error
    if engine == "pure":
        if on_my_servers:
            raise Stop(
                "--on-my-servers goes with `--engine temporal` or `--engine both`: the rules alone need no server."
            )
    else:
        from recourse.cli.quiet import quiet  # the rules alone need no Temporal SDK

        quiet()
        if not on_my_servers:
            forget_the_servers_of_the_shell()
    results = []
    async for result in play(files, ENGINES[engine], on_my_servers=on_my_servers):
        results.append(result)
        if json:
            say_json(result.as_json(shown=show))
        else:
            console().print(result.sentence)
            if result.order and result.record and (show or result.outcome == "FAILED"):
                for line in told(result.order, result.record, console()):
                    console().print(line)
    if not json:
        console().print(closing_line(results))
    return DONE if all(result.outcome == "ok" for result in results) else NO
