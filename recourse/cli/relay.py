"""`recourse relay`: hands the changes on to what a marketplace already runs."""

from typing import Annotated

from cyclopts import App, Parameter

from recourse.cli.output import Json, console, say_json
from recourse.cli.times import away
from recourse.database.changes import START
from recourse.database.relays import place_of, set_place
from recourse.extras import require
from recourse.relay.settings import read_prefix, read_relay
from recourse.runtime.database_connection import database, explaining_database_errors, fit_for_work
from recourse.runtime.settings import read_settings
from recourse.starter.reading import now

app = App(name="relay", help="Hand the changes on to what you run already.")


def _a_prefix(_: type, text: str) -> None:
    read_prefix(text)


Prefix = Annotated[
    str, Parameter(validator=_a_prefix, help="What the subjects begin with; each has a place of its own.")
]
PREFIX = "recourse.orders"


@app.command(name="nats")
async def to_nats(*, prefix: Prefix = PREFIX, after: str = START) -> None:
    """Publish every change to NATS JetStream as a CloudEvent, until SIGINT or SIGTERM.

    RECOURSE_NATS_URL names the servers. It may be killed at any time, and goes on where it was. Several may run.

    Parameters
    ----------
    after
        Where to begin the first time: a cursor, `start`, or `now` for what is yet to come.
    """
    require("nats")
    from structlog import get_logger

    from recourse.relay.running import Relay, metrics_app
    from recourse.relay.stream import connected
    from recourse.runtime.health import health_app
    from recourse.runtime.logs import log_to
    from recourse.runtime.stopping import until_stopped
    from recourse.web.serving import answering

    settings = read_settings()
    servers, credentials = read_relay()
    log_to()
    log = get_logger("recourse.relay")
    async with database(settings) as pool:
        if excess := await fit_for_work(pool, "web"):
            log.warning("the database login has too many rights", detail=excess)
        async with connected(servers, credentials, prefix) as stream:
            for warning in stream.warnings:
                log.warning("the stream may lose events", detail=warning)
            relay = Relay(pool, stream, prefix, after)
            async with (
                until_stopped() as stop,
                answering(settings.health_address, health_app(relay)),
                answering(settings.metrics_address, metrics_app(relay)),
            ):
                log.info("relaying", stream=stream.name, prefix=prefix)
                await relay.run(stop)
    log.info("stopped", published=relay.published)


@app.command
async def place(
    *, prefix: Prefix = PREFIX, set_: Annotated[str | None, Parameter(name="--set")] = None, json: Json = False
) -> None:
    """Show how far a relay is, or set where it goes on.

    Parameters
    ----------
    set_
        A cursor of `recourse changes`, or `start`: the relay publishes again what follows, such as into a new stream.
    """
    async with database(read_settings()) as pool:
        with explaining_database_errors():
            if set_ is not None:
                await set_place(pool, prefix, set_)
            found = await place_of(pool, prefix)
    if json:
        say_json({"cursor": found.cursor, "moved_at": found.moved_at, "waits": found.waits, "waiting": found.waiting})
        return
    console().print(f"It stands at {found.cursor}, moved {away(found.moved_at, now())}.")
    if not found.waits:
        console().print("Nothing waits.")
    else:
        since = f" of {away(found.waiting, now())}" if found.waiting else ""
        console().print(f"The next change{since} waits.")
