"""`recourse relay`: hands the changes on to what a marketplace already runs."""

from typing import Annotated

from cyclopts import App, Parameter

from recourse.cli.output import Json, console, say_json, warn
from recourse.cli.times import away
from recourse.database.change_outbox import PUBLICATION, outbox_stands, switch_outbox
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


@app.command
async def outbox(
    *, on: Annotated[bool | None, Parameter(name="--on", negative="--off")] = None, json: Json = False
) -> None:
    """Show whether each step becomes an event for Debezium in the table change_outbox, and switch that on or off.

    PostgreSQL needs wal_level = logical. Switch it as the user that runs `recourse migrate`.

    Parameters
    ----------
    on
        Fill the table and publish it; `--off`: do neither.
    """
    async with database(read_settings()) as pool:
        with explaining_database_errors():
            async with pool.acquire() as connection:
                if on is not None:
                    await switch_outbox(connection, on=on)
                found = await outbox_stands(connection)
    if json:
        say_json(
            {
                "on": found.on,
                "publication": PUBLICATION if found.on else None,
                "slots": [{"name": one.name, "active": one.active, "behind": one.behind} for one in found.slots],
            }
        )
        return
    if found.on:
        console().print(f"On: each step is an event of the publication {PUBLICATION}.")
    else:
        console().print("Off: steps write no events.")
    for slot in found.slots:
        read = "is read" if slot.active else "is not read"
        console().print(f"The replication slot {slot.name} {read} and is {slot.behind / 1e6:.1f} MB behind.")
        if not (found.on and slot.active):
            warn(
                f"PostgreSQL keeps its log for the slot {slot.name} until somebody reads it, or until you drop it: "
                f"SELECT pg_drop_replication_slot('{slot.name}')"
            )
