"""`recourse worker` and `recourse migrate`: what runs in production."""

from activities.settings import read_settings
from database.migrate import migrate as apply_migrations
from local.temporal import register_search_attributes
from starter.cli.output import Json, console, say_json
from starter.connecting import database, database_address
from workflows.connecting import connect


async def migrate(*, json: Json = False) -> None:
    """Bring the database at DATABASE_URL up to date. Safe to run at any time, and many times at once."""
    applied = await apply_migrations(database_address(read_settings()))
    if json:
        say_json({"applied": applied})
    else:
        console().print(f"applied {', '.join(applied)}" if applied else "nothing to apply: up to date")


async def worker() -> None:
    """Lead orders until SIGINT or SIGTERM: connect to TEMPORAL_ADDRESS and DATABASE_URL, work, stop cleanly."""
    from worker import run_worker

    settings = read_settings()
    async with database(settings) as pool:
        client = await connect()
        await register_search_attributes(client)
        await run_worker(client, pool, settings)
