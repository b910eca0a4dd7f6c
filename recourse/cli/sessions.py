"""`recourse sessions`: who is signed in, with a token or in a browser, and to end that."""

from typing import Annotated

from cyclopts import App, Parameter

from recourse.cli.lists import Listed, Watch, keep_saying
from recourse.cli.output import NO, After, Json, Stop, console, more, say_json
from recourse.cli.tables import Listing
from recourse.cli.typed import Limit
from recourse.database.sessions import end_session, list_sessions
from recourse.resolution.model.fields import visible
from recourse.resolution.model.instants import write_instant
from recourse.runtime.database_connection import explaining_database_errors
from recourse.starter.reading import Orders

app = App(name="sessions", help="List who is signed in, with tokens or on the pages, and end it.")


@app.command(name="list")
async def list_them(
    of: str | None = None, /, *, after: After = "", limit: Limit = 50, watch: Watch = False, json: Json = False
) -> None:
    """List sessions: browsers that are signed in to the pages, and tokens that were issued over HTTP or used.

    Parameters
    ----------
    of
        Only those of this role or person, such as `operator` or `client:c-3`.
    """
    role, _, holder = (of or "").partition(":")
    async with Orders.connect() as orders:

        async def read() -> Listed:
            with explaining_database_errors():
                found = await list_sessions(
                    orders.pool, role=role or None, holder=holder or None, services=True, after=after, limit=limit
                )
            rows = [
                (
                    row.id,
                    row.kind,
                    f"{row.role} {row.holder}",
                    write_instant(row.began_at),
                    write_instant(row.expires_at),
                )
                for row in found
            ]
            table = Listing(("id", "kind", "holder", "since", "until"), rows)
            values = [row.model_dump() for row in found]
            return Listed(values, table, "Nobody is signed in.", [more(found[-1].id)] if len(found) == limit else [])

        await keep_saying(read, json=json, watch=watch)


@app.command
async def end(session_id: Annotated[str, Parameter(help="The session's id.")], /, *, json: Json = False) -> None:
    """End a session: its cookie or its token is refused from now on."""
    async with Orders.connect() as orders:
        with explaining_database_errors():
            ended = await end_session(orders.pool, session_id, services=True)
    if not ended:
        raise Stop(f"There is no session {visible(session_id)}: `recourse sessions list` shows all.", NO)
    if json:
        say_json({"ended": session_id})
    else:
        console().print(f"Session {visible(session_id)} has ended.")
